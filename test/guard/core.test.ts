import { describe, expect, test } from "vitest";
import { CardGuard, STRIKES_MAX } from "../../durable-objects/card-guard.ts";
import {
  CARD_MERCHANTS_MAX,
  CARD_TOKENS_MAX,
  CardVelocity,
} from "../../durable-objects/card-velocity.ts";
import { type Breaker, hear, newBreaker, phaseOf } from "../../durable-objects/decline-breaker.ts";
import { Generations } from "../../durable-objects/generations.ts";
import { land, newFlight, start } from "../../durable-objects/slow-start.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { networkOf } from "../../protocol/network.ts";
import { binOf } from "../../workers/vault/bin.ts";

const MINUTE_MS = 60_000;

const declines = (breaker: Breaker, nowMs: number): number => {
  for (let heard = 1; heard < 1000; heard++) {
    hear(breaker, false, nowMs);
    if (phaseOf(breaker, nowMs) === "open") return heard;
  }
  throw new Error("it does not open");
};

describe("the decline breaker", () => {
  test("opens after 22 declines of somebody without a past, after ten of a good merchant", () => {
    expect(declines(newBreaker(), 0)).toBe(22);
    const good = newBreaker();
    for (let i = 0; i < 2000; i++) hear(good, i % 20 !== 0, 0);
    expect(declines(good, 0)).toBeLessThanOrEqual(10);
  });

  test("stays closed for a merchant half of whose cards are declined, whichever way they fall", () => {
    const breaker = newBreaker();
    for (let i = 0; i < 20_000; i++) {
      hear(breaker, i % 20 < 10, 0);
      expect(phaseOf(breaker, 0)).toBe("closed");
    }
  });

  test("is tried after five minutes; two declines open it for longer, approvals close it", () => {
    const breaker = newBreaker();
    declines(breaker, 0);
    expect(phaseOf(breaker, 5 * MINUTE_MS - 1)).toBe("open");
    expect(phaseOf(breaker, 5 * MINUTE_MS)).toBe("trying");
    hear(breaker, false, 5 * MINUTE_MS);
    expect(phaseOf(breaker, 5 * MINUTE_MS)).toBe("trying");
    hear(breaker, false, 5 * MINUTE_MS);
    expect(phaseOf(breaker, 15 * MINUTE_MS - 1)).toBe("open");
    for (let i = 0; i < 7; i++) hear(breaker, true, 15 * MINUTE_MS);
    expect(phaseOf(breaker, 15 * MINUTE_MS)).toBe("closed");
  });
});

test("slow start lets 48 go at once, more once they come back well, and forgets it in a while", () => {
  const flight = newFlight();
  const startAll = (nowMs: number) => {
    let started = 0;
    while (start(flight, 1, nowMs)) started++;
    return started;
  };
  expect(startAll(0)).toBe(48);
  for (let i = 0; i < 48; i++) land(flight, true, 0);
  const grown = startAll(0);
  expect(grown).toBeGreaterThan(60);
  for (let i = 0; i < grown; i++) land(flight, false, 0);
  expect(startAll(60 * MINUTE_MS)).toBe(48);
});

describe("the guard of an account", () => {
  const stranger = (guard: CardGuard, n: number, key = `key-${n}`) =>
    guard.judge(
      { name: "a", key, caller: undefined, token: `tok_${n}`, fingerprint: `print-${n}` },
      0,
    );

  const opened = () => {
    const guard = new CardGuard();
    for (let n = 0; n < 100; n++) {
      const passed = stranger(guard, n);
      if (passed === "blocked") return { guard, asked: n };
      guard.settle(passed, false, 0);
    }
    throw new Error("it does not open");
  };

  test("lets a key through that it let through before, whatever has happened since", () => {
    const { guard, asked } = opened();
    expect(asked).toBe(22);
    expect(stranger(guard, 500)).toBe("blocked");
    expect(stranger(guard, 500, "key-3")).not.toBe("blocked");
  });

  test("counts what came to nothing neither way", () => {
    const guard = new CardGuard();
    for (let n = 0; n < 500; n++) {
      const passed = stranger(guard, n);
      expect(passed).not.toBe("blocked");
      if (passed !== "blocked") guard.settle(passed, undefined, 0);
    }
  });

  test("gives a network no token after declines in a row, and again when they are forgiven", () => {
    const guard = new CardGuard();
    const visit = { network: "203.0.113.0/24", proven: false };
    const token = (n: number, nowMs = 0) =>
      guard.admitToken("a", visit, `tok_${n}` as TokenId, nowMs);
    for (let n = 0; n < STRIKES_MAX; n++) {
      expect(token(n)).toBe("stranger");
      const passed = stranger(guard, n);
      if (passed !== "blocked") guard.settle(passed, false, 0);
    }
    expect(token(100)).toBe("blocked");
    expect(token(101, 16 * MINUTE_MS)).toBe("stranger");
  });
});

describe("the velocity of a card", () => {
  const card = { bin: "40000001", print: "one" };

  test("ends at so many tokens an hour, and starts again as the hour slides on", () => {
    const velocity = new CardVelocity();
    for (let i = 0; i < CARD_TOKENS_MAX; i++) expect(velocity.admits(card, 0, false, 0)).toBe(true);
    expect(velocity.admits(card, 0, false, 0)).toBe(false);
    expect(velocity.admits(card, 0, false, 60 * MINUTE_MS)).toBe(false);
    expect(velocity.admits(card, 0, false, 100 * MINUTE_MS)).toBe(true);
  });

  test("ends at so many merchants, however few tokens", () => {
    const velocity = new CardVelocity();
    for (let mark = 0; mark < CARD_MERCHANTS_MAX; mark++) {
      expect(velocity.admits(card, mark, false, 0)).toBe(true);
    }
    expect(velocity.admits(card, 31, false, 0)).toBe(false);
    expect(velocity.admits({ ...card, print: "two" }, 31, false, 0)).toBe(true);
  });
});

test("generations hold twice their size at most, and what is looked at stays", () => {
  const held = new Generations<number>(100);
  held.set("kept", 1);
  for (let i = 0; i < 10_000; i++) {
    held.set(`name ${i}`, i);
    expect(held.get("kept")).toBe(1);
    expect(held.size).toBeLessThanOrEqual(200);
  }
  expect(held.get("name 0")).toBeUndefined();
});

test.each([
  ["203.0.113.9", "203.0.113.0/24"],
  ["::ffff:203.0.113.9", "203.0.113.0/24"],
  ["2001:db8:1:2::9", "2001:db8:1::/48"],
  ["2001:db8::1", "2001:db8:0::/48"],
  ["2001:0DB8:0001:0:0:0:0:9", "2001:db8:1::/48"],
  ["127.0.0.1", undefined],
  ["10.1.2.3", undefined],
  ["172.31.0.1", undefined],
  ["192.168.1.1", undefined],
  ["169.254.1.1", undefined],
  ["::1", undefined],
  ["fd00::1", undefined],
  ["fe80::1", undefined],
  ["1:2:3::4::5", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["999.1.1.1", undefined],
  ["somewhere", undefined],
  ["", undefined],
  [null, undefined],
])("the network of %s is %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("a BIN has eight digits, or six where eight would show too much", () => {
  expect(binOf("4242424242424242")).toBe("42424242");
  expect(binOf("378282246310005")).toBe("378282");
});
