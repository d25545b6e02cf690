// The journal tells everything: whoever replays it from nothing has what the ledger keeps, and a consumer
// that gets its entries twice and out of order ends with the same. One seed is one history.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { OpenCharge, OpenOperation, Scope } from "../../protocol/command.ts";
import { LEDGER_ACCOUNTS, type LedgerAccount } from "../../protocol/ledger-account.ts";
import {
  type Intents,
  type JournalEntry,
  newProjection,
  type Projection,
  project,
} from "../../protocol/projection.ts";
import { type KeptTerms, termsOf } from "../../protocol/terms.ts";
import { makeHistory } from "./history.ts";
import {
  applyOne,
  closing,
  connect,
  countTo,
  ending,
  generator,
  incrementing,
  type OwnLedger,
  opening,
  operating,
  ownLedger,
  saving,
  seedOf,
} from "./region.ts";

const seed = seedOf();
const random = generator(seed);
const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];

let own: OwnLedger;
let client: pg.Client;
let scope: Scope;
let entries: JournalEntry[];
let intents: Intents;

beforeAll(async () => {
  own = await ownLedger(inject("bindings")["DATABASE_URL_US"] ?? "");
  client = await connect(own.url);
  scope = (await makeHistory(client)).scope;
  await goOn(300);
  entries = await readJournal();
  intents = await readIntents();
});
afterAll(async () => {
  await client?.end();
  await own?.drop();
});

/** More of everything, in an order that the seed decides. */
async function goOn(steps: number): Promise<void> {
  const charges: OpenCharge[] = [];
  const operations: OpenOperation[] = [];
  for (let step = 0; step < steps; step++) {
    const [charge, operation] = [pick(charges), pick(operations)];
    const sort = random();
    if (sort < 0.3 || charge === undefined) {
      const open = opening(scope, {
        capture: random() < 0.5,
        currency: pick(["usd", "eur"]) ?? "usd",
      });
      charges.push(open);
      await applyOne(client, open);
    } else if (sort < 0.55) {
      const close = closing(scope, charge.id, random() < 0.8);
      const now = close.approved && random() < 0.2;
      await applyOne(client, now ? { ...close, available_now: true } : close);
    } else if (sort < 0.75) {
      const asked =
        random() < 0.3
          ? incrementing(scope, charge.id, 1_000 + Math.floor(random() * 500))
          : operating(scope, charge.id, {
              capture: random() < 0.4,
              ...(random() < 0.6 ? { amount: 1 + Math.floor(random() * 500) } : {}),
            });
      if ((await applyOne(client, asked)).outcome === "operation_opened") operations.push(asked);
    } else if (sort < 0.95 && operation !== undefined) {
      await applyOne(client, ending(operation, random() < 0.7));
    } else {
      await applyOne(client, saving(scope));
    }
  }
}

const NAMES = new Map<number, LedgerAccount>(LEDGER_ACCOUNTS.map(({ code, name }) => [code, name]));
const MINE = "account_no = (select no from accounts where id = $1 and not livemode)";

/** The rows of a table that are this merchant's. */
async function mine<Row extends pg.QueryResultRow>(select: string): Promise<Row[]> {
  const { rows } = await client.query<Row>(`${select} where ${MINE}`, [scope.account]);
  return rows;
}

type JournalRow = Omit<JournalEntry, "posting"> & {
  readonly debit: number;
  readonly credit: number;
  readonly amount: number | null;
  readonly currency: string;
  readonly fee: number;
  readonly availableOn: number | null;
};

async function readJournal(): Promise<JournalEntry[]> {
  const rows = await mine<JournalRow>(
    `select seq::integer, type, subject, debit, credit, amount::integer, currency, captured, refunded,
            (created_at at time zone 'UTC')::date - '1970-01-01'::date as day,
            coalesce(fee, 0)::integer as fee, available_on - '1970-01-01'::date as "availableOn"
       from journal`,
  );
  return rows
    .map(({ debit, credit, amount, currency, fee, availableOn, ...entry }) => ({
      ...entry,
      posting:
        amount === null
          ? null
          : { debit: nameOf(debit), credit: nameOf(credit), amount, currency, fee, availableOn },
    }))
    .sort((a, b) => a.seq - b.seq);
}

const nameOf = (code: number): LedgerAccount => {
  const name = NAMES.get(code);
  if (name === undefined) throw new Error(`there is no ledger account ${code}`);
  return name;
};

