// What the oracle holds a shard to: what it sends on is what was asked, what it orders was opened, and every
// answer is the end of its own key.

import type { Command, OpenCharge, Scope } from "../../../protocol/command.ts";
import type { Facts } from "../../../protocol/facts.ts";
import { type Failure, isRetryable } from "../../../protocol/failure.ts";
import type { Ask, ChargeAsk, Reply } from "../../../protocol/shard.ts";
import type { Order } from "../../../protocol/vault.ts";
import { fail } from "./invariants.ts";
import { toldOf } from "./reads.ts";
import { isErased, render } from "./rendering.ts";
import { type Claimed, idOf, nameOf, nameOfAsk, type Seen, type Watched } from "./seen.ts";

/** A request leaves for the ledger while `others` of the same key wait at the same object. */
export function executes(ask: Ask, command: Command, others: number): void {
  if (others > 0) fail("I20", `${nameOfAsk(ask)} is executed twice at once`);
  const [asked, sent]: [object, object] = [ask, command];
  for (const [field, value] of Object.entries(asked)) {
    if (field === "kind" || field === "source" || field === "change") continue;
    if (JSON.stringify(value) !== JSON.stringify((sent as Record<string, unknown>)[field])) {
      fail("I2", `${nameOfAsk(ask)} is sent with another ${field}`);
    }
  }
  if (ask.kind === "charge" && command.kind === "open_charge") checkSource(ask, command);
}

export function tokenMissing(seen: Seen, text: string): void {
  seen.missing.add(text);
}

export function sent(seen: Seen, commands: readonly Command[]): void {
  for (const command of commands) {
    if (command.kind === "open_charge" || command.kind === "open_operation") {
      seen.sent.set(command.id, command);
    }
  }
}

/** Orders leave for the vault: each stands on something the ledger has opened. */
export function ordered(seen: Seen, orders: readonly Order[]): void {
  for (const order of orders) {
    const id = idOf(order.key);
    const owner = seen.owners.get(id);
    if (owner === undefined)
      fail("I2", `${order.key} is ordered, and the ledger has not opened it`);
    else if (owner.scope.account !== order.account || owner.scope.livemode !== order.livemode) {
      fail("I17", `${order.key} is ordered for another account`);
    }
  }
}

export function neverAnswered(ask: Ask): void {
  fail("I8", `${nameOfAsk(ask)} is never answered`);
}

export function answered(seen: Seen, ask: Ask, reply: Reply, others: number): void {
  if (ask.kind === "account") return;
  const { end } = reply;
  if (!end.ok && isRetryable(end.failure)) {
    if (end.failure.kind === "idempotency_in_use" && others === 0) {
      fail("I7", `${nameOfAsk(ask)} is in use, and nobody uses it`);
    }
    if (end.failure.kind === "internal" && !isPoison(ask)) {
      fail("bug", `${nameOfAsk(ask)} is told internal`);
    }
    return;
  }
  const watched = seen.accounts.get(nameOf(ask));
  const claimed = watched?.claims.get(ask.key);
  if (!end.ok && isKeyFree(seen, ask, end.failure, watched, claimed)) return;
  if (watched === undefined || claimed === undefined || claimed.end === undefined) {
    fail("I3", `${nameOfAsk(ask)} is told an end that is not in the ledger`);
    return;
  }
  const { command } = claimed;
  if (command.mac !== ask.mac || command.operation !== ask.operation) {
    fail("I6", `${nameOfAsk(ask)} is told the end of another request`);
  }
  if (end.ok) checkOwner(seen, ask, end.facts);
  const rendered = render(end, ask);
  if (
    rendered !== claimed.end &&
    rendered !== claimed.erased &&
    !isErased(seen, rendered, claimed.end)
  ) {
    fail("I4", `${nameOfAsk(ask)} is told ${rendered} and not ${claimed.end}`);
  }
  seen.told.set(nameOf(ask), Math.max(toldOf(seen, ask), claimed.seq));
  if (reply.request !== command.request || (ask.request !== command.request && !reply.replayed)) {
    fail("I4", `${nameOfAsk(ask)} is not told whose answer it hears`);
  }
}

function isKeyFree(
  seen: Seen,
  ask: Exclude<Ask, { kind: "account" }>,
  failure: Failure,
  watched: Watched | undefined,
  claimed: Claimed | undefined,
): boolean {
  if (failure.kind === "account_unknown") {
    if (watched !== undefined) fail("I5", `${nameOfAsk(ask)} is told its account is unknown`);
    return true;
  }
  if (failure.kind === "idempotency_mismatch") {
    const { mac, operation } = claimed?.command ?? ask;
    if (mac === ask.mac && operation === ask.operation) {
      fail("I6", `${nameOfAsk(ask)} is told that its key was used for another request`);
    }
    return true;
  }
  if (failure.kind !== "resource_missing" || failure.object !== "token") return false;
  if (!seen.missing.has(failure.id)) fail("I5", `${failure.id} is called missing, and is there`);
  return true;
}

function checkOwner(seen: Seen, scope: Scope, facts: Facts): void {
  if (facts.kind !== "charge" && facts.kind !== "operation") return;
  const owner = seen.owners.get(facts.id);
  if (owner?.scope.account !== scope.account || owner.scope.livemode !== scope.livemode) {
    fail("I17", `${facts.id} is shown to another account`);
  }
}

function checkSource(ask: ChargeAsk, { token, card_id }: OpenCharge): void {
  const { source } = ask;
  const isMeant =
    source.kind === "customer"
      ? card_id === source.card_id && token === undefined
      : source.kind === "tokenized"
        ? token === source.token
        : source.kind === "payment_method"
          ? token === source.token && card_id === source.id
          : token === source.text || !/^tok_.{22}$/.test(source.text);
  if (!isMeant) fail("I2", `${nameOfAsk(ask)} is sent with another card`);
}

/** What no database would take; it stands for all that one cannot, such as a NUL in a text. */
const isPoison = (ask: Ask): boolean => ask.kind === "charge" && ask.amount === 0;
