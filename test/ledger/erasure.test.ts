// Words about a person that were erased do not come back: what was decided before a deletion and is saved after it
// is refused as locked, to be decided anew. Asked directly of a migrated database, so that the order is ours.

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Command, SaveObject, Scope, Verdict } from "../../protocol/command.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import { type CustomerId, type TokenId, uuidOf } from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import {
  applyOne,
  CARD,
  charged,
  claim,
  closing,
  connect,
  EPOCH,
  ending,
  keeping,
  mint,
  openAccount,
  opening,
  operating,
  saving,
  token,
} from "./region.ts";

const BILLED = { name: "Maria Agnesi" };
const NOTED = { note: "likes-curves" };
const LOCKED = { outcome: "refused", failure: { kind: "object_locked" } };
const DONE = { outcome: "done" };

let client: pg.Client;
let m: Scope;

beforeAll(async () => {
  client = await connect(inject("bindings")["DATABASE_URL_US"] ?? "");
});
afterAll(() => client?.end());

const one = (command: Command): Promise<Verdict> => applyOne(client, command);

async function saved(command: Command): Promise<ObjectFacts> {
  const verdict = await one(command);
  if (verdict.outcome !== "done" || verdict.facts.kind !== "object") throw new Error("not saved");
  return verdict.facts;
}

async function customer(): Promise<CustomerId> {
  const made = saving(m);
  await one(made);
  return made.id;
}

const deleteCustomer = (id: CustomerId) => one(saving(m, { id, made: false, removed: true }));

async function forget(forgotten: TokenId): Promise<void> {
  const { rows } = await client.query<{ verdict: { outcome: string } }>(
    "select forget_card($1, $2, $3, 'req_forget', $4, null) as verdict",
    [EPOCH, m.account, m.livemode, uuidOf("tok", forgotten)],
  );
  expect(rows[0]?.verdict).toMatchObject({ outcome: "forgotten" });
}

const document = (over: SaveObject["document"]) => ({
  ...{ amount: 700, currency: "usd", attempts: 0 },
  ...over,
});

/** A payment method to be made, with its token. */
const method = () => {
  const made = { id: mint.mint("pm"), token: token() };
  const command = keeping(m, {
    ...{ type: "payment_method", event: 40, ...made },
    document: { card: CARD, billing_details: BILLED, metadata: {} },
  });
  return { ...made, command };
};

/** What is to become of an object, as it was decided on what was saved. */
const changing = (of: ObjectFacts, over: Partial<SaveObject>): SaveObject =>
  keeping(m, { type: of.type, id: of.id, made: false, expects: of.seq, event: 21, ...over });

/** The words that stand of an object. */
async function wordsOf(id: string, prefix: "pi" | "ch" | "re"): Promise<number> {
  const { rowCount } = await client.query(
    "select from object_versions where id = $1 and document::text ~ 'Agnesi|curves'",
    [uuidOf(prefix, id)],
  );
  return rowCount ?? 0;
}

beforeAll(async () => {
  m = await openAccount(client);
});

