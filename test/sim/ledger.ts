// The ledger as a pure function over explicit state: what `apply_batch` and `unfinished` of migrations/
// must do, in another language. The simulator runs on it, and test/ledger/specification.test.ts holds
// the SQL to it, batch by batch. Each kind of command is judged on what stood before its kind, as one SQL
// statement does; a batch that breaks a constraint changes nothing at all.

import {
  closedCharge,
  closingMove,
  moved,
  OPERATION_MOVES,
  openedCharge,
} from "../../protocol/charge.ts";
import type {
  Answer,
  Claim,
  CloseCharge,
  CloseOperation,
  Command,
  CreateAccount,
  OpenCharge,
  OpenOperation,
  PaidWith,
  SaveCustomer,
  SaveObject,
  Scope,
  Unfinished,
  Verdict,
} from "../../protocol/command.ts";
import { AMOUNT_MAX, AMOUNT_MIN } from "../../protocol/currency.ts";
import type {
  AccountFacts,
  CardChange,
  KeptCard as CardOfCustomer,
  ChargeFacts,
  ChargeState,
  CustomerFacts,
  Json,
  ObjectFacts,
  OperationFacts,
} from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import {
  type CardId,
  type ChargeId,
  type CustomerId,
  createdOf,
  type ObjectPrefix,
  type TokenId,
  uuidOf,
} from "../../protocol/ids.ts";
import { METADATA_KEYS_MAX, TOO_MUCH_METADATA } from "../../protocol/metadata.ts";
import { OBJECT_PREFIXES } from "../../protocol/object-type.ts";
import type { JournalEntry, Posting } from "../../protocol/projection.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import { summaryOf } from "../../protocol/row.ts";
import { availableOn, feeOf, termsOf } from "../../protocol/terms.ts";

type Document = { readonly [name: string]: Json };

/** An object and its versions; intents only, the others have no rule of their own here. */
export type KeptObject = {
  readonly type: ObjectFacts["type"];
  readonly seq: number;
  readonly deleted: boolean;
  readonly versions: ReadonlyMap<number, Document>;
};

/** What a charge was opened with; never altered. */
export type ChargeIntent = {
  readonly command: OpenCharge;
  readonly paidWith: PaidWith | undefined;
  readonly opened: ChargeFacts;
};

/** How a charge stands since the processor spoke; a charge that has none is `opened`. */
export type Authorization = {
  readonly state: ChargeState;
  /** What increments have added. */
  readonly raised: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly amount_refunding: number;
  readonly balance_seq: number | null;
  /** The event of the processor's word, and the charge as it left it: the answer of its key for ever. */
  readonly seq: number;
  readonly closed: ChargeFacts;
  /** Its money is there as soon as it is captured. */
  readonly availableNow: boolean;
};

export type Operation = {
  readonly command: OpenOperation;
  readonly kind: OperationFacts["operation"];
  readonly amount: number;
  readonly currency: string;
  /** Of the charge. */
  readonly intent: OperationFacts["intent"];
  readonly state: OperationFacts["state"];
  /** The event of its end. */
  readonly seq: number | null;
  readonly balance_seq: number | null;
  /** The charge as this capture or increment left it. */
  readonly left: ChargeFacts | null;
  /** What is told of a capture, release or increment that was refused. */
  readonly refusal: Failure | null;
};

/** A key that made no charge and no operation: a customer's, or a refusal's. */
export type KeptKey = {
  readonly claim: Claim;
  readonly day: number;
  readonly end:
    | { readonly customer: CustomerId; readonly seq: number }
    | { readonly object: string; readonly seq: number }
    | { readonly failure: Failure };
};

type Version = {
  readonly document: Document;
  readonly source: CardId | null;
  readonly card: CardChange | null;
};
export type Customer = {
  readonly seq: number;
  readonly deleted: boolean;
  readonly versions: ReadonlyMap<number, Version>;
};

export type KeptCard = {
  readonly customer: CustomerId;
  readonly token: TokenId;
  readonly card: CardOfCustomer;
};

/** One row of the journal: an event and, when money moved, its posting. */
export type Entry = JournalEntry & {
  /** Null where it is the subject's own. */
  readonly request: string | null;
  readonly createdMs: number;
};

