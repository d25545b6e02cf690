// The judge of how intents end finds what is planted in anything that is seen of them, and nothing where all agree.

import { describe, expect, test } from "vitest";
import type { BankRow, LedgerCharge, LedgerOperation } from "./books.ts";
import {
  type Charge,
  END_EVENTS,
  type Ending,
  faultsIn,
  type Intent,
  type Seen,
} from "./endings.ts";
import type { Plot } from "./stories.ts";

const AMOUNT = 1000;
const PAID = "pi_paid";
const FAILED = "pi_failed";
const SET_UP = "seti_done";
const NOT_SET_UP = "seti_failed";
const LATER = "pi_later";

type Planted = {
  endings: Ending[];
  answers: Seen["answers"][number][];
  later: Seen["later"][number][];
  events: Map<string, string[]>;
  methods: string[];
  charges: LedgerCharge[];
  operations: LedgerOperation[];
  bank: BankRow[];
};

const plot = (type: Plot["type"], ends: Plot["ends"]): Plot => ({
  type,
  card: "pm_card_x",
  answers: ["complete"],
  ends,
});

function ending(id: string, status: Plot["ends"][number], over: Partial<Intent> = {}): Ending {
  const type = id.startsWith("pi_") ? "payment_intent" : "setup_intent";
  const charges: Charge[] =
    type === "setup_intent"
      ? []
      : [
          {
            id: chargeOf(id),
            status: status === "succeeded" ? "succeeded" : "failed",
            amount: AMOUNT,
          },
        ];
  const latest = type === "setup_intent" ? {} : { latest_charge: chargeOf(id) };
  const intent = { id, status, payment_method: `pm_${id}`, ...latest, ...over };
  return { account: "acct_1", plot: plot(type, [status]), id, told: status, intent, charges };
}

const chargeOf = (intent: string): string => intent.replace("pi_", "ch_");

const kept = (id: string, state: LedgerCharge["state"]): LedgerCharge => ({
  id,
  account: "acct_1",
  key: id,
  state,
  amount: AMOUNT,
  captured: state === "captured" ? AMOUNT : 0,
  refunded: 0,
  refunding: 0,
});

const booking = (of: string, status: "approved" | "declined"): BankRow => ({
  id: `auth_${of}`,
  reference: `${of}.authorize.1`,
  amount: AMOUNT,
  status,
  captured: status === "approved" ? AMOUNT : 0,
  refunded: 0,
  voided: false,
});

/** Payments and setups of both ends, and a payment with what was set up, as they are when all has gone well. */
function allWell(): Planted {
  const standing = (id: string, status: string) => ({ id, status });
  const { payment_intent: payment, setup_intent: setup } = END_EVENTS;
  return {
    endings: [
      ending(PAID, "succeeded"),
      ending(FAILED, "requires_payment_method"),
      ending(SET_UP, "succeeded"),
      ending(NOT_SET_UP, "requires_payment_method"),
      ending(LATER, "succeeded", { payment_method: `pm_${SET_UP}` }),
    ],
    answers: [
      { key: "a1", first: standing(PAID, "succeeded"), now: standing(PAID, "succeeded") },
      { key: "a2", first: standing(SET_UP, "succeeded"), now: standing(SET_UP, "succeeded") },
    ],
    later: [{ setup: SET_UP, status: "succeeded", body: "{}" }],
    events: new Map([
      [payment.succeeded, [PAID, LATER]],
      [payment.requires_payment_method, [FAILED]],
      [setup.succeeded, [SET_UP]],
      [setup.requires_payment_method, [NOT_SET_UP]],
    ]),
    methods: [`pm_${SET_UP}`],
    charges: [
      kept("ch_paid", "captured"),
      kept("ch_failed", "failed"),
      kept("ch_later", "captured"),
    ],
    operations: [],
    bank: [
      booking("ch_paid", "approved"),
      booking("ch_failed", "declined"),
      booking("ch_later", "approved"),
    ],
  };
}

function faults(plant: (seen: Planted) => void = () => {}): string[] {
  const seen = allWell();
  plant(seen);
  const { endings, answers, later, events, methods, charges, operations, bank } = seen;
  const shops = [{ account: "acct_1", events, methods }];
  return faultsIn({ endings, answers, later, shops, ledger: { charges, operations }, bank });
}

