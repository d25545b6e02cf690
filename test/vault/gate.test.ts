// The vault's gate in real workerd: each caller by its own binding, and calls that only somebody without
// types would make. Every refusal is the same one.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FORGET_TOKENS_MAX, ORDERS_MAX } from "../../protocol/vault.ts";
import { REFUSAL } from "../../workers/vault/gate.ts";
import type { VaultBinding } from "./rig/call.ts";
import { startRig } from "./rig/start.ts";

const rig = startRig();
beforeAll(() => rig.start(), 60_000);
afterAll(() => rig.stop());

const scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false };
const token = `tok_${"0".repeat(22)}`;
const card = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };
const order = {
  ...scope,
  key: "ch_1.authorize.1",
  verb: "authorize",
  token,
  amount: 2000,
  currency: "usd",
  capture: true,
};
const refund = {
  ...scope,
  key: "re_1.refund.1",
  verb: "refund",
  authorization: "auth_1",
  amount: 1,
};

const question = {
  key: "pi_1.authenticate.1",
  amount: 2000,
  currency: "usd",
  purpose: "payment",
  requested: "automatic",
};

const GIVEN: Record<string, readonly unknown[]> = {
  tokenize: [scope, card],
  describe: [scope, token],
  authenticate: [scope, token, question],
  answerChallenge: [scope, "authn_none", true],
  perform: [[]],
  forget: [scope, [token]],
};

const attempt = async (binding: VaultBinding, verb: string, given: readonly unknown[]) =>
  (await rig.call({ kind: "attempt", binding, verb, given })).json();
const ADMITTED = { admitted: true };
const REFUSED = { refused: REFUSAL };

const MAY: Record<VaultBinding, readonly string[]> = {
  VAULT: ["tokenize", "describe", "authenticate", "answerChallenge"],
  SHARD_VAULT: ["describe", "perform", "forget"],
  OPS_VAULT: [],
  STRANGER_VAULT: [],
  NAMELESS_VAULT: [],
};
const CALLS = Object.entries(MAY).flatMap(([binding, verbs]) =>
  Object.keys(GIVEN).map((verb) => [
    binding as VaultBinding,
    verb,
    verbs.includes(verb) ? ADMITTED : REFUSED,
  ]),
);

test.each(CALLS)("by %s, %s hears %j", async (binding, verb, answer) => {
  const given = GIVEN[verb as string] ?? [];
  expect(await attempt(binding as VaultBinding, verb as string, given)).toEqual(answer);
});