export type Account = {
  readonly scope: Scope;
  readonly slot: number;
  readonly facts: AccountFacts;
  seq: number;
  readonly journal: Entry[];
  readonly charges: Map<ChargeId, ChargeIntent>;
  readonly authorizations: Map<ChargeId, Authorization>;
  readonly operations: Map<string, Operation>;
  readonly keys: Map<string, KeptKey>;
  readonly customers: Map<CustomerId, Customer>;
  readonly cards: Map<CardId, KeptCard>;
  readonly objects: Map<string, KeptObject>;
  /** Credits less debits, by `ledger account/currency`. */
  readonly balances: Map<string, number>;
  /** What of the merchant's balances comes free on a day, by `currency/day`; days that are over stay. */
  readonly pending: Map<string, number>;
  // The unique indexes.
  readonly chargeOfKey: Map<string, ChargeId>;
  readonly chargeOfToken: Map<TokenId, ChargeId>;
  readonly chargeOfAttempt: Map<string, ChargeId>;
  /** By `intent/attempt`. */
  readonly chargeOfIntent: Map<string, ChargeId>;
  readonly operationOfKey: Map<string, string>;
  readonly cardOfToken: Map<TokenId, CardId>;
};

export type Ledger = {
  epoch: number;
  /** By account and mode. */
  readonly accounts: Map<string, Account>;
};

/** A key without a charge and an operation is kept for 30 days at least, and dropped by its period. */
const KEY_DAYS = 30;
const PERIOD_DAYS = 10;
const DAY_MS = 86_400_000;
const PERIODS_FROM = Date.UTC(2026, 0, 1) / DAY_MS;
/** Things one call of `unfinished` tells of. */
const UNFINISHED_MAX = 500;

export const newLedger = (): Ledger => ({ epoch: 1, accounts: new Map() });

const nameOf = ({ account, livemode }: Scope): string => `${account}/${livemode ? "live" : "test"}`;

export const accountOf = (ledger: Ledger, scope: Scope): Account | undefined =>
  ledger.accounts.get(nameOf(scope));

/** A constraint is broken: the batch did nothing. */
class Conflict extends Error {}

/** One kind of command in one transaction: it reads what was, then writes all at once. */
type Phase = {
  readonly ledger: Ledger;
  readonly nowMs: number;
  readonly writes: (() => void)[];
  readonly undo: (() => void)[];
  /** The last number given out to each account by this phase. */
  readonly numbers: Map<Account, number>;
};

/** The order in which `apply_batch` takes the kinds. */
const ORDER = [
  "create_account",
  "close_charge",
  "close_operation",
  "save_customer",
  "save_object",
  "open_charge",
  "open_operation",
] as const satisfies readonly Command["kind"][];

/** Applies a batch in one transaction at `nowMs`; verdicts come in the order of the commands. */
export function apply(
  ledger: Ledger,
  batch: { readonly epoch: number | null; readonly commands: readonly Command[] },
  nowMs: number,
): Result<Verdict[], "fenced" | "conflict"> {
  if (batch.epoch !== ledger.epoch) return refuse("fenced");
  const verdicts: Verdict[] = [];
  const undo: (() => void)[] = [];
  try {
    for (const kind of ORDER) {
      const phase: Phase = { ledger, nowMs, writes: [], undo, numbers: new Map() };
      batch.commands.forEach((command, i) => {
        if (command.kind === kind) verdicts[i] = judge(phase, command);
      });
      for (const write of phase.writes) write();
      for (const [account, last] of phase.numbers) {
        const before = account.seq;
        undo.push(() => {
          account.seq = before;
        });
        account.seq = last;
      }
    }
  } catch (error) {
    for (const restore of undo.reverse()) restore();
    if (error instanceof Conflict) return refuse("conflict");
    throw error;
  }
  return ok(verdicts);
}

function judge(phase: Phase, command: Command): Verdict {
  switch (command.kind) {
    case "create_account":
      return createAccount(phase, command);
    case "close_charge":
      return closeCharge(phase, command);
    case "close_operation":
      return closeOperation(phase, command);
    case "save_customer":
      return saveCustomer(phase, command);
    case "open_charge":
      return openCharge(phase, command);
    case "open_operation":
      return openOperation(phase, command);
    case "save_object":
      return saveObject(phase, command);
  }
}

