import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";
import { errorOf } from "./refusal.ts";

let system: System;
let m: Merchant;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
});
afterAll(() => system?.close());

const VISA = "4242424242424242";
const CHARGE = { amount: "100", currency: "usd", source: "tok_visa" };
const SPELLINGS = {
  plain: VISA,
  "with spaces": "4242 4242 4242 4242",
  "with dashes": "4242-4242-4242-4242",
  "in fullwidth digits": "４２４２４２４２４２４２４２４２",
  "in Arabic-Indic digits": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
  "with zero-width spaces": "4242\u200b4242\u200b4242\u200b4242",
  "with its expiry": "4242424242424242 12/34 123",
  "in a sentence": "Paid by card 4242424242424242, thanks.",
};

/** Everything of an answer, with what could hide digits taken out. */
async function answerOf(
  path: string,
  init: RequestInit,
): Promise<{ status: number; all: string; body: never; headers: Headers }> {
  const response = await fetch(new URL(path, system.url), {
    ...init,
    headers: { authorization: `Bearer ${m.secret}`, ...(init.headers as Record<string, string>) },
  });
  const text = await response.text();
  const all = `${text} ${[...response.headers].join(" ")}`;
  return {
    status: response.status,
    headers: response.headers,
    all,
    body: JSON.parse(text) as never,
  };
}

const bare = (text: string) =>
  decodeURIComponent(text.replaceAll(/%(?![0-9A-F]{2})/g, "%25"))
    .normalize("NFKC")
    .replaceAll(/[\s\-.\u200b]/g, "");

/** What the merchant can see of all that is kept. */
async function kept(): Promise<string> {
  const lists = await Promise.all(
    ["charges", "customers", "refunds", "events", "balance_transactions"].map((name) =>
      system.call(`/v1/${name}?limit=100`, { key: m.secret }),
    ),
  );
  return JSON.stringify(lists.map((list) => list.body));
}

async function refusesDigits(path: string, init: RequestInit, param?: string): Promise<void> {
  const answer = await answerOf(path, init);
  const error = errorOf(answer);
  expect(`${answer.status} ${error.code}`).toBe("400 pan_detected");
  if (param !== undefined) expect(error.param).toBe(param);
  expect(bare(answer.all)).not.toMatch(/42424242|٤٢٤٢/);
}

const form = (pairs: Record<string, string>): RequestInit => ({
  method: "POST",
  body: new URLSearchParams(pairs),
});
const json = (value: unknown): RequestInit => ({
  method: "POST",
  body: JSON.stringify(value),
  headers: { "content-type": "application/json" },
});

