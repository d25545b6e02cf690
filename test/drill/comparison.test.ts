// The comparison of the three books finds what is planted in any of them, and nothing in books that agree.

import { describe, expect, test } from "vitest";
import type { BankRow, Ledger, LedgerCharge, LedgerOperation } from "./books.ts";
import type { Entry } from "./client.ts";
import { compare, type Finding } from "./comparison.ts";

type Books = {
  entries: Entry[];
  charges: LedgerCharge[];
  operations: LedgerOperation[];
  bank: BankRow[];
  opened: Set<string>;
};

const merchant = { account: "acct_1", secret: "sk", publishable: "pk" };

const entry = (key: string, over: Partial<Entry>): Entry => ({
  key,
  merchant,
  kind: "charge",
  path: "/v1/charges",
  form: { amount: "1000", currency: "usd" },
  askedMs: 0,
  away: false,
  told: undefined,
  tries: 1,
  last: "",
  contradictions: [],
  ...over,
});

const told = (status: number, body: object): Entry["told"] => ({
  status,
  body: JSON.stringify(body),
  original: "req_1",
});

const charge = (id: string, key: string, over: Partial<LedgerCharge> = {}): LedgerCharge => ({
  id,
  account: "acct_1",
  key,
  state: "captured",
  amount: 1000,
  captured: 1000,
  refunded: 0,
  refunding: 0,
  ...over,
});

const booking = (of: string, over: Partial<BankRow> = {}): BankRow => ({
  id: `auth_${of}`,
  reference: `${of}.authorize.1`,
  amount: 1000,
  status: "approved",
  captured: 1000,
  refunded: 0,
  voided: false,
  ...over,
});

const operation = (
  id: string,
  of: string,
  over: Partial<LedgerOperation> = {},
): LedgerOperation => ({
  id,
  account: "acct_1",
  key: id,
  charge: of,
  kind: "refund",
  state: "succeeded",
  amount: 300,
  ...over,
});

/** A charge of each kind, as it is when all has gone well. */
function goodBooks(): Books {
  const paid = (id: string, captured = true) => ({ id, amount: 1000, paid: true, captured });
  const held = { amount: "1000", currency: "usd", capture: "false" };
  return {
    entries: [
      entry("sold", { told: told(200, paid("ch_sold")) }),
      entry("declined", { told: told(402, { error: { charge: "ch_declined" } }) }),
      entry("refunded", { told: told(200, paid("ch_refunded")) }),
      entry("re_1", {
        kind: "refund",
        charge: "ch_refunded",
        form: { charge: "ch_refunded", amount: "300" },
        told: told(200, { id: "re_1", amount: 300, charge: "ch_refunded", status: "succeeded" }),
      }),
      entry("re_2", {
        kind: "refund",
        charge: "ch_refunded",
        form: { charge: "ch_refunded", amount: "900" },
        told: told(400, { error: { code: "amount_too_large" } }),
      }),
      entry("held", { form: held, told: told(200, paid("ch_held", false)) }),
      entry("op_1", {
        kind: "capture",
        charge: "ch_held",
        form: { amount: "600" },
        told: told(200, { id: "ch_held", amount_captured: 600, captured: true }),
      }),
      entry("released", { form: held, told: told(200, paid("ch_released", false)) }),
      entry("re_3", {
        kind: "refund",
        charge: "ch_released",
        form: { charge: "ch_released" },
        told: told(200, { id: "re_3", amount: 1000, charge: "ch_released", status: "succeeded" }),
      }),
      entry("gone", { away: true }),
      entry("never arrived", { away: true }),
    ],
    charges: [
      charge("ch_sold", "sold"),
      charge("ch_declined", "declined", { state: "failed", captured: 0 }),
      charge("ch_refunded", "refunded", { refunded: 300 }),
      charge("ch_held", "held", { captured: 600 }),
      charge("ch_released", "released", { state: "released", captured: 0, refunded: 1000 }),
      charge("ch_gone", "gone"),
    ],
    operations: [
      operation("re_1", "ch_refunded"),
      operation("op_1", "ch_held", { kind: "capture", amount: 600 }),
      operation("re_3", "ch_released", { kind: "release", amount: 1000 }),
    ],
    bank: [
      booking("ch_sold"),
      booking("ch_declined", { status: "declined", captured: 0 }),
      booking("ch_refunded", { refunded: 300 }),
      booking("ch_held", { captured: 600 }),
      booking("ch_released", { captured: 0, voided: true }),
      booking("ch_gone"),
    ],
    opened: new Set(
      ["sold", "declined", "refunded", "held", "released", "gone"].map(
        (name) => `ch_${name}.authorize.1`,
      ),
    ),
  };
}

function findings(spoil: (books: Books) => void = () => {}): Finding[] {
  const books = goodBooks();
  spoil(books);
  const ledger: Ledger = { charges: books.charges, operations: books.operations };
  return compare(books.entries, ledger, books.bank, books.opened);
}