/** What a crash left between its two phases in a slot, oldest first, among ids from `since` on. */
export function unfinished(ledger: Ledger, slot: number, since: string): Unfinished[] {
  const found: { readonly uuid: string; readonly left: Unfinished }[] = [];
  for (const account of ledger.accounts.values()) {
    if (account.slot !== slot) continue;
    for (const [id, { opened }] of account.charges) {
      if (account.authorizations.has(id)) continue;
      found.push({ uuid: uuidOf("ch", id) ?? "", left: { ...account.scope, facts: opened } });
    }
    for (const [id, operation] of account.operations) {
      if (operation.state !== "opened") continue;
      const facts = openOperationFacts(account, operation);
      found.push({ uuid: operationUuid(id), left: { ...account.scope, facts } });
    }
  }
  return found
    .filter(({ uuid }) => uuid >= since)
    .sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
    .slice(0, UNFINISHED_MAX)
    .map(({ left }) => left);
}

/** Drops the periods of keys that are over (`keep_key_periods`). */
export function dropKeys(ledger: Ledger, nowMs: number): void {
  for (const { keys } of ledger.accounts.values()) {
    for (const [key, { day }] of keys) {
      const ends = day - ((day - PERIODS_FROM) % PERIOD_DAYS) + PERIOD_DAYS;
      if (ends <= dayOf(nowMs) - KEY_DAYS) keys.delete(key);
    }
  }
}

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

// Keys.

type Use = { readonly claim: Claim; readonly answer: () => Answer };

function useOf(account: Account, key: string): Use | undefined {
  const chargeId = account.chargeOfKey.get(key);
  const charge = chargeId === undefined ? undefined : account.charges.get(chargeId);
  if (charge !== undefined)
    return { claim: charge.command, answer: () => chargeAnswer(account, charge) };
  const operationId = account.operationOfKey.get(key);
  const operation = operationId === undefined ? undefined : account.operations.get(operationId);
  if (operation !== undefined) {
    return { claim: operation.command, answer: () => operationAnswer(account, operation) };
  }
  const kept = account.keys.get(key);
  return kept === undefined
    ? undefined
    : { claim: kept.claim, answer: () => keptAnswer(account, kept) };
}

function chargeAnswer(account: Account, { command, opened }: ChargeIntent): Answer {
  const authorization = account.authorizations.get(command.id);
  return {
    request: command.request,
    end:
      authorization === undefined
        ? { kind: "unfinished", facts: opened }
        : { kind: "facts", facts: authorization.closed },
  };
}

function operationAnswer(account: Account, operation: Operation): Answer {
  const { request } = operation.command;
  if (operation.state === "opened") {
    return { request, end: { kind: "unfinished", facts: openOperationFacts(account, operation) } };
  }
  const { refusal, left } = operation;
  if (refusal !== null) return { request, end: { kind: "failure", failure: refusal } };
  return { request, end: { kind: "facts", facts: left ?? endedOperationFacts(operation) } };
}

function keptAnswer(account: Account, { claim, end }: KeptKey): Answer {
  if ("failure" in end)
    return { request: claim.request, end: { kind: "failure", failure: end.failure } };
  const facts =
    "object" in end
      ? objectFacts(account, end.object, end.seq)
      : customerFacts(account, end.customer, end.seq);
  return { request: claim.request, end: { kind: "facts", facts } };
}

/** The word on a key that was used before; undefined when it is free. */
function judgeKey(account: Account, command: Claim): Verdict | undefined {
  const use = useOf(account, command.key);
  if (use === undefined) return undefined;
  if (use.claim.mac !== command.mac || use.claim.operation !== command.operation) {
    const [first, second] = [use.claim.operation, command.operation];
    const failure = { kind: "idempotency_mismatch", first, second } as const;
    return { outcome: "refused", failure, seq: account.seq };
  }
  return { outcome: "known", answer: use.answer(), seq: account.seq };
}

/** Refuses a command and keeps the refusal under its key. */
function refuseAndKeep(phase: Phase, account: Account, command: Claim, failure: Failure): Verdict {
  const end = { failure };
  const kept = { claim: claimOf(command), day: dayOf(phase.nowMs), end };
  phase.writes.push(() => insert(phase, account.keys, command.key, kept));
  return { outcome: "refused", failure, seq: account.seq };
}

const UNKNOWN: Verdict = { outcome: "refused", failure: { kind: "account_unknown" }, seq: 0 };

// Charges.

