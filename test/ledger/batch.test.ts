// What one call of `apply_batch` does and does not do, asked directly of a migrated database.

import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { closedCharge, openedCharge } from "../../protocol/charge.ts";
import type { Command, OpenCharge, Scope, Verdict } from "../../protocol/command.ts";
import { uuidOf } from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import { slotOf } from "../../protocol/slot.ts";
import {
  apply,
  applyOne,
  CARD,
  charged,
  chargeRow,
  claim,
  closing,
  connect,
  countTo,
  ending,
  mint,
  mintAccount,
  type OwnLedger,
  openAccount,
  openAccounts,
  opening,
  operating,
  ownLedger,
  saving,
  sequenceOf,
  token,
  withConnections,
  wordOf,
} from "./region.ts";

const url = inject("bindings")["DATABASE_URL_US"] ?? "";
let client: pg.Client;
let own: OwnLedger;
let m: Scope;

beforeAll(async () => {
  client = await connect(url);
  own = await ownLedger(url);
  m = await openAccount(client);
});
afterAll(async () => {
  await client?.end();
  await own?.drop();
});

const wordsOf = (verdicts: readonly Verdict[]) => verdicts.map(wordOf);

/** The SQLSTATE a call is refused with. */
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

describe("a batch", () => {
  test("answers many commands of several merchants, each in its place", async () => {
    const merchants = await openAccounts(client, 5);
    const opens = countTo(8).flatMap(() => merchants.map((scope) => opening(scope)));
    const customers = merchants.map((scope) => saving(scope));
    const first: Command[] = [...opens.slice(0, 17), ...customers, ...opens.slice(17)];
    const verdicts = await apply(client, first);
    expect(wordsOf(verdicts)).toEqual(
      first.map(({ kind }) => (kind === "open_charge" ? "opened" : "closed")),
    );
    expect(verdicts.flatMap((v) => ("facts" in v && "id" in v.facts ? [v.facts.id] : []))).toEqual(
      customers.map(({ id }) => id),
    );
    const second: Command[] = opens.flatMap((open, i) => [
      closing(open, open.id, i % 3 !== 0),
      opening(open),
    ]);
    expect(new Set(wordsOf(await apply(client, second)))).toEqual(new Set(["closed", "opened"]));
    for (const scope of merchants) {
      // 8 opened, 1 customer, 8 closed, 8 opened.
      expect(await sequenceOf(client, scope)).toEqual({ last: 25, seqs: countTo(25) });
    }
  });

  test("reaches every row by key, however few there are", async () => {
    const made = saving(m, { token: token(), card: CARD });
    await client.query("begin");
    await applyOne(client, { ...made, card_id: cardIdOfToken(made.token as `tok_${string}`) });
    const paid = await charged(client, m);
    await applyOne(client, operating(m, paid.id, { amount: 1 }));
    const { rows } = await client.query(
      "select relname from pg_stat_xact_user_tables where seq_scan > 0 order by 1",
    );
    await client.query("commit");
    // It has one row.
    expect(rows).toEqual([{ relname: "fence" }]);
  });

  test("makes a merchant and opens its first charge in one, and once only", async () => {
    const scope = { account: mintAccount(), livemode: false };
    const slot = slotOf(scope.account);
    const made = { ...scope, kind: "create_account", id: scope.account, slot } as const;
    const open = opening(scope);
    expect(wordsOf(await apply(client, [open, made]))).toEqual(["opened", "closed"]);
    expect(wordsOf(await apply(client, [open, made]))).toEqual(["known", "closed"]);
    expect((await sequenceOf(client, scope)).last).toBe(1);
  });

  test("refuses what must be refused, changes nothing by it, and opens the rest", async () => {
    const scope = await openAccount(client);
    const used = await charged(client, scope, { order_id: "A-1", attempt_number: 1 });
    const kept = saving(scope, { token: token(), card: CARD, card_id: mint.mint("card") });
    const bare = saving(scope);
    await apply(client, [kept, bare]);
    const { last } = await sequenceOf(client, scope);
    const refusals: [Command, string][] = [
      [opening({ ...scope, account: "acct_0000000000000001" }), "account_unknown"],
      [opening({ ...scope, livemode: true, account: "acct_0000000000000002" }), "account_unknown"],
      [opening(scope, { token: used.token as `tok_${string}` }), "token_already_used"],
      [opening(scope, { token: kept.token as `tok_${string}` }), "token_already_used"],
      [saving(scope, { token: used.token as `tok_${string}`, card: CARD }), "token_already_used"],
      [opening(scope, { order_id: "A-1", attempt_number: 1 }), "order_attempt_taken"],
      [opening(scope, { ...claim(used.key, "ff") }), "idempotency_mismatch"],
      [{ ...saving(scope), ...claim(kept.key), operation: "DELETE /" }, "idempotency_mismatch"],
      [opening(scope, { customer: mint.mint("cus") }), "resource_missing"],
      [withoutToken(opening(scope, { customer: bare.id })), "customer_without_card"],
      [
        withoutToken(opening(scope, { customer: kept.id, card_id: mint.mint("card") })),
        "resource_missing",
      ],
      [saving(scope, { made: false }), "resource_missing"],
      [
        saving(scope, { id: bare.id, made: false, default_source: mint.mint("card") }),
        "resource_missing",
      ],
      [operating(scope, mint.mint("ch")), "resource_missing"],
      [operating(scope, used.id, { amount: 1001 }), "refund_too_large"],
    ];
    const batch = refusals.flatMap(([command]) => [opening(scope), command]);
    const words = wordsOf(await apply(client, batch));
    expect(words).toEqual(refusals.flatMap(([, kind]) => ["opened", kind]));
    const seqs = countTo(last + refusals.length);
    expect(await sequenceOf(client, scope)).toEqual({ last: seqs.length, seqs });
    // A refusal is kept under its key; the key of an unknown account, or of another request, is not.
    const again = await apply(client, batch);
    for (const [i, [, kind]] of refusals.entries()) {
      const verdict = again[2 * i + 1];
      const free = kind === "account_unknown" || kind === "idempotency_mismatch";
      if (free) expect(wordOf(verdict)).toBe(kind);
      else
        expect(verdict).toMatchObject({ answer: { end: { kind: "failure", failure: { kind } } } });
    }
    expect(await sequenceOf(client, scope)).toEqual({ last: seqs.length, seqs });
  });

  test("keeps test mode and live mode apart", async () => {
    const live = { ...m, livemode: true };
    const shared = claim("both-modes");
    const [a, b] = [opening(m, shared), opening(live, shared)];
    expect(wordsOf(await apply(client, [a, b]))).toEqual(["opened", "opened"]);
    expect(wordOf(await applyOne(client, operating(live, a.id)))).toBe("resource_missing");
  });

  test.each([
    ["another epoch", 2],
    ["no epoch", null],
  ])("of %s raises TS001 and changes nothing", async (_, epoch) => {
    const before = await sequenceOf(client, m);
    const open = opening(m);
    const account = { ...m, kind: "create_account", id: m.account, slot: 1 } as const;
    expect(await codeOf(apply(client, [open, account], epoch))).toBe("TS001");
    expect(await sequenceOf(client, m)).toEqual(before);
    expect(wordOf(await applyOne(client, open))).toBe("opened");
  });

  test("that began before its region was fenced off ends before the fence stands", async () => {
    await withConnections(own.url, 3, async (connections) => {
      const [slow, other, operator] = connections as [pg.Client, pg.Client, pg.Client];
      const scope = await openAccount(other);
      await slow.query("begin");
      await apply(slow, [opening(scope)]);
      const order: string[] = [];
      const fenced = operator
        .query("update fence set epoch = epoch + 1")
        .then(() => order.push("fenced"));
      await new Promise((resume) => setTimeout(resume, 200));
      order.push("commit");
      await slow.query("commit");
      await fenced;
      expect(order).toEqual(["commit", "fenced"]);
      expect(await codeOf(apply(other, [opening(scope)]))).toBe("TS001");
      expect((await sequenceOf(other, scope)).last).toBe(1);
    });
  });

  test.each([0, -1, 100_000_000, 2_147_483_647])(
    "with a charge of %i breaks a CHECK and changes nothing",
    async (amount) => {
      const before = await sequenceOf(client, m);
      const neighbour = opening(m);
      expect(await codeOf(apply(client, [neighbour, opening(m, { amount })]))).toBe("23514");
      expect(await sequenceOf(client, m)).toEqual(before);
      // Sent alone, as the shard then does, the neighbour goes through.
      expect(wordOf(await applyOne(client, neighbour))).toBe("opened");
    },
  );
});

