// What goes with a person, asked directly of a migrated database: whether a customer, a card or a payment method is
// forgotten, the words go from all that was done with it, and `npm run forgotten` looks for them in all of it.

import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { findInLedger, type Subject } from "../../ops/forgotten.ts";
import type { Command, SaveObject, Scope } from "../../protocol/command.ts";
import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import { hasWords, WORDS } from "../../protocol/forgetting.ts";
import { type CustomerId, type PaymentIntentId, type TokenId, uuidOf } from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import {
  applyOne,
  CARD,
  charged,
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
const url = inject("bindings")["DATABASE_URL_US"] ?? "";

let client: pg.Client;
let m: Scope;

beforeAll(async () => {
  client = await connect(url);
});
beforeEach(async () => {
  m = await openAccount(client);
});
afterAll(() => client?.end());

async function done(command: Command): Promise<void> {
  expect(await applyOne(client, command)).toMatchObject({ outcome: /done|opened|closed/ });
}

async function saved(command: SaveObject): Promise<ObjectFacts> {
  const verdict = await applyOne(client, command);
  if (verdict.outcome !== "done" || verdict.facts.kind !== "object") throw new Error("not saved");
  return verdict.facts;
}

/** What is to become of an object, as it was decided on what was saved. */
const changed = (of: ObjectFacts, over: Partial<SaveObject>) =>
  saved(keeping(m, { type: of.type, id: of.id, made: false, expects: of.seq, event: 21, ...over }));

async function customer(): Promise<CustomerId> {
  const made = saving(m);
  await applyOne(client, made);
  return made.id;
}

/** A card that is kept for a customer. */
async function cardOf(whose: CustomerId) {
  const held = token();
  const id = cardIdOfToken(held);
  await applyOne(
    client,
    saving(m, { id: whose, made: false, token: held, card: CARD, card_id: id }),
  );
  return { id, token: held };
}

/** A payment method, which may be attached to a customer later. */
async function method(billing: SaveObject["document"] = {}) {
  const made = { id: mint.mint("pm"), token: token() };
  const document = { card: CARD, billing_details: billing ?? {}, metadata: {} };
  const facts = await saved(
    keeping(m, {
      ...made,
      type: "payment_method",
      event: eventCode("payment_method.created"),
      document,
    }),
  );
  return { ...made, facts };
}

const attach = ({ facts }: Awaited<ReturnType<typeof method>>, to: CustomerId) =>
  changed(facts, {
    ...{ customer: to, event: eventCode("payment_method.attached") },
    document: facts.document,
  });

const document = (over: SaveObject["document"]) => ({
  ...{ amount: 700, currency: "usd", attempts: 0, metadata: NOTED },
  ...over,
});

/** Forgets a customer, or a token alone. */
async function forget(subject: Subject): Promise<void> {
  if ("customer" in subject) {
    await applyOne(
      client,
      saving(m, { id: subject.customer as CustomerId, made: false, removed: true }),
    );
    return;
  }
  await client.query("select forget_card($1, $2, $3, 'req_forget', $4, null)", [
    ...[EPOCH, m.account, m.livemode],
    uuidOf("tok", subject.token),
  ]);
}

/** How much `npm run forgotten` still finds, by table. */
async function found(subject: Subject): Promise<Record<string, number>> {
  const { places } = await findInLedger(url, subject);
  const counts = places.flatMap(({ where, what }) => {
    const count = Number.parseInt(what, 10);
    const [, table = ""] = where.split(/ (?=\w+$)/);
    return count > 0 && table !== "forgotten_tokens" ? [[table, count] as const] : [];
  });
  return Object.fromEntries(counts);
}

/** The rows of the merchant in which a word about the person stands, looked for in all of them. */
async function standing(): Promise<number> {
  const tables = ["charges", "operations", "object_versions", "customer_versions", "cards"];
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::integer as n from (${tables
      .map((table) => `select account_no, t::text as line from ${table} t`)
      .join(" union all ")}) r join accounts a on a.no = r.account_no
      where a.id = $1 and r.line ~ 'Agnesi|curves'`,
    [m.account],
  );
  return rows[0]?.n ?? 0;
}

type Case = {
  readonly what: string;
  /** Whose it is: what the customer's deletion takes, or its card's alone. */
  readonly make: () => Promise<{ customer: CustomerId; token?: TokenId }>;
  /** How many rows of it there are. */
  readonly rows: Readonly<Record<string, number>>;
};

const noted = async (over: Parameters<typeof opening>[1] = {}) => {
  const paid = await charged(client, m, { metadata: NOTED, ...over });
  const refund = operating(m, paid.id, { amount: 100, metadata: NOTED });
  await done(refund);
  await applyOne(client, ending(refund));
  return paid;
};

const CASES: readonly Case[] = [
  {
    what: "an intent with a customer's card that was given to another customer",
    make: async () => {
      const [whose, other] = [await customer(), await customer()];
      const card = await cardOf(whose);
      const held = { payment_method: card.id, billing_details: BILLED };
      const made = await saved(keeping(m, { customer: whose, document: document(held) }));
      await changed(made, { customer: other, document: document(held) });
      return { customer: whose, token: card.token };
    },
    rows: { object_versions: 2 },
  },
  {
    what: "an intent without a customer that once held the words of a payment method, and was paid with another",
    make: async () => {
      const whose = await customer();
      const [pm, other] = [await method(BILLED), await method()];
      const held = { payment_method: pm.id, billing_details: BILLED };
      const made = await saved(keeping(m, { document: document(held) }));
      const next = await changed(made, { document: document({ payment_method: other.id }) });
      const open = opening(m, {
        ...{ amount: 700, token: other.token, card_id: other.id },
        intent: {
          ...{ id: next.id as PaymentIntentId, seq: next.seq, attempt: 1 },
          document: document({ payment_method: other.id, attempts: 1 }),
        },
      });
      await done(open);
      await applyOne(client, closing(m, open.id));
      await attach(pm, whose);
      return { customer: whose, token: pm.token };
    },
    // Two of the method, two of the intent.
    rows: { object_versions: 4 },
  },
  {
    what: "a setup intent without a customer or an address whose payment method is attached to one later",
    make: async () => {
      const whose = await customer();
      const pm = await method();
      await saved(
        keeping(m, {
          ...{ type: "setup_intent", id: mint.mint("seti"), parent: pm.id },
          event: eventCode("setup_intent.created"),
          document: { payment_method: pm.id, metadata: NOTED },
        }),
      );
      await attach(pm, whose);
      return { customer: whose, token: pm.token };
    },
    // Two of the method, one of the setup intent.
    rows: { object_versions: 3 },
  },
  {
    what: "a charge that was given to the customer later, and its refund",
    make: async () => {
      const whose = await customer();
      const { id } = await noted();
      await saved(
        keeping(m, {
          ...{ type: "charge", id, customer: whose, event: eventCode("charge.updated") },
          document: { customer: whose, description: "for Agnesi" },
        }),
      );
      return { customer: whose };
    },
    rows: { charges: 1, operations: 1, object_versions: 1 },
  },
  {
    what: "a charge with a payment method that is attached to the customer later, and its refund",
    make: async () => {
      const whose = await customer();
      const pm = await method();
      await noted({ token: pm.token, card_id: pm.id });
      await attach(pm, whose);
      return { customer: whose, token: pm.token };
    },
    rows: { charges: 1, operations: 1, object_versions: 2 },
  },
  {
    what: "a charge with a customer's card, and its refund",
    make: async () => {
      const whose = await customer();
      const card = await cardOf(whose);
      const { token: _, card: __, ...paid } = opening(m, { customer: whose, card_id: card.id });
      await done({ ...paid, metadata: NOTED });
      await applyOne(client, closing(m, paid.id));
      const refund = operating(m, paid.id, { amount: 100, metadata: NOTED });
      await done(refund);
      await applyOne(client, ending(refund));
      return { customer: whose, token: card.token };
    },
    rows: { charges: 1, operations: 1 },
  },
];

describe("what goes with a customer, and is looked for", () => {
  test.each(CASES)("$what", async ({ make, rows }) => {
    const { customer: whose } = await make();
    expect(await found({ customer: whose })).toMatchObject(rows);
    expect(await standing()).toBeGreaterThan(0);
    await forget({ customer: whose });
    expect(await found({ customer: whose })).toEqual({});
    expect(await standing()).toBe(0);
  });
});

describe("what goes with a card or payment method alone, and is looked for", () => {
  test.each(CASES.filter(({ what }) => !what.includes("given to the customer")))(
    "$what",
    async ({ make, rows }) => {
      const { token: held } = await make();
      if (held === undefined) throw new Error("it has a token");
      expect(await found({ token: held })).toMatchObject(rows);
      expect(await standing()).toBeGreaterThan(0);
      await forget({ token: held });
      expect(await found({ token: held })).toEqual({});
      expect(await standing()).toBe(0);
    },
  );

  test("a charge with a token that was only spent", async () => {
    const { token: spent } = await noted();
    if (spent === undefined) throw new Error("it has a token");
    expect(await found({ token: spent })).toEqual({ charges: 1, operations: 1 });
    await forget({ token: spent });
    expect(await found({ token: spent })).toEqual({});
  });
});

test("what is another's stays: of the same intent, account and customer", async () => {
  const whose = await customer();
  const [mine, other] = [await cardOf(whose), await cardOf(whose)];
  const held = { payment_method: other.id, billing_details: BILLED };
  await saved(keeping(m, { document: document(held) }));
  const pm = await method(BILLED);
  const theirs = await found({ token: pm.token });
  await forget({ token: mine.token });
  expect(await found({ token: other.token })).toMatchObject({ cards: 1, object_versions: 1 });
  expect(await found({ customer: whose })).toMatchObject({ cards: 1, object_versions: 1 });
  expect(await found({ token: pm.token })).toEqual(theirs);
});

test("the words of the code are the words of the ledger", async () => {
  const { rows } = await client.query<{ words: string[] }>("select words()");
  expect(rows[0]?.words.toSorted()).toEqual(WORDS.toSorted());
  for (const key of [...WORDS, "amount", "attempts", "name", "Metadata", ""]) {
    const held = { amount: 1, [key]: {} };
    const { rows: said } = await client.query("select $1::jsonb ?| words() as words", [held]);
    expect(said, key).toEqual([{ words: hasWords(held) }]);
  }
});
