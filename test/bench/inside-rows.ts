// Rows driven by a Worker in the same process, without HTTP in front: a call to a shard beside a call to
// an object that does nothing, a token beside its cryptography.

import type { FanOut, FanOutAnswer, Payer } from "./fan-out.ts";
import { freshKeys } from "./key.ts";
import { crowdLevels, type Limit, type Row, rowOn, type Sample } from "./row.ts";
import type { System } from "./system.ts";

type Order = Pick<FanOut, "target"> & {
  readonly sameKey?: boolean;
  readonly payers: readonly Payer[];
};

/** Targets whose every good answer is a charge that was captured. */
const CHARGING: ReadonlySet<FanOut["target"]> = new Set(["shard", "instant-shard", "edge"]);

async function fanOut(
  system: System,
  { payers, sameKey = false, target }: Order,
  inFlight: number,
  limit: Limit,
  keys = freshKeys(),
): Promise<Sample> {
  const { requestsMax: callsMax, ...time } = { requestsMax: undefined, ...limit };
  const order: FanOut = {
    target,
    inFlight,
    keys,
    sameKey,
    merchants: payers.map(({ account, customer, secret }) => ({ account, customer, secret })),
    ...time,
    ...(callsMax === undefined ? {} : { callsMax }),
  };
  const startMs = performance.now();
  const response = await fetch(new URL("/fan-out", system.runtime.floor), {
    method: "POST",
    body: JSON.stringify(order),
  });
  const text = await response.text();
  const elapsedMs = performance.now() - startMs;
  if (response.status !== 200) return { good: 0, bad: 1, firstBad: text, elapsedMs };
  const { good, bad, p50Ms, p99Ms } = JSON.parse(text) as FanOutAnswer;
  if (CHARGING.has(target) && !sameKey) system.captured += good;
  const faults = bad === undefined ? { bad: 0 } : { bad: 1, firstBad: bad };
  return { good, ...faults, elapsedMs, p50Ms, p99Ms };
}

type InsideRow = Pick<Row, "name" | "text" | "kind"> &
  Partial<Pick<Row, "over" | "counted" | "levels" | "phase">> & {
    readonly order: (system: System) => Order;
  };

const CROWD = { levels: crowdLevels, phase: "crowd", over: [] } as const;

const insideRow = ({ order, ...row }: InsideRow): Row =>
  rowOn("system", {
    over: ["inside.empty"],
    counted: false,
    levels: (asked) => asked,
    ...row,
    measure: (system, inFlight, limit) => fanOut(system, order(system), inFlight, limit),
  });

const replays = async (system: System, inFlight: number, limit: Limit): Promise<Sample> => {
  const order = { target: "instant-shard", payers: [system.instant.hot], sameKey: true } as const;
  const keys = freshKeys();
  const first = await fanOut(system, order, 1, { requestsMax: 1 }, keys);
  system.captured += first.good;
  return first.good === 1 ? fanOut(system, order, inFlight, limit, keys) : first;
};

export const INSIDE_ROWS: readonly Row[] = [
  insideRow({
    name: "inside.empty",
    text: "empty Durable Object call",
    kind: "floor",
    over: [],
    order: ({ hot }) => ({ target: "empty", payers: [hot] }),
  }),
  insideRow({
    name: "inside.charge",
    text: "charge through the shard, instant bank",
    kind: "work",
    counted: true,
    order: ({ instant }) => ({ target: "instant-shard", payers: [instant.hot] }),
  }),
  rowOn("system", {
    name: "inside.alone",
    text: "the same while the other region's copy rests",
    kind: "work",
    over: ["inside.empty"],
    counted: false,
    levels: (asked) => asked,
    measure: (system, inFlight, limit) =>
      system.copy.whileResting(() =>
        fanOut(system, { target: "instant-shard", payers: [system.instant.hot] }, inFlight, limit),
      ),
  }),
  insideRow({
    name: "inside.bank",
    text: "charge through the shard, vault and test bank",
    kind: "work",
    counted: true,
    order: ({ hot }) => ({ target: "shard", payers: [hot] }),
  }),
  insideRow({
    name: "inside.edge",
    text: "charge through the edge, vault and test bank",
    kind: "work",
    order: ({ hot }) => ({ target: "edge", payers: [hot] }),
  }),
  rowOn("system", {
    name: "inside.replay",
    text: "replay at the shard, one key",
    kind: "floor",
    over: ["inside.empty"],
    counted: false,
    levels: (asked) => asked,
    measure: replays,
  }),
  insideRow({
    name: "inside.crypto",
    text: "cryptography of a card: HMAC, AES-GCM twice, a data key",
    kind: "floor",
    over: [],
    order: ({ hot }) => ({ target: "crypto", payers: [hot] }),
  }),
  insideRow({
    name: "inside.crypto-call",
    text: "the same, asked for over RPC",
    kind: "floor",
    over: ["inside.crypto"],
    order: ({ hot }) => ({ target: "crypto-call", payers: [hot] }),
  }),
  insideRow({
    name: "inside.tokenize",
    text: "tokenize at the vault, sealed card stored",
    kind: "work",
    over: ["inside.crypto", "inside.crypto-call", "inside.empty"],
    order: ({ hot }) => ({ target: "tokenize", payers: [hot] }),
  }),
  insideRow({
    name: "inside.hot",
    text: "charge through the shard, instant bank, one merchant",
    kind: "work",
    ...CROWD,
    over: ["inside.crowd", "inside.house"],
    order: ({ instant }) => ({ target: "instant-shard", payers: [instant.hot] }),
  }),
  insideRow({
    name: "inside.crowd",
    text: "the same, 1,000 merchants, nearly a shard each",
    kind: "work",
    ...CROWD,
    counted: true,
    order: ({ instant }) => ({ target: "instant-shard", payers: instant.crowd }),
  }),
  insideRow({
    name: "inside.house",
    text: "the same, 1,000 merchants of one shard",
    kind: "work",
    ...CROWD,
    counted: true,
    order: ({ instant }) => ({ target: "instant-shard", payers: instant.house }),
  }),
];