/** Puts other values into the row of that id. */
function alter<T extends { readonly id: string }>(rows: T[], id: string, over: Partial<T>): void {
  const i = rows.findIndex((row) => row.id === id);
  if (i < 0) throw new Error(`there is no ${id}`);
  rows[i] = { ...(rows[i] as T), ...over };
}

function show({ endings }: Planted, id: string, over: Partial<Intent>): void {
  const found = endings.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  alter(endings, id, { intent: { ...found.intent, ...over } });
}

function remove<T extends { readonly id: string }>(rows: T[], id: string): void {
  const i = rows.findIndex((row) => row.id === id);
  if (i < 0) throw new Error(`there is no ${id}`);
  rows.splice(i, 1);
}

const unsaid = ({ events }: Planted, name: string) => events.set(name, []);
const { payment_intent: payment, setup_intent: setup } = END_EVENTS;

type Plant = readonly [fault: RegExp, plant: (seen: Planted) => void];

const PLANTED: Readonly<Record<string, Plant>> = {
  "a payment that the bank booked twice": [
    /^ch_paid has 2 authorizations$/,
    ({ bank }) => bank.push({ ...booking("ch_paid", "approved"), id: "auth_2" }),
  ],
  "a payment that has two paid charges": [
    /^pi_paid is succeeded with 2 charges, 2 of them paid$/,
    ({ endings, charges, bank }) => {
      const [one] = endings[0]?.charges ?? [];
      if (one === undefined) throw new Error("there is no charge");
      alter(endings, PAID, { charges: [one, { ...one, id: "ch_again" }] });
      charges.push(kept("ch_again", "captured"));
      bank.push(booking("ch_again", "approved"));
    },
  ],
  "a payment that the bank booked, and no intent has": [
    /^ch_stray is of no intent$/,
    ({ bank }) => bank.push(booking("ch_stray", "approved")),
  ],
  "a booking for no order": [
    /^auth_ch_paid is of no intent$/,
    ({ bank }) => alter(bank, "auth_ch_paid", { reference: null }),
  ],
  "a charge in the ledger that no intent has": [
    /^ch_stray is of no intent$/,
    ({ charges }) => charges.push(kept("ch_stray", "captured")),
  ],
  "a paid charge that the bank knows nothing of": [
    /^ch_paid has 0 authorizations$/,
    ({ bank }) => remove(bank, "auth_ch_paid"),
  ],
  "a paid charge that the bank declined": [
    /^ch_paid is succeeded, at the bank declined with 1000 of 1000$/,
    ({ bank }) => alter(bank, "auth_ch_paid", { status: "declined" }),
  ],
  "a paid charge that the bank did not capture": [
    /^ch_paid is succeeded, at the bank approved with 0 of 1000$/,
    ({ bank }) => alter(bank, "auth_ch_paid", { captured: 0 }),
  ],
  "a failed charge that the bank approved": [
    /^ch_failed is failed, at the bank approved with 0 of 1000$/,
    ({ bank }) => alter(bank, "auth_ch_failed", { status: "approved" }),
  ],
  "a charge that was answered and that no ledger has": [
    /^ch_paid has 0 rows in the ledgers$/,
    ({ charges }) => remove(charges, "ch_paid"),
  ],
  "a charge that was answered and is gone from everywhere": [
    /^pi_paid is succeeded with 0 charges, 0 of them paid$/,
    ({ endings, charges, bank }) => {
      alter(endings, PAID, { charges: [] });
      remove(charges, "ch_paid");
      remove(bank, "auth_ch_paid");
    },
  ],
  "a charge that both ledgers have": [
    /^ch_paid has 2 rows in the ledgers$/,
    ({ charges }) => charges.push(kept("ch_paid", "captured")),
  ],
  "a charge of another amount in the ledger": [
    /^ch_paid is succeeded with 1000, in the ledger captured with 999$/,
    ({ charges }) => alter(charges, "ch_paid", { amount: 999 }),
  ],
  "a charge that is still open": [
    /^ch_paid is succeeded with 1000, in the ledger opened with 1000$/,
    ({ charges }) => alter(charges, "ch_paid", { state: "opened" }),
  ],
  "a failed charge that is held": [
    /^ch_failed is failed with 1000, in the ledger authorized with 1000$/,
    ({ charges }) => alter(charges, "ch_failed", { state: "authorized" }),
  ],
  "a charge that is shown as pending": [
    /^ch_failed is pending with 1000, in the ledger failed with 1000$/,
    ({ endings }) =>
      alter(endings, FAILED, {
        charges: [{ id: "ch_failed", status: "pending", amount: AMOUNT }],
      }),
  ],
  "an operation that is still open": [
    /^the release re_1 of ch_failed is open$/,
    ({ operations }) =>
      operations.push({
        id: "re_1",
        account: "acct_1",
        key: "re_1",
        charge: "ch_failed",
        kind: "release",
        state: "opened",
        amount: AMOUNT,
      }),
  ],
  "an intent that is still under way": [
    /^pi_paid of pm_card_x ended as processing$/,
    (seen) => show(seen, PAID, { status: "processing" }),
  ],
  "an intent whose cardholder is still asked": [
    /^seti_done of pm_card_x ended as requires_action$/,
    (seen) => show(seen, SET_UP, { status: "requires_action" }),
  ],
  "an end that the story does not have": [
    /^pi_failed of pm_card_x ended as succeeded$/,
    (seen) => show(seen, FAILED, { status: "succeeded" }),
  ],
  "an end that is not the one that was told": [
    /^pi_paid was told to be requires_payment_method and is succeeded$/,
    ({ endings }) => alter(endings, PAID, { told: "requires_payment_method" }),
  ],
  "an intent that names another charge than its own": [
    /^pi_paid has ch_paid and names ch_later$/,
    (seen) => show(seen, PAID, { latest_charge: "ch_later" }),
  ],
  "an intent that names no charge and has one": [
    /^pi_paid has ch_paid and names null$/,
    (seen) => show(seen, PAID, { latest_charge: null }),
  ],
  "a failed payment with a paid charge": [
    /^pi_failed is requires_payment_method with 1 charges, 1 of them paid$/,
    ({ endings }) =>
      alter(endings, FAILED, {
        charges: [{ id: "ch_failed", status: "succeeded", amount: AMOUNT }],
      }),
  ],
  "a cardholder who is told something else later": [
    /^a1: pi_paid was succeeded, then requires_payment_method$/,
    ({ answers }) => {
      answers[0] = {
        key: "a1",
        first: { id: PAID, status: "succeeded" },
        now: { id: PAID, status: "requires_payment_method" },
      };
    },
  ],
  "a cardholder who is told of another intent later": [
    /^a1: pi_paid was/,
    ({ answers }) => {
      answers[0] = {
        key: "a1",
        first: { id: PAID, status: "succeeded" },
        now: { id: LATER, status: "succeeded" },
      };
    },
  ],
  "a payment without its event": [
    /^pi_paid is succeeded and has 0 events payment_intent.succeeded$/,
    (seen) => unsaid(seen, payment.succeeded),
  ],
  "a setup without its event": [
    /^seti_failed is requires_payment_method and has 0 events setup_intent.setup_failed$/,
    (seen) => unsaid(seen, setup.requires_payment_method),
  ],
  "an end that is told twice": [
    /^pi_paid is succeeded and has 2 events payment_intent.succeeded$/,
    ({ events }) => events.get(payment.succeeded)?.push(PAID),
  ],
  "two ends that are told": [
    /^seti_done is succeeded and has 1 events setup_intent.setup_failed$/,
    ({ events }) => events.get(setup.requires_payment_method)?.push(SET_UP),
  ],
  "a method that was set up and is not kept": [
    /^seti_done succeeded, and pm_seti_done is nobody's$/,
    ({ methods }) => methods.pop(),
  ],
  "a method that is kept and was not set up": [
    /^pm_seti_failed is kept, and no setup of it succeeded$/,
    ({ methods }) => methods.push(`pm_${NOT_SET_UP}`),
  ],
  "a method that cannot be charged later": [
    /^seti_done succeeded, and pm_seti_done cannot be charged: declined$/,
    ({ later }) => {
      later[0] = { setup: SET_UP, status: "requires_payment_method", body: "declined" };
    },
  ],
  "a method that nobody tried to charge later": [
    /^seti_done succeeded, and pm_seti_done cannot be charged: undefined$/,
    ({ later }) => later.pop(),
  ],
};

test("where all agree there is no fault", () => {
  expect(faults()).toEqual([]);
});

describe("a fault that was planted is found:", () => {
  test.each(Object.entries(PLANTED))("%s", (_, [fault, plant]) => {
    expect(faults((seen) => void plant(seen))).toContainEqual(expect.stringMatching(fault));
  });
});
