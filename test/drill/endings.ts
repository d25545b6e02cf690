// How the intents of a drill ended, held against what their stories allow, against the events, the customers' methods,
// the ledgers and the bank's book.

import { REGIONS } from "../../protocol/slot.ts";
import { type BankRow, readBank, readLedger } from "./books.ts";
import type { Merchant } from "./client.ts";
import type { Network } from "./network.ts";
import { type Ended, intentIn, read, type Stage } from "./stories.ts";

type List<T> = {
  readonly data: readonly (T & { readonly id: string })[];
  readonly has_more: boolean;
};
type Charge = { readonly status: "succeeded" | "failed" | "pending"; readonly amount: number };
type Intent = {
  readonly id: string;
  readonly status: string;
  readonly payment_method: string | null;
  readonly latest_charge?: string | null;
};

/** An end has one event, and there is no other end. */
const END_EVENTS = {
  payment_intent: {
    succeeded: "payment_intent.succeeded",
    requires_payment_method: "payment_intent.payment_failed",
  },
  setup_intent: {
    succeeded: "setup_intent.succeeded",
    requires_payment_method: "setup_intent.setup_failed",
  },
} as const;

const LANES = 8;
const AMOUNT_LATER = "777";

/** All that is not as it should be, in words. The books must be at rest. */
export async function faultsIn(stage: Stage, network: Network): Promise<string[]> {
  const faults: string[] = [];
  const intents = new Map<Ended, Intent>();
  await inLanes(stage.ended, async (ended) => {
    const intent = await read<Intent>(stage.client, pathOf(ended), ended.merchant);
    intents.set(ended, intent);
    if (!ended.plot.ends.some((end) => end === intent.status)) {
      faults.push(`${ended.id} of ${ended.plot.card} ended as ${intent.status}`);
    }
    if (intent.status !== ended.status) {
      faults.push(`${ended.id} was told to be ${ended.status} and is ${intent.status}`);
    }
  });
  await inLanes(
    stage.client.entries.filter(({ kind }) => kind === "answer"),
    async (entry) => {
      const first = intentIn(entry, entry.told);
      const now = intentIn(entry, await stage.client.untilTold(entry));
      if (now.id !== first.id || now.status !== first.status) {
        faults.push(`${entry.key}: ${first.id} was ${first.status}, then ${now.status}`);
      }
    },
  );
  for (const merchant of stage.merchants) {
    faults.push(...(await wrongEvents(stage, merchant, intents)));
    faults.push(...(await wrongMethods(stage, merchant, intents)));
  }
  const charges = await chargesOf(stage, intents, faults);
  faults.push(...(await wrongBook(network, charges)));
  return faults;
}

const pathOf = ({ plot, id }: Ended): string => `/v1/${plot.type}s/${id}`;

/** Each intent has the event of its end once, and the event of no other end. */
async function wrongEvents(
  stage: Stage,
  merchant: Merchant,
  intents: ReadonlyMap<Ended, Intent>,
): Promise<string[]> {
  const faults: string[] = [];
  const own = [...intents].filter(([{ merchant: of }]) => of === merchant);
  for (const type of ["payment_intent", "setup_intent"] as const) {
    for (const [status, name] of Object.entries(END_EVENTS[type])) {
      const events = await listAll<{ data: { object: { id: string } } }>(
        stage,
        `/v1/events?type=${name}`,
        merchant,
      );
      const told = Map.groupBy(events, ({ data }) => data.object.id);
      for (const [{ plot, id }, intent] of own) {
        if (plot.type !== type) continue;
        const count = told.get(id)?.length ?? 0;
        if (count !== (intent.status === status ? 1 : 0)) {
          faults.push(`${id} is ${intent.status} and has ${count} events ${name}`);
        }
      }
    }
  }
  return faults;
}

