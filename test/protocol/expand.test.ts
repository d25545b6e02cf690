import { describe, expect, test } from "vitest";
import type { FoundRows, Query } from "../../protocol/query.ts";
import { ok } from "../../protocol/result.ts";
import type { AnswerName } from "../../workers/edge/answers/object.ts";
import { type Branch, branchOf, expanded, placeOf } from "../../workers/edge/expand.ts";
import { EXPANDABLE } from "../../workers/edge/expandable.ts";

const SCOPE = { account: "acct_0000000000000001", livemode: false } as const;
const NONE = () => [];

const plain = (branch: Branch): object =>
  Object.fromEntries([...branch].map(([name, within]) => [name, plain(within)]));

function whyNot(answers: AnswerName, ...paths: string[]): string {
  const branch = branchOf(paths, answers);
  if (branch.ok || branch.failure.kind !== "parameter_invalid") throw new Error("it was taken");
  expect(branch.failure.param).toBe("expand");
  return branch.failure.why;
}

describe("paths to expand", () => {
  test("are a tree, whatever their order", () => {
    const paths = ["customer.default_source", "refunds.data.balance_transaction", "customer"];
    for (const order of [paths, paths.toReversed()]) {
      const branch = branchOf(order, "charge");
      expect(branch.ok && plain(branch.value)).toEqual({
        customer: { default_source: {} },
        refunds: { data: { balance_transaction: {} } },
      });
    }
  });

  test.each([
    ["charge", "balance_transaction.source.customer.sources"],
    ["charge", "source.customer"],
    ["charge", "invoice"],
    ["refund", "charge.refunds.data.charge"],
    ["list of charges", "data.customer.default_source"],
    ["list of balance_transactions", "data.source.balance_transaction"],
    ["list of customers", "data.sources.data.customer"],
    ["search of charges", "data.customer"],
    ["token", "card"],
    ["customer", "invoice_settings.default_payment_method"],
    ["list of payment_methods", "data.customer"],
  ] as const)("of a %s may lead to %s", (answers, path) => {
    expect(branchOf([path], answers).ok).toBe(true);
  });

  test.each([
    ["charge", "amount"],
    ["charge", "metadata"],
    ["charge", "colour"],
    ["charge", ""],
    ["charge", "."],
    ["charge", "customer."],
    ["charge", ".customer"],
    ["charge", "data.customer"],
    ["charge", "Customer"],
    ["charge", "refunds.customer"],
    ["charge", "refunds.data"],
    ["charge", "invoice.customer"],
    ["charge", "toString"],
    ["charge", "__proto__"],
    ["charge", "customer.constructor"],
    ["list of charges", "data"],
    ["list of charges", "data.data.customer"],
    ["list of charges", "has_more"],
    ["balance", "available"],
    ["event", "data.object"],
    ["deleted customer", "sources"],
    ["card_keys", "charge"],
  ] as const)("of a %s may not lead to %j", (answers, path) => {
    expect(whyNot(answers, path)).toContain(`This property cannot be expanded (${path}).`);
  });

  test("that lead nowhere are told what would lead somewhere", () => {
    expect(whyNot("list of charges", "customer")).toContain("Try 'data.customer' instead.");
    expect(whyNot("refund", "amount")).toContain("These can be: balance_transaction, charge,");
    expect(whyNot("list of refunds", "data.amount")).toContain("balance_transaction, charge,");
    expect(whyNot("balance", "available")).not.toContain("These can be");
  });

  test("lead four levels deep and no deeper", () => {
    expect(branchOf(["charge.refunds.data.charge"], "refund").ok).toBe(true);
    expect(whyNot("refund", "charge.refunds.data.charge.customer")).toContain("more than 4 levels");
  });

  test("are refused together when one is", () => {
    expect(whyNot("charge", "customer", "amount", "refunds")).toContain("(amount)");
  });
});

describe("the table of what can be expanded", () => {
  test("leads to types that have a table of their own", () => {
    const types = Object.values(EXPANDABLE).flatMap((fields) =>
      Object.values(fields).flatMap((field) => field.types),
    );
    expect(types.filter((type) => !Object.hasOwn(EXPANDABLE, type))).toEqual([]);
  });

  test.each([
    ["charge", { list: false, types: ["charge"] }],
    ["balance_transaction", { list: false, types: ["balance_transaction"] }],
    ["list of balance_transactions", { list: true, types: ["balance_transaction"] }],
    ["search of payment_intents", { list: true, types: ["payment_intent"] }],
    ["deleted customer", { list: false, types: ["deleted customer"] }],
    [["customer", "deleted customer"], { list: false, types: ["customer", "deleted customer"] }],
  ] as const)("is entered by %s as by what it is of", (answers, place) => {
    expect(placeOf(answers)).toEqual(place);
  });
});

describe("an answer", () => {
  const charge = (n: number) => ({
    object: "charge",
    id: `ch_${String(n).padStart(22, "0")}`,
    customer: `cus_${String(n % 3).padStart(22, "0")}`,
    balance_transaction: null,
  });
  const list = (length: number) => ({
    object: "list",
    data: Array.from({ length }, (_, n) => charge(n)),
  });
  const customerOf = (query: Query): FoundRows => ({
    rows: [
      {
        kind: "customer",
        id: (query as { id: `cus_${string}` }).id,
        created: 1,
        deleted: false,
        default_source: null,
        document: {},
        card: null,
        cards: [],
      },
    ],
    more: false,
  });
  const asked: (readonly Query[])[] = [];
  const reader = async (queries: readonly Query[]) => {
    asked.push(queries);
    return ok(queries.map(customerOf));
  };
  const expand = (answer: object, answers: AnswerName, ...paths: string[]) => {
    asked.length = 0;
    const branch = branchOf(paths, answers);
    if (!branch.ok) throw new Error("refused");
    return expanded(answer as never, branch.value, NONE, SCOPE, reader);
  };

  test("asks for each thing once, a level at a time, and changes nothing it was given", async () => {
    const before = list(100);
    const frozen = structuredClone(before);
    const after = await expand(before, "list of charges", "data.customer", "data.customer.sources");
    expect(before).toEqual(frozen);
    expect(asked.map((queries) => queries.length)).toEqual([3]);
    const { data } = (after.ok ? after.value : {}) as { data: { customer: { id: string } }[] };
    for (const [n, { customer }] of data.entries()) {
      expect(customer).toMatchObject({ id: charge(n).customer, sources: { object: "list" } });
    }
    expect(new Set(data.map(({ customer }) => customer)).size).toBe(100);
  });

  test("leaves null as null and walks no further there", async () => {
    const after = await expand(charge(1), "charge", "balance_transaction.source");
    expect(after).toEqual(ok(charge(1)));
    expect(asked).toEqual([[]].slice(1));
  });

  test("that would take more than a thousand things is refused", async () => {
    const many = {
      object: "list",
      data: Array.from({ length: 1001 }, (_, n) => ({
        ...charge(n),
        customer: `cus_${String(n).padStart(22, "0")}`,
      })),
    };
    const after = await expand(many, "list of charges", "data.customer");
    expect(after).toMatchObject({ ok: false, failure: { kind: "parameter_invalid" } });
    expect(asked).toEqual([]);
    const fits = await expand(
      { ...many, data: many.data.slice(1) },
      "list of charges",
      "data.customer",
    );
    expect(fits.ok).toBe(true);
    expect(asked.map((queries) => queries.length)).toEqual([200, 200, 200, 200, 200]);
  });
});
