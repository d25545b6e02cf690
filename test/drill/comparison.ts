// Three books held against each other: what the clients were told, what the ledgers hold, what the bank
// booked; and the audit log against the bank's, which hears of no card that was not opened. Pure, so that its own test can show that it finds what is planted.

import type { BankRow, Ledger, LedgerCharge, LedgerOperation } from "./books.ts";
import type { Entry, Told } from "./client.ts";

export const FINDINGS = [
  "double",
  "lost",
  "contradictory",
  "over-refund",
  "unfinished",
  "unlogged",
] as const;

export type Finding = { readonly kind: (typeof FINDINGS)[number]; readonly what: string };

type Body = {
  readonly id?: string;
  readonly object?: string;
  readonly amount?: number;
  readonly amount_captured?: number;
  readonly captured?: boolean;
  readonly paid?: boolean;
  readonly charge?: string;
  readonly status?: string;
  readonly error?: { readonly type?: string; readonly charge?: string };
};

const UNDER_WAY = new Set<LedgerCharge["state"]>([
  "opened",
  "incrementing",
  "capturing",
  "releasing",
]);
const PAID = new Set<LedgerCharge["state"]>(["authorized", "captured", "released"]);

/** Every disagreement; the books must be at rest. `opened`: the orders whose cards were opened, as the log has them. */
export function compare(
  entries: readonly Entry[],
  ledger: Ledger,
  bank: readonly BankRow[],
  opened: ReadonlySet<string>,
): Finding[] {
  const findings: Finding[] = [];
  const found = (kind: Finding["kind"], what: string) => findings.push({ kind, what });
  const booked = Map.groupBy(bank, ({ reference, id }) => reference?.split(".")[0] ?? id);
  const charges = Map.groupBy(ledger.charges, ({ account, key }) => `${account}/${key}`);
  const operations = Map.groupBy(ledger.operations, ({ account, key }) => `${account}/${key}`);
  const operationsOf = Map.groupBy(ledger.operations, ({ charge }) => charge);
  const asked = new Set(entries.map(nameOf));
  const known = new Set(ledger.charges.map(({ id }) => id));

  for (const [name, rows] of [...charges, ...operations]) {
    if (rows.length > 1) found("double", `${name} made ${rows.map(({ id }) => id).join(" and ")}`);
    if (!asked.has(name))
      found("contradictory", `${name} is in the ledger, and nobody asked for it`);
  }
  for (const charge of ledger.charges) {
    againstBank(charge, booked.get(charge.id) ?? [], found);
    againstOperations(charge, operationsOf.get(charge.id) ?? [], found);
  }
  for (const [id, rows] of booked) {
    if (!known.has(id))
      found("lost", `the bank booked ${rows.length} for ${id}, which no ledger has`);
  }
  for (const { id, reference } of bank) {
    if (reference === null || !opened.has(reference))
      found("unlogged", `the bank booked ${id} for ${reference}, and no card was opened for that`);
  }
  for (const entry of entries) {
    for (const what of entry.contradictions) found("contradictory", `${entry.key}: ${what}`);
    const name = nameOf(entry);
    const [charge] = charges.get(name) ?? [];
    const [operation] = operations.get(name) ?? [];
    if (entry.told === undefined) {
      if (!entry.away) found("unfinished", `${entry.key} has no answer`);
    } else if (entry.kind === "charge") {
      chargeTold(entry, entry.told, charge, found);
    } else {
      operationTold(entry, entry.told, operation, found);
    }
  }
  return findings;
}

type Found = (kind: Finding["kind"], what: string) => void;

const nameOf = ({ merchant, key }: Entry): string => `${merchant.account}/${key}`;

function againstBank(charge: LedgerCharge, rows: readonly BankRow[], found: Found): void {
  const { id, key, state, amount, captured, refunded } = charge;
  const approved = rows.filter(({ status }) => status === "approved");
  const [row] = approved;
  if (approved.length > 1) found("double", `${key}: ${approved.length} approvals of ${id}`);
  if (UNDER_WAY.has(state)) {
    found("unfinished", `${key}: ${id} is ${state}`);
    return;
  }
  if (charge.refunding > 0) found("unfinished", `${key}: a refund of ${id} is open`);
  if (state === "failed") {
    if (row !== undefined) found("contradictory", `${key}: ${id} failed, and the bank approved it`);
    return;
  }
  if (row === undefined) {
    found("lost", `${key}: ${id} is ${state}, and the bank has no approval`);
    return;
  }
  const released = state === "released";
  const given = released ? 0 : refunded;
  if (refunded > (released ? amount : captured) || row.refunded > row.captured) {
    found("over-refund", `${key}: ${id} refunded ${refunded} and ${row.refunded} of ${captured}`);
  }
  if (row.captured !== captured && (row.captured === 0 || captured === 0)) {
    found("lost", `${key}: ${id} captured ${captured}, at the bank ${row.captured}`);
  } else if (
    row.amount !== amount ||
    row.captured !== captured ||
    row.refunded !== given ||
    row.voided !== released
  ) {
    const ours = JSON.stringify({ amount, captured, refunded: given, voided: released });
    found("contradictory", `${key}: ${id} is ${ours}, at the bank ${JSON.stringify(row)}`);
  }
}

