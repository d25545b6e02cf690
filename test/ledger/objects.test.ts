// Objects that are kept as documents, asked directly of a migrated database: a change is made only on the
// version it was decided on, an intent is paid once, and past answers stay what they were.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Command, OpenCharge, SaveObject, Scope, Verdict } from "../../protocol/command.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import type { PaymentIntentId } from "../../protocol/ids.ts";
import { applyOne, closing, connect, keeping, mint, openAccount, opening } from "./region.ts";

let client: pg.Client;
let m: Scope;

beforeAll(async () => {
  client = await connect(inject("bindings")["DATABASE_URL_US"] ?? "");
  m = await openAccount(client);
});
afterAll(() => client?.end());

const intent = (over: Partial<SaveObject> = {}): SaveObject => keeping(m, over);

const one = (command: Command): Promise<Verdict> => applyOne(client, command);

async function saved(command: SaveObject): Promise<ObjectFacts> {
  const verdict = await one(command);
  if (verdict.outcome !== "done" || verdict.facts.kind !== "object") throw new Error("not saved");
  return verdict.facts;
}

/** The next attempt at an intent, as decided on what was saved. */
const attempt = (of: ObjectFacts, number: number): OpenCharge => ({
  ...opening(m, { amount: 700 }),
  intent: {
    id: of.id as PaymentIntentId,
    seq: of.seq,
    attempt: number,
    document: of.document ?? {},
  },
});

describe("a change of an object", () => {
  test("is made on the version it was decided on, and on no other", async () => {
    const first = await saved(intent());
    expect(first).toMatchObject({
      type: "payment_intent",
      document: { amount: 700 },
      charge: null,
    });
    const change = { id: first.id, made: false, expects: first.seq, event: 21 };
    const [a, b] = [
      intent({ ...change, document: { amount: 800, currency: "usd", attempts: 0 } }),
      intent({ ...change, document: { amount: 900, currency: "usd", attempts: 0 } }),
    ];
    expect(await one(a)).toMatchObject({ outcome: "done" });
    expect(await one(b)).toMatchObject({ outcome: "refused", failure: { kind: "object_locked" } });
    // What lost is not its key's answer: decided anew it may succeed.
    const again = { ...b, expects: (await knownSeq(a)) ?? 0 };
    expect(await one(again)).toMatchObject({
      outcome: "done",
      facts: { document: { amount: 900 } },
    });
  });

  test("has the same answer for its key for ever, whatever became of the object", async () => {
    const made = intent();
    const first = await saved(made);
    await saved(
      intent({ id: first.id, made: false, expects: first.seq, event: 21, document: { amount: 1 } }),
    );
    expect(await one(made)).toMatchObject({
      outcome: "known",
      answer: { end: { kind: "facts", facts: first } },
    });
  });

  test("as a step of a request is not made where the request's own key is another's", async () => {
    const own = intent();
    await saved(own);
    const step = { under: own.key, operation: own.operation, mac: own.mac };
    expect(await one(intent({ ...step, key: "step-1" }))).toMatchObject({ outcome: "done" });
    expect(await one(intent({ ...step, key: "step-2", mac: "f".repeat(32) }))).toMatchObject({
      outcome: "refused",
      failure: { kind: "idempotency_mismatch", first: own.operation },
    });
  });

  test("that expects a version before the first only asks for its key's answer", async () => {
    const made = intent();
    const ask = { id: mint.mint("pi"), made: false, expects: 0 };
    const nobody = await one(intent({ ...ask, key: made.key }));
    expect(nobody).toMatchObject({ failure: { kind: "object_locked" } });
    const facts = await saved(made);
    expect(await one({ ...made, ...ask })).toMatchObject({
      outcome: "known",
      answer: { end: { kind: "facts", facts } },
    });
  });

  test("of one that is not there, of another kind or of another merchant finds nothing", async () => {
    const made = await saved(intent());
    const missing = { outcome: "refused", failure: { kind: "resource_missing", id: made.id } };
    const change = { id: made.id, made: false, expects: made.seq, event: 21 };
    expect(
      await one(intent({ ...change, type: "payout", id: `po_${made.id.slice(3)}` })),
    ).toMatchObject({
      outcome: "refused",
      failure: { kind: "resource_missing" },
    });
    const other = await openAccount(client);
    expect(await one({ ...intent(change), ...other })).toMatchObject(missing);
    await saved(intent({ ...change, document: null }));
    expect(await one(intent({ ...change, expects: made.seq + 1 }))).toMatchObject(missing);
  });

  test("moves money in its own entry, and every sum stays nought", async () => {
    const scope = await openAccount(client);
    const posting = {
      debit: "merchant",
      credit: "processor",
      amount: 1500,
      currency: "eur",
    } as const;
    const { seq } = await one({
      ...intent({ type: "dispute", id: mint.mint("dp"), event: 50, posting }),
      ...scope,
    });
    const { rows } = await client.query(
      `select b.ledger_account, b.amount::integer from balances b join accounts a on a.no = b.account_no
        where a.id = $1 and not a.livemode order by 1`,
      [scope.account],
    );
    expect(seq).toBe(1);
    expect(rows).toEqual([
      { ledger_account: 1, amount: 1500 },
      { ledger_account: 2, amount: -1500 },
    ]);
  });
});

describe("an intent", () => {
  test("is paid by one charge, however many were decided on at once", async () => {
    const of = await saved(intent());
    const attempts = Array.from({ length: 10 }, () => attempt(of, 1));
    const verdicts = await Promise.all(attempts.map(one));
    expect(verdicts.filter(({ outcome }) => outcome === "charge_opened")).toHaveLength(1);
    for (const verdict of verdicts.filter(({ outcome }) => outcome !== "charge_opened")) {
      expect(verdict).toMatchObject({ outcome: "refused", failure: { kind: "object_locked" } });
    }
  });

  test("is not changed by who has not heard of its latest charge", async () => {
    const of = await saved(intent());
    const open = attempt(of, 1);
    expect(await one(open)).toMatchObject({ outcome: "charge_opened" });
    const change = { id: of.id, made: false, expects: of.seq, event: 22 };
    expect(await one(intent({ ...change, attempts: 0 }))).toMatchObject({
      failure: { kind: "object_locked" },
    });
    await one(closing(m, open.id, false));
    const document = { amount: 700, currency: "usd", attempts: 1 };
    const knowing = await saved(intent({ ...change, attempts: 1, document }));
    expect(knowing.charge).toMatchObject({ id: open.id, state: "failed", intent: { attempt: 1 } });
    expect(await one(attempt(knowing, 2))).toMatchObject({ outcome: "charge_opened" });
  });

  test("that has changed is not charged as it was", async () => {
    const of = await saved(intent());
    await saved(
      intent({
        id: of.id,
        made: false,
        expects: of.seq,
        event: 21,
        document: { amount: 1, attempts: 0 },
      }),
    );
    expect(await one(attempt(of, 1))).toMatchObject({ failure: { kind: "object_locked" } });
  });
});

/** The version that a command's key made. */
async function knownSeq(command: SaveObject): Promise<number | undefined> {
  const verdict = await one(command);
  if (verdict.outcome !== "known" || verdict.answer.end.kind !== "facts") return undefined;
  const { facts } = verdict.answer.end;
  return facts.kind === "object" ? facts.seq : undefined;
}
