// That the kinds reach what they are meant to: each is sent to a system that nothing disturbs, about objects that
// were made for it, in every choice that it has, and the answers are those of the table and no others. A text that
// is refused with a number in it is taken without one, so what is refused is the number and not the request.

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { KeySet } from "../../checkout/public/seal.js";
import { seedOf } from "../ledger/region.ts";
import { type System, startSystem } from "../system.ts";
import { makeMerchants, PROXY_FAULT, sealingKeys } from "./drive.ts";
import type { Kind, Made, Means, Merchant } from "./kind.ts";
import { Numbers } from "./numbers.ts";
import { KINDS } from "./requests.ts";
import { stock } from "./stock.ts";
import { type Answer, Caller } from "./wire.ts";

const DONE = ["200"];
const DECLINED = "402 card_declined";
const DETECTED = ["400 pan_detected"];

/** Kind -> its answers: the status, and the code of an error that has one. Each is given, and no other. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  "token from a form": DONE,
  "token, number in groups": DONE,
  "token without a code": DONE,
  "token from JSON": DONE,
  "charge of a token": DONE,
  "charge of a typed card": DONE,
  "charge of a typed card that is declined": [DECLINED],
  "charge of a test alias": [...DONE, DECLINED],
  "customer with a typed card": DONE,
  "charge of a customer": DONE,
  "another card for a customer": DONE,
  "capture or refund": DONE,
  "read of what was made": DONE,
  "payment method of a typed card": DONE,
  "payment intent confirmed with a typed card": [...DONE, DECLINED],
  "payment intent that waits": DONE,
  "confirmation of a payment intent with a typed card": DONE,
  "capture or cancelation of a payment intent": DONE,
  "payment intent of a payment method": DONE,
  "setup intent confirmed with a typed card": DONE,
  "typed card as a source of a customer": DONE,
  "payment method attached, detached or changed": DONE,
  "charge that is disputed": DONE,
  "webhook endpoint": DONE,
  "read of intents, methods and disputes": DONE,
  "token from a sealed card": DONE,
  "number in a text of a payment intent": DETECTED,
  "number in a text of a payment method": DETECTED,
  "number in a text of another resource": DETECTED,
  "number in a text of a charge": DETECTED,
  "number in a text of a customer": DETECTED,
  "number in another field of a card": DETECTED,
  "number as a name of metadata": DETECTED,
  "number in another parameter of a charge": DETECTED,
  "number in a URL": DETECTED,
  "number as an Idempotency-Key": DETECTED,
  "number as an API version": DETECTED,
  "number that pretends to be sealed": DETECTED,
  // A file, which the platform hands out before any code runs.
  "number in the URL of the shop": DONE,
  // Most headers are not read.
  "number in a header": [...DONE, ...DETECTED],
  "sealed card that is wrong inside": [
    ...DETECTED,
    "400 sealed_card_invalid",
    "402 incorrect_number",
    "402 invalid_cvc",
    "402 invalid_expiry_month",
  ],
  "token, one field wrong": [
    "400 parameter_invalid",
    "400 parameter_missing",
    "400 parameter_unknown",
    "402 incorrect_number",
    "402 invalid_cvc",
    "402 invalid_expiry_month",
    "402 invalid_expiry_year",
    "402 invalid_number",
  ],
  "token, code of ten digits": ["402 invalid_cvc"],
  // What only says that it is encoded is read.
  "body of another type than it says": [...DONE, "400 body_malformed", ...DETECTED],
  "JSON that is none, or not of the right shape": [
    "400 body_malformed",
    ...DETECTED,
    "400 parameter_invalid",
  ],
  "body that is too large": ["413 body_too_large"],
  "body that breaks off": ["0"],
  "caller that does not wait": ["0", ...DONE],
  "request that is no HTTP": ["0", "400", ...DETECTED, "501", "a proxy before the edge"],
  "card with a wrong key": [
    "401",
    "401 secret_key_required",
    "403 key_not_platform",
    "403 key_secret_in_browser",
  ],
  "card to where none is taken": ["400 pan_detected", "400 parameter_unknown", "404"],
};
/** Whether they hear of an answer before they leave is a matter of time. */
const LEAVING = ["caller that does not wait", "request that is no HTTP"];

