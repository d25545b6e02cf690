import { describe, expect, test } from "vitest";
import {
  type Intents,
  type JournalEntry,
  newProjection,
  type Posting,
  project,
} from "../../protocol/projection.ts";
import { USUAL_TERMS } from "../../protocol/terms.ts";

const DAY = 20_000;
const INTENTS: Intents = {
  terms: { ...USUAL_TERMS, fee_bps: 250, fee_fixed: { usd: 3 } },
  charge: (id) =>
    id.startsWith("ch_")
      ? {
          amount: 100,
          currency: "usd",
          capture: id !== "ch_hold",
          availableNow: id === "ch_now",
        }
      : undefined,
  operation: (id) => {
    const [, operation, charge] =
      /^(refund|capture|release|increment)_(ch_\w+?)\d*$/.exec(id) ?? [];
    if (operation === undefined || charge === undefined) return undefined;
    const amount = { refund: 60, increment: 40 }[operation] ?? 100;
    return {
      operation: operation as "refund" | "capture" | "release" | "increment",
      charge,
      amount,
      currency: "usd",
    };
  },
};

// 2.5 % and 3 cents, and the rest in two days.
const SALE: Posting = {
  debit: "processor",
  credit: "merchant",
  amount: 100,
  currency: "usd",
  fee: 6,
  availableOn: DAY + 2,
};
const BACK: Posting = {
  debit: "merchant",
  credit: "processor",
  amount: 60,
  currency: "usd",
  fee: 0,
  availableOn: null,
};

type Told = Partial<JournalEntry> & Pick<JournalEntry, "type" | "subject">;
const opened = (subject: string): Told => ({ type: 1, subject });
const sold = { type: 2, subject: "ch_sale", posting: SALE, captured: 100, refunded: 0 };
const held = { type: 2, subject: "ch_hold", captured: 0, refunded: 0 };
const begun = (subject: string): Told => ({ type: 4, subject });

/** Numbers the entries and takes them in; the first that cannot follow ends it. */
function replay(entries: readonly Told[]) {
  const state = newProjection();
  for (const [i, entry] of entries.entries()) {
    const nothing = { day: DAY, posting: null, captured: null, refunded: null };
    const taken = project(state, { seq: i + 1, ...nothing, ...entry }, INTENTS);
    if (!taken.ok) return { state, why: taken.failure, at: i + 1 };
  }
  return { state, why: undefined, at: undefined };
}

const paid = [opened("ch_sale"), sold];
const refunded = [
  ...paid,
  begun("refund_ch_sale1"),
  { type: 6, subject: "refund_ch_sale1", posting: BACK },
  { type: 7, subject: "ch_sale", captured: 100, refunded: 60 },
];
const given = { ...SALE, fee: 0, availableOn: null } as const;
const backAgain = { type: 81, subject: "refund_ch_sale1", posting: { ...given, amount: 60 } };

