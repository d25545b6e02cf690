// What a journal says: replaying all entries from nothing gives the state the ledger keeps beside it.

import { CHARGE_MOVES, type ChargeMove, OPERATION_MOVES } from "./charge.ts";
import { eventTypeOf } from "./event.ts";
import type { ChargeState, OperationFacts } from "./facts.ts";
import type { LedgerAccount } from "./ledger-account.ts";
import { OBJECT_POSTINGS } from "./object-posting.ts";
import { captured, post, withoutPosting } from "./projected-posting.ts";
import { ok, type Result, refuse } from "./result.ts";
import { disputeFee, type Terms } from "./terms.ts";

/** Money moved from one ledger account to another, in minor units, and what the merchant paid for it. */
export type Posting = {
  readonly debit: LedgerAccount;
  readonly credit: LedgerAccount;
  readonly amount: number;
  readonly currency: string;
  /** From the merchant to `fees`; 0 for none. */
  readonly fee: number;
  /** The UTC day (since 1970) from which the merchant's part may be paid out; null for at once. */
  readonly availableOn: number | null;
};

/** One entry of an account's journal; subjects by their public ids. */
export type JournalEntry = {
  readonly seq: number;
  /** The UTC day on which it was written, since 1970. */
  readonly day: number;
  /** A code of `EVENT_TYPES`. */
  readonly type: number;
  readonly subject: string;
  readonly posting: Posting | null;
  /** What had been captured and refunded of the charge then; null where the entry is not of a charge. */
  readonly captured: number | null;
  readonly refunded: number | null;
};

/** What was asked for, which the journal does not repeat. */
export type Intents = {
  /** What the merchant agreed to. */
  readonly terms: Terms;
  charge(id: string): ChargeIntent | undefined;
  operation(id: string):
    | (Pick<OperationFacts, "operation" | "amount"> & {
        readonly charge: string;
        readonly currency: string;
      })
    | undefined;
};

export type ChargeIntent = {
  readonly amount: number;
  readonly currency: string;
  readonly capture: boolean;
  /** The processor pays at once what others settle in days. */
  readonly availableNow: boolean;
};

export type ProjectedCharge = {
  readonly state: ChargeState;
  /** What increments have added to what was authorized first. */
  readonly raised: number;
  readonly captured: number;
  readonly refunded: number;
  /** What open refunds may still take. */
  readonly refunding: number;
  readonly balanceSeq: number | null;
  /** The capture, release or increment that is under way. */
  readonly busyWith: string | null;
};

export type ProjectedOperation = {
  readonly state: OperationFacts["state"];
  readonly seq: number | null;
  readonly balanceSeq: number | null;
  /** The entry that took it back. */
  readonly reversedSeq: number | null;
};

/** One account in one mode as its journal tells of it. */
export type Projection = {
  seq: number;
  readonly charges: Map<string, ProjectedCharge>;
  readonly operations: Map<string, ProjectedOperation>;
  /** Whether each customer is deleted. */
  readonly customers: Map<string, boolean>;
  /** The last entry of each object that is kept as a document. */
  readonly objects: Map<string, { readonly seq: number; readonly deleted: boolean }>;
  /** Payouts whose money has not come back. */
  readonly sent: Map<string, { readonly amount: number; readonly currency: string }>;
  /** Credits less debits, by `ledger account/currency`. */
  readonly balances: Map<string, number>;
  /** What of the merchant's balances came or comes free on a day, by `currency/day`. */
  readonly freed: Map<string, number>;
};

export const newProjection = (): Projection => ({
  seq: 0,
  charges: new Map(),
  operations: new Map(),
  customers: new Map(),
  objects: new Map(),
  sent: new Map(),
  balances: new Map(),
  freed: new Map(),
});

/** Takes the next entry in; refuses one that cannot follow, and says why. */
export function project(
  state: Projection,
  entry: JournalEntry,
  intents: Intents,
): Result<void, string> {
  if (entry.seq !== state.seq + 1) return refuse(`entry ${entry.seq} follows ${state.seq}`);
  const why = take(state, entry, intents);
  if (why !== undefined) return refuse(why);
  state.seq = entry.seq;
  return ok(undefined);
}

function take(state: Projection, entry: JournalEntry, intents: Intents): string | undefined {
  const type = eventTypeOf(entry.type);
  if (type?.subject === "object") return saveObject(state, entry, type.name, intents);
  const name = type?.name;
  switch (name) {
    case "charge.pending":
      return openCharge(state, entry, intents);
    case "charge.succeeded":
    case "charge.failed":
      return closeCharge(state, entry, intents, name === "charge.succeeded");
    case "charge.captured":
      return captureCharge(state, entry, intents);
    case "charge.refunded":
      return checkRefunded(state, entry);
    case "operation.pending":
      return openOperation(state, entry, intents);
    case "refund.created":
      return endOperation(state, entry, intents, true);
    case "charge.incremented":
      return incrementCharge(state, entry, intents);
    case "refund.failed":
    case "capture.failed":
    case "increment.failed":
      return endOperation(state, entry, intents, false);
    case "customer.created":
    case "customer.updated":
    case "customer.deleted":
      return saveCustomer(state, entry, name);
    default:
      return `there is no type ${entry.type}`;
  }
}

