// A merchant's request as the command that opens it at the ledger. A token is looked up in the vault
// first, so that a charge is never opened on a card that is not there.

import type {
  Command,
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
} from "../protocol/command.ts";
import type { IdMint } from "../protocol/ids.ts";
import { cardIdOfToken } from "../protocol/object.ts";
import { OBJECT_PREFIXES } from "../protocol/object-type.ts";
import type { Ask, ChargeAsk, CustomerAsk, ObjectAsk, OperationAsk } from "../protocol/shard.ts";
import type { UsableCard } from "./machine.ts";

/** What a merchant asks under a key. */
export type KeyedAsk = Exclude<Ask, { kind: "account" }>;

/** The text of a token that must be looked up before the request can be opened. */
export function tokenToDescribe(ask: KeyedAsk): string | undefined {
  const source = "source" in ask ? ask.source : undefined;
  return source?.kind === "token" ? source.text : undefined;
}

/** The command that opens a request; `described` is the card of a token that was looked up. */
export function opening(ask: KeyedAsk, described: UsableCard | undefined, mint: IdMint): Command {
  switch (ask.kind) {
    case "charge":
      return openCharge(ask, described, mint);
    case "customer":
      return saveCustomer(ask, described, mint);
    case "object":
      return saveObject(ask, mint);
    case "capture":
    case "refund":
    case "increment":
      return openOperation(ask, mint);
  }
}

function openCharge(ask: ChargeAsk, described: UsableCard | undefined, mint: IdMint): OpenCharge {
  const { source, kind: _, caller: _caller, ...rest } = ask;
  const id = mint.mint("ch");
  if (source.kind === "customer") {
    const { kind: _kind, ...kept } = source;
    return { ...rest, ...kept, kind: "open_charge", id };
  }
  if (source.kind === "payment_method") {
    const { id: card_id, token, card } = source;
    return { ...rest, token, card, card_id, kind: "open_charge", id };
  }
  const { token, card } = usable(source, described);
  return { ...rest, token, card, kind: "open_charge", id };
}

const saveObject = ({ kind: _, ...rest }: ObjectAsk, mint: IdMint): SaveObject => ({
  ...rest,
  kind: "save_object",
  id: rest.id ?? mint.mint(OBJECT_PREFIXES[rest.type]),
});

function openOperation(ask: OperationAsk, mint: IdMint): OpenOperation {
  const { kind, ...rest } = ask;
  const id = kind === "refund" ? mint.mint("re") : mint.mint("op");
  const increments = kind === "increment" ? ({ increments: true } as const) : {};
  return { ...rest, ...increments, kind: "open_operation", id, capture: kind === "capture" };
}

function saveCustomer(
  ask: CustomerAsk,
  described: UsableCard | undefined,
  mint: IdMint,
): SaveCustomer {
  const { change, source, source_metadata: metadata, kind: _, ...rest } = ask;
  const command = {
    ...rest,
    kind: "save_customer" as const,
    id: ask.id ?? mint.mint("cus"),
    made: change === "create",
    removed: change === "delete",
  };
  if (source === undefined) return command;
  const { token, card } = usable(source, described);
  const kept = metadata === undefined ? card : { ...card, metadata };
  return { ...command, token, card: kept, card_id: cardIdOfToken(token) };
}

function usable(
  source: NonNullable<CustomerAsk["source"]>,
  described: UsableCard | undefined,
): UsableCard {
  if (source.kind === "tokenized") return source;
  if (described === undefined) throw new Error("Bug: a token is looked up before it is used");
  return described;
}