/** Methods of setups that ended well are the customer's and can be charged without him; no others are his. */
async function wrongMethods(
  stage: Stage,
  merchant: Merchant,
  intents: ReadonlyMap<Ended, Intent>,
): Promise<string[]> {
  const faults: string[] = [];
  const customer = stage.customers.get(merchant.account) ?? "";
  const path = `/v1/customers/${customer}/payment_methods?type=card`;
  const held = new Set((await listAll<object>(stage, path, merchant)).map(({ id }) => id));
  const ready = new Map<string, string>();
  for (const [{ plot, id, merchant: of }, { status, payment_method: method }] of intents) {
    if (of === merchant && plot.type === "setup_intent" && status === "succeeded") {
      ready.set(method ?? "", id);
      if (!held.has(method ?? "")) faults.push(`${id} succeeded, and ${method} is nobody's`);
    }
  }
  for (const method of held) {
    if (!ready.has(method)) faults.push(`${method} is kept, and no setup of it succeeded`);
  }
  await inLanes([...ready], async ([method, setup]) => {
    const form = { customer, payment_method: method, off_session: "true", confirm: "true" };
    const entry = stage.client.enter({
      key: `later-${setup}`,
      merchant,
      kind: "intent",
      path: "/v1/payment_intents",
      form: { ...form, amount: AMOUNT_LATER, currency: "usd" },
    });
    const told = await stage.client.untilTold(entry);
    const { id = "", status } = JSON.parse(told?.body ?? "{}") as { id?: string; status?: string };
    if (status !== "succeeded")
      faults.push(`${setup} succeeded, and ${method} cannot be charged: ${told?.body}`);
    const plot = {
      type: "payment_intent",
      card: method,
      answers: [],
      ends: ["succeeded"],
    } as const;
    stage.ended.push({ merchant, plot, id, status: status ?? "" });
  });
  return faults;
}

/** The charges of all payment intents, and whether each has as many as its end asks for. */
async function chargesOf(
  stage: Stage,
  intents: ReadonlyMap<Ended, Intent>,
  faults: string[],
): Promise<Map<string, Charge>> {
  const charges = new Map<string, Charge>();
  await inLanes(stage.ended, async (ended) => {
    const { merchant, plot, id, status } = ended;
    if (plot.type !== "payment_intent") return;
    const found = await listAll<Charge>(stage, `/v1/charges?payment_intent=${id}`, merchant);
    for (const charge of found) charges.set(charge.id, charge);
    const paid = found.filter((charge) => charge.status === "succeeded").length;
    if (paid !== (status === "succeeded" ? 1 : 0) || found.length > 1) {
      faults.push(`${id} is ${status} with ${found.length} charges, ${paid} of them paid`);
    }
    const latest = intents.get(ended)?.latest_charge;
    if (latest !== undefined && latest !== (found[0]?.id ?? null)) {
      faults.push(`${id} has ${found[0]?.id} and names ${latest}`);
    }
  });
  return charges;
}

/** The bank has one authorization for each charge, the ledgers one row, and neither has any other. */
async function wrongBook(
  network: Network,
  charges: ReadonlyMap<string, Charge>,
): Promise<string[]> {
  const bank = await readBank(network.bankUrl, network.bindings["PROCESSOR_KEY"] ?? "");
  const ledger = await readLedger(REGIONS.map((region) => network.ledgers[region]));
  const booked = Map.groupBy(bank, ({ reference, id }) => reference?.split(".")[0] ?? id);
  const faults = [...charges].flatMap(([id, charge]) =>
    againstBank(id, charge, booked.get(id) ?? []),
  );
  for (const id of [...booked.keys(), ...ledger.charges.map((charge) => charge.id)]) {
    if (!charges.has(id)) faults.push(`${id} is of no intent`);
  }
  return faults;
}

function againstBank(id: string, { status, amount }: Charge, rows: readonly BankRow[]): string[] {
  const [row, ...others] = rows;
  if (row === undefined || others.length > 0) return [`${id} has ${rows.length} authorizations`];
  const approved = row.status === "approved";
  const captured = status === "succeeded" ? amount : 0;
  return approved === (status === "succeeded") && row.captured === captured
    ? []
    : [`${id} is ${status}, at the bank ${row.status} with ${row.captured} of ${amount}`];
}

async function listAll<T>(
  stage: Stage,
  path: string,
  merchant: Merchant,
): Promise<List<T>["data"]> {
  const all: (T & { readonly id: string })[] = [];
  for (let more = true; more; ) {
    const last = all.at(-1);
    const cursor = last === undefined ? "" : `&starting_after=${last.id}`;
    const page = await read<List<T>>(stage.client, `${path}&limit=100${cursor}`, merchant);
    all.push(...page.data);
    more = page.has_more;
  }
  return all;
}

async function inLanes<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const lane = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