function openCharge(phase: Phase, command: OpenCharge): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const paidWith = command.token === undefined ? paidWithOf(account, command) : undefined;
  const failure = chargeFailure(account, command, paidWith);
  // Another has changed the intent: decided anew, the same key may pay it.
  if (failure?.kind === "object_locked") return { outcome: "refused", failure, seq: account.seq };
  if (failure !== undefined) return refuseAndKeep(phase, account, command, failure);
  const seq = nextNumber(phase, account);
  const { id, token, order_id, attempt_number, intent } = command;
  phase.writes.push(() => {
    hold(command.amount >= AMOUNT_MIN && command.amount <= AMOUNT_MAX);
    const opened = openedCharge(command, paidWith);
    insert(phase, account.charges, id, { command, paidWith, opened });
    insert(phase, account.chargeOfKey, command.key, id);
    if (token !== undefined) insert(phase, account.chargeOfToken, token, id);
    if (attempt_number !== undefined) {
      insert(phase, account.chargeOfAttempt, `${order_id}/${attempt_number}`, id);
    }
    if (intent !== undefined) {
      insert(phase, account.chargeOfIntent, `${intent.id}/${intent.attempt}`, id);
    }
    tell(phase, account, { seq, type: 1, subject: id });
  });
  return {
    outcome: "charge_opened",
    seq,
    ...(paidWith === undefined ? {} : { paid_with: paidWith }),
  };
}

function paidWithOf(account: Account, { customer, card_id }: OpenCharge): PaidWith | undefined {
  if (customer === undefined) return undefined;
  const row = account.customers.get(customer);
  assert(card_id?.startsWith("pm_") !== true, "payment methods are not part of this model");
  const id = (card_id as CardId | undefined) ?? row?.versions.get(row.seq)?.source ?? undefined;
  const kept = id === undefined ? undefined : account.cards.get(id);
  return id === undefined || kept === undefined || kept.customer !== customer
    ? undefined
    : { token: kept.token, card_id: id, card: summaryOf(kept.card) };
}

function chargeFailure(
  account: Account,
  command: OpenCharge,
  paidWith: PaidWith | undefined,
): Failure | undefined {
  const { customer, card_id, token, order_id, attempt_number, intent } = command;
  if (customer !== undefined && account.customers.get(customer)?.deleted !== false) {
    return { kind: "resource_missing", object: "customer", id: customer, param: "customer" };
  }
  if (intent !== undefined && !isNext(account, intent)) return { kind: "object_locked" };
  if (token === undefined && paidWith === undefined) {
    return card_id === undefined
      ? { kind: "customer_without_card" }
      : { kind: "resource_missing", object: "card", id: card_id, param: "source" };
  }
  if (token !== undefined && isUsed(account, token)) return { kind: "token_already_used", token };
  if (attempt_number !== undefined) {
    const attempt = `${order_id}/${attempt_number}`;
    if (account.chargeOfAttempt.has(attempt)) return { kind: "order_attempt_taken" };
  }
  return undefined;
}

/** Whether an intent stands as it was decided on, and this is the attempt after one that failed. */
function isNext(
  account: Account,
  { id, seq, attempt }: NonNullable<OpenCharge["intent"]>,
): boolean {
  const object = account.objects.get(id);
  if (object?.seq !== seq || object.deleted) return false;
  if (attemptsAt(account, id) >= attempt) return false;
  const before = account.chargeOfIntent.get(`${id}/${attempt - 1}`);
  return (
    attempt === 1 ||
    (before !== undefined && account.authorizations.get(before)?.state === "failed")
  );
}

/** How many charges an intent has. */
function attemptsAt(account: Account, intent: string): number {
  let attempts = 0;
  while (account.chargeOfIntent.has(`${intent}/${attempts + 1}`)) attempts++;
  return attempts;
}

const isUsed = (account: Account, token: TokenId): boolean =>
  account.chargeOfToken.has(token) || account.cardOfToken.has(token);

function closeCharge(phase: Phase, command: CloseCharge): Verdict {
  const account = accountOf(phase.ledger, command);
  const charge = account?.charges.get(command.id);
  if (account === undefined || charge === undefined) return neverOpened(account);
  const availableNow = command.available_now === true;
  if (account.authorizations.has(command.id)) {
    return { outcome: "known", answer: chargeAnswer(account, charge), seq: account.seq };
  }
  const seq = nextNumber(phase, account);
  const closed = closedCharge(charge.opened, command, seq);
  phase.writes.push(() => {
    const { state, amount_captured, amount_refunded, balance_seq } = closed;
    insert(phase, account.authorizations, command.id, {
      state,
      raised: 0,
      amount_captured,
      amount_refunded,
      amount_refunding: 0,
      balance_seq,
      seq,
      closed,
      availableNow,
    });
    const { amount, currency } = closed;
    const sale = closingMove(command.approved, closed.capture) === "sell";
    tell(phase, account, {
      seq,
      type: command.approved ? 2 : 3,
      subject: command.id,
      posting: sale ? taken(phase, account, amount, currency, availableNow) : null,
      ...totals(closed),
    });
  });
  return { outcome: "charge_closed", seq };
}