describe("is refused before anything is done:", () => {
  const scopes: [string, unknown][] = [
    ["no scope", undefined],
    ["a scope that is a text", "acct_AbCdEfGhIjKlMnOp"],
    ["an account of another form", { ...scope, account: "acct_1" }],
    ["an account that would leave its box", { ...scope, account: "acct_AbCdEfGhIjKlMn/p" }],
    ["an account that is a list", { ...scope, account: ["acct_AbCdEfGhIjKlMnOp"] }],
    ["a mode that is a text", { ...scope, livemode: "false" }],
    ["no mode", { account: scope.account }],
  ];
  test.each(scopes)("%s", async (_, wrong) => {
    expect(await attempt("VAULT", "tokenize", [wrong, card])).toEqual(REFUSED);
    expect(await attempt("VAULT", "describe", [wrong, token])).toEqual(REFUSED);
    expect(await attempt("SHARD_VAULT", "forget", [wrong, [token]])).toEqual(REFUSED);
    const orders = typeof wrong === "object" ? [{ ...order, account: 1, ...wrong }] : [wrong];
    if (wrong === undefined || "livemode" in Object(wrong)) {
      expect(await attempt("SHARD_VAULT", "perform", [orders])).toEqual(REFUSED);
    }
  });

  const long = (n: number) => "4".repeat(n);
  const cards: [string, unknown][] = [
    ["no card", undefined],
    ["a number that is a number", { ...card, number: 4242424242424242 }],
    ["no number", { ...card, number: undefined }],
    ["a number of 51 characters", { ...card, number: long(51) }],
    ["a month of 5", { ...card, exp_month: long(5) }],
    ["a year of 5", { ...card, exp_year: long(5) }],
    ["a cvc of 11", { ...card, cvc: long(11) }],
    ["a cvc that is a list", { ...card, cvc: ["123"] }],
    ["a name of 201", { ...card, name: long(201) }],
    ["an address of 201", { ...card, address_line1: long(201) }],
    ["a postal code of 21", { ...card, address_zip: long(21) }],
  ];
  test.each(cards)("%s", async (_, wrong) => {
    expect(await attempt("VAULT", "tokenize", [scope, wrong])).toEqual(REFUSED);
  });

  const questions: [string, unknown][] = [
    ["no question", undefined],
    ["a question without a key", { ...question, key: undefined }],
    ["a question with a key of 101 characters", { ...question, key: long(101) }],
    ["an amount of a question below nothing", { ...question, amount: -1 }],
    ["an amount of a question of nine digits", { ...question, amount: 100_000_000 }],
    ["a currency of a question of another form", { ...question, currency: "USD" }],
    ["a purpose of its own", { ...question, purpose: "fun" }],
    ["a wish of its own", { ...question, requested: "never" }],
    ["a proof of 101 characters", { ...question, authentication: long(101) }],
    ["a proof that is a list", { ...question, authentication: ["authn_1"] }],
  ];
  test.each(questions)("%s", async (_, wrong) => {
    expect(await attempt("VAULT", "authenticate", [scope, token, wrong])).toEqual(REFUSED);
  });

  test.each([
    ["a challenge without a name", [scope, "", true]],
    ["a challenge with a name of 101 characters", [scope, long(101), true]],
    ["an answer that is a text", [scope, "authn_1", "true"]],
  ])("%s", async (_, given) => {
    expect(await attempt("VAULT", "answerChallenge", given)).toEqual(REFUSED);
  });

  const orders: [string, unknown][] = [
    ["an order with a proof of 101 characters", [{ ...order, authentication: long(101) }]],
    ["no orders", undefined],
    ["orders that are a text", "authorize"],
    [`${ORDERS_MAX + 1} orders`, Array.from({ length: ORDERS_MAX + 1 }, () => refund)],
    ["an order without a key", [{ ...order, key: undefined }]],
    ["a key of 101 characters", [{ ...order, key: long(101) }]],
    ["a key that breaks a line", [{ ...order, key: "a\nb" }]],
    ["another verb", [{ ...order, verb: "tokenize" }]],
    ["a token of another form", [{ ...order, token: "tok_visa" }]],
    ["an amount of nothing", [{ ...order, amount: 0 }]],
    ["an amount below nothing", [{ ...refund, amount: -1 }]],
    ["an amount in parts", [{ ...order, amount: 1.5 }]],
    ["an amount of nine digits", [{ ...order, amount: 100_000_000 }]],
    ["an amount that is a text", [{ ...order, amount: "2000" }]],
    ["a currency of another form", [{ ...order, currency: "USD" }]],
    ["a capture that is a text", [{ ...order, capture: "false" }]],
    ["an expiry that is a text", [{ ...order, expiry: "12/34" }]],
    ["a thirteenth month", [{ ...order, expiry: { month: 13, year: 2034 } }]],
    ["a year of two digits", [{ ...order, expiry: { month: 12, year: 34 } }]],
    ["an expiry without a year", [{ ...order, expiry: { month: 12 } }]],
    ["no authorization", [{ ...refund, authorization: undefined }]],
    ["an authorization of 256 characters", [{ ...refund, authorization: long(256) }]],
    ["one wrong order among right ones", [refund, refund, { ...refund, amount: null }]],
  ];
  test.each(orders)("%s", async (_, wrong) => {
    expect(await attempt("SHARD_VAULT", "perform", [wrong])).toEqual(REFUSED);
  });

  const tokens: [string, unknown][] = [
    ["no tokens", undefined],
    ["a token that is a number", [1]],
    ["a token of another form", ["tok_visa"]],
    [`${FORGET_TOKENS_MAX + 1} tokens`, Array.from({ length: FORGET_TOKENS_MAX + 1 }, () => token)],
  ];
  test.each(tokens)("%s", async (_, wrong) => {
    expect(await attempt("SHARD_VAULT", "forget", [scope, wrong])).toEqual(REFUSED);
  });

  test.each([
    ["no token", undefined],
    ["an empty one", ""],
    ["one of 101 characters", long(101)],
  ])("of describe: %s", async (_, wrong) => {
    expect(await attempt("VAULT", "describe", [scope, wrong])).toEqual(REFUSED);
  });
});

test("the limits themselves are admitted", async () => {
  const full = { number: "4".repeat(50), exp_month: "4444", exp_year: "4444", cvc: "4".repeat(10) };
  expect(await attempt("VAULT", "tokenize", [scope, full])).toEqual(ADMITTED);
  const tokens = Array.from({ length: FORGET_TOKENS_MAX }, () => token);
  expect(await attempt("SHARD_VAULT", "forget", [scope, tokens])).toEqual(ADMITTED);
});

test("a verb that is none reaches nothing", async () => {
  for (const verb of ["admit", "constructor", "env", "ctx"]) {
    expect(await attempt("OPS_VAULT", verb, [scope])).not.toEqual(ADMITTED);
  }
});