async function readIntents(): Promise<Intents> {
  type Asked = { id: string; amount: number; currency: string };
  const charges = await mine<Asked & { capture: boolean; availableNow: boolean }>(
    `select c.id, c.amount, c.currency, c.capture, x.available_now is not null as "availableNow"
       from charges c left join authorizations x using (account_no, id)`,
  );
  const [account] = (
    await client.query<{ terms: KeptTerms | null }>(
      "select terms from accounts where id = $1 and not livemode",
      [scope.account],
    )
  ).rows;
  const operations = await mine<Asked & { charge: string; operation: "refund" }>(
    "select id, amount, currency, charge, kind as operation from operations",
  );
  const chargeOf = new Map(charges.map((charge) => [charge.id, charge]));
  const operationOf = new Map(operations.map((operation) => [operation.id, operation]));
  return {
    terms: termsOf(account?.terms),
    charge: (id) => chargeOf.get(id),
    operation: (id) => operationOf.get(id),
  };
}

/** A consumer: what it has seen it leaves out, and what comes too early it keeps for later. */
class Consumer {
  readonly projection: Projection = newProjection();
  readonly #early = new Map<number, JournalEntry>();

  receive(entry: JournalEntry): void {
    if (entry.seq <= this.projection.seq) return;
    this.#early.set(entry.seq, entry);
    for (;;) {
      const next = this.#early.get(this.projection.seq + 1);
      if (next === undefined) return;
      this.#early.delete(next.seq);
      const taken = project(this.projection, next, intents);
      if (!taken.ok) throw new Error(`entry ${next.seq}: ${taken.failure}`);
    }
  }
}

function replayed(delivered: readonly JournalEntry[]): Projection {
  const consumer = new Consumer();
  for (const entry of delivered) consumer.receive(entry);
  return consumer.projection;
}

test(`replaying every entry gives what the ledger keeps (seed ${seed})`, async () => {
  const projection = replayed(entries);
  expect(entries.length).toBeGreaterThan(100);
  expect(projection.seq).toBe(entries.length);
  const charges = await mine(
    `select f.id, f.state, coalesce(f.raised, 0) as raised, f.amount_captured as captured, f.amount_refunded as refunded,
            coalesce(x.amount_refunding, 0) as refunding, f.balance_seq::integer as "balanceSeq"
       from charge_facts f left join authorizations x using (account_no, id)`,
  );
  const told = [...projection.charges].map(([id, { busyWith: _, ...charge }]) => ({
    id,
    ...charge,
  }));
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
  expect(told.sort(byId)).toEqual((charges as { id: string }[]).sort(byId));
  const operations = await mine<{ id: string }>(
    `select id, state, seq::integer, balance_seq::integer as "balanceSeq",
            reversed_seq::integer as "reversedSeq" from operations`,
  );
  expect([...projection.operations].map(([id, kept]) => ({ id, ...kept })).sort(byId)).toEqual(
    operations.sort(byId),
  );
  const balances = await mine<{
    ledger_account: number;
    currency: string;
    amount: number;
    pending: string[] | null;
  }>("select ledger_account, currency, amount::integer, pending from balances");
  expect(Object.fromEntries(projection.balances)).toEqual(
    Object.fromEntries(
      balances.map((b) => [`${nameOf(b.ledger_account)}/${b.currency}`, b.amount]),
    ),
  );
  const pending = balances.flatMap((b) =>
    (b.pending ?? []).flatMap((day, i) =>
      i % 2 === 0 ? [[`${b.currency}/${day}`, Number(b.pending?.[i + 1])]] : [],
    ),
  );
  expect(pending.length).toBeGreaterThan(0);
  expect(Object.fromEntries(projection.freed)).toEqual(Object.fromEntries(pending));
  const customers = await mine<{ id: string; deleted: boolean }>(
    "select id, deleted from customers",
  );
  expect(Object.fromEntries(projection.customers)).toEqual(
    Object.fromEntries(customers.map(({ id, deleted }) => [id, deleted])),
  );
});

describe(`a consumer (seed ${seed})`, () => {
  test("that gets entries twice and out of order ends with the same projection", () => {
    const expected = replayed(entries);
    for (const round of countTo(20)) {
      const delivered = [...entries, ...entries.filter(() => random() < 0.5)];
      // As far out of order as a queue may be, which is any.
      const places = delivered.map((entry) => ({
        entry,
        place: entry.seq + random() * 2 ** round,
      }));
      places.sort((a, b) => a.place - b.place);
      expect(replayed(places.map(({ entry }) => entry))).toEqual(expected);
    }
  });

  test("that misses an entry stops before it", () => {
    const missing = Math.floor(entries.length / 2);
    expect(replayed(entries.filter(({ seq }) => seq !== missing)).seq).toBe(missing - 1);
  });

  test("is refused an entry that does not follow, and nothing changes", () => {
    const projection = replayed(entries.slice(0, 10));
    const before = structuredClone(projection);
    for (const seq of [1, 9, 10, 12, 40]) {
      const entry = entries[seq - 1] as JournalEntry;
      expect(project(projection, entry, intents)).toEqual({
        ok: false,
        failure: `entry ${seq} follows 10`,
      });
    }
    expect(projection).toEqual(before);
  });
});
