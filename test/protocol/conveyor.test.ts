import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_COMMANDS_MAX, type Batch, Conveyor } from "../../durable-objects/conveyor.ts";
import type { SendFailure } from "../../durable-objects/machine.ts";
import { exclusions, type SaveCustomer } from "../../protocol/command.ts";

/** A command whose names are its key, a customer and, if it has one, a token. */
const command = (key: number, customer = `cus_${key}`, token?: string): SaveCustomer => ({
  kind: "save_customer",
  account: "acct_0000000000000000",
  livemode: false,
  key: `key-${key}`,
  operation: "POST /v1/customers",
  mac: "00",
  request: "req_1",
  id: customer as `cus_${string}`,
  made: true,
  removed: false,
  ...(token === undefined ? {} : { token: token as `tok_${string}` }),
});

/** A conveyor whose commands are owned by their number. */
const conveyorOf = (lanes: number, commands: readonly SaveCustomer[] = []) => {
  const conveyor = new Conveyor<number>(lanes);
  for (const [i, c] of commands.entries()) conveyor.push(c, i);
  return conveyor;
};

const some = (count: number) => Array.from({ length: count }, (_, i) => command(i));
const keysOf = (batch: Batch | undefined): number[] =>
  (batch?.commands ?? []).map((c) => Number("key" in c ? c.key.slice("key-".length) : Number.NaN));
const arrived = (conveyor: Conveyor<number>, batch: Batch | undefined, failure?: SendFailure) =>
  conveyor.arrive(batch?.number ?? Number.NaN, failure).map(({ owner }) => owner);

/** Sends all there is, one batch after the other; `judge` says what becomes of each. */
function runDown(
  conveyor: Conveyor<number>,
  judge: (keys: readonly number[]) => SendFailure | undefined,
): { batches: number[][]; settled: Map<number, SendFailure | undefined> } {
  const batches: number[][] = [];
  const settled = new Map<number, SendFailure | undefined>();
  for (let batch = conveyor.next(); batch !== undefined; batch = conveyor.next()) {
    const keys = keysOf(batch);
    batches.push(keys);
    const failure = judge(keys);
    for (const owner of arrived(conveyor, batch, failure)) settled.set(owner, failure);
  }
  return { batches, settled };
}