// Captures, refunds, releases and increments.

function openOperation(phase: Phase, command: OpenOperation): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const charge = chargeFacts(account, command.charge);
  const authorization = account.authorizations.get(command.charge);
  const plan = planOf(account, command, charge, authorization);
  if ("kind" in plan) {
    // Nothing is kept of this one: the same request may well succeed when the charge is free again.
    if (plan.kind === "object_locked") {
      return { outcome: "refused", failure: plan, seq: account.seq };
    }
    return refuseAndKeep(phase, account, command, plan);
  }
  assert(charge !== undefined && authorization !== undefined, "a plan is made of a charge");
  const seq = nextNumber(phase, account);
  const operation: Operation = {
    command,
    kind: plan.operation,
    amount: plan.amount,
    currency: charge.currency,
    intent: charge.intent?.id ?? null,
    state: "opened",
    seq: null,
    balance_seq: null,
    left: null,
    refusal: null,
  };
  phase.writes.push(() => {
    hold(plan.amount > 0);
    insert(phase, account.operations, command.id, operation);
    insert(phase, account.operationOfKey, command.key, command.id);
    const begun = BEGINNINGS[plan.operation];
    change(phase, account.authorizations, command.charge, {
      ...authorization,
      state: begun === undefined ? authorization.state : moved(authorization.state, begun),
      amount_refunding:
        authorization.amount_refunding + (plan.operation === "refund" ? plan.amount : 0),
    });
    tell(phase, account, { seq, type: 4, subject: command.id });
  });
  return { outcome: "operation_opened", seq, facts: openOperationFacts(account, operation) };
}

const BEGINNINGS = {
  capture: "begin_capture",
  release: "begin_release",
  increment: "begin_increment",
  refund: undefined,
} as const;

/** How often more may be asked for on one authorization, declines counted. */
const INCREMENTS_MAX = 10;

type Plan = { readonly operation: OperationFacts["operation"]; readonly amount: number };

/** What is to be done to a charge, or why it cannot be. */
function planOf(
  account: Account,
  { charge: id, capture, amount, increments }: OpenOperation,
  charge: ChargeFacts | undefined,
  authorization: Authorization | undefined,
): Plan | Failure {
  if (charge === undefined) {
    const param = capture || increments === true ? "id" : "charge";
    return { kind: "resource_missing", object: "charge", id, param };
  }
  if (authorization === undefined) return { kind: "object_locked" };
  const { state, amount_captured, amount_refunded, amount_refunding } = authorization;
  if (state === "capturing" || state === "releasing" || state === "incrementing") {
    return { kind: "object_locked" };
  }
  if (state === "failed") return { kind: "charge_failed" };
  if (state === "released") return { kind: "charge_already_refunded" };
  if (increments === true) {
    if (state === "captured") return { kind: "charge_already_captured" };
    const before = [...account.operations.values()].filter(
      ({ command, kind }) => command.charge === id && kind === "increment",
    );
    if (before.length >= INCREMENTS_MAX) return { kind: "increments_used_up", max: INCREMENTS_MAX };
    const more = (amount ?? 0) - charge.amount;
    if (more <= 0) return { kind: "increment_too_small", authorized: charge.amount };
    return { operation: "increment", amount: more };
  }
  if (capture) {
    if (state === "captured") return { kind: "charge_already_captured" };
    const wanted = amount ?? charge.amount;
    if (wanted > charge.amount) return { kind: "capture_too_large", max: charge.amount };
    return { operation: "capture", amount: wanted };
  }
  if (state === "authorized") {
    const wanted = amount ?? charge.amount;
    if (wanted !== charge.amount) return { kind: "release_in_part" };
    return { operation: "release", amount: wanted };
  }
  const refundable = amount_captured - amount_refunded;
  const wanted = amount ?? refundable - amount_refunding;
  if (refundable === 0) return { kind: "charge_already_refunded" };
  if (wanted > refundable) return { kind: "refund_too_large", max: refundable };
  if (wanted > refundable - amount_refunding || wanted === 0) return { kind: "object_locked" };
  return { operation: "refund", amount: wanted };
}

