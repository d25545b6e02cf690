// Reads what the intents of a drill have come to, from every side that knows of them: the API, the events, the customers'
// methods, which are charged once more, the ledgers and the bank's book. endings.ts holds it against each other.

import { REGIONS } from "../../protocol/slot.ts";
import { readBank, readLedger } from "./books.ts";
import type { Merchant } from "./client.ts";
import { type Charge, END_EVENTS, type Ending, type Intent, type Seen } from "./endings.ts";
import { inLanes } from "./lanes.ts";
import type { Network } from "./network.ts";
import { type Ended, intentIn, read, type Stage } from "./stories.ts";

type List<T> = {
  readonly data: readonly (T & { readonly id: string })[];
  readonly has_more: boolean;
};
type Later = Seen["later"][number];

const LANES = 8;
const AMOUNT_LATER = "777";

/** All that is to be seen; the books must be at rest. */
export async function readEndings(stage: Stage, network: Network): Promise<Seen> {
  const endings: Ending[] = [];
  const readAll = (all: readonly Ended[]) =>
    inLanes(LANES, all, async (ended) => {
      endings.push(await endingOf(stage, ended));
    });
  await readAll(stage.ended);
  const answers = await answersAgain(stage);
  const paid: Ended[] = [];
  const later: Later[] = [];
  const ready = endings.filter(
    ({ plot, intent }) => plot.type === "setup_intent" && intent.status === "succeeded",
  );
  await inLanes(LANES, ready, async (setup) => {
    const { ended, ...told } = await chargeLater(stage, setup);
    later.push(told);
    if (ended !== undefined) paid.push(ended);
  });
  await readAll(paid);
  const shops = [];
  for (const merchant of stage.merchants) {
    const events = new Map<string, readonly string[]>();
    for (const name of Object.values(END_EVENTS).flatMap((ends) => Object.values(ends))) {
      events.set(name, await eventsOf(stage, merchant, name));
    }
    const methods = await methodsOf(stage, merchant);
    shops.push({ account: merchant.account, events, methods });
  }
  const bank = await readBank(network.bankUrl, network.bindings["PROCESSOR_KEY"] ?? "");
  const ledger = await readLedger(REGIONS.map((region) => network.ledgers[region]));
  return { endings, answers, later, shops, bank, ledger };
}

async function endingOf(stage: Stage, { merchant, plot, id, status }: Ended): Promise<Ending> {
  const intent = await read<Intent>(stage.client, `/v1/${plot.type}s/${id}`, merchant);
  const isPayment = plot.type === "payment_intent";
  const charges = isPayment
    ? await listAll<Charge>(stage, `/v1/charges?payment_intent=${id}`, merchant)
    : [];
  return { account: merchant.account, plot, id, told: status, intent, charges };
}

/** What the cardholders were told first, and what they are told now. */
async function answersAgain({ client }: Stage): Promise<Seen["answers"]> {
  const answers: Seen["answers"][number][] = [];
  const given = client.entries.filter(({ kind }) => kind === "answer");
  await inLanes(LANES, given, async (entry) => {
    const first = intentIn(entry, entry.told);
    const now = intentIn(entry, await client.untilTold(entry));
    answers.push({ key: entry.key, first, now });
  });
  return answers;
}

/** A payment with a method that was set up, without its cardholder. */
async function chargeLater(
  { client, merchants, customers }: Stage,
  { account, id: setup, intent }: Ending,
): Promise<Later & { readonly ended: Ended | undefined }> {
  const merchant = merchants.find((one) => one.account === account);
  if (merchant === undefined) throw new Error(`${setup} is of no merchant`);
  const method = intent.payment_method ?? "";
  const entry = client.enter({
    key: `later-${setup}`,
    merchant,
    kind: "intent",
    path: "/v1/payment_intents",
    form: {
      customer: customers.get(account) ?? "",
      payment_method: method,
      off_session: "true",
      confirm: "true",
      amount: AMOUNT_LATER,
      currency: "usd",
    },
  });
  const told = await client.untilTold(entry);
  const { id, status = "" } = JSON.parse(told?.body ?? "{}") as { id?: string; status?: string };
  const plot = { type: "payment_intent", card: method, answers: [], ends: ["succeeded"] } as const;
  const ended = id === undefined ? undefined : { merchant, plot, id, status };
  return { setup, status, body: told?.body ?? "", ended };
}

async function eventsOf(stage: Stage, merchant: Merchant, name: string): Promise<string[]> {
  type Event = { readonly data: { readonly object: { readonly id: string } } };
  const events = await listAll<Event>(stage, `/v1/events?type=${name}`, merchant);
  return events.map(({ data }) => data.object.id);
}

async function methodsOf(stage: Stage, merchant: Merchant): Promise<string[]> {
  const customer = stage.customers.get(merchant.account) ?? "";
  const path = `/v1/customers/${customer}/payment_methods?type=card`;
  return (await listAll<object>(stage, path, merchant)).map(({ id }) => id);
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
