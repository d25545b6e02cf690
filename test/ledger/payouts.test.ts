// Payouts at the ledger: what may leave a balance, and what the clock makes of it.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import type { SaveObject, Scope } from "../../protocol/command.ts";
import { CURRENCIES, payoutStep } from "../../protocol/currency.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import { canceled, newPayout, PAYOUT_EVENTS, payoutObject } from "../../protocol/payout.ts";
import type { KeptTerms } from "../../protocol/terms.ts";
import {
  apply,
  applyOne,
  charged,
  connect,
  keeping,
  mint,
  type OwnLedger,
  openAccount,
  ownLedger,
  withConnections,
  wordOf,
} from "./region.ts";

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

const AT_ONCE: KeptTerms = { settlement_days: 0 };
const now = () => Math.floor(Date.now() / 1000);

const paying = (scope: Scope, amount: number, over: Partial<SaveObject> = {}): SaveObject =>
  keeping(scope, {
    type: "payout",
    id: mint.mint("po"),
    event: PAYOUT_EVENTS.created,
    document: newPayout({ amount, currency: "usd" }, now()),
    posting: { debit: "merchant", credit: "payouts", amount, currency: "usd" },
    ...over,
  });

/** The clock's tick, so many days from now. */
async function tick(days: number, limit = 100): Promise<number> {
  const { rows } = await client.query<{ moved: number }>(
    "select move_payouts(1, now() + $1 * interval '1 day', $2) as moved",
    [days, limit],
  );
  return rows[0]?.moved ?? 0;
}

const tickAll = async (days: number): Promise<void> => {
  while ((await tick(days)) > 0);
};

async function factsOf(scope: Scope): Promise<ObjectFacts[]> {
  const { rows } = await client.query<{ id: string; seq: number; document: never }>(
    `select o.id, o.seq::integer, v.document from objects o
       join object_versions v using (account_no, id, seq)
      where o.type = 'payout' and o.account_no =
        (select no from accounts where id = $1 and livemode = $2) order by o.id`,
    [scope.account, scope.livemode],
  );
  return rows.map(({ id, seq, document }) => ({
    kind: "object",
    type: "payout",
    id,
    created: 0,
    seq,
    customer: null,
    parent: null,
    token: null,
    document,
    charge: null,
    operation: null,
    postings: [],
  }));
}

const shownOf = async (scope: Scope) =>
  (await factsOf(scope)).map((facts) => payoutObject(facts, scope));

async function balancesOf(scope: Scope): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string; amount: number }>(
    `select l.name || '/' || b.currency as name, b.amount::integer from balances b
       join ledger_accounts l on l.code = b.ledger_account
      where b.account_no = (select no from accounts where id = $1 and livemode = $2)`,
    [scope.account, scope.livemode],
  );
  return Object.fromEntries(rows.map(({ name, amount }) => [name, amount]));
}

const eventsOf = async (scope: Scope): Promise<string[]> => {
  const { rows } = await client.query<{ name: string }>(
    `select t.name from journal j join event_types t on t.code = j.type
      where j.type >= 60 and j.account_no =
        (select no from accounts where id = $1 and livemode = $2) order by j.seq`,
    [scope.account, scope.livemode],
  );
  return rows.map(({ name }) => name);
};

