// Rows that come in as HTTP on a socket of workerd's own, from the load generator's thread. They end
// where the generator does: an empty Worker's rate stands beside them.

import { AMOUNT_MINOR, CURRENCY, type Payer } from "./fan-out.ts";
import type { Target } from "./generator.ts";
import { freshKeys } from "./key.ts";
import { get, post } from "./load.ts";
import { CARD_FIELDS } from "./merchants.ts";
import { crowdLevels, type Limit, type Row, rowOn, type Sample } from "./row.ts";
import type { System } from "./system.ts";

/** More sockets would measure the generator. */
const IN_FLIGHT_MAX = 256;
const FLOORS = ["http.worker", "http.object"];
const SUCCEEDED = '"status": "succeeded"';

const portOf = (url: URL): number => Number(url.port);
const levels = (asked: readonly number[]) => asked.filter((n) => n <= IN_FLIGHT_MAX);

const chargeTarget = (url: URL, payer: Payer): Target =>
  post(new URL("/v1/charges", url), payer.secret, {
    amount: String(AMOUNT_MINOR),
    currency: CURRENCY,
    customer: payer.customer,
  });

async function charges(
  system: System,
  url: URL,
  payers: readonly Payer[],
  inFlight: number,
  limit: Limit,
): Promise<Sample> {
  const sample = await system.load.run({
    port: portOf(url),
    inFlight,
    targets: payers.map((payer) => chargeTarget(url, payer)),
    keys: freshKeys(),
    numbered: true,
    expected: SUCCEEDED,
    ...limit,
  });
  system.captured += sample.good;
  return sample;
}

const floorRow = (name: string, text: string, path: string, expected: string): Row =>
  rowOn("system", {
    name,
    text,
    kind: "floor",
    levels,
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
  });

export const HTTP_ROWS: readonly Row[] = [
  floorRow("http.worker", "empty Worker", "/empty", "ok"),
  floorRow("http.object", "empty Durable Object call", "/object", '{"ok":true}'),
  rowOn("system", {
    name: "http.charge",
    text: "POST /v1/charges, test bank",
    kind: "work",
    levels,
    over: FLOORS,
    counted: true,
    measure: (system, inFlight, limit) =>
      charges(system, system.runtime.composite, [system.hot], inFlight, limit),
  }),
  rowOn("system", {
    name: "http.instant",
    text: "POST /v1/charges, instant bank",
    kind: "work",
    levels,
    over: FLOORS,
    counted: true,
    measure: (system, inFlight, limit) =>
      charges(system, system.runtime.instant, [system.instant.hot], inFlight, limit),
  }),
  rowOn("system", {
    name: "http.replay",
    text: "POST /v1/charges again, one key",
    kind: "floor",
    levels,
    over: FLOORS,
    counted: false,
    measure: async (system, inFlight, limit) => {
      const { composite } = system.runtime;
      const targets = [chargeTarget(composite, system.hot)];
      const job = { port: portOf(composite), targets, keys: freshKeys(), numbered: false };
      const one = { ...job, inFlight: 1, expected: SUCCEEDED, requestsMax: 1 };
      const first = await system.load.run(one);
      system.captured += first.good;
      if (first.good === 0) return first;
      const expected = "idempotent-replayed: true";
      return system.load.run({ ...job, inFlight, expected, ...limit });
    },
  }),
  rowOn("system", {
    name: "http.token",
    text: "POST /v1/tokens",
    kind: "work",
    levels,
    over: FLOORS,
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
  }),
  rowOn("system", {
    name: "http.hot",
    text: "POST /v1/charges, instant bank, one merchant",
    kind: "work",
    levels: crowdLevels,
    over: ["http.crowd"],
    phase: "crowd",
    counted: false,
    measure: (system, inFlight, limit) =>
      charges(system, system.runtime.instant, [system.instant.hot], inFlight, limit),
  }),
  rowOn("system", {
    name: "http.crowd",
    text: "POST /v1/charges, instant bank, 1,000 merchants",
    kind: "work",
    levels: crowdLevels,
    over: [],
    phase: "crowd",
    counted: true,
    measure: (system, inFlight, limit) =>
      charges(system, system.runtime.instant, system.instant.crowd, inFlight, limit),
  }),
];
