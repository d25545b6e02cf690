// The whole proof with fewer requests, from the same code as `npm run canary`.

import { beforeAll, describe, expect, test } from "vitest";
import { seedOf } from "../ledger/region.ts";
import { canary, type Outcome } from "./canary.ts";
import { optionsOf } from "./options.ts";
import { isClean, report } from "./report.ts";
import { KINDS } from "./requests.ts";

const REQUESTS = 800;
const RUN_MS_MAX = 480_000;
const seed = seedOf();

describe(`after ${REQUESTS} requests of every kind with canary cards, and a kill of every part (seed ${seed})`, () => {
  let outcome: Outcome;
  const answersTo = (kind: string) => outcome.tally.kinds.get(kind) ?? new Map<number, number>();

  beforeAll(async () => {
    outcome = await canary(optionsOf(REQUESTS, seed), { step: () => {}, tick: () => {} });
    console.log(report(outcome));
  }, RUN_MS_MAX);

  test("no number and no code is in any place, and every planted one is found", () => {
    expect(outcome.findings).toEqual([]);
    expect(outcome.planted.missed).toEqual([]);
    expect(outcome.planted.leaks).toBeGreaterThan(1000);
    expect(isClean(outcome), report(outcome)).toBe(true);
  });

  test("every kind was sent, and each was answered as it should be", () => {
    expect([...outcome.tally.kinds.keys()].sort()).toEqual(KINDS.map(({ name }) => name).sort());
    expect(outcome.tally.wrong).toEqual([]);
    expect(answersTo("token from a form").get(200)).toBeGreaterThan(10);
    expect(answersTo("token from a sealed card").get(200)).toBeGreaterThan(1);
    expect([...outcome.tally.crashes.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("every kind of place was there to be searched", () => {
    const names = outcome.places.map(({ name }) => name);
    for (const region of ["us", "eu"]) {
      expect(names).toContain(`PostgreSQL ${region}: WAL`);
      expect(names).toContain(`PostgreSQL ${region}: tables and indexes`);
      expect(names).toContain(`PostgreSQL ${region}: log`);
      expect(names).toContain(`PostgreSQL ${region}: rows`);
    }
    for (const name of [
      "answers to the caller",
      "output of the processes",
      "logs of wrangler",
      "Durable Objects: SQLite files",
      "Durable Objects: their WAL",
      "Durable Objects: rows",
      "card boxes: their WAL",
      "the bank's book",
    ]) {
      expect(names).toContain(name);
    }
  });

  test("sealed cards were in the card boxes, so the search had something to miss", () => {
    expect(outcome.sealedCards).toBeGreaterThan(100);
  });

  test("the edge's memory holds typed cards and never a sealed one, where it can be read", () => {
    const { sealed, typed } = outcome.memory;
    expect(sealed.cards).toBeGreaterThan(100);
    if (typeof sealed.found === "string" || typeof typed.found === "string") {
      console.log(`memory is not searched: ${sealed.found} / ${typed.found}`);
      return;
    }
    expect([...sealed.found.spellings]).toEqual([]);
    expect(typed.found.spellings.size).toBeGreaterThan(0);
  });
});
