// What the ledger tells of its rows: each thing as it stands, or as an entry of the journal left it.

import type {
  ChargeFacts,
  CustomerFacts,
  ObjectFacts,
  OperationFacts,
} from "../../../protocol/facts.ts";
import {
  type ChargeId,
  type CustomerId,
  createdOf,
  type ObjectPrefix,
  uuidOf,
} from "../../../protocol/ids.ts";
import { OBJECT_PREFIXES } from "../../../protocol/object-type.ts";
import { assert } from "../../../protocol/result.ts";
import type {
  Account,
  Authorization,
  Document,
  KeptObject,
  Operation,
  Version,
} from "./account.ts";

/** A charge as it stands. */
export function chargeFacts(account: Account, id: ChargeId): ChargeFacts | undefined {
  const authorization = account.authorizations.get(id);
  if (authorization === undefined) return account.charges.get(id)?.opened;
  return { ...authorization.closed, ...shown(authorization) };
}

/** An operation as it stands. */
export function operationFacts(account: Account, id: string): OperationFacts | undefined {
  const operation = account.operations.get(id);
  if (operation === undefined) return undefined;
  return operation.state === "opened"
    ? openOperationFacts(account, operation)
    : endedOperationFacts(operation);
}

export const shown = ({ closed, raised, ...a }: Authorization) => ({
  state: a.state,
  amount: closed.amount + raised,
  amount_captured: a.amount_captured,
  amount_refunded: a.amount_refunded,
  balance_seq: a.balance_seq,
});

export function openOperationFacts(account: Account, operation: Operation): OperationFacts {
  const authorization = account.authorizations.get(operation.command.charge);
  return {
    ...endedOperationFacts(operation),
    authorization: authorization?.closed.processor_ref ?? null,
  };
}

export function endedOperationFacts(operation: Operation): OperationFacts {
  const { command, kind, state, amount, currency, intent, balance_seq } = operation;
  return {
    kind: "operation",
    id: command.id,
    created: createdOf(operationUuid(command.id)),
    charge: command.charge,
    operation: kind,
    state,
    amount,
    currency,
    request: command.request,
    reason: command.reason ?? null,
    metadata: command.metadata ?? {},
    balance_seq,
    intent,
    pending: false,
    reversed_seq: null,
    changes: null,
    authorization: null,
  };
}

export function objectFacts(account: Account, id: string, seq: number): ObjectFacts {
  const object = account.objects.get(id);
  assert(object !== undefined, "an object's key has an object");
  return objectFactsOf(account, id, object, seq);
}

export function objectFactsOf(
  account: Account,
  id: string,
  { type, versions }: KeptObject,
  seq: number,
): ObjectFacts {
  const document = versions.get(seq) ?? null;
  const latest = account.chargeOfIntent.get(`${id}/${document?.["attempts"]}`);
  const charge = latest === undefined ? null : chargeAt(account, latest, seq);
  return {
    kind: "object",
    type,
    id,
    created: createdOf(uuidOf(OBJECT_PREFIXES[type], id) ?? ""),
    seq,
    customer: null,
    parent: null,
    token: null,
    document,
    charge:
      charge?.intent == null
        ? null
        : { ...charge, intent: { ...charge.intent, document: document ?? {} } },
    operation: null,
    postings: [],
  };
}

/** A charge as the entries up to one left it. */
function chargeAt(account: Account, id: ChargeId, seq: number): ChargeFacts {
  const opened = account.charges.get(id)?.opened;
  assert(opened !== undefined, "an attempt is a charge");
  const authorization = account.authorizations.get(id);
  if (authorization === undefined || authorization.seq > seq) {
    const told = authorization === undefined ? opened : { ...authorization.closed };
    return withIntentAt(
      account,
      { ...told, state: "opened", amount_captured: 0, amount_refunded: 0, balance_seq: null },
      seq,
    );
  }
  const ended = [...account.operations.values()].filter(
    ({ command, state, seq: at }) =>
      command.charge === id && state === "succeeded" && at !== null && at <= seq,
  );
  const given = ended.filter(({ kind }) => kind === "refund" || kind === "release");
  const raised = ended.filter(({ kind }) => kind === "increment");
  const { closed, balance_seq, amount_captured } = authorization;
  const isTaken = balance_seq !== null && balance_seq <= seq;
  const state =
    closed.state === "failed"
      ? "failed"
      : isTaken
        ? "captured"
        : given.some(({ kind }) => kind === "release")
          ? "released"
          : "authorized";
  const facts: ChargeFacts = {
    ...closed,
    state,
    amount: raised.reduce((sum, { amount }) => sum + amount, closed.amount),
    amount_captured: isTaken ? amount_captured : 0,
    amount_refunded: given.reduce((sum, { amount }) => sum + amount, 0),
    balance_seq: isTaken ? balance_seq : null,
  };
  return withIntentAt(account, facts, seq);
}

/** The facts of a charge with its intent as it stood at an entry. */
export function withIntentAt(account: Account, facts: ChargeFacts, seq: number): ChargeFacts {
  if (facts.intent === null) return facts;
  let document: Document = {};
  for (const [at, version] of account.objects.get(facts.intent.id)?.versions ?? []) {
    if (at <= seq) document = version;
  }
  return { ...facts, intent: { ...facts.intent, document } };
}

export function customerFacts(account: Account, id: CustomerId, seq: number): CustomerFacts {
  return customerFactsOf(id, account.customers.get(id)?.versions.get(seq));
}

export const customerFactsOf = (id: CustomerId, version: Version | undefined): CustomerFacts => ({
  kind: "customer",
  id,
  created: createdOf(uuidOf("cus", id) ?? ""),
  deleted: version === undefined,
  default_source: version?.source ?? null,
  document: version?.document ?? {},
  card: version?.card ?? null,
});

export function operationUuid(id: string): string {
  const prefix: ObjectPrefix = id.startsWith("op_") ? "op" : "re";
  const uuid = uuidOf(prefix, id);
  assert(uuid !== undefined, "an operation has an id of its own");
  return uuid;
}
