// A short run of `npm run fuzz`, and what longer ones have found. TESSERA_SEED replays the same requests.

import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { seedOf } from "../ledger/region.ts";
import { type System, startSystem } from "../system.ts";
import { fuzz, UNLIMITED } from "./fuzz.ts";

const REQUESTS = 1_500;
const MINUTES_MAX = 10 * 60_000;
const BEHIND_MAX = { timeout: 30_000, interval: 250 };

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), UNLIMITED);
});
afterAll(() => system?.close());

describe("a request made from the OpenAPI document", () => {
  test(
    "gets an answer of the edge's own, whatever is wrong with it",
    async () => {
      const seed = seedOf();
      const options = { requests: REQUESTS, seed, inFlight: 50 };
      const { faults, statuses } = await fuzz(system, options, () => {});
      console.log(`seed ${seed}, answers by status: ${JSON.stringify(statuses)}`);
      expect(faults, `TESSERA_SEED=${seed}`).toEqual([]);
      // Requests that nothing is let through of would try little.
      expect(statuses["200"] ?? 0).toBeGreaterThan(REQUESTS / 10);
    },
    MINUTES_MAX,
  );

  test("for deliveries of before any time is answered as the document says", async () => {
    const m = await system.merchant();
    const { id } = await m.stripe.webhookEndpoints.create({
      url: "https://hooks.example.com/in",
      enabled_events: ["*"],
    });
    const form = { "created[gte]": "1", "created[lt]": "0" };
    const redeliver = `/v1/webhook_endpoints/${id}/redeliver`;
    // A stream that is behind answers 429 until it has read of the endpoint.
    await vi.waitFor(async () => {
      const answer = await system.call(redeliver, { key: m.secret, form });
      expect(answer).toMatchObject({ status: 200, body: { created: { lte: -1 } } });
    }, BEHIND_MAX);
  });
});