describe("one key", () => {
  test("opened again is known, with the facts of the first", async () => {
    const open = opening(m);
    const first = await applyOne(client, open);
    const again = await applyOne(client, { ...open, id: mint.mint("ch"), token: token() });
    expect(again).toMatchObject({ outcome: "known", answer: { end: { kind: "unfinished" } } });
    if (again.outcome !== "known" || first.outcome !== "charge_opened")
      throw new Error("unexpected");
    expect(again.answer.end).toEqual({ kind: "unfinished", facts: openedCharge(open, undefined) });
  });

  test.each([
    ["approved", true],
    ["declined", false],
  ])("closed twice gives the %s answer twice, whatever the second said", async (_, approved) => {
    const open = opening(m);
    await applyOne(client, open);
    const close = closing(m, open.id, approved);
    const first = await applyOne(client, close);
    const before = await sequenceOf(client, m);
    const second = await applyOne(client, closing(m, open.id, !approved));
    if (first.outcome !== "charge_closed" || second.outcome !== "known")
      throw new Error("unexpected");
    const facts = closedCharge(openedCharge(open, undefined), close, first.seq);
    expect(second.answer.end).toEqual({ kind: "facts", facts });
    expect(await sequenceOf(client, m)).toEqual(before);
  });

  test("of a refund closed twice gives the same refund and moves the money once", async () => {
    const open = await charged(client, m);
    const refund = operating(m, open.id, { amount: 400 });
    await applyOne(client, refund);
    const first = await applyOne(client, ending(refund));
    const second = await applyOne(client, ending(refund, false));
    if (first.outcome !== "done" || second.outcome !== "known") throw new Error("unexpected");
    expect(second.answer.end).toMatchObject({ kind: "facts", facts: { state: "succeeded" } });
    expect(await chargeRow(client, open.id)).toMatchObject({
      amount_refunded: 400,
      amount_refunding: 0,
    });
  });

  test("answers as it did at the time, after the charge has moved on", async () => {
    const open = opening(m);
    await applyOne(client, open);
    const close = closing(m, open.id);
    const then = await applyOne(client, close);
    const refund = operating(m, open.id);
    await applyOne(client, refund);
    await applyOne(client, ending(refund));
    const now = await applyOne(client, open);
    if (then.outcome !== "charge_closed" || now.outcome !== "known") throw new Error("unexpected");
    const facts = closedCharge(openedCharge(open, undefined), close, then.seq);
    expect(now.answer.end).toEqual({ kind: "facts", facts });
  });

  test("that only lets go of a hold gives nothing back once it was captured", async () => {
    const open = await charged(client, m, { capture: false });
    const capture = operating(m, open.id, { capture: true });
    await applyOne(client, capture);
    await applyOne(client, ending(capture));
    const release = operating(m, open.id, { releases: true });
    expect(wordOf(await applyOne(client, release))).toBe("charge_already_captured");
    const held = await charged(client, m, { capture: false });
    expect(wordOf(await applyOne(client, operating(m, held.id, { releases: true })))).toBe(
      "opened",
    );
  });

  test("refused for a charge that is busy stays free", async () => {
    const open = await charged(client, m, { capture: false });
    const capture = operating(m, open.id, { capture: true });
    await applyOne(client, capture);
    const release = operating(m, open.id);
    expect(wordOf(await applyOne(client, release))).toBe("object_locked");
    await applyOne(client, ending(capture, false));
    expect(wordOf(await applyOne(client, release))).toBe("opened");
  });
});

