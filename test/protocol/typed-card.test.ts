import { describe, expect, test } from "vitest";
import { disclosedIn, typedCardIn, withoutCard } from "../../workers/edge/disclosure.ts";
import type { Tree } from "../../workers/edge/parameters.ts";

const CARD = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

describe("the fields of a card", () => {
  test.each([
    ["card", { card: CARD }],
    ["source", { source: CARD }],
    ["payment_method_data[card]", { payment_method_data: { type: "card", card: CARD } }],
    ["card", { card: { cvc: "123" } }],
    ["card", { card: { exp_month: CARD.number } }],
    ["card", { card: { exp_year: { a: CARD.number } } }],
  ] as [string, Tree][])("stand in %s and reach no MAC", (parent, tree) => {
    expect(typedCardIn(tree)).toBe(parent);
    expect(disclosedIn(tree)).toBeUndefined();
    const kept = JSON.stringify(withoutCard({ ...tree, amount: "100" }));
    expect(kept).not.toMatch(/4242|123/);
    expect(kept).toContain('"amount":"100"');
  });

  test.each([
    { source: "tok_visa" },
    { card: { token: "tok_visa" } },
    { card: { exp_month: "3", exp_year: "2040" } },
    { payment_method_data: { type: "card", card: { token: "tok_visa" } } },
    { payment_method_data: { type: "card" } },
    { payment_method_data: "card" },
    { billing_details: { name: "Ada" } },
  ] as Tree[])("are not in %j, all of which makes the request itself", (tree) => {
    expect(typedCardIn(tree)).toBeUndefined();
    expect(withoutCard(tree)).toEqual(tree);
  });

  test.each([
    ["payment_method_data[number]", { payment_method_data: { number: CARD.number } }],
    ["data[card][number]", { data: { card: CARD } }],
    ["card[card][number]", { card: { card: CARD } }],
    ["payment_method_data[source][number]", { payment_method_data: { source: CARD } }],
    ["payment_method_data[card][name]", { payment_method_data: { card: { name: CARD.number } } }],
  ] as [string, Tree][])("may not stand in %s", (param, tree) => {
    expect(disclosedIn(tree)).toBe(param);
  });
});