/** Puts other values into the row of that id, or of that key. */
function alter<T extends object>(rows: T[], name: string, over: Partial<T>): void {
  const i = rows.findIndex((row) => Object.values(row).includes(name));
  if (i < 0) throw new Error(`there is no ${name}`);
  rows[i] = { ...(rows[i] as T), ...over };
}

function remove<T extends object>(rows: T[], name: string): void {
  const i = rows.findIndex((row) => Object.values(row).includes(name));
  if (i < 0) throw new Error(`there is no ${name}`);
  rows.splice(i, 1);
}

test("books that agree have no findings", () => {
  expect(findings()).toEqual([]);
});

type Plant = readonly [what: RegExp, plant: (books: Books) => void];

const PLANTED: Record<Finding["kind"], Record<string, Plant>> = {
  double: {
    "two approvals of one charge": [
      /2 approvals/,
      ({ bank }) => bank.push(booking("ch_sold", { id: "auth_2" })),
    ],
    "two charges of one key": [
      /made ch_sold and ch_again/,
      ({ charges, bank }) => {
        charges.push(charge("ch_again", "sold"));
        bank.push(booking("ch_again"));
      },
    ],
    "two captures of one charge": [
      /captured 2 times/,
      ({ entries, operations }) => {
        entries.push(entry("op_2", { kind: "capture", away: true }));
        operations.push(operation("op_2", "ch_held", { kind: "capture", amount: 600 }));
      },
    ],
  },
  lost: {
    "an acknowledged charge that no ledger has": [
      /told ch_sold, and no ledger/,
      ({ charges, bank }) => {
        remove(charges, "ch_sold");
        remove(bank, "auth_ch_sold");
      },
    ],
    "a captured charge that the bank never approved": [
      /no approval/,
      ({ bank }) => remove(bank, "auth_ch_sold"),
    ],
    "a capture that the bank has not made": [
      /captured 600, at the bank 0/,
      ({ bank }) => alter(bank, "auth_ch_held", { captured: 0 }),
    ],
    "an approval of a charge that no ledger has": [
      /booked 1 for ch_unheard/,
      ({ bank }) => bank.push(booking("ch_unheard")),
    ],
    "an acknowledged refund that no ledger has": [
      /told of re_1/,
      ({ charges, operations, bank }) => {
        remove(operations, "re_1");
        alter(charges, "ch_refunded", { refunded: 0 });
        alter(bank, "auth_ch_refunded", { refunded: 0 });
      },
    ],
  },
  contradictory: {
    "two answers to one key that differ": [
      /first 200, then 402/,
      ({ entries }) => alter(entries, "sold", { contradictions: ["first 200, then 402"] }),
    ],
    "an answer of another charge": [
      /ch_sold instead of ch_gone/,
      ({ entries }) => alter(entries, "sold", { told: told(200, { id: "ch_gone" }) }),
    ],
    "an answer of another amount": [
      /told 999, kept 1000/,
      ({ entries }) =>
        alter(entries, "sold", { told: told(200, { id: "ch_sold", amount: 999, paid: true }) }),
    ],
    "a charge kept with another amount than was asked": [
      /asked 1001/,
      ({ entries }) => alter(entries, "sold", { form: { amount: "1001" } }),
    ],
    "an answer that says uncaptured": [
      /unpaid or uncaptured/,
      ({ entries }) =>
        alter(entries, "sold", {
          told: told(200, { id: "ch_sold", amount: 1000, paid: true, captured: false }),
        }),
    ],
    "an approval of a charge that failed": [
      /told 200, but ch_sold is failed/,
      ({ charges, bank }) => {
        alter(charges, "ch_sold", { state: "failed", captured: 0 });
        alter(bank, "auth_ch_sold", { status: "declined", captured: 0 });
      },
    ],
    "a decline of a charge that was captured": [
      /the ledger has captured/,
      ({ entries }) =>
        alter(entries, "sold", { told: told(402, { error: { charge: "ch_sold" } }) }),
    ],
    "a decline of another charge": [
      /of ch_sold, not ch_declined/,
      ({ entries }) =>
        alter(entries, "declined", { told: told(402, { error: { charge: "ch_sold" } }) }),
    ],
    "a refusal of a charge that was made": [
      /told 400, but ch_sold is captured/,
      ({ entries }) => alter(entries, "sold", { told: told(400, { error: {} }) }),
    ],
    "a failed charge that the bank approved": [
      /the bank approved it/,
      ({ bank }) => alter(bank, "auth_ch_declined", { status: "approved" }),
    ],
    "another amount at the bank": [
      /at the bank .*999/,
      ({ bank }) => alter(bank, "auth_ch_sold", { captured: 999 }),
    ],
    "a refund that only the bank has": [
      /"refunded":0.*at the bank .*"refunded":1/,
      ({ bank }) => alter(bank, "auth_ch_sold", { refunded: 1 }),
    ],
    "a release that the bank has not made": [
      /"voided":true.*at the bank .*"voided":false/,
      ({ bank }) => alter(bank, "auth_ch_released", { voided: false }),
    ],
    "refunds that do not sum to what the charge says": [
      /sum to 299, the charge says 300/,
      ({ operations }) => alter(operations, "re_1", { amount: 299 }),
    ],
    "a capture of another amount than its charge": [
      /captured 600, its capture 500/,
      ({ operations }) => alter(operations, "op_1", { amount: 500 }),
    ],
    "a refund told as made that failed": [
      /succeeded, kept as failed/,
      ({ operations, charges, bank }) => {
        alter(operations, "re_1", { state: "failed" });
        alter(charges, "ch_refunded", { refunded: 0 });
        alter(bank, "auth_ch_refunded", { refunded: 0 });
      },
    ],
    "a refund told as refused that was made": [
      /told 400, but refund re_2 succeeded/,
      ({ operations, charges, bank }) => {
        operations.push(operation("re_2", "ch_refunded", { amount: 100 }));
        alter(charges, "ch_refunded", { refunded: 400 });
        alter(bank, "auth_ch_refunded", { refunded: 400 });
      },
    ],
    "a refund of another charge than was asked": [
      /it is of ch_refunded, not ch_gone/,
      ({ entries }) => alter(entries, "re_1", { charge: "ch_gone" }),
    ],
    "a refund kept with another amount than was asked": [
      /asked 200, kept 300/,
      ({ entries }) => alter(entries, "re_1", { form: { amount: "200" } }),
    ],
    "a refund told under another name": [
      /the ledger has .*re_1/,
      ({ entries }) =>
        alter(entries, "re_1", {
          told: told(200, { id: "re_7", amount: 300, charge: "ch_refunded", status: "succeeded" }),
        }),
    ],
    "a capture told of another amount": [
      /captured 700 of ch_held, kept 600/,
      ({ entries }) =>
        alter(entries, "op_1", { told: told(200, { id: "ch_held", amount_captured: 700 }) }),
    ],
    "a capture told that is none": [
      /the ledger has a refund that is succeeded/,
      ({ operations }) => alter(operations, "op_1", { kind: "refund" }),
    ],
    "a charge that nobody asked for": [
      /nobody asked for it/,
      ({ charges, bank }) => {
        charges.push(charge("ch_unasked", "unasked"));
        bank.push(booking("ch_unasked"));
      },
    ],
  },
  "over-refund": {
    "more given back than taken, in the ledger": [
      /refunded 1001/,
      ({ charges, operations }) => {
        alter(charges, "ch_refunded", { refunded: 1001 });
        alter(operations, "re_1", { amount: 1001 });
      },
    ],
    "more given back than taken, at the bank": [
      /and 601/,
      ({ bank }) => alter(bank, "auth_ch_held", { refunded: 601 }),
    ],
  },
  unfinished: {
    "a key without an answer whose client waits": [
      /waiting has no answer/,
      ({ entries }) => entries.push(entry("waiting", {})),
    ],
    "an open charge": [
      /ch_gone is opened/,
      ({ charges }) => alter(charges, "ch_gone", { state: "opened", captured: 0 }),
    ],
    "a charge that is being captured": [
      /ch_held is capturing/,
      ({ charges }) => alter(charges, "ch_held", { state: "capturing" }),
    ],
    "an open refund": [
      /refund re_9 is open/,
      ({ operations, entries }) => {
        operations.push(operation("re_9", "ch_gone", { state: "opened" }));
        entries.push(entry("re_9", { kind: "refund", away: true }));
      },
    ],
    "a refund that still holds money": [
      /a refund of ch_gone is open/,
      ({ charges }) => alter(charges, "ch_gone", { refunding: 5 }),
    ],
  },
  unlogged: {
    "a card that was charged, of which the audit log knows nothing": [
      /auth_ch_sold for ch_sold.authorize.1/,
      ({ opened }) => opened.delete("ch_sold.authorize.1"),
    ],
    "a card that was declined, of which the audit log knows nothing": [
      /auth_ch_declined for/,
      ({ opened }) => opened.delete("ch_declined.authorize.1"),
    ],
    "a booking for no order": [
      /auth_ch_gone for null/,
      ({ bank }) => alter(bank, "auth_ch_gone", { reference: null }),
    ],
  },
};

describe.each(Object.entries(PLANTED))("%s is found:", (kind, plants) => {
  test.each(Object.entries(plants))("%s", (_, [what, plant]) => {
    const found = findings((books) => void plant(books)).filter((one) => one.kind === kind);
    expect(found.map((one) => one.what)).toContainEqual(expect.stringMatching(what));
  });
});