describe("behind the functions, the tables themselves refuse", () => {
  test.each([
    ["a second charge for a key", "id = gen_random_uuid(), token = gen_random_uuid()"],
    ["a second charge with a token", "id = gen_random_uuid(), key = 'other-1'"],
    [
      "a second charge for an order's attempt",
      "id = gen_random_uuid(), key = 'other-2', token = gen_random_uuid()",
    ],
  ])("%s", async (_, changes) => {
    const scope = await openAccount(client);
    const open = await charged(client, scope, { order_id: "B-1", attempt_number: 3 });
    const order = changes.includes("other-2") ? "" : ", attempt_number = null";
    const copy = `create temp table copied on commit drop as
      select * from charges where id = '${uuidOf("ch", open.id)}'`;
    const text = `${copy}; update copied set ${changes}${order};
      insert into charges select * from copied`;
    expect(await codeOf(client.query(`begin; ${text}`))).toBe("23505");
    await client.query("rollback");
  });

  test.each([
    ["refunded + reserved over captured", "amount_refunded = 600, amount_refunding = 500"],
    ["captured over authorized", "amount_captured = 1001"],
    ["a negative refund", "amount_refunded = -1"],
    ["a state nobody declared", "state = 'paid'"],
  ])("%s", async (_, change) => {
    const open = await charged(client, m);
    const text = `update authorizations set ${change} where id = '${uuidOf("ch", open.id)}'`;
    expect(await codeOf(client.query(text))).toBe("23514");
  });
});