function closeOperation(phase: Phase, command: CloseOperation): Verdict {
  const account = accountOf(phase.ledger, command);
  const operation = account?.operations.get(command.id);
  const authorization = account?.authorizations.get(operation?.command.charge ?? command.charge);
  if (account === undefined || operation === undefined || authorization === undefined) {
    return neverOpened(account);
  }
  const state = OPERATION_MOVES[operation.state][command.approved ? "succeed" : "fail"];
  if (state === undefined) {
    return { outcome: "known", answer: operationAnswer(account, operation), seq: account.seq };
  }
  const { kind, amount, currency } = operation;
  const { request } = operation.command;
  const refunds = command.approved && (kind === "refund" || kind === "release");
  const posts = command.approved && (kind === "capture" || kind === "refund");
  const seq = nextNumber(phase, account);
  const last = refunds ? nextNumber(phase, account) : seq;
  const balance_seq = posts ? seq : null;
  const next = afterOperation(authorization, operation, command.approved, seq);
  const left =
    (kind === "capture" || kind === "increment") && command.approved
      ? withIntentAt(account, { ...authorization.closed, ...shown(next) }, seq)
      : null;
  const refusal = command.approved || kind === "refund" ? null : refusalOf(operation, command);
  const ended = { ...operation, state, seq, balance_seq, left, refusal };
  phase.writes.push(() => {
    change(phase, account.operations, command.id, ended);
    change(phase, account.authorizations, operation.command.charge, next);
    const { availableNow } = authorization;
    const posting = !posts
      ? null
      : kind === "capture"
        ? taken(phase, account, amount, currency, availableNow)
        : givenBack(amount, currency);
    const ofCharge = { subject: operation.command.charge, request, ...totals(next) };
    if (left !== null) {
      tell(phase, account, { seq, type: kind === "capture" ? 5 : 13, posting, ...ofCharge });
    } else {
      const type = refunds ? 6 : kind === "capture" ? 9 : kind === "increment" ? 14 : 8;
      tell(phase, account, { seq, type, posting, subject: command.id });
    }
    if (refunds) tell(phase, account, { seq: last, type: 7, ...ofCharge });
  });
  if (refusal !== null) return { outcome: "refused", failure: refusal, seq: last };
  const facts = left ?? endedOperationFacts(ended);
  return { outcome: "done", facts, seq: last, forgotten: [] };
}

function refusalOf({ kind, command }: Operation, { decline }: CloseOperation): Failure {
  if (decline === undefined) return { kind: "processor_refused", operation: kind };
  const { code, decline_code, message, network_code } = decline;
  return {
    kind: "card_declined",
    charge: command.charge,
    code,
    message,
    ...(decline_code === undefined ? {} : { declineCode: decline_code }),
    ...(network_code === undefined ? {} : { networkDeclineCode: network_code }),
  };
}

/** The posting of what is captured: the merchant's, less his fee, on the day he agreed to. */
function taken(
  phase: Phase,
  { facts: { terms } }: Account,
  amount: number,
  currency: string,
  atOnce: boolean,
): Posting {
  return {
    debit: "processor",
    credit: "merchant",
    amount,
    currency,
    fee: feeOf(terms, amount, currency),
    availableOn: availableOn(terms, dayOf(phase.nowMs), atOnce),
  };
}

const givenBack = (amount: number, currency: string): Posting => ({
  debit: "merchant",
  credit: "processor",
  amount,
  currency,
  fee: 0,
  availableOn: null,
});

const ENDINGS = {
  capture: ["capture", "refuse_capture"],
  release: ["release", "refuse_release"],
  increment: ["increment", "refuse_increment"],
  refund: ["refund", undefined],
} as const;

function afterOperation(
  before: Authorization,
  { kind, amount }: Operation,
  approved: boolean,
  seq: number,
): Authorization {
  const move = ENDINGS[kind][approved ? 0 : 1];
  const gives = approved && (kind === "refund" || kind === "release");
  return {
    ...before,
    state: move === undefined ? before.state : moved(before.state, move),
    amount_captured: approved && kind === "capture" ? amount : before.amount_captured,
    raised: before.raised + (approved && kind === "increment" ? amount : 0),
    amount_refunded: before.amount_refunded + (gives ? amount : 0),
    amount_refunding: before.amount_refunding - (kind === "refund" ? amount : 0),
    balance_seq: approved && kind === "capture" ? seq : before.balance_seq,
  };
}