describe("a journal", () => {
  test("that is whole rebuilds charges, operations and balances", () => {
    const { state, why } = replay([
      opened("ch_sale"),
      sold,
      begun("refund_ch_sale1"),
      { type: 6, subject: "refund_ch_sale1", posting: BACK },
      { type: 7, subject: "ch_sale", captured: 100, refunded: 60 },
      opened("ch_hold"),
      held,
      begun("release_ch_hold1"),
      { type: 8, subject: "release_ch_hold1" },
      begun("capture_ch_hold2"),
      { type: 5, subject: "ch_hold", posting: SALE, captured: 100, refunded: 0 },
      { type: 10, subject: "cus_1" },
      { type: 12, subject: "cus_1" },
    ]);
    expect(why).toBeUndefined();
    expect(Object.fromEntries(state.charges)).toMatchObject({
      ch_sale: { state: "captured", captured: 100, refunded: 60, refunding: 0, balanceSeq: 2 },
      ch_hold: { state: "captured", captured: 100, balanceSeq: 11, busyWith: null },
    });
    expect(Object.fromEntries(state.operations)).toEqual({
      refund_ch_sale1: { state: "succeeded", seq: 4, balanceSeq: 4, reversedSeq: null },
      release_ch_hold1: { state: "failed", seq: 9, balanceSeq: null, reversedSeq: null },
      capture_ch_hold2: { state: "succeeded", seq: 11, balanceSeq: 11, reversedSeq: null },
    });
    expect(Object.fromEntries(state.balances)).toEqual({
      "processor/usd": -140,
      "merchant/usd": 128,
      "fees/usd": 12,
    });
    expect(Object.fromEntries(state.freed)).toEqual({ [`usd/${DAY + 2}`]: 188 });
    expect(state.customers.get("cus_1")).toBe(true);
  });

  test("in which more is held adds up what was approved, and may be captured then", () => {
    const told = { type: 13, subject: "ch_hold", captured: 0, refunded: 0 };
    const { state, why } = replay([
      opened("ch_hold"),
      held,
      begun("increment_ch_hold1"),
      told,
      begun("increment_ch_hold2"),
      { type: 14, subject: "increment_ch_hold2" },
      begun("increment_ch_hold3"),
      told,
      begun("capture_ch_hold4"),
    ]);
    expect(why).toBeUndefined();
    expect(state.charges.get("ch_hold")).toMatchObject({ state: "capturing", raised: 80 });
    expect([...state.operations.values()].map((o) => [o.state, o.seq, o.balanceSeq])).toEqual([
      ["succeeded", 4, null],
      ["failed", 6, null],
      ["succeeded", 8, null],
      ["opened", null, null],
    ]);
    expect(state.balances.size).toBe(0);
  });

  test("in which a refund came back leaves the charge to be refunded again", () => {
    const { state, why } = replay([
      ...refunded,
      backAgain,
      begun("refund_ch_sale2"),
      { type: 6, subject: "refund_ch_sale2", posting: BACK },
      { type: 7, subject: "ch_sale", captured: 100, refunded: 60 },
    ]);
    expect(why).toBeUndefined();
    expect(state.charges.get("ch_sale")).toMatchObject({ captured: 100, refunded: 60 });
    expect(state.operations.get("refund_ch_sale1")).toMatchObject({ reversedSeq: 6 });
    expect(state.balances.get("merchant/usd")).toBe(34);
  });

  test("in which a dispute is lost or won moves its money there and back", () => {
    const taken = { ...given, debit: "merchant", credit: "processor" } as const;
    const disputed = [...paid, { type: 50, subject: "dp_1", posting: taken }];
    expect(replay(disputed).state.balances.get("merchant/usd")).toBe(-6);
    const won = replay([...disputed, { type: 52, subject: "dp_1", posting: given }]);
    expect(won.why).toBeUndefined();
    expect(won.state.balances.get("merchant/usd")).toBe(94);
  });

  const authorized = [opened("ch_hold"), held];
  test.each<[string, Told[], RegExp]>([
    ["takes a refund back twice", [...refunded, backAgain, backAgain], /only once/],
    [
      "takes back a part of a refund",
      [...refunded, { ...backAgain, posting: { ...given, amount: 59 } }],
      /as it was made/,
    ],
    [
      "takes back what was never given",
      [...paid, { ...backAgain, subject: "refund_ch_sale1" }],
      /no such refund/,
    ],
    ["skips a number", [{ ...opened("ch_sale"), seq: 2 }], /follows 0/],
    ["has a type nobody knows", [{ type: 99, subject: "ch_sale" }], /no type 99/],
    ["opens what nobody asked for", [opened("nothing")], /no such charge/],
    ["opens twice", [opened("ch_sale"), opened("ch_sale")], /open already/],
    ["closes what is not open", [sold], /no such charge/],
    ["closes twice", [...paid, sold], /captured cannot sell/],
    [
      "sells without a posting",
      [opened("ch_sale"), { ...sold, posting: null }],
      /posting must move/,
    ],
    ["posts another amount", [opened("ch_sale"), { ...sold, posting: BACK }], /posting must move/],
    [
      "charges another fee",
      [opened("ch_sale"), { ...sold, posting: { ...SALE, fee: 5 } }],
      /fee of the posting must be 6, and it is 5/,
    ],
    [
      "frees the money a day too early",
      [opened("ch_sale"), { ...sold, posting: { ...SALE, availableOn: DAY + 1 } }],
      /free on day 20002, and does on day 20001/,
    ],
    [
      "holds back what is there at once",
      [opened("ch_now"), { ...sold, subject: "ch_now" }],
      /free on its own day, and does on day 20002/,
    ],
    [
      "gives back the fee",
      [
        ...paid,
        begun("refund_ch_sale1"),
        { type: 6, subject: "refund_ch_sale1", posting: { ...BACK, fee: 6 } },
      ],
      /fee of the posting must be 0/,
    ],
    ["posts a hold", [opened("ch_hold"), { ...held, posting: SALE }], /for no reason/],
    ["tells another total", [opened("ch_sale"), { ...sold, captured: 99 }], /is told as 99/],
    [
      "refunds more than was taken",
      [...paid, begun("refund_ch_sale1"), begun("refund_ch_sale2")],
      /more is refunded/,
    ],
    ["refunds what was not taken", [...authorized, begun("refund_ch_hold1")], /not refunded/],
    [
      "ends an operation twice",
      [
        ...paid,
        begun("refund_ch_sale1"),
        { type: 8, subject: "refund_ch_sale1" },
        { type: 8, subject: "refund_ch_sale1" },
      ],
      /does not end again/,
    ],
    [
      "begins two captures",
      [...authorized, begun("capture_ch_hold1"), begun("capture_ch_hold2")],
      /capturing cannot begin_capture/,
    ],
    [
      "captures while more is asked for",
      [...authorized, begun("increment_ch_hold1"), begun("capture_ch_hold2")],
      /incrementing cannot begin_capture/,
    ],
    ["adds to what was taken", [...paid, begun("increment_ch_sale1")], /cannot begin_increment/],
    [
      "adds what nobody asked for",
      [...authorized, { type: 13, subject: "ch_hold", captured: 0, refunded: 0 }],
      /no increment is under way/,
    ],
    [
      "moves money with an increment",
      [
        ...authorized,
        begun("increment_ch_hold1"),
        { type: 13, subject: "ch_hold", captured: 0, refunded: 0, posting: SALE },
      ],
      /for no reason/,
    ],
    ["captures unasked", [...authorized, { ...sold, type: 5, subject: "ch_hold" }], /under way/],
    ["changes a customer who is deleted", [{ type: 11, subject: "cus_1" }], /no such customer/],
  ])("that %s is refused there", (_, entries, why) => {
    const refused = replay(entries);
    expect(refused.why).toMatch(why);
    expect(refused.at).toBe(entries.length);
  });
});
