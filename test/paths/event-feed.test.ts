// The stream of events that the demo's pages listen to: a listener who comes back with the last id that it saw
// misses nothing and hears nothing twice.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startWithDemo } from "../system.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  ({ system, merchant: m } = await startWithDemo(inject("bindings")));
});
afterAll(() => system?.close());

/** The next ids that a listener hears. */
async function heard(count: number, lastSeen: string): Promise<string[]> {
  const leaving = new AbortController();
  const stream = await fetch(new URL("/demo/events", system.url), {
    headers: { "last-event-id": lastSeen },
    signal: leaving.signal,
  });
  const ids: string[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    ids.splice(0, ids.length, ...[...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => String(id)));
    if (ids.length >= count) break;
  }
  leaving.abort();
  return ids.slice(0, count);
}

describe("a listener", () => {
  test("goes on after whichever event it saw last, also between two of one entry", async () => {
    for (let made = 0; made < 2; made++) {
      await m.stripe.paymentIntents.create({
        amount: 2000,
        currency: "usd",
        payment_method: "pm_card_visa",
        confirm: true,
        automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      });
    }
    const { data } = await m.stripe.events.list({ limit: 100 });
    const ids = data.map(({ id }) => id).toReversed();
    const { size } = new Set(ids.map((id) => id.slice(-6)));
    expect(size).toBeLessThan(ids.length);
    for (let seen = 0; seen < ids.length - 1; seen++) {
      const rest = ids.slice(seen + 1);
      expect(await heard(rest.length, ids[seen] ?? "")).toEqual(rest);
    }
  });
});
