// kill -9 of every part (the edge's workerd with its shards and vault, the origins', the bank's, the SQL endpoint,
// PostgreSQL of both regions) while setup intents are confirmed and cardholders answer their challenges. Every request
// is asked again with its key; at the end each intent has one end, the bank as many authorizations as there are
// charges, every card that was set up can be charged, and the ledgers verify.

import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { REGIONS } from "../../protocol/slot.ts";
import { generator, seedOf } from "../ledger/region.ts";
import { Client } from "./client.ts";
import { makeMerchants } from "./drill.ts";
import { faultsIn } from "./endings.ts";
import { LINKS, type Network, startNetwork, VICTIMS } from "./network.ts";
import { readEndings } from "./readings.ts";
import { type Stage, tell } from "./stories.ts";
import { newToll, rage } from "./storm.ts";
import { askAgain } from "./sweep.ts";

/** How many parts are killed, and each how long after the load began to run against a whole system, in ms. */
const KILLS = Number(process.env["TESSERA_KILLS"] ?? 12);
const [AFTER_MS_MIN = 100, AFTER_MS_MAX = 900] = (process.env["TESSERA_KILL_MS"] ?? "100-900")
  .split("-")
  .map(Number);
const DOWN_MS_MAX = 600;
const LANES = 10;
/** How long the stories that are told may still wait for their answers when the last part is up again. */
const LAST_ANSWERS_MS_MAX = 120_000;
/** What looking at the end of each key takes at most: many kills leave many keys. */
const ENDING_MS_OF_KEY = 100;
/** What a kill takes at most: until it strikes, until all is up again, and the ends of the keys that were asked meanwhile. */
const KILL_MS_MAX = 25_000;
const TEST_MS_MAX = 600_000 + KILLS * KILL_MS_MAX;
const seed = seedOf();

let network: Network;
beforeAll(async () => {
  const links = (salt: number) => generator((seed * 31 + salt) | 0);
  network = await startNetwork(
    (link) => links(100 + LINKS.indexOf(link)),
    () => {},
  );
}, 180_000);
afterAll(() => network?.stop(), 60_000);

async function customersOf(client: Client, merchants: Stage["merchants"]) {
  const customers = new Map<string, string>();
  for (const { account, secret } of merchants) {
    const made = await client.call("POST", "/v1/customers", secret, { form: {} });
    customers.set(account, (JSON.parse(made?.body ?? "{}") as { id: string }).id);
  }
  return customers;
}

/** Kills one part after another under load, and lets the stories come to their ends. */
async function killUnderLoad(stage: Stage): Promise<ReturnType<typeof newToll>> {
  const random = generator(seed + 1);
  const toll = newToll();
  let over = false;
  const lanes = Array.from({ length: LANES }, async () => {
    while (!over) await tell(stage);
  });
  const telling = Promise.all(lanes);
  // A fault of the stories themselves is told when the kills are over.
  telling.catch(() => {});
  for (let kill = 0; kill < KILLS; kill++) {
    // Every part once, in a drawn order, before any is killed again.
    const left = VICTIMS.filter(
      (victim) => toll.kills.get(victim) === Math.min(...toll.kills.values()),
    );
    const victim = left[Math.floor(random() * left.length)] ?? "edge";
    const afterMs = AFTER_MS_MIN + random() * (AFTER_MS_MAX - AFTER_MS_MIN);
    const blows = [{ victim, afterMs, downMs: random() * DOWN_MS_MAX }];
    await rage(network, { blows, weather: new Map(), full: undefined }, toll, () => {});
  }
  over = true;
  stage.client.giveUpIn(LAST_ANSWERS_MS_MAX);
  await telling;
  return toll;
}

test(
  `${KILLS} kills leave each setup intent and challenge with one end (seed ${seed})`,
  async () => {
    const client = new Client(network.url);
    const merchants = await makeMerchants(network);
    const customers = await customersOf(client, merchants);
    const random = generator(seed);
    const run = String(seed);
    const stage: Stage = { client, merchants, customers, random, run, ended: [], faults: [] };
    const toll = await killUnderLoad(stage);
    const retried = client.entries.filter(({ tries }) => tries > 1).length;
    await askAgain(client, () => {});
    client.giveUpIn(LAST_ANSWERS_MS_MAX + client.entries.length * ENDING_MS_OF_KEY);
    const faults = [...stage.faults, ...faultsIn(await readEndings(stage, network))];
    faults.push(
      ...client.entries.flatMap(({ key, contradictions }) =>
        contradictions.map((what) => `${key}: ${what}`),
      ),
    );
    const killed = [...toll.kills].map(([part, count]) => `${part} ${count}`).join(", ");
    console.log(
      `${KILLS} kills (${killed}), ${client.entries.length} keys, ${retried} asked again before they ` +
        `were answered, ${stage.ended.length} stories, seed ${seed}`,
    );
    expect(faults).toEqual([]);
    for (const region of REGIONS) expect(await verifyLedger(network.ledgers[region])).toEqual([]);
    // A run that cut nothing, or in which nobody was asked, would prove nothing.
    expect(client.answers.get("200 again")).toBeGreaterThan(0);
    expect(client.answers.get("cut off")).toBeGreaterThan(0);
    const asked = stage.ended.filter(({ plot }) => plot.answers.length > 0);
    expect(asked.length).toBeGreaterThan(KILLS);
  },
  TEST_MS_MAX,
);
