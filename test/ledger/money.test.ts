// Fees and days in the ledger: three legs that sum to nothing, and sums of days that come.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Scope } from "../../protocol/command.ts";
import type { KeptTerms } from "../../protocol/terms.ts";
import {
  apply,
  applyOne,
  charged,
  closing,
  connect,
  ending,
  type OwnLedger,
  openAccount,
  opening,
  operating,
  ownLedger,
} from "./region.ts";

// One of its own: days are made to go by in it, and then it does not verify.
let own: OwnLedger;
let client: pg.Client;
beforeAll(async () => {
  own = await ownLedger(inject("bindings")["DATABASE_URL_US"] ?? "");
  client = await connect(own.url);
});
afterAll(async () => {
  await client?.end();
  await own?.drop();
});

const OF = "(select no from accounts where id = $1 and not livemode)";

async function rows<R extends pg.QueryResultRow>(text: string, scope: Scope): Promise<R[]> {
  return (await client.query<R>(text.replaceAll("OF", OF), [scope.account])).rows;
}

const entriesOf = (scope: Scope) =>
  rows<{ seq: number; leg: number; name: string; amount: number }>(
    `select e.seq::integer, e.leg, l.name, e.amount::integer from entries e
       join ledger_accounts l on l.code = e.ledger_account
      where e.account_no = OF order by e.seq, e.leg`,
    scope,
  );

const balancesOf = async (scope: Scope) =>
  Object.fromEntries(
    (
      await rows<{ name: string; currency: string; amount: number }>(
        `select l.name, b.currency, b.amount::integer from balances b
           join ledger_accounts l on l.code = b.ledger_account where b.account_no = OF`,
        scope,
      )
    ).map(({ name, currency, amount }) => [`${name}/${currency}`, amount]),
  );

/** Days from today, and what comes free on each. */
const pendingOf = async (scope: Scope) => {
  const [row] = await rows<{ pending: string[]; later: string; today: number }>(
    `select pending, pending_of(pending) as later,
            (now() at time zone 'UTC')::date - '1970-01-01'::date as today
       from balances where account_no = OF and ledger_account = 2`,
    scope,
  );
  const pairs = (row?.pending ?? []).map(Number);
  const days = pairs.flatMap((day, i) =>
    i % 2 === 0 ? [[day - (row?.today ?? 0), pairs[i + 1]]] : [],
  );
  return { days, later: Number(row?.later) };
};

const FEES: KeptTerms = { fee_bps: 290, fee_fixed: { usd: 30 } };

describe("a payment with a fee", () => {
  test("is one row of three legs that sum to nothing, and a refund one of two", async () => {
    const scope = await openAccount(client, FEES);
    const sale = await charged(client, scope, { amount: 1000 });
    const refund = operating(scope, sale.id, { amount: 400 });
    await applyOne(client, refund);
    await applyOne(client, ending(refund));
    expect(await entriesOf(scope)).toEqual([
      { seq: 2, leg: 1, name: "processor", amount: -1000 },
      { seq: 2, leg: 2, name: "merchant", amount: 941 },
      { seq: 2, leg: 3, name: "fees", amount: 59 },
      { seq: 4, leg: 1, name: "merchant", amount: -400 },
      { seq: 4, leg: 2, name: "processor", amount: 400 },
    ]);
    expect(await balancesOf(scope)).toEqual({
      "processor/usd": -600,
      "merchant/usd": 541,
      "fees/usd": 59,
    });
  });

  test("is rounded by itself, also when many share a batch", async () => {
    const scope = await openAccount(client, { fee_bps: 50 });
    const sales = [99, 100, 101, 300, 7].map((amount) => opening(scope, { amount }));
    await apply(client, sales);
    await apply(
      client,
      sales.map(({ id }) => closing(scope, id)),
    );
    // Half a cent, and more than half of one, is one.
    const fees = await rows<{ amount: number; fee: number | null }>(
      "select amount::integer, fee::integer from journal where account_no = OF and amount > 0 order by seq",
      scope,
    );
    expect(fees.map(({ amount, fee }) => [amount, fee])).toEqual([
      [99, null],
      [100, 1],
      [101, 1],
      [300, 2],
      [7, null],
    ]);
    expect(await balancesOf(scope)).toMatchObject({ "merchant/usd": 603, "fees/usd": 4 });
  });

  test("cannot be written otherwise than as a part of a merchant's posting", async () => {
    const scope = await openAccount(client, FEES);
    await charged(client, scope);
    for (const [wrong, constraint] of [
      ["fee = 0", /check/],
      ["fee = amount + 1", /check/],
      ["fee = 1, debit = 1, credit = 3", /check/],
      ["available_on = now(), debit = 2, credit = 1", /check/],
    ] as const) {
      await client.query("begin");
      await client.query("alter table journal disable trigger journal_append_only");
      await expect(
        client.query(
          `update journal set ${wrong} where amount is not null and account_no = ${OF}`,
          [scope.account],
        ),
      ).rejects.toThrow(constraint);
      await client.query("rollback");
    }
  });
});

