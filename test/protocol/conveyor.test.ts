import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_COMMANDS_MAX, Conveyor, type SendFailure } from "../../durable-objects/conveyor.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";

type Item = { readonly id: number; readonly names: readonly string[] };

/** A conveyor over a ledger that keeps every batch and answers by `judge`. */
function conveyorOf(
  judge: (batch: readonly Item[]) => Result<number[], SendFailure> | Promise<never> = (batch) =>
    ok(batch.map(({ id }) => id)),
) {
  const batches: Item[][] = [];
  const conveyor = new Conveyor<Item, number>(
    async (commands) => {
      batches.push(commands);
      await new Promise((resume) => setTimeout(resume, 1));
      return judge(commands);
    },
    ({ names }) => names,
  );
  return { conveyor, batches };
}

const item = (id: number, ...names: string[]): Item => ({ id, names });
const ids = (batches: readonly (readonly Item[])[]) => batches.map((b) => b.map(({ id }) => id));

describe("a conveyor", () => {
  test("sends what came together in one batch and answers each its own", async () => {
    const { conveyor, batches } = conveyorOf();
    const answers = await Promise.all([1, 2, 3].map((id) => conveyor.push(item(id, `n${id}`))));
    expect(answers).toEqual([ok(1), ok(2), ok(3)]);
    expect(ids(batches)).toEqual([[1, 2, 3]]);
  });

  test("fills the next batch while one is in flight", async () => {
    const { conveyor, batches } = conveyorOf();
    const first = conveyor.push(item(1, "a"));
    await new Promise((resume) => setTimeout(resume, 0));
    const rest = [2, 3, 4].map((id) => conveyor.push(item(id, `n${id}`)));
    expect(conveyor.backlog).toBe(3);
    await Promise.all([first, ...rest]);
    expect(ids(batches)).toEqual([[1], [2, 3, 4]]);
    expect(conveyor.backlog).toBe(0);
  });

  test("keeps those with a name in common apart and in order", async () => {
    const { conveyor, batches } = conveyorOf();
    await Promise.all(
      [item(1, "a"), item(2, "a", "b"), item(3, "b"), item(4, "c"), item(5, "a")].map((i) =>
        conveyor.push(i),
      ),
    );
    // 3 could go with 1, but must not overtake 2.
    expect(ids(batches)).toEqual([[1, 4], [2], [3, 5]]);
  });

  test(`puts no more than ${BATCH_COMMANDS_MAX} into a batch`, async () => {
    const { conveyor, batches } = conveyorOf();
    const all = Array.from({ length: 2 * BATCH_COMMANDS_MAX + 1 }, (_, id) => item(id, `n${id}`));
    await Promise.all(all.map((i) => conveyor.push(i)));
    expect(batches.map((b) => b.length)).toEqual([BATCH_COMMANDS_MAX, BATCH_COMMANDS_MAX, 1]);
  });

  test("never mixes names, never reorders them and answers all, however they come", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            names: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 3 }),
            waits: fc.boolean(),
          }),
          { maxLength: 40 },
        ),
        async (commands) => {
          const { conveyor, batches } = conveyorOf();
          const answers: Promise<Result<number, SendFailure>>[] = [];
          for (const [id, { names, waits }] of commands.entries()) {
            answers.push(conveyor.push(item(id, ...names)));
            if (waits) await new Promise((resume) => setTimeout(resume, 0));
          }
          expect(await Promise.all(answers)).toEqual(commands.map((_, id) => ok(id)));
          for (const batch of batches) {
            const names = batch.flatMap((i) => i.names);
            expect(new Set(names).size).toBe(names.length);
          }
          for (const name of ["a", "b", "c", "d"]) {
            const order = batches.flat().filter((i) => i.names.includes(name));
            expect(order).toEqual([...order].sort((x, y) => x.id - y.id));
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("finds the one that conflicts and commits its neighbours", async () => {
    const poison = 13;
    const { conveyor } = conveyorOf((batch) =>
      batch.some(({ id }) => id === poison) ? refuse("conflict") : ok(batch.map(({ id }) => id)),
    );
    const all = Array.from({ length: 50 }, (_, id) => item(id, `n${id}`));
    const answers = await Promise.all(all.map((i) => conveyor.push(i)));
    answers.forEach((answer, id) => {
      expect(answer).toEqual(id === poison ? refuse("conflict") : ok(id));
    });
  });

  test("cuts a batch in two about its conflict, so that one costs a logarithm", async () => {
    const { conveyor, batches } = conveyorOf((batch) =>
      batch.some(({ id }) => id === 0) ? refuse("conflict") : ok(batch.map(({ id }) => id)),
    );
    const all = Array.from({ length: 256 }, (_, id) => item(id, `n${id}`));
    await Promise.all(all.map((i) => conveyor.push(i)));
    expect(batches.length).toBe(1 + 2 * 8);
  });

  test.each(["unreachable", "fenced"] as const)(
    "tells all of a batch that it is %s",
    async (why) => {
      const { conveyor, batches } = conveyorOf(() => refuse(why));
      const answers = await Promise.all([1, 2, 3].map((id) => conveyor.push(item(id, `n${id}`))));
      expect(answers).toEqual([refuse(why), refuse(why), refuse(why)]);
      expect(batches.length).toBe(1);
    },
  );

  test("takes a cut connection for unreachable and goes on", async () => {
    let cut = true;
    const { conveyor } = conveyorOf((batch) =>
      cut ? Promise.reject(new Error("cut")) : ok(batch.map(({ id }) => id)),
    );
    expect(await conveyor.push(item(1, "a"))).toEqual(refuse("unreachable"));
    cut = false;
    expect(await conveyor.push(item(2, "a"))).toEqual(ok(2));
  });
});