describe("a save that was decided before a deletion is refused, and decided anew it is made", () => {
  test("of an intent whose customer was deleted, also when it lets go of the customer", async () => {
    const whose = await customer();
    const made = await saved(
      keeping(m, { customer: whose, document: document({ metadata: NOTED, customer: whose }) }),
    );
    await deleteCustomer(whose);
    expect(await wordsOf(made.id, "pi")).toBe(0);
    const stale = changing(made, { document: document({ metadata: NOTED }), worded: true });
    expect(await one(stale)).toMatchObject(LOCKED);
    expect(await wordsOf(made.id, "pi")).toBe(0);
    const { worded: _, ...anew } = stale;
    expect(await one({ ...anew, document: document({ metadata: { own: "1" } }) })).toMatchObject(
      DONE,
    );
  });

  test.each(["a payment method", "a customer's card"])(
    "of an intent that holds the words of %s that was forgotten",
    async (what) => {
      const card = token();
      const pm = method();
      if (what === "a payment method") await saved(pm.command);
      else {
        const whose = await customer();
        const source = { token: card, card: CARD, card_id: cardIdOfToken(card) };
        await one(saving(m, { id: whose, made: false, ...source }));
      }
      const isMethod = what === "a payment method";
      const paid = {
        payment_method: isMethod ? pm.id : cardIdOfToken(card),
        billing_details: BILLED,
      };
      const made = await saved(keeping(m, { document: document(paid) }));
      // Of what an intent has held once nothing stays either.
      const later = await saved(changing(made, { document: document({}), worded: true }));
      expect(await wordsOf(made.id, "pi")).toBe(1);
      await forget(isMethod ? pm.token : card);
      expect(await wordsOf(made.id, "pi")).toBe(0);
      expect(await one(changing(later, { document: document(paid) }))).toMatchObject(LOCKED);
      expect(await one(keeping(m, { document: document(paid) }))).toMatchObject(LOCKED);
      expect(await wordsOf(made.id, "pi")).toBe(0);
      const { payment_method } = paid;
      expect(await one(changing(later, { document: document({ payment_method }) }))).toMatchObject(
        DONE,
      );
    },
  );

  test("of an intent's words that a forgotten payment method took with it", async () => {
    const pm = method();
    await saved(pm.command);
    const paid = { payment_method: pm.id, billing_details: BILLED, metadata: NOTED };
    const made = await saved(keeping(m, { document: document(paid) }));
    await forget(pm.token);
    const stale = changing(made, { document: document({ metadata: NOTED }), worded: true });
    expect(await one(stale)).toMatchObject(LOCKED);
    expect(await wordsOf(made.id, "pi")).toBe(0);
  });

  test.each(["charge", "refund"] as const)(
    "of a %s, first and later, whose customer was deleted",
    async (type) => {
      for (const isLater of [false, true]) {
        const whose = await customer();
        const paid = await charged(client, m, { customer: whose, metadata: NOTED });
        const refund = operating(m, paid.id, { amount: 100, metadata: NOTED });
        await one(refund);
        await one(ending(refund));
        const id = type === "charge" ? paid.id : refund.id;
        const event = type === "charge" ? 80 : 81;
        const parent = type === "refund" ? { parent: paid.id } : {};
        const of = { type, id, event, ...parent } as const;
        const first = isLater
          ? await saved(keeping(m, { ...of, document: { metadata: NOTED } }))
          : undefined;
        const from = first === undefined ? {} : { made: false, expects: first.seq };
        await deleteCustomer(whose);
        const stale = keeping(m, { ...of, ...from, document: { metadata: NOTED }, worded: true });
        expect(await one(stale)).toMatchObject(LOCKED);
        expect(await wordsOf(id, type === "charge" ? "ch" : "re")).toBe(0);
        const { worded: _, ...anew } = stale;
        expect(await one({ ...anew, document: { metadata: { own: "1" } } })).toMatchObject(DONE);
      }
    },
  );

  test("of what is made with a token that was forgotten", async () => {
    const card = token();
    await forget(card);
    const whose = await customer();
    const kept = { token: card, card: CARD, card_id: cardIdOfToken(card) };
    const key = claim();
    expect(await one(opening(m, { ...key, token: card }))).toMatchObject(LOCKED);
    expect(await one(saving(m, { ...key, id: whose, made: false, ...kept }))).toMatchObject(LOCKED);
    expect(await one({ ...method().command, ...key, token: card })).toMatchObject(LOCKED);
    // The key is still free.
    expect(await one(keeping(m, key))).toMatchObject(DONE);
  });

  test("and what is saved where nothing was erased is made as before", async () => {
    const made = await saved(keeping(m, { document: document({ metadata: NOTED }) }));
    const next = changing(made, { document: document({ metadata: { b: "2" } }), worded: true });
    expect(await one(next)).toMatchObject(DONE);
    const paid = opening(m, { metadata: NOTED });
    await one(paid);
    await one(closing(m, paid.id));
    const of = { type: "charge", id: paid.id, event: 80, document: { metadata: NOTED } } as const;
    expect(await one(keeping(m, { ...of, worded: true }))).toMatchObject(DONE);
  });
});