const totals = (charge: { amount_captured: number; amount_refunded: number }) => ({
  captured: charge.amount_captured,
  refunded: charge.amount_refunded,
});

/** What closes something that was never opened is a bug of whoever sent it. */
const neverOpened = (account: Account | undefined): Verdict => ({
  outcome: "refused",
  failure: { kind: "internal" },
  seq: account?.seq ?? 0,
});

const shown = ({ closed, raised, ...a }: Authorization) => ({
  state: a.state,
  amount: closed.amount + raised,
  amount_captured: a.amount_captured,
  amount_refunded: a.amount_refunded,
  balance_seq: a.balance_seq,
});

function openOperationFacts(account: Account, operation: Operation): OperationFacts {
  const authorization = account.authorizations.get(operation.command.charge);
  return {
    ...endedOperationFacts(operation),
    authorization: authorization?.closed.processor_ref ?? null,
  };
}

function endedOperationFacts(operation: Operation): OperationFacts {
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

// Objects.

function saveObject(phase: Phase, command: SaveObject): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const failure = command.refusal ?? objectFailure(phase, account, command);
  if (failure?.kind === "object_locked") return { outcome: "refused", failure, seq: account.seq };
  if (failure !== undefined) return refuseAndKeep(phase, account, command, failure);
  const { id, type, document, event, request } = command;
  const posting = command.posting ? { ...command.posting, fee: 0, availableOn: null } : null;
  const seq = nextNumber(phase, account);
  const before = account.objects.get(id);
  const versions = new Map(before?.versions ?? []);
  if (document !== null) versions.set(seq, document);
  const object: KeptObject = { type, seq, deleted: document === null, versions };
  phase.writes.push(() => {
    change(phase, account.objects, id, object);
    const kept = { claim: claimOf(command), day: dayOf(phase.nowMs), end: { object: id, seq } };
    insert(phase, account.keys, command.key, kept);
    tell(phase, account, { seq, type: event, subject: id, request, posting });
  });
  const facts = objectFactsOf(account, id, object, seq);
  return { outcome: "done", seq, facts, forgotten: [] };
}

function objectFailure(phase: Phase, account: Account, command: SaveObject): Failure | undefined {
  const { id, type, made, expects, attempts, posting } = command;
  const object = account.objects.get(id);
  // No object has a version before its first: who expects one only asks for the key's answer.
  if (expects === 0) return { kind: "object_locked" };
  if (made && object !== undefined) return { kind: "object_locked" };
  if (!made && (object === undefined || object.deleted || object.type !== type)) {
    return { kind: "resource_missing", object: type, id, param: "id" };
  }
  if (!made && object?.seq !== expects) return { kind: "object_locked" };
  if (attempts !== undefined && attemptsAt(account, id) > attempts) {
    return { kind: "object_locked" };
  }
  if (type !== "payout" || posting?.debit !== "merchant") return undefined;
  const { amount, currency } = posting;
  const available = availableAt(account, currency, dayOf(phase.nowMs));
  return amount > available ? { kind: "balance_insufficient", available, currency } : undefined;
}

/** What may be paid out on a day: the merchant's balance but for what comes free later. */
function availableAt(account: Account, currency: string, day: number): number {
  let available = account.balances.get(`merchant/${currency}`) ?? 0;
  for (const [name, sum] of account.pending) {
    const [code, free] = name.split("/");
    if (code === currency && Number(free) > day) available -= sum;
  }
  return available;
}

function objectFacts(account: Account, id: string, seq: number): ObjectFacts {
  const object = account.objects.get(id);
  assert(object !== undefined, "an object's key has an object");
  return objectFactsOf(account, id, object, seq);
}