test("a deleted customer's personal data is in no table any more", async () => {
  const scope = await openAccount(client);
  // Of this run alone: other files write people of their own into the same ledger.
  const mark = randomUUID().slice(0, 8);
  const needles = ["ada@example.com", "Ada Byron", "12 St James", "+44 20 7946", "likes-maths"].map(
    (needle) => `${mark} ${needle}`,
  );
  const [email, name, line1, phone, note] = needles as [string, string, string, string, string];
  const card = { ...CARD, name: `${mark} Lovelace`, address_line1: `${mark} Ockham` };
  const made = saving(scope, {
    token: token(),
    card,
    patch: { email, name, phone, address: { line1 }, metadata: { note } },
  });
  const kept = { ...made, card_id: cardIdOfToken(made.token as `tok_${string}`) };
  const updated = saving(scope, { id: made.id, made: false, patch: { name: `${name} again` } });
  await applyOne(client, kept);
  await applyOne(client, updated);
  expect(await tablesWith([...needles, card.name, card.address_line1])).toEqual([
    "cards",
    "customer_versions",
  ]);
  const removal = saving(scope, { id: made.id, made: false, removed: true });
  const verdict = await applyOne(client, removal);
  expect(verdict).toMatchObject({
    outcome: "done",
    facts: { deleted: true, document: {} },
    forgotten: [made.token],
  });
  expect(await tablesWith([...needles, card.name, card.address_line1])).toEqual([]);
  // Nothing can be changed of it, and the keys that made it say that it is gone.
  expect(wordOf(await applyOne(client, saving(scope, { id: made.id, made: false })))).toBe(
    "resource_missing",
  );
  expect(await applyOne(client, kept)).toMatchObject({
    outcome: "known",
    answer: { end: { kind: "facts", facts: { id: made.id, deleted: true, document: {} } } },
  });
});

/** The tables in which any of these texts stands. */
async function tablesWith(needles: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' order by 1",
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const hit = await client.query(
      `select from ${name} as r where r::text ilike any (select '%' || n || '%' from unnest($1::text[]) n)`,
      [needles],
    );
    if (hit.rowCount !== 0) found.push(name);
  }
  return found;
}

test("the ledger verifies after all of this", async () => {
  expect(await verifyLedger(url)).toEqual([]);
});

function withoutToken(open: OpenCharge): OpenCharge {
  const { token: _token, card: _card, ...rest } = open;
  return rest;
}
