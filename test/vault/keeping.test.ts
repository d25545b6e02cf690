// How the card box keeps cards that come at the same time, and gives them out.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromJson, toJson } from "../../protocol/json-of.ts";
import { type Box, type BoxedCard, startRig } from "./rig/start.ts";

const SLOT = 7;
const OWNER = "acct_AbCdEfGhIjKlMnOp/test";

const rig = startRig();
let box: Box;

beforeAll(async () => {
  await rig.start();
  box = await rig.box(SLOT);
}, 60_000);
afterAll(() => rig.stop());

const boxed = (sealed: string): BoxedCard => ({
  sealed,
  version: 1,
  created: 1_800_000_000,
  card: {
    brand: "Visa",
    last4: "4242",
    exp_month: 12,
    exp_year: 2034,
    fingerprint: "f",
    funding: "unknown",
    country: null,
  },
});
const print = { version: 1, newest: "f", oldest: "f" };
const put = (token: string, sealed: string, cvc?: string) =>
  box.put(toJson({ owner: OWNER, token, boxed: { ...boxed(sealed), print }, cvc }));
const tokens = (count: number) => Array.from({ length: count }, () => `tok_${randomUUID()}`);
const named = (token: string) => ({ owner: OWNER, token });

describe("cards that are put at once", () => {
  test("are all kept", async () => {
    const names = tokens(50);
    await Promise.all(names.map((token) => put(token, `of ${token}`)));
    const { cards: taken } = await box.takeMany(names.map(named));
    expect(taken.map((card) => card?.boxed)).toEqual(names.map((token) => boxed(`of ${token}`)));
  });

  test("do not suffer from one that cannot be kept", async () => {
    const names = tokens(9);
    const [taken = ""] = tokens(1);
    await put(taken, "first");
    const puts = [...names.slice(0, 4), taken, ...names.slice(4)].map((token) =>
      put(token, "second"),
    );
    const ends = await Promise.allSettled(puts);
    expect(ends.map(({ status }) => status)).toEqual([
      ...Array(4).fill("fulfilled"),
      "rejected",
      ...Array(5).fill("fulfilled"),
    ]);
    expect((await box.get(OWNER, taken))?.sealed).toBe("first");
    for (const token of names) expect((await box.get(OWNER, token))?.sealed).toBe("second");
  });

  test("are kept but for one that was forgotten, which never comes back", async () => {
    const [before = "", gone = "", after = ""] = tokens(3);
    await put(gone, "first");
    await box.forget(OWNER, [gone]);
    const ends = await Promise.allSettled([before, gone, after].map((token) => put(token, "new")));
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await box.get(OWNER, gone)).toBeUndefined();
    for (const token of [before, after]) expect((await box.get(OWNER, token))?.sealed).toBe("new");
    // Another owner's token of that name is another token.
    const other = toJson({
      owner: "acct_Other/test",
      token: gone,
      boxed: { ...boxed("x"), print },
    });
    expect(fromJson(await box.put(other))).toEqual({ ok: true, value: "f" });
  });
});

describe("cards that come out of a seal", () => {
  const put = async (use: { jti: string; untilMs: number }, owner = OWNER) => {
    const [token = ""] = tokens(1);
    const arrival = toJson({ owner, token, boxed: { ...boxed("one"), print }, use });
    const kept = fromJson(await box.put(arrival));
    return [kept.ok ? "kept" : kept.failure, token] as const;
  };

  test("are kept once for each seal, also of those that come together", async () => {
    const use = { jti: randomUUID(), untilMs: Date.now() + 60_000 };
    const puts = await Promise.all(Array.from({ length: 5 }, () => put(use)));
    expect(puts.map(([how]) => how).toSorted()).toEqual(["kept", ...Array(4).fill("seal_used")]);
    for (const [how, token] of puts) {
      expect((await box.get(OWNER, token)) !== undefined).toBe(how === "kept");
    }
    expect((await put(use, OWNER.replace("test", "live")))[0]).toBe("kept");
  });

  test("are not kept past the seal's time, which the box's own clock tells", async () => {
    expect((await put({ jti: randomUUID(), untilMs: Date.now() - 60_000 }))[0]).toBe("seal_used");
  });

  test("leave the seal's name behind until then, and no longer", async () => {
    const jti = randomUUID();
    const untilMs = Date.now() + 3000;
    expect((await put({ jti, untilMs }))[0]).toBe("kept");
    while (Date.now() <= untilMs + 50) await new Promise((resume) => setTimeout(resume, 50));
    expect((await put({ jti, untilMs: Date.now() + 60_000 }))[0]).toBe("kept");
  });
});

describe("cards that are taken at once", () => {
  test("come in the order of their names, with nothing where there is none", async () => {
    const [one = "", two = "", none = ""] = tokens(3);
    await put(one, "one", "111");
    await put(two, "two");
    const { cards: taken } = await box.takeMany([two, none, one].map(named));
    expect(taken.map((card) => card && [card.boxed.sealed, card.cvc])).toEqual([
      ["two", undefined],
      undefined,
      ["one", "111"],
    ]);
  });

  test("give each CVC once, also to a name that stands there twice", async () => {
    const [token = ""] = tokens(1);
    await put(token, "one", "111");
    const { cards: taken } = await box.takeMany([named(token), named(token)]);
    expect(taken.map((card) => card?.cvc)).toEqual(["111", undefined]);
    expect((await box.takeMany([named(token)])).cards[0]?.cvc).toBeUndefined();
  });

  test("are given to their owner only", async () => {
    const [token = ""] = tokens(1);
    await put(token, "one", "111");
    for (const owner of [OWNER.replace("test", "live"), "acct_AbCdEfGhIjKlMnOq/test"]) {
      expect((await box.takeMany([{ owner, token }])).cards).toEqual([undefined]);
    }
    expect((await box.takeMany([named(token)])).cards[0]?.cvc).toBe("111");
  });
});
