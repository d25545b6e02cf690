// What an object remembers beside the ledger: requests by their keys, and ephemeral keys that were taken back. Both
// in a real SQLite (Node's own), and neither grows for ever.

import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { REMEMBERED_MAX, RememberedRequests } from "../../durable-objects/remembered-requests.ts";
import { RevokedKeys } from "../../durable-objects/revoked-keys.ts";
import type { KeyedRequest } from "../../protocol/remembered.ts";

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;

/** SQLite with the one method of Cloudflare's that is used. */
function storage() {
  const database = new DatabaseSync(":memory:");
  const exec = (query: string, ...given: (string | number | null)[]) => {
    const texts = query.split(";");
    for (const text of texts.slice(0, -1)) database.exec(text);
    const rows = database.prepare(texts.at(-1) ?? "").all(...given);
    return { toArray: () => rows as never[] };
  };
  const count = (table: string): number =>
    Number(database.prepare(`select count(*) as n from ${table}`).get()?.["n"]);
  return { exec, count };
}

const asked = (key: string, over: Partial<KeyedRequest> = {}): KeyedRequest => ({
  key,
  operation: "POST /v1/ephemeral_keys",
  macs: ["aa"],
  request: "req_0000000000000001",
  ...over,
});

describe("a request", () => {
  test.each([
    ["the same", {}, { kind: "known", request: "req_0000000000000001", note: "n" }],
    ["under a newer secret", { macs: ["bb", "aa"] as const }, { kind: "known" }],
    ["with other parameters", { macs: ["bb"] as const }, { kind: "other" }],
    [
      "at another route",
      { operation: "POST /v1/accounts" },
      { kind: "other", first: "POST /v1/ephemeral_keys" },
    ],
  ])("is known by its key: %s", (_, over, heard) => {
    const requests = new RememberedRequests(storage());
    expect(requests.recall("a/test", asked("k"), DAY_MS)).toBeUndefined();
    requests.keep("a/test", asked("k"), "n", 0);
    expect(requests.recall("a/test", asked("k", over), DAY_MS)).toMatchObject(heard);
    expect(requests.recall("a/live", asked("k", over), DAY_MS)).toBeUndefined();
    expect(requests.recall("a/test", asked("l", over), DAY_MS)).toBeUndefined();
  });

  test("is remembered for thirty days, as far as its account has no more than ten thousand", () => {
    const sql = storage();
    const requests = new RememberedRequests(sql);
    requests.keep("b/test", asked("old"), "", 0);
    requests.keep("b/test", asked("young"), "", 2 * DAY_MS);
    for (let n = 0; n < REMEMBERED_MAX + 500; n++) {
      requests.keep("a/test", asked(`k${n}`), "", 31 * DAY_MS);
    }
    expect(requests.recall("b/test", asked("old"), 31 * DAY_MS)).toBeUndefined();
    expect(requests.recall("b/test", asked("young"), 31 * DAY_MS)).toBeDefined();
    expect(requests.recall("a/test", asked("k0"), 31 * DAY_MS)).toBeUndefined();
    expect(requests.recall("a/test", asked("k10499"), 31 * DAY_MS)).toBeDefined();
    expect(requests.recall("a/test", asked("k600"), 31 * DAY_MS)).toBeDefined();
    expect(requests.recall("b/test", asked("young"), 33 * DAY_MS)).toBeUndefined();
    expect(sql.count("requests")).toBeLessThan(REMEMBERED_MAX + 200);
  });

  test("stays when so many others are of another account that its oldest go", () => {
    const sql = storage();
    const requests = new RememberedRequests(sql);
    const crowd = ["a/test", "b/live"];
    const quiet = ["b/test", "a/live", "c/test"];
    // The quiet ask before the crowd, among it and after it; the last sweep is of the last request.
    for (let n = 0; n < REMEMBERED_MAX + 500; n++) {
      if (n % 3_500 === 0) {
        for (const whose of quiet) requests.keep(whose, asked(`k${n}`), whose, 0);
      }
      for (const whose of crowd) requests.keep(whose, asked(`k${n}`), whose, 0);
    }
    for (const whose of quiet) {
      for (const n of [0, 3_500, 7_000]) {
        expect(requests.recall(whose, asked(`k${n}`), 0)).toMatchObject({ note: whose });
      }
    }
    for (const whose of crowd) {
      expect(requests.recall(whose, asked("k0"), 0)).toBeUndefined();
      expect(requests.recall(whose, asked("k500"), 0)).toMatchObject({ note: whose });
    }
  });

  test("may be another one once its thirty days are over, also where nothing was swept", () => {
    const requests = new RememberedRequests(storage());
    requests.keep("a/test", asked("k"), "old", 0);
    expect(requests.recall("a/test", asked("k"), 31 * DAY_MS)).toBeUndefined();
    requests.keep("a/test", asked("k"), "new", 31 * DAY_MS);
    expect(requests.recall("a/test", asked("k"), 31 * DAY_MS)).toMatchObject({ note: "new" });
  });
});

describe("a key that was taken back", () => {
  test("is known as such, and for its account and mode alone", () => {
    const keys = new RevokedKeys(storage());
    keys.add("a/test", "000001", HOUR_MS, 0);
    expect(keys.has("a/test", "000001")).toBe(true);
    expect(keys.has("a/live", "000001")).toBe(false);
    expect(keys.has("b/test", "000001")).toBe(false);
    expect(keys.has("a/test", "000002")).toBe(false);
  });

  test("is one row, which goes with its hour", () => {
    const sql = storage();
    const keys = new RevokedKeys(sql);
    for (let minute = 0; minute < 600; minute++) {
      keys.add("a/test", `${minute}`, minute * 60_000 + HOUR_MS, minute * 60_000);
      keys.add("a/test", `${minute}`, minute * 60_000 + HOUR_MS, minute * 60_000);
    }
    expect(sql.count("revoked_keys")).toBe(60);
    expect(keys.has("a/test", "599")).toBe(true);
    expect(keys.has("a/test", "540")).toBe(true);
  });

  test("is not kept when it has ended before", () => {
    const sql = storage();
    const keys = new RevokedKeys(sql);
    keys.add("a/test", "000001", HOUR_MS, HOUR_MS);
    expect(sql.count("revoked_keys")).toBe(0);
  });
});