describe("a payout", () => {
  test("takes what is available and no more", async () => {
    const scope = await openAccount(client, AT_ONCE);
    await charged(client, scope, { amount: 1000 });
    expect(await applyOne(client, paying(scope, 1001))).toMatchObject({
      failure: { kind: "balance_insufficient", available: 1000, currency: "usd" },
    });
    expect(wordOf(await applyOne(client, paying(scope, 600)))).toBe("closed");
    expect(wordOf(await applyOne(client, paying(scope, 401)))).toBe("balance_insufficient");
    expect(wordOf(await applyOne(client, paying(scope, 400)))).toBe("closed");
    expect(await balancesOf(scope)).toEqual({
      "processor/usd": -1000,
      "merchant/usd": 0,
      "payouts/usd": 1000,
    });
  });

  test("does not take what is to come, nor another currency, nor another merchant's", async () => {
    const scope = await openAccount(client);
    await charged(client, scope, { amount: 1000 });
    expect(wordOf(await applyOne(client, paying(scope, 1)))).toBe("balance_insufficient");
    const rich = await openAccount(client, AT_ONCE);
    await charged(client, rich, { amount: 1000, currency: "eur" });
    expect(wordOf(await applyOne(client, paying(rich, 1)))).toBe("balance_insufficient");
    expect(wordOf(await applyOne(client, paying({ ...rich, livemode: true }, 1)))).toBe(
      "balance_insufficient",
    );
  });

  test("of fifty that race for the last money, as many are made as there is money for", async () => {
    const scope = await openAccount(client, AT_ONCE);
    await charged(client, scope, { amount: 1000 });
    const words = await withConnections(own.url, 10, (clients) =>
      Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const by = clients[i % clients.length];
          return by && wordOf(await applyOne(by, paying(scope, 300)));
        }),
      ),
    );
    expect(words.filter((word) => word === "closed")).toHaveLength(3);
    expect(words.filter((word) => word === "balance_insufficient")).toHaveLength(47);
    expect((await balancesOf(scope))["merchant/usd"]).toBe(100);
  });

  test("is sent at the next midnight and there at the one after it", async () => {
    const scope = await openAccount(client, AT_ONCE);
    await charged(client, scope, { amount: 1000 });
    await applyOne(client, paying(scope, 700));
    await tickAll(0);
    expect(await shownOf(scope)).toMatchObject([{ status: "pending", amount: 700 }]);
    await tickAll(1);
    expect(await shownOf(scope)).toMatchObject([{ status: "in_transit" }]);
    await tickAll(2);
    const [paid] = await shownOf(scope);
    expect(paid).toMatchObject({ status: "paid", failure_balance_transaction: null });
    await tickAll(30);
    expect(await shownOf(scope)).toEqual([paid]);
    expect(await eventsOf(scope)).toEqual(["payout.created", "payout.updated", "payout.paid"]);
  });

  test("comes back when the bank does not take it, and can be paid out again", async () => {
    const scope = await openAccount(client, AT_ONCE);
    await charged(client, scope, { amount: 1000 });
    const destination = "btok_us_verified_noAccount";
    const wish = { amount: 700, currency: "usd", destination };
    await applyOne(client, paying(scope, 700, { document: newPayout(wish, now()) }));
    const [made] = await shownOf(scope);
    await tickAll(3);
    const [failed] = await shownOf(scope);
    expect(failed).toMatchObject({
      status: "failed",
      failure_code: "no_account",
      balance_transaction: made?.["balance_transaction"],
    });
    expect(failed?.["failure_balance_transaction"]).toMatch(/^txn_/);
    expect(failed?.["failure_balance_transaction"]).not.toBe(failed?.["balance_transaction"]);
    expect(await eventsOf(scope)).toEqual(["payout.created", "payout.updated", "payout.failed"]);
    expect(await balancesOf(scope)).toMatchObject({ "merchant/usd": 1000, "payouts/usd": 0 });
    expect(wordOf(await applyOne(client, paying(scope, 1000)))).toBe("closed");
  });

  test("that is canceled comes back, and the clock leaves it alone", async () => {
    const scope = await openAccount(client, AT_ONCE);
    await charged(client, scope, { amount: 1000 });
    const made = paying(scope, 700);
    await applyOne(client, made);
    const [facts] = await factsOf(scope);
    if (facts === undefined) throw new Error("it was made");
    const document = canceled(facts);
    if (!document.ok) throw new Error("it was pending");
    const back = paying(scope, 700, {
      id: made.id,
      made: false,
      expects: facts.seq,
      event: PAYOUT_EVENTS.canceled,
      document: document.value,
      posting: { debit: "payouts", credit: "merchant", amount: 700, currency: "usd" },
    });
    expect(wordOf(await applyOne(client, back))).toBe("closed");
    await tickAll(9);
    expect(await shownOf(scope)).toMatchObject([{ status: "canceled" }]);
    expect(await balancesOf(scope)).toMatchObject({ "merchant/usd": 1000, "payouts/usd": 0 });
    const [gone] = await factsOf(scope);
    expect(gone && canceled(gone)).toMatchObject({ failure: { kind: "payout_not_pending" } });
  });
});

