// Many connections at one account: whatever the interleaving, one key has one charge, the sequence has
// no gap at any moment, and no more is given back than was taken.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { CHARGE_MOVES, closedCharge, openedCharge } from "../../protocol/charge.ts";
import type {
  CloseCharge,
  Command,
  OpenCharge,
  OpenOperation,
  Scope,
  Verdict,
} from "../../protocol/command.ts";
import { uuidOf } from "../../protocol/ids.ts";
import {
  apply,
  applyOne,
  charged,
  chargeRow,
  claim,
  closing,
  connect,
  countTo,
  ending,
  generator,
  openAccount,
  openAccounts,
  opening,
  operating,
  seedOf,
  sequenceOf,
  token,
  withConnections,
  wordOf,
} from "./region.ts";

const url = inject("bindings")["DATABASE_URL_US"] ?? "";
let client: pg.Client;

beforeAll(async () => {
  client = await connect(url);
});
afterAll(() => client?.end());

/** How many verdicts of each word there are. */
function tally(verdicts: readonly (Verdict | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const verdict of verdicts) {
    const word = wordOf(verdict) ?? "none";
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}

/** One command per connection, all at once. */
async function race(clients: readonly pg.Client[], commands: readonly Command[]) {
  const lanes = clients.map(async (lane, i) => {
    const verdicts: Verdict[] = [];
    for (let at = i; at < commands.length; at += clients.length) {
      verdicts.push(await applyOne(lane, commands[at] as Command));
    }
    return verdicts;
  });
  return (await Promise.all(lanes)).flat();
}

describe("one key at two doors at once", () => {
  test("opens one charge, 100 times out of 100", async () => {
    const scope = await openAccount(client);
    await withConnections(url, 4, async (clients) => {
      for (let round = 0; round < 100; round++) {
        const shared = claim();
        const rivals = clients.map(() => opening(scope, shared));
        expect(tally(await race(clients, rivals))).toEqual({ opened: 1, known: 3 });
      }
    });
    const { rows } = await client.query(
      "select count(*)::integer as n from charges c join accounts a on a.no = c.account_no where a.id = $1",
      [scope.account],
    );
    expect(rows).toEqual([{ n: 100 }]);
    expect((await sequenceOf(client, scope)).last).toBe(100);
  });

  test("spends one token once, and one order's attempt once", async () => {
    const scope = await openAccount(client);
    await withConnections(url, 4, async (clients) => {
      const spent = token();
      const tokens = await race(
        clients,
        clients.map(() => opening(scope, { token: spent })),
      );
      expect(tally(tokens)).toEqual({ opened: 1, token_already_used: 3 });
      const order = { order_id: "A-1", attempt_number: 1 };
      const orders = await race(
        clients,
        clients.map(() => opening(scope, order)),
      );
      expect(tally(orders)).toEqual({ opened: 1, order_attempt_taken: 3 });
    });
  });

  test("closes one charge once, whoever says what", async () => {
    const scope = await openAccount(client);
    await withConnections(url, 4, async (clients) => {
      for (let round = 0; round < 25; round++) {
        const open = opening(scope);
        await applyOne(client, open);
        const closes = clients.map((_, i) => closing(scope, open.id, i % 2 === 0));
        const verdicts = await race(clients, closes);
        expect(tally(verdicts)).toEqual({ closed: 1, known: 3 });
        // What the three hear is what the one said.
        const winner = verdicts.findIndex((v) => v.outcome === "charge_closed");
        const seq = verdicts[winner]?.seq ?? 0;
        const said = closedCharge(
          openedCharge(open, undefined),
          closes[winner] as CloseCharge,
          seq,
        );
        const heard = verdicts.flatMap((v) =>
          v.outcome === "known" && v.answer.end.kind === "facts" ? [v.answer.end.facts] : [],
        );
        expect(heard).toEqual([said, said, said]);
      }
    });
  });
});

test("20 batches at once leave a sequence without a gap, and show none on the way", async () => {
  const scope = await openAccount(client);
  let over = false;
  const gaps: string[] = [];
  let looks = 0;
  const watch = (async () => {
    // What is visible is a beginning of the sequence: no number appears before a smaller one.
    while (!over) {
      const { last, seqs } = await sequenceOf(client, scope);
      if (seqs.length !== last || seqs.at(-1) !== (last || undefined))
        gaps.push(`${last}: ${seqs}`);
      looks++;
    }
  })();
  const opened = await withConnections(url, 20, async (clients) => {
    const batches = clients.map(async (lane, i) => {
      let count = 0;
      for (let round = 0; round < 8; round++) {
        const batch = countTo(1 + ((i + round) % 5)).map(() => opening(scope));
        count += batch.length;
        await apply(lane, batch);
        if (round % 2 === 0) continue;
        await apply(
          lane,
          batch.map(({ id }) => closing(scope, id)),
        );
        count += batch.length;
      }
      return count;
    });
    return (await Promise.all(batches)).reduce((sum, n) => sum + n, 0);
  });
  over = true;
  await watch;
  expect(gaps).toEqual([]);
  expect(looks).toBeGreaterThan(5);
  expect(await sequenceOf(client, scope)).toEqual({ last: opened, seqs: countTo(opened) });
});

test("batches of the same merchants in opposite order never deadlock", async () => {
  const merchants = await openAccounts(client, 4);
  await withConnections(url, 4, async (clients) => {
    const lanes = clients.map(async (lane, i) => {
      const ordered = i % 2 === 0 ? merchants : merchants.toReversed();
      for (let round = 0; round < 50; round++) {
        const opens = ordered.map((scope) => opening(scope));
        await apply(lane, opens);
        await apply(lane, [
          ...opens.map((open) => closing(open, open.id)),
          ...ordered.map((scope) => opening(scope)).toReversed(),
        ]);
      }
    });
    // A deadlock would reject with SQLSTATE 40P01.
    await Promise.all(lanes);
  });
  for (const scope of merchants) {
    expect(await sequenceOf(client, scope)).toEqual({ last: 600, seqs: countTo(600) });
  }
});

describe("refunds that race", () => {
  test("50 at once from 10 connections reserve no more than was captured", async () => {
    const scope = await openAccount(client);
    const open = await charged(client, scope);
    await withConnections(url, 10, async (clients) => {
      const asked = countTo(50).map(() => operating(scope, open.id, { amount: 300 }));
      const verdicts = await race(clients, asked);
      expect(tally(verdicts)).toEqual({ opened: 3, object_locked: 47 });
      expect(await chargeRow(client, open.id)).toMatchObject({ amount_refunding: 900 });
      const won = asked.filter(({ id }) =>
        verdicts.some((v) => v.outcome === "operation_opened" && v.facts.id === id),
      );
      // One fails at the processor: what it had reserved is free again, and no more.
      await race(
        clients,
        won.map((refund, i) => ending(refund, i > 0)),
      );
      expect(await chargeRow(client, open.id)).toMatchObject({
        amount_refunded: 600,
        amount_refunding: 0,
      });
      const rest = countTo(10).map(() => operating(scope, open.id));
      expect(tally(await race(clients, rest))).toEqual({ opened: 1, object_locked: 9 });
      expect(await chargeRow(client, open.id)).toMatchObject({ amount_refunding: 400 });
    });
  });

  test("one capture or one release of an authorization wins", async () => {
    const scope = await openAccount(client);
    await withConnections(url, 6, async (clients) => {
      for (let round = 0; round < 20; round++) {
        const open = await charged(client, scope, { capture: false });
        const rivals = clients.map((_, i) => operating(scope, open.id, { capture: i % 2 === 0 }));
        expect(tally(await race(clients, rivals))).toEqual({ opened: 1, object_locked: 5 });
      }
    });
  });
});

/** The states a charge may go to from each. */
const NEXT: Record<string, readonly string[]> = Object.fromEntries(
  Object.entries(CHARGE_MOVES).map(([state, moves]) => [state, Object.values(moves)]),
);

const seed = seedOf();
test(`random captures, refunds and releases keep refunds ≤ captured ≤ authorized (seed ${seed})`, async () => {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const scope: Scope = await openAccount(client);
  const charges: OpenCharge[] = [];
  for (const n of countTo(24)) {
    charges.push(await charged(client, scope, { capture: n % 2 === 0, amount: 1000 * n }));
  }
  const opened: OpenOperation[] = [];
  await withConnections(url, 8, async (clients) => {
    // What each lane does is drawn beforehand, so that the seed decides it and not the scheduler.
    const lanes = clients.map((lane) => ({
      lane,
      steps: countTo(60).map(() => ({
        open: random() < 0.6,
        charge: pick(charges),
        capture: random() < 0.3,
        amount: random() < 0.15 ? undefined : 1 + Math.floor(random() * 300),
        approved: random() < 0.7,
        which: random(),
      })),
    }));
    await Promise.all(
      lanes.map(async ({ lane, steps }) => {
        for (const { open, charge, capture, amount, approved, which } of steps) {
          const operation = opened[Math.floor(which * opened.length)];
          if (!open && operation !== undefined) {
            await applyOne(lane, ending(operation, approved));
            continue;
          }
          const asked = operating(scope, charge.id, {
            capture,
            ...(amount === undefined ? {} : { amount }),
          });
          if ((await applyOne(lane, asked)).outcome === "operation_opened") opened.push(asked);
        }
      }),
    );
  });
  for (const operation of opened) await applyOne(client, ending(operation));
  expect(opened.length).toBeGreaterThan(5);
  for (const { id, amount } of charges) {
    const row = await chargeRow(client, id);
    const limit = row.state === "released" ? row.amount : row.amount_captured;
    expect(row.amount_refunding).toBe(0);
    expect(row.amount_refunded).toBeLessThanOrEqual(limit);
    expect(row.amount_captured).toBeLessThanOrEqual(amount);
    const { rows } = await client.query<{ state: string }>(
      `select charge_state_after(type, captured) as state from journal
        where subject = $1 and type in (1, 2, 3, 5, 7) order by account_no, seq`,
      [uuidOf("ch", id)],
    );
    for (const [i, { state }] of rows.entries()) {
      const before = rows[i - 1]?.state;
      if (before === undefined) continue;
      // Between two events of the charge an operation on it may have begun.
      const reachable = [
        ...(NEXT[before] ?? []),
        ...(NEXT[before] ?? []).flatMap((s) => NEXT[s] ?? []),
      ];
      expect(reachable, `${before} → ${state}`).toContain(state);
    }
  }
  const { last, seqs } = await sequenceOf(client, scope);
  expect(seqs).toEqual(countTo(last));
});

test("the ledger verifies after all of this", async () => {
  expect(await verifyLedger(url)).toEqual([]);
});
