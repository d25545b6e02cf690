// Saving a customer and the cards they keep; who is deleted is forgotten, in their charges too.

import type { SaveCustomer, Verdict } from "../../../protocol/command.ts";
import type {
  CardChange,
  KeptCard as CardOfCustomer,
  ChargeFacts,
  Json,
} from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { CardId, CustomerId } from "../../../protocol/ids.ts";
import { METADATA_KEYS_MAX, TOO_MUCH_METADATA } from "../../../protocol/metadata.ts";
import { type Account, accountOf, type Document, type Version } from "./account.ts";
import { tokenFailure } from "./charges.ts";
import { customerFactsOf } from "./facts.ts";
import { claimOf, judgeKey, refuseAndKeep, UNKNOWN } from "./keys.ts";
import {
  change,
  dayOf,
  hold,
  insert,
  nextNumber,
  type Phase,
  remove,
  tell,
} from "./transaction.ts";

export function saveCustomer(phase: Phase, command: SaveCustomer): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const failure = customerFailure(account, command);
  if (failure?.kind === "object_locked") return { outcome: "refused", failure, seq: account.seq };
  if (failure !== undefined) return refuseAndKeep(phase, account, command, failure);
  const { id, made, removed, token, card, card_id, card_patch, request } = command;
  const seq = nextNumber(phase, account);
  const before = account.customers.get(id);
  const old = before?.versions.get(before.seq);
  const held = card_id === undefined ? undefined : account.cards.get(card_id);
  const changed =
    card_patch === undefined || held === undefined
      ? undefined
      : { ...held, card: patchedCard(held.card, card_patch) };
  const version: Version = {
    document: patched(old?.document ?? {}, command.patch ?? {}),
    source: defaultSource(command, old?.source ?? null),
    card: cardChangeOf(command, changed?.card),
  };
  const cards = [...account.cards].filter(([, kept]) => removed && kept.customer === id);
  phase.writes.push(() => {
    const versions = removed ? new Map() : new Map(before?.versions ?? []).set(seq, version);
    change(phase, account.customers, id, { seq, deleted: removed, versions });
    if (removed) eraseCharges(phase, account, id);
    for (const [cardId, kept] of cards) {
      remove(phase, account.cards, cardId);
      remove(phase, account.cardOfToken, kept.token);
      insert(phase, account.forgotten, kept.token, seq);
    }
    if (changed !== undefined && card_id !== undefined) {
      change(phase, account.cards, card_id, changed);
    }
    if (token !== undefined) {
      hold(card !== undefined && card_id !== undefined);
      insert(phase, account.cards, card_id, { customer: id, token, card });
      insert(phase, account.cardOfToken, token, card_id);
    }
    const end = { customer: id, seq };
    const kept = { claim: claimOf(command), day: dayOf(phase.nowMs), end };
    insert(phase, account.keys, command.key, kept);
    tell(phase, account, { seq, type: removed ? 12 : made ? 10 : 11, subject: id, request });
  });
  const facts = customerFactsOf(id, removed ? undefined : version);
  return { outcome: "done", seq, facts, forgotten: cards.map(([, { token }]) => token) };
}

/** What is charged by default from now on. */
function defaultSource(command: SaveCustomer, old: CardId | null): CardId | null {
  if (command.keeps_default === true && old !== null) return old;
  const fresh = command.token === undefined ? undefined : command.card_id;
  return fresh ?? command.default_source ?? old;
}

function cardChangeOf(
  { card_id: id, token, card }: SaveCustomer,
  changed: CardOfCustomer | undefined,
): CardChange | null {
  if (id === undefined) return null;
  if (token !== undefined && card !== undefined) return { id, change: "created", card };
  return changed === undefined ? null : { id, change: "updated", card: changed };
}

/** What is null is gone from a patched card, but for its country, which every card tells of. */
function patchedCard(card: CardOfCustomer, patch: Document): CardOfCustomer {
  const after = patched(card as unknown as Document, patch);
  return { ...after, country: after["country"] ?? null } as unknown as CardOfCustomer;
}

/** A charge without the words about a person. */
function erased<F extends ChargeFacts | null>(facts: F): F {
  if (facts === null) return facts;
  const { name: _, address_line1: _line1, address_zip: _zip, ...card } = facts.card;
  return { ...facts, card, description: null, receipt_email: null, metadata: {}, shipping: null };
}

/** The words about a person in the charges of a customer and in what was done with them. */
function eraseCharges(phase: Phase, account: Account, customer: CustomerId): void {
  for (const [id, charge] of account.charges) {
    if (charge.opened.customer !== customer) continue;
    change(phase, account.charges, id, { ...charge, opened: erased(charge.opened) });
    const authorization = account.authorizations.get(id);
    if (authorization === undefined) continue;
    const closed = erased(authorization.closed);
    change(phase, account.authorizations, id, { ...authorization, closed });
  }
  for (const [id, operation] of account.operations) {
    const charge = account.charges.get(operation.command.charge);
    if (charge?.opened.customer !== customer) continue;
    const { metadata: _, ...command } = operation.command;
    change(phase, account.operations, id, {
      ...operation,
      command,
      left: erased(operation.left),
    });
  }
}

function customerFailure(account: Account, command: SaveCustomer): Failure | undefined {
  const { id, made, default_source, token, card_patch, card_id } = command;
  if (!made && account.customers.get(id)?.deleted !== false) {
    return { kind: "resource_missing", object: "customer", id, param: "id" };
  }
  if (card_patch !== undefined && account.cards.get(card_id ?? "card_")?.customer !== id) {
    return { kind: "resource_missing", object: "source", id: card_id ?? "", param: "id" };
  }
  if (default_source !== undefined && account.cards.get(default_source)?.customer !== id) {
    const param = "default_source";
    return { kind: "resource_missing", object: "card", id: default_source, param };
  }
  const misused = token === undefined ? undefined : tokenFailure(account, token);
  if (misused !== undefined) return misused;
  const kept = account.customers.get(id);
  const { document = {} } = kept?.versions.get(kept.seq) ?? {};
  const held = account.cards.get(card_id ?? "card_");
  const isTooMuch = [
    patched(document, command.patch ?? {})["metadata"],
    held === undefined || card_patch === undefined
      ? command.card?.metadata
      : patchedCard(held.card, card_patch).metadata,
  ].some((pairs) => Object.keys(pairs ?? {}).length > METADATA_KEYS_MAX);
  return isTooMuch ? TOO_MUCH_METADATA : undefined;
}

/** A patch in Stripe's sense: null unsets a field, metadata merges key by key, null unsets all of it. */
function patched(document: Document, patch: Document): Document {
  const old = (document["metadata"] ?? {}) as Document;
  const given = patch["metadata"];
  const metadata = given === null ? {} : { ...old, ...((given ?? {}) as Document) };
  return withoutNulls({ ...document, ...patch, metadata }) as Document;
}

function withoutNulls(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(kept.map(([name, field]) => [name, withoutNulls(field)]));
}
