// A short run of `npm run fuzz`, and what longer ones have found. TESSERA_SEED replays the same requests.

import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { seedOf } from "../ledger/region.ts";
import { AT_ONCE, type System, startSystem } from "../system.ts";
import { fuzz, objectsOf, UNLIMITED } from "./fuzz.ts";

const REQUESTS = 1_500;
const RUN_MS_MAX = 10 * 60_000;
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
    RUN_MS_MAX,
  );

  test("is made again by the same seed, because merchants have the same kinds of objects", async () => {
    const kindsOf = async () => {
      const ids = await objectsOf(await system.merchant(undefined, AT_ONCE));
      return ids.map((id) => id.split("_")[0]);
    };
    const [first, second] = [await kindsOf(), await kindsOf()];
    expect(first).toEqual(second);
    expect(first).toContain("dp");
  });

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