describe("money that is to come", () => {
  test("is summed by the day it comes free, whoever shares the batch", async () => {
    const slow = await openAccount(client, { ...FEES, settlement_days: 5 });
    const usual = await openAccount(client);
    const instant = await openAccount(client, { settlement_days: 0 });
    const all = [slow, slow, usual, instant, usual];
    const sales = all.map((scope) => opening(scope, { amount: 1000 }));
    await apply(client, sales);
    await apply(
      client,
      sales.map(({ account, livemode, id }) => closing({ account, livemode }, id)),
    );
    expect(await pendingOf(slow)).toEqual({ days: [[5, 2 * 941]], later: 2 * 941 });
    expect(await pendingOf(usual)).toEqual({ days: [[2, 2000]], later: 2000 });
    expect(await pendingOf(instant)).toEqual({ days: [], later: 0 });
  });

  test("comes free when its day has come, and that day goes when the next is added", async () => {
    const scope = await openAccount(client);
    await charged(client, scope, { amount: 1000 });
    /** As if so many days had gone by since. */
    const days = (n: number) =>
      client.query(
        `update balances set pending = array(select case i % 2 when 1 then p - $2::integer else p end
           from unnest(pending) with ordinality as x(p, i))
          where account_no = ${OF} and ledger_account = 2`,
        [scope.account, n],
      );
    await days(1);
    await charged(client, scope, { amount: 200 });
    expect(await pendingOf(scope)).toEqual({
      days: [
        [1, 1000],
        [2, 200],
      ],
      later: 1200,
    });
    await days(1);
    expect(await pendingOf(scope)).toMatchObject({ later: 200 });
    // Nothing has to happen for that; only what happens next cleans up.
    await charged(client, scope, { amount: 30 });
    expect(await pendingOf(scope)).toEqual({
      days: [
        [1, 200],
        [2, 30],
      ],
      later: 230,
    });
    await days(9);
    expect(await pendingOf(scope)).toMatchObject({ later: 0 });
    expect(await balancesOf(scope)).toMatchObject({ "merchant/usd": 1230 });
  });

  test("is not touched by a refund, nor by what is there at once", async () => {
    const scope = await openAccount(client);
    const sale = await charged(client, scope, { amount: 1000 });
    const refund = operating(scope, sale.id);
    await applyOne(client, refund);
    await applyOne(client, ending(refund));
    const now = opening(scope, { amount: 500, capture: false });
    await applyOne(client, now);
    await applyOne(client, { ...closing(scope, now.id), available_now: true });
    const capture = operating(scope, now.id, { capture: true, amount: 300 });
    await applyOne(client, capture);
    await applyOne(client, ending(capture));
    expect(await pendingOf(scope)).toEqual({ days: [[2, 1000]], later: 1000 });
    // Owed what is to come, less the refund, and 300 that are there: 700 below zero until then.
    expect(await balancesOf(scope)).toMatchObject({ "merchant/usd": 300 });
  });
});