describe("a conveyor", () => {
  test("sends what came together in one batch and gives back whose it was, in order", () => {
    const conveyor = conveyorOf(1, some(3));
    const batch = conveyor.next();
    expect(keysOf(batch)).toEqual([0, 1, 2]);
    expect(arrived(conveyor, batch)).toEqual([0, 1, 2]);
    expect(conveyor.next()).toBeUndefined();
  });

  test.each([1, 2, 3])("with %i lanes has as many batches in flight and no more", (lanes) => {
    const conveyor = conveyorOf(lanes);
    const flying: (Batch | undefined)[] = [];
    for (let i = 0; i < lanes; i++) {
      conveyor.push(command(i), i);
      flying.push(conveyor.next());
      expect(keysOf(flying[i])).toEqual([i]);
    }
    for (let i = lanes; i < lanes + 5; i++) conveyor.push(command(i), i);
    expect(conveyor.next()).toBeUndefined();
    expect(conveyor.backlog).toBe(5);
    arrived(conveyor, flying[0]);
    expect(keysOf(conveyor.next())).toEqual([0, 1, 2, 3, 4].map((i) => i + lanes));
    expect(conveyor.backlog).toBe(0);
  });

  test("keeps those with a name in common apart and in order", () => {
    const conveyor = conveyorOf(1, [
      command(1, "cus_a"),
      command(2, "cus_a", "tok_b"),
      command(3, "cus_c", "tok_b"),
      command(4, "cus_d"),
      command(5, "cus_a"),
    ]);
    // 3 could go with 1, but must not overtake 2.
    expect(runDown(conveyor, () => undefined).batches).toEqual([[1, 4], [2], [3, 5]]);
  });

  test("holds back what a batch in flight excludes, though a lane is free, and lets others pass", () => {
    const conveyor = conveyorOf(2, [command(1, "cus_a")]);
    const first = conveyor.next();
    conveyor.push(command(2, "cus_a", "tok_b"), 2);
    conveyor.push(command(3, "cus_c", "tok_b"), 3);
    expect(conveyor.next()).toBeUndefined();
    conveyor.push(command(4, "cus_d"), 4);
    const second = conveyor.next();
    expect(keysOf(second)).toEqual([4]);
    arrived(conveyor, first);
    expect(keysOf(conveyor.next())).toEqual([2]);
    arrived(conveyor, second);
    expect(conveyor.next()).toBeUndefined();
  });

  test(`puts no more than ${BATCH_COMMANDS_MAX} into a batch`, () => {
    const conveyor = conveyorOf(1, some(2 * BATCH_COMMANDS_MAX + 1));
    const { batches } = runDown(conveyor, () => undefined);
    expect(batches.map((b) => b.length)).toEqual([BATCH_COMMANDS_MAX, BATCH_COMMANDS_MAX, 1]);
  });

  test("finds the one that conflicts and commits its neighbours", () => {
    const poison = 13;
    const conveyor = conveyorOf(1, some(50));
    const { settled } = runDown(conveyor, (keys) =>
      keys.includes(poison) ? "conflict" : undefined,
    );
    expect(settled.size).toBe(50);
    for (const [owner, failure] of settled) {
      expect(failure).toBe(owner === poison ? "conflict" : undefined);
    }
  });

  test("cuts a batch in two about its conflict, so that one costs a logarithm", () => {
    const conveyor = conveyorOf(1, some(256));
    const { batches } = runDown(conveyor, (keys) => (keys.includes(0) ? "conflict" : undefined));
    expect(batches.length).toBe(1 + 2 * 8);
  });

  test("sends the halves of a conflict before anything that waits, and keeps their names taken", () => {
    const conveyor = conveyorOf(1, [command(0), command(1)]);
    const batch = conveyor.next();
    conveyor.push(command(2), 2);
    expect(arrived(conveyor, batch, "conflict")).toEqual([]);
    const half = conveyor.next();
    expect(keysOf(half)).toEqual([0]);
    conveyor.push(command(3, "cus_1"), 3);
    arrived(conveyor, half);
    const other = conveyor.next();
    expect(keysOf(other)).toEqual([1]);
    arrived(conveyor, other);
    expect(keysOf(conveyor.next())).toEqual([2, 3]);
  });

  test("does not let through what a half in flight excludes, though a lane is free", () => {
    const conveyor = conveyorOf(3, [command(0), command(1)]);
    const batch = conveyor.next();
    arrived(conveyor, batch, "conflict");
    expect(keysOf(conveyor.next())).toEqual([0]);
    const half = conveyor.next();
    expect(keysOf(half)).toEqual([1]);
    conveyor.push(command(3, "cus_1"), 3);
    expect(conveyor.next()).toBeUndefined();
    arrived(conveyor, half);
    expect(keysOf(conveyor.next())).toEqual([3]);
  });

  test.each(["unreachable", "fenced"] as const)("gives back all of a batch that is %s", (why) => {
    const { batches, settled } = runDown(conveyorOf(1, some(3)), () => why);
    expect(batches.length).toBe(1);
    expect([...settled]).toEqual([0, 1, 2].map((owner) => [owner, why]));
  });

  test("takes an answer once: a second one, or one nobody asked for, settles nothing", () => {
    const conveyor = conveyorOf(1, some(2));
    const batch = conveyor.next();
    expect(arrived(conveyor, batch)).toEqual([0, 1]);
    expect(arrived(conveyor, batch)).toEqual([]);
    expect(conveyor.arrive(99, undefined)).toEqual([]);
  });

  type Fate = { cus: string; tok: string | undefined; arrivals: (SendFailure | undefined)[] };
  const fates: fc.Arbitrary<Fate[]> = fc.array(
    fc.record({
      cus: fc.constantFrom("cus_a", "cus_b", "cus_c"),
      tok: fc.constantFrom(undefined, "tok_a", "tok_b"),
      arrivals: fc.array(fc.constantFrom(undefined, undefined, "conflict", "unreachable"), {
        maxLength: 2,
      }),
    }),
    { maxLength: 40 },
  );

  test("never lets two with one name travel together, never reorders them, settles each once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fates, (lanes, commands) => {
        const conveyor = new Conveyor<number>(lanes);
        const flying: Batch[] = [];
        const settled: number[] = [];
        const tried = new Map<string, number[]>();
        const depart = () => {
          for (let batch = conveyor.next(); batch !== undefined; batch = conveyor.next()) {
            flying.push(batch);
            const keys = keysOf(batch);
            for (const [i, c] of batch.commands.entries()) {
              for (const name of exclusions(c)) {
                const order = tried.get(name) ?? [];
                tried.set(name, order);
                if (order.at(-1) !== keys[i]) order.push(keys[i] ?? Number.NaN);
              }
            }
          }
          expect(flying.length).toBeLessThanOrEqual(lanes);
          const names = flying.flatMap((b) => b.commands.flatMap(exclusions));
          expect(new Set(names).size).toBe(names.length);
        };
        for (const [i, { cus, tok, arrivals }] of commands.entries()) {
          conveyor.push(command(i, cus, tok), i);
          depart();
          for (const failure of arrivals) {
            // Not always the eldest: answers come in any order.
            const [batch] = flying.splice(i % Math.max(1, flying.length), 1);
            if (batch !== undefined) settled.push(...arrived(conveyor, batch, failure));
            depart();
          }
        }
        for (let batch = flying.shift(); batch !== undefined; batch = flying.shift()) {
          settled.push(...arrived(conveyor, batch));
          depart();
        }
        expect(conveyor.backlog).toBe(0);
        expect(settled.toSorted((a, b) => a - b)).toEqual(commands.map((_, i) => i));
        for (const order of tried.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });
});