function objectFactsOf(
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
function withIntentAt(account: Account, facts: ChargeFacts, seq: number): ChargeFacts {
  if (facts.intent === null) return facts;
  let document: Document = {};
  for (const [at, version] of account.objects.get(facts.intent.id)?.versions ?? []) {
    if (at <= seq) document = version;
  }
  return { ...facts, intent: { ...facts.intent, document } };
}

// Customers and merchants.

function saveCustomer(phase: Phase, command: SaveCustomer): Verdict {
  const account = accountOf(phase.ledger, command);
  if (account === undefined) return UNKNOWN;
  const judged = judgeKey(account, command);
  if (judged !== undefined) return judged;
  const failure = customerFailure(account, command);
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
  if (token !== undefined && isUsed(account, token)) return { kind: "token_already_used", token };
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

function customerFacts(account: Account, id: CustomerId, seq: number): CustomerFacts {
  return customerFactsOf(id, account.customers.get(id)?.versions.get(seq));
}

const customerFactsOf = (id: CustomerId, version: Version | undefined): CustomerFacts => ({
  kind: "customer",
  id,
  created: createdOf(uuidOf("cus", id) ?? ""),
  deleted: version === undefined,
  default_source: version?.source ?? null,
  document: version?.document ?? {},
  card: version?.card ?? null,
});

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

function createAccount(phase: Phase, command: CreateAccount): Verdict {
  const { id, slot } = command;
  const facts: AccountFacts = {
    kind: "account",
    id,
    created: Math.floor(phase.nowMs / 1000),
    name: command.name ?? null,
    email: command.email ?? null,
    terms: termsOf(command.terms),
  };
  const known = accountOf(phase.ledger, { account: id, livemode: false });
  if (known !== undefined)
    return { outcome: "done", seq: known.seq, facts: known.facts, forgotten: [] };
  phase.writes.push(() => {
    for (const livemode of [false, true]) {
      const scope = { account: id, livemode };
      insert(phase, phase.ledger.accounts, nameOf(scope), newAccount(scope, slot, facts));
    }
  });
  return { outcome: "done", seq: 0, facts, forgotten: [] };
}

const newAccount = (scope: Scope, slot: number, facts: AccountFacts): Account => ({
  scope,
  slot,
  facts,
  seq: 0,
  journal: [],
  charges: new Map(),
  authorizations: new Map(),
  operations: new Map(),
  keys: new Map(),
  customers: new Map(),
  cards: new Map(),
  objects: new Map(),
  balances: new Map(),
  pending: new Map(),
  chargeOfKey: new Map(),
  chargeOfToken: new Map(),
  chargeOfAttempt: new Map(),
  chargeOfIntent: new Map(),
  operationOfKey: new Map(),
  cardOfToken: new Map(),
});

// Writing, so that it can be taken back.

function nextNumber(phase: Phase, account: Account): number {
  const next = (phase.numbers.get(account) ?? account.seq) + 1;
  phase.numbers.set(account, next);
  return next;
}

function tell(
  phase: Phase,
  account: Account,
  entry: Pick<Entry, "seq" | "type" | "subject"> & Partial<Entry>,
): void {
  const nothing = { posting: null, captured: null, refunded: null, request: null };
  const day = dayOf(phase.nowMs);
  account.journal.push({ ...nothing, ...entry, createdMs: phase.nowMs, day });
  phase.undo.push(() => account.journal.pop());
  if (entry.posting) post(phase, account, entry.posting);
}

function post(phase: Phase, account: Account, posting: Posting): void {
  const { debit, credit, amount, currency, fee, availableOn: day } = posting;
  for (const [name, sum] of [
    [`${debit}/${currency}`, -amount],
    [`${credit}/${currency}`, amount],
    ...(fee === 0
      ? []
      : ([
          [`merchant/${currency}`, -fee],
          [`fees/${currency}`, fee],
        ] as const)),
  ] as const) {
    change(phase, account.balances, name, (account.balances.get(name) ?? 0) + sum);
  }
  if (day === null) return;
  const name = `${currency}/${day}`;
  change(phase, account.pending, name, (account.pending.get(name) ?? 0) + amount - fee);
}

function insert<K, V>(phase: Phase, table: Map<K, V>, key: K, row: V): void {
  hold(!table.has(key));
  table.set(key, row);
  phase.undo.push(() => table.delete(key));
}

function change<K, V>(phase: Phase, table: Map<K, V>, key: K, row: V): void {
  const before = table.get(key);
  table.set(key, row);
  phase.undo.push(() => (before === undefined ? table.delete(key) : table.set(key, before)));
}

function remove<K, V>(phase: Phase, table: Map<K, V>, key: K): void {
  const before = table.get(key);
  table.delete(key);
  if (before !== undefined) phase.undo.push(() => table.set(key, before));
}

/** A CHECK or a unique index. */
function hold(kept: boolean): asserts kept {
  if (!kept) throw new Conflict();
}

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

const claimOf = ({ key, operation, mac, request }: Claim): Claim => ({
  key,
  operation,
  mac,
  request,
});

function operationUuid(id: string): string {
  const prefix: ObjectPrefix = id.startsWith("op_") ? "op" : "re";
  const uuid = uuidOf(prefix, id);
  assert(uuid !== undefined, "an operation has an id of its own");
  return uuid;
}