const TEXTS = KINDS.filter(({ name }) => /^number in (a text|another field) of/.test(name));
/** What may stand in a text; in most of them anything may. */
const INNOCENT: Readonly<Record<string, string>> = {
  email: "m@example.com",
  receipt_email: "m@example.com",
  return_url: "https://shop.example.com/",
  object: "card",
  address_country: "US",
};
const innocent = (text: string): string => INNOCENT[text] ?? "Innocent";

/** What no request uses up. */
const LASTING: readonly Made[] = ["cus", "seti", "we", "dp"];
/** Beside other tests, a kind of twenty choices takes its time. */
const KIND_MS_MAX = 180_000;

/** Above any rate here, and disputes are told of at once. */
const VARS = { RATE_PER_SECOND: "1000000", TESTBANK_NOTICE_DELAY_MS: "0" };
/** So that there is something to be paid out. */
const AT_ONCE = { settlement_days: "0" };
/** Chance has one branch or the other. */
const CHANCES = [0.02, 0.9] as const;
/** No two rounds draw the same key or amount. */
const CHANCE_STEP = 1e-3;

const seed = seedOf();
const numbers = new Numbers(seed);
let system: System;
let port: number;
let keySet: KeySet;

beforeAll(async () => {
  system = await startSystem(inject("bindings"), VARS);
  port = Number(system.url.port);
  keySet = await sealingKeys(port);
});
afterAll(() => system?.close());

/** Sends a kind in every choice that it has; what was answered, with the request. */
async function everyChoice(
  kind: Kind,
  more: Pick<Means, "innocent"> = {},
): Promise<[string, string][]> {
  const secret = inject("bindings")["API_KEY_SECRET"] ?? "";
  const caller = new Caller(port);
  const answers: [string, string][] = [];
  const [merchant] = await makeMerchants(port, secret, 1, AT_ONCE);
  if (merchant === undefined) throw new Error("There is no merchant");
  const needs = kind.needs ?? [];
  await stock(port, merchant, numbers, needs);
  let rounds: number = CHANCES.length;
  for (let round = 0; round < rounds; round++) {
    if (round > 0)
      await renew(
        merchant,
        needs.filter((what) => !LASTING.includes(what)),
      );
    const means: Means = {
      ...more,
      numbers,
      merchant,
      keySet,
      random: () => (CHANCES[round % CHANCES.length] ?? 0) + round * CHANCE_STEP,
      pick: <T>(list: readonly T[]): T => {
        rounds = Math.max(rounds, list.length);
        return list[round % list.length] as T;
      },
    };
    const sending = await kind.make(means, numbers.fresh());
    const [head = ""] = sending.bytes.toString("latin1").split(" HTTP/");
    answers.push([wordOf(await caller.send(sending)), head]);
  }
  caller.close();
  return answers;
}

/** Puts new ones in the place of what may have been used up. */
async function renew(merchant: Merchant, needs: readonly Made[]): Promise<void> {
  for (const what of needs) merchant.made[what].length = 0;
  await stock(port, merchant, numbers, needs);
}

function wordOf(answer: Answer | undefined): string {
  const text = answer?.bytes.toString("latin1") ?? "";
  if (text === PROXY_FAULT) return "a proxy before the edge";
  const code = /"code": "(\w+)"/.exec(text)?.[1];
  const isRefusal = code !== undefined && answer?.status !== 200;
  return `${answer?.status ?? "nobody listens"}${isRefusal ? ` ${code}` : ""}`;
}

test("the table has every kind and no other", () => {
  expect(Object.keys(ANSWERS).sort()).toEqual(KINDS.map(({ name }) => name).sort());
});

describe(`undisturbed, every choice is answered as the table says (seed ${seed}):`, () => {
  test.concurrent.each(KINDS.map((kind) => [kind.name, kind] as const))(
    "%s",
    async (name, kind) => {
      const expected = ANSWERS[name] ?? [];
      const answers = await everyChoice(kind);
      expect(answers.filter(([word]) => !expected.includes(word))).toEqual([]);
      const given = new Set(answers.map(([word]) => word));
      if (!LEAVING.includes(name)) expect([...given].sort()).toEqual([...expected].sort());
    },
    KIND_MS_MAX,
  );
});

describe("without the number, the same request is taken:", () => {
  test.concurrent.each(TEXTS.map((kind) => [kind.name, kind] as const))(
    "%s",
    async (_, kind) => {
      const answers = await everyChoice(kind, { innocent });
      expect(answers.filter(([word]) => word !== "200")).toEqual([]);
    },
    KIND_MS_MAX,
  );
});
