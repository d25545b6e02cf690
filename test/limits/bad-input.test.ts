import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Call, type Merchant, type System, startSystem } from "../system.ts";
import { errorOf, verdictOf } from "./refusal.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

type Form = Record<string, string>;

const CHARGE: Form = { amount: "100", currency: "usd", source: "tok_visa" };
const CARD: Form = {
  "card[number]": "4242424242424242",
  "card[exp_month]": "12",
  "card[exp_year]": "2034",
  "card[cvc]": "123",
};

const post = (path: string, form: Form, headers: Record<string, string> = {}) =>
  system.call(path, { key: m.secret, form, headers });
const postJson = (path: string, body: unknown): Promise<Call> =>
  system.call(path, {
    method: "POST",
    key: m.secret,
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const without = (form: Form, name: string): Form =>
  Object.fromEntries(Object.entries(form).filter(([key]) => key !== name));

describe("an amount", () => {
  test.each([
    ["", "400 parameter_missing amount"],
    ["0", "400 parameter_invalid_integer amount"],
    ["-1", "400 parameter_invalid_integer amount"],
    ["-0", "400 parameter_invalid_integer amount"],
    ["10.5", "400 parameter_invalid_integer amount"],
    ["10.0", "400 parameter_invalid_integer amount"],
    ["1e3", "400 parameter_invalid_integer amount"],
    ["0x10", "400 parameter_invalid_integer amount"],
    ["+10", "400 parameter_invalid_integer amount"],
    [" 10", "400 parameter_invalid_integer amount"],
    ["1,000", "400 parameter_invalid_integer amount"],
    ["１００", "400 parameter_invalid_integer amount"],
    ["abc", "400 parameter_invalid_integer amount"],
    ["NaN", "400 parameter_invalid_integer amount"],
    ["Infinity", "400 parameter_invalid_integer amount"],
    ["100000000", "400 amount_too_large amount"],
    ["9007199254740993", "400 parameter_invalid_integer amount"],
    ["999999999999999", "400 amount_too_large amount"],
    ["100 or 1=1", "400 parameter_invalid_integer amount"],
  ])("of %j in a form is refused", async (amount, verdict) => {
    expect(verdictOf(await post("/v1/charges", { ...CHARGE, amount }))).toBe(verdict);
  });

  test.each([
    ["10.5", "400 parameter_invalid_integer amount"],
    ["0", "400 parameter_invalid_integer amount"],
    ["-0", "400 parameter_invalid_integer amount"],
    ["-5", "400 parameter_invalid_integer amount"],
    ["true", "400 parameter_invalid_integer amount"],
    ["null", "400 parameter_missing amount"],
    ['""', "400 parameter_missing amount"],
    ['"10.5"', "400 parameter_invalid_integer amount"],
    ["{}", "400 parameter_invalid_integer amount"],
    ['{"a":1}', "400 parameter_invalid_integer amount"],
    ["[100]", "400 parameter_invalid_integer amount"],
    ["100000000", "400 amount_too_large amount"],
    ["1e21", "400 parameter_invalid_integer amount"],
    ["1e400", "400 body_malformed -"],
    ["0.1e-3", "400 parameter_invalid_integer amount"],
  ])("of %s in JSON is refused", async (amount, verdict) => {
    const body = `{"amount":${amount},"currency":"usd","source":"tok_visa"}`;
    expect(verdictOf(await postJson("/v1/charges", body))).toBe(verdict);
  });

  test("is refused as an object in a form", async () => {
    const form = { ...without(CHARGE, "amount"), "amount[a]": "100" };
    expect(verdictOf(await post("/v1/charges", form))).toBe("400 parameter_invalid_integer amount");
  });

  test.each([
    ["50", 50],
    ["99999999", 99_999_999],
    ["0070", 70],
  ])("of %s is charged", async (amount, charged) => {
    const call = await post("/v1/charges", { ...CHARGE, amount });
    expect(call).toMatchObject({ status: 200, body: { amount: charged } });
  });

  test.each([
    ["1", "usd", "400 amount_too_small amount"],
    ["49", "usd", "400 amount_too_small amount"],
    ["29", "GBP", "400 amount_too_small amount"],
    ["49", "jpy", "400 amount_too_small amount"],
    ["17499", "huf", "400 amount_too_small amount"],
    ["5124", "kwd", "400 invalid_charge_amount amount"],
    ["4010", "isk", "400 invalid_charge_amount_no_decimal_compatible amount"],
    ["550", "ugx", "400 invalid_charge_amount_no_decimal_compatible amount"],
    ["100000000", "jpy", "400 amount_too_large amount"],
  ])("of %s %s is refused", async (amount, currency, verdict) => {
    expect(verdictOf(await post("/v1/charges", { ...CHARGE, amount, currency }))).toBe(verdict);
  });

  test.each([
    ["50", "jpy"],
    ["30", "gbp"],
    ["5120", "kwd"],
    ["4000", "isk"],
    ["1", "krw"],
  ])("of %s %s is charged", async (amount, currency) => {
    const call = await post("/v1/charges", { ...CHARGE, amount, currency });
    expect(call).toMatchObject({ status: 200, body: { amount: Number(amount), currency } });
  });

  test.each(["100", 100, 1e2])("of %j in JSON is charged", async (amount) => {
    const call = await postJson("/v1/charges", { ...CHARGE, amount });
    expect(call).toMatchObject({ status: 200, body: { amount: 100 } });
  });
});

describe("a charge", () => {
  const refusals: readonly (readonly [string, Form, string])[] = [
    ["nothing", {}, "400 parameter_missing amount"],
    ["no amount", without(CHARGE, "amount"), "400 parameter_missing amount"],
    ["no currency", without(CHARGE, "currency"), "400 parameter_missing currency"],
    ["no source", without(CHARGE, "source"), "400 parameter_missing source"],
    ["an empty source", { ...CHARGE, source: "" }, "400 parameter_missing source"],
    ["an unknown parameter", { ...CHARGE, colour: "blue" }, "400 parameter_unknown colour"],
    [
      "an unknown card field",
      {
        ...without(CHARGE, "source"),
        "source[number]": "4242424242424242",
        "source[exp_month]": "12",
        "source[exp_year]": "34",
        "source[pin]": "1",
      },
      "400 parameter_unknown source[pin]",
    ],
    [
      "no number",
      { ...without(CHARGE, "source"), "source[exp_month]": "12", "source[exp_year]": "34" },
      "400 parameter_missing source[number]",
    ],
    ["an unknown currency", { ...CHARGE, currency: "xyz" }, "400 parameter_invalid currency"],
    [
      "a currency of four letters",
      { ...CHARGE, currency: "usdt" },
      "400 parameter_invalid currency",
    ],
    [
      "a currency of an object",
      { ...without(CHARGE, "currency"), "currency[a]": "usd" },
      "400 parameter_missing currency",
    ],
    ["an empty currency", { ...CHARGE, currency: "" }, "400 parameter_missing currency"],
    ["a flag of yes", { ...CHARGE, capture: "yes" }, "400 parameter_invalid capture"],
    ["a flag of 1", { ...CHARGE, capture: "1" }, "400 parameter_invalid capture"],
    [
      "a description of 5,001 characters",
      { ...CHARGE, description: "x".repeat(5001) },
      "400 parameter_invalid description",
    ],
    [
      "a description of an object",
      { ...CHARGE, "description[a]": "x" },
      "400 parameter_invalid description",
    ],
    [
      "a descriptor of 23 characters",
      { ...CHARGE, statement_descriptor: "x".repeat(23) },
      "400 parameter_invalid statement_descriptor",
    ],
    [
      "a descriptor's suffix of 23 characters",
      { ...CHARGE, statement_descriptor_suffix: "x".repeat(23) },
      "400 parameter_invalid statement_descriptor_suffix",
    ],
    [
      "a transfer group of 501 characters",
      { ...CHARGE, transfer_group: "x".repeat(501) },
      "400 parameter_invalid transfer_group",
    ],
    [
      "an unknown part of its shipping",
      { ...CHARGE, "shipping[speed]": "1" },
      "400 parameter_unknown shipping[speed]",
    ],
    [
      "a null character",
      { ...CHARGE, description: "a\u0000b" },
      "400 parameter_invalid description",
    ],
    [
      "a null character in an email",
      { ...CHARGE, receipt_email: "a\u0000@b" },
      "400 parameter_invalid receipt_email",
    ],
    [
      "a source that is no token",
      { ...CHARGE, source: "tok_nobody" },
      "404 resource_missing source",
    ],
    [
      "a source with a null character",
      { ...CHARGE, source: "tok_\u0000" },
      "400 parameter_invalid source",
    ],
    [
      "a source of 256 characters",
      { ...CHARGE, source: `tok_${"x".repeat(252)}` },
      "400 parameter_invalid source",
    ],
    [
      "a source that is a property of all objects",
      { ...CHARGE, source: "toString" },
      "404 resource_missing source",
    ],
    [
      "a card and no customer",
      { ...CHARGE, source: "card_0000000000000000000001" },
      "400 parameter_missing customer",
    ],
    [
      "a customer that is none",
      { amount: "100", currency: "usd", customer: "cus_x" },
      "404 resource_missing customer",
    ],
    ["an expansion of text", { ...CHARGE, "expand[]": "currency" }, "400 parameter_invalid expand"],
    [
      "an expansion of an object",
      { ...CHARGE, "expand[0][a]": "customer" },
      "400 parameter_invalid expand",
    ],
    [
      "an attempt that is no number",
      { ...CHARGE, "metadata[order_id]": "1", "metadata[attempt_number]": "one" },
      "400 parameter_invalid_integer metadata[attempt_number]",
    ],
    [
      "an attempt 0",
      { ...CHARGE, "metadata[order_id]": "1", "metadata[attempt_number]": "0" },
      "400 parameter_invalid_integer metadata[attempt_number]",
    ],
  ];
  test.each(refusals)("with %s is refused", async (_, form, verdict) => {
    expect(verdictOf(await post("/v1/charges", form))).toBe(verdict);
  });

  test.each([
    ["description", "\ud800"],
    ["receipt_email", "a\udfff@example.com"],
    ["statement_descriptor", "\ud83d"],
  ])("with half a character in its %s is refused", async (name, value) => {
    const call = await postJson("/v1/charges", { ...CHARGE, [name]: value });
    expect(verdictOf(call)).toBe(`400 parameter_invalid ${name}`);
  });

  test("was not made by any of these", async () => {
    const fresh = await system.merchant();
    for (const [, form] of refusals) {
      expect((await system.call("/v1/charges", { key: fresh.secret, form })).status).not.toBe(200);
    }
    for (const path of ["/v1/charges", "/v1/events", "/v1/customers"]) {
      const listed = await system.call(path, { key: fresh.secret });
      expect(listed).toMatchObject({ status: 200, body: { data: [] } });
    }
  });
});

describe("a typed card", () => {
  const today = new Date();
  const [year, month] = [today.getUTCFullYear(), today.getUTCMonth() + 1];
  // In January the month before is in the year before.
  const past =
    month === 1 ? "402 invalid_expiry_year exp_year" : "402 invalid_expiry_month exp_month";
  const pastYear = String(month === 1 ? year - 1 : year);
  const cases: readonly (readonly [string, Form, string])[] = [
    ["a wrong check digit", { "card[number]": "4242424242424241" }, "402 incorrect_number number"],
    ["eleven digits", { "card[number]": "42424242424" }, "402 incorrect_number number"],
    ["letters", { "card[number]": "4242abcd42424242" }, "402 invalid_number number"],
    [
      "fullwidth digits",
      { "card[number]": "４２４２４２４２４２４２４２４２" },
      "402 invalid_number number",
    ],
    [
      "zero-width spaces",
      { "card[number]": "4242\u200b424242424242" },
      "402 invalid_number number",
    ],
    ["month 0", { "card[exp_month]": "0" }, "402 invalid_expiry_month exp_month"],
    ["month 13", { "card[exp_month]": "13" }, "402 invalid_expiry_month exp_month"],
    ["a month in words", { "card[exp_month]": "Dec" }, "402 invalid_expiry_month exp_month"],
    ["a past year", { "card[exp_year]": "2020" }, "402 invalid_expiry_year exp_year"],
    ["a past year of two digits", { "card[exp_year]": "20" }, "402 invalid_expiry_year exp_year"],
    ["a year too far", { "card[exp_year]": "2099" }, "402 invalid_expiry_year exp_year"],
    [
      "the month before this",
      { "card[exp_month]": String(month === 1 ? 12 : month - 1), "card[exp_year]": pastYear },
      past,
    ],
    ["a code of 2 digits", { "card[cvc]": "12" }, "402 invalid_cvc cvc"],
    ["a code of letters", { "card[cvc]": "abc" }, "402 invalid_cvc cvc"],
    ["a code of 4 digits on Visa", { "card[cvc]": "1234" }, "402 invalid_cvc cvc"],
    ["a code of 11 digits", { "card[cvc]": "12345678901" }, "400 parameter_invalid card[cvc]"],
    ["no number", { "card[number]": "" }, "400 parameter_missing card[number]"],
    [
      "a number of 51 characters",
      { "card[number]": "4".repeat(51) },
      "400 parameter_invalid card[number]",
    ],
    ["no month", { "card[exp_month]": "" }, "400 parameter_missing card[exp_month]"],
    ["an unknown field", { "card[track2]": "x" }, "400 parameter_unknown card[track2]"],
    [
      "a null character in its name",
      { "card[name]": "A\u0000" },
      "400 parameter_invalid card[name]",
    ],
    ["an object for its name", { "card[name][a]": "A" }, "400 parameter_invalid card[name]"],
  ];
  test.each(cases)("with %s is refused", async (_, over, verdict) => {
    const call = await post("/v1/tokens", { ...CARD, ...over });
    expect(verdictOf(call)).toBe(verdict);
    expect(errorOf(call).type).toBe(
      verdict.startsWith("402") ? "card_error" : "invalid_request_error",
    );
    const number = over["card[number]"] ?? "4242424242424242";
    if (number !== "") expect(JSON.stringify(call.body)).not.toContain(number);
  });

  test.each([
    [
      "an object for its number",
      { "card[number][a]": "4242424242424242" },
      "400 parameter_invalid card[number]",
    ],
    ["a number by itself", { card: "4242424242424242" }, "400 pan_detected card"],
    ["nothing", {}, "400 parameter_missing card"],
  ])("that is %s is refused", async (_, form, verdict) => {
    const call = await post("/v1/tokens", form as Form);
    expect(verdictOf(call)).toBe(verdict);
    expect(JSON.stringify(call.body)).not.toContain("42424242");
  });

  test("that expires this month is taken", async () => {
    const now = { "card[exp_month]": String(month), "card[exp_year]": String(year) };
    expect((await post("/v1/tokens", { ...CARD, ...now })).status).toBe(200);
  });
});