describe("the clock", () => {
  test("pays out daily what is available, once a day, to those who want it", async () => {
    const daily: KeptTerms = { ...AT_ONCE, payouts: "daily" };
    const scope = await openAccount(client, daily);
    const slow = await openAccount(client, { payouts: "daily" });
    const manual = await openAccount(client, AT_ONCE);
    for (const each of [scope, slow, manual]) await charged(client, each, { amount: 1000 });
    await charged(client, scope, { amount: 1234, currency: "huf" });
    await charged(client, scope, { amount: 99, currency: "twd" });
    await tickAll(0);
    const shown = (await shownOf(scope)).map(({ amount, currency, automatic, status }) => [
      amount,
      currency,
      automatic,
      status,
    ]);
    // Banks take whole forints only; what is left waits for more.
    expect(shown.toSorted()).toEqual([
      [1000, "usd", true, "pending"],
      [1200, "huf", true, "pending"],
    ]);
    expect([await shownOf(slow), await shownOf(manual)]).toEqual([[], []]);
    // What comes in later on the same day goes with tomorrow's.
    await charged(client, scope, { amount: 500 });
    await tickAll(0);
    expect(await shownOf(scope)).toHaveLength(2);
    expect(await balancesOf(scope)).toMatchObject({
      "merchant/usd": 500,
      "merchant/huf": 34,
      "merchant/twd": 99,
    });
  });

  test("that ticks in many places at once does nothing twice", async () => {
    const scopes: Scope[] = [];
    for (let i = 0; i < 12; i++) {
      const scope = await openAccount(client, AT_ONCE);
      await charged(client, scope, { amount: 1000 });
      scopes.push(scope);
      await apply(client, [paying(scope, 100)]);
      await apply(client, [paying(scope, 200)]);
    }
    const moved = await withConnections(own.url, 6, (clients) =>
      Promise.all(
        clients.map(async (by) => {
          let sum = 0;
          for (;;) {
            const { rows } = await by.query<{ moved: number }>(
              "select move_payouts(1, now() + interval '3 days', 5) as moved",
            );
            if (rows[0]?.moved === 0) return sum;
            sum += rows[0]?.moved ?? 0;
          }
        }),
      ),
    );
    await tickAll(3);
    for (const scope of scopes) {
      expect((await shownOf(scope)).map(({ status }) => status)).toEqual(["paid", "paid"]);
      expect(await eventsOf(scope)).toHaveLength(6);
    }
    expect(moved.reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
  });

  test("of another epoch moves nothing", async () => {
    await expect(client.query("select move_payouts(2, now(), 10)")).rejects.toMatchObject({
      code: "TS001",
    });
  });

  test("pays out multiples of what banks take, as the code knows them", async () => {
    const { rows } = await client.query<{ code: string; step: number }>(
      "select code, payout_step(code) as step from unnest($1::text[]) code",
      [[...CURRENCIES.keys()]],
    );
    expect(rows).toEqual([...CURRENCIES.keys()].map((code) => ({ code, step: payoutStep(code) })));
  });

  test("leaves a ledger in which nothing is found", async () => {
    expect(await verifyLedger(own.url, { region: "us" })).toEqual([]);
  });
});
