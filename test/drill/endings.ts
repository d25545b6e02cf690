// How the intents of a drill ended, held against what their stories allow, against the events, the customers' methods,
// the ledgers and the bank's book. Pure, so that its own test can show that it finds what is planted.

import type { BankRow, Ledger, LedgerCharge } from "./books.ts";
import type { Plot } from "./stories.ts";

export type Charge = {
  readonly id: string;
  readonly status: "succeeded" | "failed" | "pending";
  readonly amount: number;
};
export type Intent = {
  readonly id: string;
  readonly status: string;
  readonly payment_method: string | null;
  readonly latest_charge?: string | null;
};

export type Ending = {
  readonly account: string;
  readonly plot: Plot;
  readonly id: string;
  /** The status that the last answer of its story told. */
  readonly told: string;
  /** As it is shown now. */
  readonly intent: Intent;
  /** Of a payment intent. */
  readonly charges: readonly Charge[];
};

type Standing = Pick<Intent, "id" | "status">;

export type Seen = {
  readonly endings: readonly Ending[];
  /** What cardholders were told first, and when they asked again. */
  readonly answers: readonly {
    readonly key: string;
    readonly first: Standing;
    readonly now: Standing;
  }[];
  /** What became of a payment with the method of each setup that succeeded. */
  readonly later: readonly {
    readonly setup: string;
    readonly status: string;
    readonly body: string;
  }[];
  readonly shops: readonly Shop[];
  readonly ledger: Ledger;
  readonly bank: readonly BankRow[];
};

type Shop = {
  readonly account: string;
  /** The intents that the events of a name are about. */
  readonly events: ReadonlyMap<string, readonly string[]>;
  /** The methods of its customer. */
  readonly methods: readonly string[];
};

/** An end has one event, and there is no other end. */
export const END_EVENTS = {
  payment_intent: {
    succeeded: "payment_intent.succeeded",
    requires_payment_method: "payment_intent.payment_failed",
  },
  setup_intent: {
    succeeded: "setup_intent.succeeded",
    requires_payment_method: "setup_intent.setup_failed",
  },
} as const;

/** All that is not as it should be, in words. */
export function faultsIn(seen: Seen): string[] {
  return [
    ...seen.endings.flatMap(wrongEnd),
    ...seen.endings.flatMap(wrongCharges),
    ...seen.answers
      .filter(({ first, now }) => now.id !== first.id || now.status !== first.status)
      .map(({ key, first, now }) => `${key}: ${first.id} was ${first.status}, then ${now.status}`),
    ...seen.shops.flatMap((shop) => {
      const own = seen.endings.filter(({ account }) => account === shop.account);
      return [...wrongEvents(shop, own), ...wrongMethods(shop, own, seen.later)];
    }),
    ...wrongBooks(seen),
  ];
}

function wrongEnd({ plot, id, told, intent: { status } }: Ending): string[] {
  return [
    ...(plot.ends.some((end) => end === status)
      ? []
      : [`${id} of ${plot.card} ended as ${status}`]),
    ...(status === told ? [] : [`${id} was told to be ${told} and is ${status}`]),
  ];
}

/** A payment that succeeded has one charge that is paid, and a failed one no more than one, which is not. */
function wrongCharges({ plot, id, intent, charges }: Ending): string[] {
  if (plot.type !== "payment_intent") return [];
  const { status, latest_charge: latest } = intent;
  const faults: string[] = [];
  const paid = charges.filter((charge) => charge.status === "succeeded").length;
  if (paid !== (status === "succeeded" ? 1 : 0) || charges.length > 1) {
    faults.push(`${id} is ${status} with ${charges.length} charges, ${paid} of them paid`);
  }
  if (latest !== undefined && latest !== (charges[0]?.id ?? null)) {
    faults.push(`${id} has ${charges[0]?.id} and names ${latest}`);
  }
  return faults;
}

/** Each intent has the event of its end once, and the event of no other end. */
function wrongEvents({ events }: Shop, own: readonly Ending[]): string[] {
  return own.flatMap(({ plot, id, intent: { status } }) =>
    Object.entries(END_EVENTS[plot.type]).flatMap(([end, name]) => {
      const count = (events.get(name) ?? []).filter((of) => of === id).length;
      return count === (status === end ? 1 : 0)
        ? []
        : [`${id} is ${status} and has ${count} events ${name}`];
    }),
  );
}

/** Methods of setups that ended well are the customer's and can be charged without him; no others are his. */
function wrongMethods({ methods }: Shop, own: readonly Ending[], later: Seen["later"]): string[] {
  const ready = own.filter(
    ({ plot, intent }) => plot.type === "setup_intent" && intent.status === "succeeded",
  );
  const isReady = (method: string) => ready.some(({ intent }) => intent.payment_method === method);
  return [
    ...ready.flatMap(({ id, intent: { payment_method: method } }) => {
      const paid = later.find(({ setup }) => setup === id);
      return [
        ...(methods.includes(method ?? "") ? [] : [`${id} succeeded, and ${method} is nobody's`]),
        ...(paid?.status === "succeeded"
          ? []
          : [`${id} succeeded, and ${method} cannot be charged: ${paid?.body}`]),
      ];
    }),
    ...methods
      .filter((method) => !isReady(method))
      .map((method) => `${method} is kept, and no setup of it succeeded`),
  ];
}

/** The bank has one authorization for each charge, the ledgers one row, and neither has any other. */
function wrongBooks({ endings, ledger, bank }: Seen): string[] {
  const charges = new Map(endings.flatMap((ending) => ending.charges.map((one) => [one.id, one])));
  const booked = Map.groupBy(bank, ({ reference, id }) => reference?.split(".")[0] ?? id);
  const kept = Map.groupBy(ledger.charges, ({ id }) => id);
  return [
    ...[...charges.values()].flatMap((charge) => [
      ...againstBank(charge, booked.get(charge.id) ?? []),
      ...againstLedger(charge, kept.get(charge.id) ?? []),
    ]),
    ...[...new Set([...booked.keys(), ...kept.keys()])]
      .filter((id) => !charges.has(id))
      .map((id) => `${id} is of no intent`),
    ...ledger.operations
      .filter(({ state }) => state === "opened")
      .map(({ id, kind, charge }) => `the ${kind} ${id} of ${charge} is open`),
  ];
}

function againstBank({ id, status, amount }: Charge, rows: readonly BankRow[]): string[] {
  const [row, ...others] = rows;
  if (row === undefined || others.length > 0) return [`${id} has ${rows.length} authorizations`];
  const approved = row.status === "approved";
  const captured = status === "succeeded" ? amount : 0;
  return approved === (status === "succeeded") && row.captured === captured
    ? []
    : [`${id} is ${status}, at the bank ${row.status} with ${row.captured} of ${amount}`];
}

/** The stories capture at once, so there are no other ends. */
const STATES: Readonly<Record<Charge["status"], LedgerCharge["state"] | undefined>> = {
  succeeded: "captured",
  failed: "failed",
  pending: undefined,
};

function againstLedger({ id, status, amount }: Charge, rows: readonly LedgerCharge[]): string[] {
  const [row, ...others] = rows;
  if (row === undefined || others.length > 0)
    return [`${id} has ${rows.length} rows in the ledgers`];
  return row.state === STATES[status] && row.amount === amount
    ? []
    : [`${id} is ${status} with ${amount}, in the ledger ${row.state} with ${row.amount}`];
}