function openCharge(state: Projection, entry: JournalEntry, intents: Intents): string | undefined {
  if (intents.charge(entry.subject) === undefined) return "no such charge was asked for";
  if (state.charges.has(entry.subject)) return "the charge is open already";
  if (entry.posting !== null) return "an opened charge moves no money";
  const nothing = { raised: 0, captured: 0, refunded: 0, refunding: 0 };
  state.charges.set(entry.subject, {
    state: "opened",
    ...nothing,
    balanceSeq: null,
    busyWith: null,
  });
  return undefined;
}

function closeCharge(
  state: Projection,
  entry: JournalEntry,
  intents: Intents,
  approved: boolean,
): string | undefined {
  const intent = intents.charge(entry.subject);
  if (intent === undefined) return "no such charge was asked for";
  if (!approved) return moveCharge(state, entry, "decline", {});
  if (!intent.capture) return moveCharge(state, entry, "authorize", {});
  const sold = { captured: intent.amount, balanceSeq: entry.seq };
  return (
    moveCharge(state, entry, "sell", sold) ??
    post(state, entry, captured(entry, intents, intent, intent.amount))
  );
}

// The entry of a capture that succeeded speaks of the charge; its operation is the one under way.
function captureCharge(
  state: Projection,
  entry: JournalEntry,
  intents: Intents,
): string | undefined {
  const id = state.charges.get(entry.subject)?.busyWith ?? null;
  const intent = id === null ? undefined : intents.operation(id);
  const charge = intents.charge(entry.subject);
  if (id === null || charge === undefined || intent?.operation !== "capture") {
    return "no capture is under way";
  }
  const { seq } = entry;
  state.operations.set(id, { state: "succeeded", seq, balanceSeq: seq, reversedSeq: null });
  const taken = { captured: intent.amount, balanceSeq: entry.seq, busyWith: null };
  return (
    moveCharge(state, entry, "capture", taken) ??
    post(state, entry, captured(entry, intents, charge, intent.amount))
  );
}

// As that of a capture, it speaks of the charge.
function incrementCharge(
  state: Projection,
  entry: JournalEntry,
  intents: Intents,
): string | undefined {
  const charge = state.charges.get(entry.subject);
  const id = charge?.busyWith ?? null;
  const intent = id === null ? undefined : intents.operation(id);
  if (charge === undefined || id === null || intent?.operation !== "increment") {
    return "no increment is under way";
  }
  const { seq } = entry;
  state.operations.set(id, { state: "succeeded", seq, balanceSeq: null, reversedSeq: null });
  const raised = charge.raised + intent.amount;
  return moveCharge(state, entry, "increment", { raised, busyWith: null });
}

// A second entry about the same change, for those who look at charges only: it must say what is so.
function checkRefunded(state: Projection, entry: JournalEntry): string | undefined {
  const charge = state.charges.get(entry.subject);
  if (charge === undefined) return "there is no such charge";
  if (entry.posting !== null) return "the refund itself has moved the money";
  return agrees(charge, entry);
}

function openOperation(
  state: Projection,
  entry: JournalEntry,
  intents: Intents,
): string | undefined {
  const intent = intents.operation(entry.subject);
  const charge = intent === undefined ? undefined : state.charges.get(intent.charge);
  if (intent === undefined || charge === undefined) return "no such operation was asked for";
  if (state.operations.has(entry.subject)) return "the operation is open already";
  if (entry.posting !== null) return "an opened operation moves no money";
  const nothing = { seq: null, balanceSeq: null, reversedSeq: null };
  state.operations.set(entry.subject, { state: "opened", ...nothing });
  const { operation, amount } = intent;
  if (operation === "refund") {
    if (charge.state !== "captured") return `a charge that is ${charge.state} is not refunded`;
    const refunding = charge.refunding + amount;
    if (charge.refunded + refunding > charge.captured) return "more is refunded than was captured";
    state.charges.set(intent.charge, { ...charge, refunding });
    return undefined;
  }
  const move = BEGINNINGS[operation];
  const to = CHARGE_MOVES[charge.state][move];
  if (to === undefined) return `a charge that is ${charge.state} cannot ${move}`;
  state.charges.set(intent.charge, { ...charge, state: to, busyWith: entry.subject });
  return undefined;
}

