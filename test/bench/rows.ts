// What is measured: each row is one kind of work that can be done with any number of requests in
// flight, for a time or for a number of requests. Floors come first; every ratio of the report is one
// row over a floor of the same way in (HTTP, or inside workerd), within one repetition.

import { AMOUNT_MINOR, CURRENCY, type FanOut, type FanOutAnswer } from "./fan-out.ts";
import type { JobResult, Target } from "./generator.ts";
import { get, type Load, post } from "./load.ts";
import { CARD_FIELDS, type Merchant } from "./merchants.ts";
import type { Runtime } from "./runtime.ts";

/** What the rows are made of, and how many charges they have made. */
export type Bench = {
  readonly runtime: Pick<Runtime, "composite" | "floor">;
  readonly load: Load;
  readonly hot: Merchant;
  readonly spread: readonly Merchant[];
  captured: number;
};

export type Limit = { readonly durationMs: number } | { readonly requestsMax: number };

export type Sample = Pick<JobResult, "good" | "bad" | "firstBad" | "elapsedMs"> &
  Partial<Pick<JobResult, "p50Ms" | "p99Ms">>;

export type Row = {
  readonly name: string;
  readonly text: string;
  /** Floors need less time than what writes. */
  readonly kind: "floor" | "work";
  /** Names of the rows it is divided by. */
  readonly over: readonly string[];
  /** True for the rows of charges whose work in the ledger is counted. */
  readonly counted: boolean;
  readonly measure: (bench: Bench, inFlight: number, limit: Limit) => Promise<Sample>;
};

/** Keys of different cells never meet. */
let cells = 0;
const freshKeys = (): string => `bench-${process.pid}-${cells++}-`;

const portOf = (url: URL): number => Number(url.port);

const chargeForm = (customer: string) => ({
  amount: String(AMOUNT_MINOR),
  currency: CURRENCY,
  customer,
});

const chargeTarget = (bench: Bench, merchant: Merchant): Target =>
  post(
    new URL("/v1/charges", bench.runtime.composite),
    merchant.secret,
    chargeForm(merchant.customer),
  );

function floorRow(name: string, text: string, path: string, expected: string): Row {
  return {
    name,
    text,
    kind: "floor",
    over: name === "http.worker" ? [] : ["http.worker"],
    counted: false,
    measure: ({ runtime, load }, inFlight, limit) =>
      load.run({
        port: portOf(runtime.floor),
        inFlight,
        targets: [get(new URL(path, runtime.floor))],
        keys: "",
        numbered: false,
        expected,
        ...limit,
      }),
  };
}

function chargeRow(
  name: string,
  text: string,
  merchants: (bench: Bench) => readonly Merchant[],
): Row {
  return {
    name,
    text,
    kind: "work",
    over: ["http.worker", "http.object"],
    counted: true,
    measure: async (bench, inFlight, limit) => {
      const sample = await bench.load.run({
        port: portOf(bench.runtime.composite),
        inFlight,
        targets: merchants(bench).map((merchant) => chargeTarget(bench, merchant)),
        keys: freshKeys(),
        numbered: true,
        expected: '"status": "succeeded"',
        ...limit,
      });
      bench.captured += sample.good;
      return sample;
    },
  };
}

const replayRow: Row = {
  name: "http.replay",
  text: "POST /v1/charges again, one key",
  kind: "floor",
  over: ["http.worker", "http.object"],
  counted: false,
  measure: async (bench, inFlight, limit) => {
    const job = {
      port: portOf(bench.runtime.composite),
      targets: [chargeTarget(bench, bench.hot)],
      keys: freshKeys(),
      numbered: false,
    };
    const first = { ...job, inFlight: 1, expected: '"status": "succeeded"', requestsMax: 1 };
    bench.captured += (await bench.load.run(first)).good;
    return bench.load.run({ ...job, inFlight, expected: "idempotent-replayed: true", ...limit });
  },
};

const tokenRow: Row = {
  name: "http.token",
  text: "POST /v1/tokens",
  kind: "work",
  over: ["http.worker", "http.object"],
  counted: false,
  measure: ({ runtime, load, hot }, inFlight, limit) =>
    load.run({
      port: portOf(runtime.composite),
      inFlight,
      targets: [post(new URL("/v1/tokens", runtime.composite), hot.publishable, CARD_FIELDS)],
      keys: freshKeys(),
      numbered: true,
      expected: '"object": "token"',
      ...limit,
    }),
};

function insideRow(
  target: FanOut["target"],
  text: string,
  kind: Row["kind"],
  counted: boolean,
): Row {
  return {
    name: `inside.${target}`,
    text,
    kind,
    over: target === "empty" ? [] : ["inside.empty"],
    counted,
    measure: async (bench, inFlight, limit) => {
      const keys = freshKeys();
      if (target === "replay") {
        bench.captured += (await fanOut(bench, { target, inFlight: 1, callsMax: 1, keys })).good;
      }
      const sample = await fanOut(bench, {
        target,
        inFlight,
        keys,
        ...("durationMs" in limit ? limit : { callsMax: limit.requestsMax }),
      });
      if (target === "execute" || target === "edge") bench.captured += sample.good;
      return sample;
    },
  };
}

async function fanOut(bench: Bench, order: Omit<FanOut, "merchant">): Promise<Sample> {
  const { account, customer, secret } = bench.hot;
  const merchant = { account, livemode: false, customer, secret };
  const startMs = performance.now();
  const response = await fetch(new URL("/fan-out", bench.runtime.floor), {
    method: "POST",
    body: JSON.stringify({ ...order, merchant } satisfies FanOut),
  });
  const text = await response.text();
  const elapsedMs = performance.now() - startMs;
  if (response.status !== 200) return { good: 0, bad: 1, firstBad: text, elapsedMs };
  const { good, bad } = JSON.parse(text) as FanOutAnswer;
  return bad === undefined
    ? { good, bad: 0, elapsedMs }
    : { good, bad: 1, firstBad: bad, elapsedMs };
}

export const ROWS: readonly Row[] = [
  floorRow("http.worker", "empty Worker", "/empty", "ok"),
  floorRow("http.object", "empty Durable Object call", "/object", '{"ok":true}'),
  chargeRow("http.charge", "POST /v1/charges, one merchant", ({ hot }) => [hot]),
  chargeRow("http.spread", "POST /v1/charges, many merchants", ({ spread }) => spread),
  replayRow,
  tokenRow,
  insideRow("empty", "empty Durable Object call", "floor", false),
  insideRow("execute", "charge through the shard, one merchant", "work", true),
  insideRow("edge", "charge through the edge, one merchant", "work", false),
  insideRow("replay", "replay at the shard, one key", "floor", false),
];