function againstOperations(
  { id, key, state, refunded, captured }: LedgerCharge,
  operations: readonly LedgerOperation[],
  found: Found,
): void {
  const done = operations.filter((operation) => operation.state === "succeeded");
  const sum = (kind: LedgerOperation["kind"]) =>
    done.filter((one) => one.kind === kind).reduce((total, one) => total + one.amount, 0);
  const given = sum(state === "released" ? "release" : "refund");
  if (given !== refunded) {
    found("contradictory", `${key}: refunds of ${id} sum to ${given}, the charge says ${refunded}`);
  }
  const captures = done.filter(({ kind }) => kind === "capture");
  if (captures.length > 1) found("double", `${key}: ${id} was captured ${captures.length} times`);
  if (captures.length === 1 && captures[0]?.amount !== captured) {
    found(
      "contradictory",
      `${key}: ${id} captured ${captured}, its capture ${captures[0]?.amount}`,
    );
  }
  for (const one of operations) {
    if (one.state === "opened") found("unfinished", `${one.key}: ${one.kind} ${one.id} is open`);
  }
}

function chargeTold(
  { key, form }: Entry,
  { status, body }: Told,
  charge: LedgerCharge | undefined,
  found: Found,
): void {
  const told = bodyOf(body);
  const no = (why: string) => found("contradictory", `${key}: told ${status}, but ${why}`);
  if (status === 402) {
    if (charge?.state !== "failed") no(`the ledger has ${charge?.state ?? "nothing"}`);
    else if (told.error?.charge !== charge.id) no(`of ${told.error?.charge}, not ${charge.id}`);
    return;
  }
  if (status !== 200) {
    if (charge !== undefined) no(`${charge.id} is ${charge.state}`);
    return;
  }
  if (charge === undefined) {
    found("lost", `${key}: told ${told.id}, and no ledger has it`);
    return;
  }
  const capture = form["capture"] !== "false";
  if (told.id !== charge.id) no(`the ledger has ${charge.id} instead of ${told.id}`);
  else if (!PAID.has(charge.state)) no(`${charge.id} is ${charge.state}`);
  else if (told.amount !== charge.amount || String(charge.amount) !== form["amount"]) {
    no(`asked ${form["amount"]}, told ${told.amount}, kept ${charge.amount}`);
  } else if (told.paid !== true || told.captured !== capture) no("it says unpaid or uncaptured");
}

function operationTold(
  { key, kind, charge: of, form }: Entry,
  { status, body }: Told,
  operation: LedgerOperation | undefined,
  found: Found,
): void {
  const told = bodyOf(body);
  const no = (why: string) => found("contradictory", `${key}: told ${status}, but ${why}`);
  if (status !== 200) {
    if (operation?.state === "succeeded") no(`${operation.kind} ${operation.id} succeeded`);
    return;
  }
  if (operation === undefined) {
    found("lost", `${key}: told of ${told.id}, and no ledger has the ${kind}`);
    return;
  }
  if (operation.charge !== of) no(`it is of ${operation.charge}, not ${of}`);
  const amount = form["amount"];
  if (amount !== undefined && String(operation.amount) !== amount) {
    no(`asked ${amount}, kept ${operation.amount}`);
  }
  if (kind === "capture") {
    if (operation.kind !== "capture" || operation.state !== "succeeded") {
      no(`the ledger has a ${operation.kind} that is ${operation.state}`);
    } else if (told.id !== of || told.amount_captured !== operation.amount) {
      no(`captured ${told.amount_captured} of ${told.id}, kept ${operation.amount}`);
    }
  } else if (told.id !== operation.id || told.amount !== operation.amount || told.charge !== of) {
    no(`the ledger has ${JSON.stringify(operation)}`);
  } else if (told.status !== operation.state) {
    no(`it is ${told.status}, kept as ${operation.state}`);
  }
}

function bodyOf(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return {};
  }
}