function endOperation(
  state: Projection,
  entry: JournalEntry,
  intents: Intents,
  approved: boolean,
): string | undefined {
  const intent = intents.operation(entry.subject);
  const operation = state.operations.get(entry.subject);
  const charge = intent === undefined ? undefined : state.charges.get(intent.charge);
  if (intent === undefined || operation === undefined || charge === undefined) {
    return "no such operation is open";
  }
  const to = OPERATION_MOVES[operation.state][approved ? "succeed" : "fail"];
  if (to === undefined) return `an operation that is ${operation.state} does not end again`;
  const { amount, currency } = intent;
  const moved = intent.operation === "refund" && approved;
  const balanceSeq = moved ? entry.seq : null;
  state.operations.set(entry.subject, { ...operation, state: to, seq: entry.seq, balanceSeq });
  if (intent.operation === "refund") {
    const refunded = charge.refunded + (approved ? amount : 0);
    state.charges.set(intent.charge, { ...charge, refunded, refunding: charge.refunding - amount });
  } else {
    const move = ENDINGS[intent.operation][approved ? 0 : 1];
    const next = move === undefined ? undefined : CHARGE_MOVES[charge.state][move];
    if (next === undefined)
      return `a charge that is ${charge.state} cannot ${move ?? intent.operation}`;
    const refunded = charge.refunded + (approved ? amount : 0);
    state.charges.set(intent.charge, { ...charge, state: next, refunded, busyWith: null });
  }
  const givenBack = { amount, currency, fee: 0, availableOn: null };
  return moved
    ? post(state, entry, { debit: "merchant", credit: "processor", ...givenBack })
    : withoutPosting(entry);
}

const BEGINNINGS = {
  capture: "begin_capture",
  release: "begin_release",
  increment: "begin_increment",
} as const;

/** Ends told by an entry of the operation: an approved capture or increment is told by one of its charge. */
const ENDINGS = {
  increment: [undefined, "refuse_increment"],
  capture: [undefined, "refuse_capture"],
  release: ["release", "refuse_release"],
} as const;

function saveCustomer(state: Projection, entry: JournalEntry, name: string): string | undefined {
  const deleted = state.customers.get(entry.subject);
  if (name === "customer.created" ? deleted !== undefined : deleted !== false) {
    return "no such customer can be changed";
  }
  state.customers.set(entry.subject, name === "customer.deleted");
  return withoutPosting(entry);
}

// What an object may become is decided by who changes it; that money moves only where it may is known here.
function saveObject(
  state: Projection,
  entry: JournalEntry,
  name: string,
  intents: Intents,
): string | undefined {
  if (state.objects.get(entry.subject)?.deleted === true) return "a deleted object is not changed";
  const deleted = name.endsWith(".deleted");
  state.objects.set(entry.subject, { seq: entry.seq, deleted });
  const { posting } = entry;
  const between = OBJECT_POSTINGS[name];
  if (posting === null) {
    const must = between?.includes("payouts") === true;
    return must ? "a payout that is made or comes back moves money" : undefined;
  }
  if (between === undefined) return "money moves for no reason";
  const why = name === "refund.updated" ? takeBack(state, entry, intents) : undefined;
  const [debit, credit] = between;
  const { amount, currency } = posting;
  if (debit === "payouts") {
    const sent = state.sent.get(entry.subject);
    if (sent?.amount !== amount || sent.currency !== currency) {
      return "a payout comes back once, as it was sent";
    }
    state.sent.delete(entry.subject);
  } else if (credit === "payouts") state.sent.set(entry.subject, { amount, currency });
  const disputed = name.startsWith("charge.dispute.") && debit === "merchant";
  const fee = disputed ? disputeFee(intents.terms, currency) : 0;
  const due = { debit, credit, amount, currency, fee, availableOn: null };
  return why ?? post(state, entry, due);
}

// A refund whose money comes back: once, all of it, and the charge can be refunded again.
function takeBack(state: Projection, entry: JournalEntry, intents: Intents): string | undefined {
  const intent = intents.operation(entry.subject);
  const operation = state.operations.get(entry.subject);
  const charge = intent === undefined ? undefined : state.charges.get(intent.charge);
  if (intent?.operation !== "refund" || operation === undefined || charge === undefined) {
    return "no such refund was asked for";
  }
  if (operation.state !== "succeeded" || operation.reversedSeq !== null) {
    return "only a refund that was made comes back, and only once";
  }
  if (entry.posting?.amount !== intent.amount) return "a refund comes back as it was made";
  state.operations.set(entry.subject, { ...operation, reversedSeq: entry.seq });
  state.charges.set(intent.charge, { ...charge, refunded: charge.refunded - intent.amount });
  return undefined;
}

function moveCharge(
  state: Projection,
  entry: JournalEntry,
  move: ChargeMove,
  changes: Partial<ProjectedCharge>,
): string | undefined {
  const charge = state.charges.get(entry.subject);
  if (charge === undefined) return "there is no such charge";
  const to = CHARGE_MOVES[charge.state][move];
  if (to === undefined) return `a charge that is ${charge.state} cannot ${move}`;
  const next = { ...charge, ...changes, state: to };
  state.charges.set(entry.subject, next);
  return agrees(next, entry) ?? (next.balanceSeq === entry.seq ? undefined : withoutPosting(entry));
}

const agrees = (charge: ProjectedCharge, entry: JournalEntry): string | undefined =>
  charge.captured === entry.captured && charge.refunded === entry.refunded
    ? undefined
    : `${charge.captured} captured and ${charge.refunded} refunded is told as ${entry.captured} and ${entry.refunded}`;
