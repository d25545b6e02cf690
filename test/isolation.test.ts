// Test files that run at once share the ledger and no slot of it; runs share no folder.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type AccountId, mintAccountId } from "../protocol/ids.ts";
import { SLOTS, slotOf } from "../protocol/slot.ts";
import { connect, openAccounts } from "./ledger/region.ts";
import { Runtime } from "./runtime.ts";
import { FILES_AT_ONCE, isOurs } from "./slots.ts";
import { type System, startSystem } from "./system.ts";

/** By chance all of them would be in slots of this file once in a million times. */
const ACCOUNTS = 20;
const PLACES = Array.from({ length: FILES_AT_ONCE }, (_, i) => String(i + 1));

const anyAccount = () => mintAccountId((length) => crypto.getRandomValues(new Uint8Array(length)));

let system: System;
let runtime: Runtime;
beforeAll(async () => {
  runtime = new Runtime(inject("bindings"));
  [system] = await Promise.all([startSystem(inject("bindings")), runtime.start()]);
});
afterAll(async () => {
  runtime?.remove();
  await system?.close();
});

test("each slot is one file's of those that run at once, and each file has its share", () => {
  const shares = new Map(PLACES.map((place) => [place, new Set<number>()]));
  for (let i = 0; i < 20 * SLOTS; i++) {
    const account = anyAccount();
    const ours = PLACES.filter((place) => isOurs(account, place));
    expect(ours).toHaveLength(1);
    shares.get(ours[0] ?? "")?.add(slotOf(account));
  }
  for (const slots of shares.values()) expect(slots.size).toBeGreaterThan(SLOTS / 4);
});

test.each(["0", String(FILES_AT_ONCE + 1), "x"])("place %s is none", (place) => {
  expect(() => isOurs(anyAccount(), place)).toThrow("may run at once");
});

test("a file's merchants and accounts are all in its own slots", async () => {
  const client = await connect(inject("bindings")["DATABASE_URL_US"] ?? "");
  const made: { account: AccountId }[] = await openAccounts(client, ACCOUNTS);
  await client.end();
  for (let i = 0; i < ACCOUNTS; i++) {
    made.push(await system.merchant(), await system.merchant("eu"), await runtime.merchant());
  }
  expect(made.map(({ account }) => account).filter((account) => !isOurs(account))).toEqual([]);
});

test("the storage of a file's systems is in the folder of its run", async () => {
  await system.merchant();
  const written = readdirSync(join(inject("home"), "tmp"), { recursive: true, encoding: "utf8" });
  const shards = written.filter((path) => path.endsWith(".sqlite") && path.includes("-Shard"));
  const of = (folder: string) => shards.filter((path) => path.startsWith(folder));
  expect(of("miniflare-")).not.toEqual([]);
  expect(of("tessera-runtime-")).not.toEqual([]);
});