describe.each(Object.entries(SPELLINGS))("a card number %s", (_, digits) => {
  const places: readonly (readonly [string, string, RequestInit, string])[] = [
    ["a description", "/v1/charges", form({ ...CHARGE, description: digits }), "description"],
    [
      "a metadata value",
      "/v1/charges",
      form({ ...CHARGE, "metadata[card]": digits }),
      "metadata[card]",
    ],
    [
      "a metadata key",
      "/v1/charges",
      form({ ...CHARGE, [`metadata[${digits}]`]: "x" }),
      "metadata",
    ],
    [
      "an order id",
      "/v1/charges",
      form({ ...CHARGE, "metadata[order_id]": digits, "metadata[attempt_number]": "1" }),
      "metadata[order_id]",
    ],
    [
      "an email for receipts",
      "/v1/charges",
      form({ ...CHARGE, receipt_email: `${digits} @example.com` }),
      "receipt_email",
    ],
    [
      "a charge's shipping",
      "/v1/charges",
      form({ ...CHARGE, "shipping[address][line1]": digits }),
      "shipping[address][line1]",
    ],
    [
      "a descriptor's suffix",
      "/v1/charges",
      form({ ...CHARGE, statement_descriptor_suffix: digits }),
      "statement_descriptor_suffix",
    ],
    [
      "a transfer group",
      "/v1/charges",
      form({ ...CHARGE, transfer_group: digits }),
      "transfer_group",
    ],
    [
      "a transfer group that is listed",
      `/v1/charges?transfer_group=${encodeURIComponent(digits)}`,
      { method: "GET" },
      "transfer_group",
    ],
    ["a customer's name", "/v1/customers", form({ name: digits }), "name"],
    ["a customer's address", "/v1/customers", form({ "address[line1]": digits }), "address[line1]"],
    ["a customer's phone", "/v1/customers", form({ phone: digits }), "phone"],
    [
      "the name on a card",
      "/v1/tokens",
      form({
        "card[number]": VISA,
        "card[exp_month]": "12",
        "card[exp_year]": "34",
        "card[name]": digits,
      }),
      "card[name]",
    ],
    ["a source", "/v1/charges", form({ ...CHARGE, source: digits }), "source"],
    ["an unknown parameter", "/v1/charges", form({ ...CHARGE, note: digits }), "note"],
    ["the name of a parameter", "/v1/charges", form({ ...CHARGE, [digits]: "x" }), "parameters"],
    ["an amount", "/v1/charges", form({ ...CHARGE, amount: digits }), "amount"],
    [
      "a card's field one level too deep",
      "/v1/charges",
      form({ ...CHARGE, "metadata[number]": digits }),
      "metadata[number]",
    ],
    [
      "a number in place of a payment method's card",
      "/v1/payment_methods",
      form({ type: "card", card: digits }),
      "card",
    ],
    [
      "a number beside the card of a payment method",
      "/v1/payment_methods",
      form({ type: "card", "payment_method_data[number]": digits }),
      "payment_method_data[number]",
    ],
    [
      "a card's field one level below where it stands",
      "/v1/payment_methods",
      form({ type: "card", "payment_method_data[card][card][number]": digits }),
      "payment_method_data[card][card][number]",
    ],
    [
      "the billing details of a payment method",
      "/v1/payment_methods",
      form({ type: "card", "card[token]": "tok_visa", "billing_details[phone]": digits }),
      "billing_details[phone]",
    ],
    ["JSON", "/v1/customers", json({ description: digits }), "description"],
    ["a JSON list", "/v1/charges", json({ ...CHARGE, expand: [digits] }), "expand[0]"],
  ];
  test.each(places)("is refused in %s", (_place, path, init, param) =>
    refusesDigits(path, init, param),
  );

  const urls: readonly (readonly [string, string])[] = [
    ["the path", `/v1/charges/${encodeURIComponent(digits)}`],
    ["an id", `/v1/charges/ch_${encodeURIComponent(digits)}`],
    ["a path that is no route", `/v1/cards/${encodeURIComponent(digits)}`],
    ["the root path", `/${encodeURIComponent(digits)}`],
    ["the query", `/v1/charges?customer=${encodeURIComponent(digits)}`],
    ["a name in the query", `/v1/charges?${encodeURIComponent(digits)}=1`],
    ["the query of no route", `/v1/cards?number=${encodeURIComponent(digits)}`],
  ];
  test.each(urls)("is refused in %s", (_place, path) => refusesDigits(path, {}));
});

