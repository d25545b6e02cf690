// How the card box keeps cards that come at the same time, and gives them out.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  box.put(OWNER, token, { ...boxed(sealed), version: 1, print }, cvc);
const tokens = (count: number) => Array.from({ length: count }, () => `tok_${randomUUID()}`);
const named = (token: string) => ({ owner: OWNER, token });

describe("cards that are put at once", () => {
  test("are all kept", async () => {
    const names = tokens(50);
    await Promise.all(names.map((token) => put(token, `of ${token}`)));
    const taken = await box.takeMany(names.map(named));
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
});

describe("cards that are taken at once", () => {
  test("come in the order of their names, with nothing where there is none", async () => {
    const [one = "", two = "", none = ""] = tokens(3);
    await put(one, "one", "111");
    await put(two, "two");
    const taken = await box.takeMany([two, none, one].map(named));
    expect(taken.map((card) => card && [card.boxed.sealed, card.cvc])).toEqual([
      ["two", undefined],
      undefined,
      ["one", "111"],
    ]);
  });

  test("give each CVC once, also to a name that stands there twice", async () => {
    const [token = ""] = tokens(1);
    await put(token, "one", "111");
    const taken = await box.takeMany([named(token), named(token)]);
    expect(taken.map((card) => card?.cvc)).toEqual(["111", undefined]);
    expect((await box.takeMany([named(token)]))[0]?.cvc).toBeUndefined();
  });

  test("are given to their owner only", async () => {
    const [token = ""] = tokens(1);
    await put(token, "one", "111");
    for (const owner of [OWNER.replace("test", "live"), "acct_AbCdEfGhIjKlMnOq/test"]) {
      expect(await box.takeMany([{ owner, token }])).toEqual([undefined]);
    }
    expect((await box.takeMany([named(token)]))[0]?.cvc).toBe("111");
  });
});
