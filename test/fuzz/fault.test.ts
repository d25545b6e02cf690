// That the fuzz's judge can judge: every fault that is planted in an answer is found, and right answers have none.

import { beforeAll, describe, expect, inject, test } from "vitest";
import { Contract, type Document } from "../contract.ts";
import { startSystem } from "../system.ts";
import { faultOf, type Said } from "./fault.ts";
import { CARD_NUMBERS } from "./request-generator.ts";

const TOKEN = { method: "POST", path: "/v1/tokens" };
const BALANCE = { method: "GET", path: "/v1/balance?expand[]=x" };
const NOWHERE = { method: "DELETE", path: "/v1/balance" };
const [card = ""] = CARD_NUMBERS;
const shown = `${card.slice(0, 4)} ${card.slice(4, 8)}-${card.slice(8)}`;

let contract: Contract;
/** As the edge gives them. */
const right = {} as Record<"token" | "balance" | "declined" | "unknown" | "nowhere", Said>;

beforeAll(async () => {
  const system = await startSystem(inject("bindings"));
  const { secret } = await system.merchant();
  contract = new Contract((await system.call("/openapi.json")).body as Document);
  const ask = async ({ method, path }: typeof TOKEN, form?: Record<string, string>) => {
    const answer = await fetch(new URL(path, system.url), {
      method,
      headers: { authorization: `Bearer ${secret}` },
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    });
    const contentType = answer.headers.get("content-type");
    return { status: answer.status, contentType, text: await answer.text() };
  };
  const typed = { "card[number]": card, "card[exp_month]": "12", "card[exp_year]": "2034" };
  right.token = await ask(TOKEN, typed);
  right.declined = await ask(TOKEN, { ...typed, "card[exp_month]": "13" });
  right.unknown = await ask(TOKEN, { ...typed, [card]: "1" });
  right.balance = await ask({ method: "GET", path: "/v1/balance" });
  right.nowhere = await ask(NOWHERE);
  await system.close();
});

test("a right answer has no fault", () => {
  expect([right.token, right.balance].map(({ status }) => status)).toEqual([200, 200]);
  expect(faultOf(contract, TOKEN, right.token)).toBeUndefined();
  expect(faultOf(contract, BALANCE, right.balance)).toBeUndefined();
});

test("a right refusal has no fault", () => {
  const refusals = [right.declined, right.unknown, right.nowhere];
  expect(refusals.map(({ status }) => status)).toEqual([402, 400, 404]);
  expect(faultOf(contract, TOKEN, right.declined)).toBeUndefined();
  expect(faultOf(contract, TOKEN, right.unknown)).toBeUndefined();
  expect(faultOf(contract, NOWHERE, right.nowhere)).toBeUndefined();
});

/** The text with this instead of the first place where that stands. */
function altered({ text, ...said }: Said, that: RegExp | string, by: string): Said {
  const other = text.replace(that, by);
  if (other === text) throw new Error(`there is no ${that}`);
  return { ...said, text: other };
}

type Planted = readonly [fault: RegExp, request: typeof TOKEN, said: () => Said];

const PLANTED: Readonly<Record<string, Planted>> = {
  "a failure, however well it is said": [
    /failure of the edge's own/,
    TOKEN,
    () => ({ ...right.declined, status: 500 }),
  ],
  "a failure that asks to come later": [
    /failure of the edge's own/,
    TOKEN,
    () => ({ ...right.declined, status: 503 }),
  ],
  "a status that the document does not have": [
    /201: is a status that the document does not have/,
    TOKEN,
    () => ({ ...right.token, status: 201 }),
  ],
  "a refusal that the document does not have": [
    /418: is a status that the document does not have/,
    TOKEN,
    () => ({ ...right.declined, status: 418 }),
  ],
  "a route that the document does not have": [
    /is a route that the document does not have/,
    NOWHERE,
    () => right.balance,
  ],
  "plain text": [/no JSON object/, TOKEN, () => ({ ...right.token, text: "Bad Request" })],
  "nothing at all": [/no JSON object/, TOKEN, () => ({ ...right.token, text: "" })],
  "a list": [/no JSON object/, TOKEN, () => ({ ...right.token, text: "[]" })],
  "half an object": [
    /no JSON object/,
    TOKEN,
    () => ({ ...right.token, text: right.token.text.slice(0, -5) }),
  ],
  "a refusal without an error": [
    /without its error/,
    TOKEN,
    () => ({ ...right.token, status: 400 }),
  ],
  "a refusal without a message": [
    /without its error/,
    TOKEN,
    () => altered(right.declined, '"message"', '"massage"'),
  ],
  "an error that says it went well": [
    /no refusal/,
    TOKEN,
    () => ({ ...right.declined, status: 200 }),
  ],
  "an object of another shape": [
    /"missingProperty":"livemode"/,
    TOKEN,
    () => altered(right.token, '"livemode"', '"live_mode"'),
  ],
  "a field of another type": [
    /must be boolean/,
    BALANCE,
    () => altered(right.balance, /"livemode": ?false/, '"livemode": 0'),
  ],
  "JSON that is called something else": [
    /is text\/html/,
    TOKEN,
    () => ({ ...right.token, contentType: "text/html" }),
  ],
  "a card's number in a message": [
    /the number of a card/,
    TOKEN,
    () => altered(right.declined, '"message": "', `"message": "${card} `),
  ],
  "a card's number in groups": [
    /the number of a card/,
    TOKEN,
    () => altered(right.token, /"name": ?null/, `"name": "${shown}"`),
  ],
};

describe("a fault that was planted is found:", () => {
  test.each(Object.entries(PLANTED))("%s", (_, [fault, request, said]) => {
    expect(faultOf(contract, request, said())).toMatch(fault);
  });
});