describe("a card number", () => {
  test("is refused as a JSON number", () =>
    refusesDigits("/v1/customers", json({ description: Number(VISA) }), "description"));

  test("is refused as a card's own number in a URL", () =>
    refusesDigits(
      `/v1/tokens?card[number]=${VISA}&card[exp_month]=12&card[exp_year]=34`,
      { method: "POST" },
      "card[number]",
    ));

  test("is refused in a raw query, unescaped", () =>
    refusesDigits(`/v1/customers?email=${VISA}`, {}, "email"));

  test.each([VISA, "4242-4242-4242-4242", `order-${VISA}`])(
    "is refused as the idempotency key %s",
    async (key) => {
      const headers = { "idempotency-key": key };
      await refusesDigits("/v1/customers", { method: "POST", headers }, "Idempotency-Key");
    },
  );

  test.each([
    [
      "two metadata values",
      { "metadata[a]": "42424242", "metadata[b]": "4242-4242" },
      "metadata[a]",
    ],
    [
      "four, with another between them",
      {
        "metadata[card_1]": "4242",
        "metadata[card_2]": "4242",
        "metadata[colour]": "blue",
        "metadata[card_3]": "４２４２",
        "metadata[card_4]": "4242",
      },
      "metadata[card_1]",
    ],
    ["a metadata key and its value", { "metadata[42424242]": "42424242" }, "metadata"],
    ["a description and a name", { description: "4242 4242", name: "4242 4242" }, "description"],
    [
      "lines of an address",
      { "address[line1]": "424242", "address[line2]": "4242424242" },
      "address[line1]",
    ],
    ["pieces of one text", { description: '"4242 4242" / "4242 4242"' }, "description"],
    ["base64", { description: btoa(VISA) }, "description"],
    ["percent-encoding, twice", { description: "%2534%2532".repeat(8) }, "description"],
  ] as [string, Record<string, string>, string][])("is refused in %s", (_, fields, param) =>
    refusesDigits("/v1/customers", form(fields), param),
  );

  test.each([
    ["a path encoded twice", `/v1/charges/${"%2534%2532".repeat(8)}`],
    ["segments of a path", "/v1/charges/4242/4242/4242/4242"],
    ["two values of a query", "/v1/charges?a=42424242&b=42424242"],
  ])("is refused in %s", (_, path) => refusesDigits(path, {}));

  test.each(["Stripe-Version", "Stripe-Account", "User-Agent", "Referer", "Idempotency-Key"])(
    "is refused in the header %s",
    (name) => refusesDigits("/v1/balance", { headers: { [name]: `a/1 (${VISA})` } }, name),
  );

  test("is not echoed as a version, an origin or a key", async () => {
    const answers = [
      await answerOf("/v1/balance", { headers: { "stripe-version": VISA } }),
      await answerOf("/v1/balance", { headers: { "stripe-version": "4242-4242-4242-4242" } }),
      await answerOf("/v1/balance", { headers: { authorization: `Bearer ${VISA}` } }),
      await answerOf("/v1/balance", { headers: { authorization: `Basic ${btoa(`${VISA}:`)}` } }),
      await answerOf("/v1/balance", { headers: { "stripe-account": VISA, "user-agent": VISA } }),
      await answerOf("/v1/tokens", { ...form({ key: VISA }), headers: { authorization: "" } }),
    ];
    for (const { all } of answers) expect(bare(all)).not.toContain("42424242");
  });

  test("was stored by none of these", async () => {
    const before = await kept();
    for (const digits of Object.values(SPELLINGS)) {
      await answerOf("/v1/charges", form({ ...CHARGE, description: digits }));
      await answerOf("/v1/customers", form({ name: digits }));
      await answerOf("/v1/customers", json({ metadata: { [digits]: "x" } }));
    }
    expect(await kept()).toBe(before);
    expect(bare(before)).not.toContain("42424242");
    expect(JSON.parse(before)).toEqual(Array(5).fill(expect.objectContaining({ data: [] })));
  });

  test.each([
    "4242424242424241",
    "Order 20261122-0001, 3 pieces",
    "+49 30 901820 4711",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "DE89 3704 0044 0532 0130 00",
  ])("is not seen in %s", async (description) => {
    const answer = await answerOf("/v1/customers", form({ description }));
    expect(answer).toMatchObject({ status: 200, body: { description } });
  });
});

describe("a long number glued to letters, which is taken for a name", () => {
  const CARD = { "card[number]": VISA, "card[exp_month]": "12", "card[exp_year]": "34" };
  test.each([
    ["an unknown parameter", "/v1/charges", form({ ...CHARGE, [`n${VISA}`]: "x" }), 400],
    ["an unknown field of a card", "/v1/tokens", form({ ...CARD, [`card[n${VISA}]`]: "x" }), 400],
    ["a source", "/v1/charges", form({ ...CHARGE, source: `x${VISA}` }), 404],
    ["an id in the path", `/v1/charges/x${VISA}`, {}, 404],
    ["a path that is no route", `/v1/x4242-4242-4242-4242`, {}, 404],
    ["a property to expand", `/v1/balance?expand[]=x${VISA}`, {}, 400],
  ] as const)("is not told back: %s", async (_place, path, init, status) => {
    const answer = await answerOf(path, init);
    expect(answer.status).toBe(status);
    expect(errorOf(answer).message).toContain("…");
    expect(bare(answer.all)).not.toMatch(/42424242/);
  });
});
