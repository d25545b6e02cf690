// Every kind of request that the proof drives, each with a card number that no other request has had: cards
// where they belong, good, declined and wrong in each field; card numbers in every place where none belongs;
// bodies that are not what they say; keys that open nothing.

import { type KeySet, sealCard } from "../../checkout/public/seal.js";
import type { Canary, Numbers } from "./numbers.ts";
import { grouped } from "./spellings.ts";
import type { Sending } from "./wire.ts";

export type Merchant = {
  readonly account: string;
  readonly secret: string;
  readonly publishable: string;
  /** What this merchant has made lately, by prefix. */
  readonly made: Record<Made, string[]>;
};
const MADE = ["tok", "ch", "cus"] as const;
type Made = (typeof MADE)[number];

export type Request = Sending & {
  readonly kind: string;
  /** Answers that are right for this kind when nothing is broken. */
  readonly rightly: readonly number[];
  readonly merchant: Merchant;
};

type Means = {
  readonly numbers: Numbers;
  readonly merchant: Merchant;
  readonly random: () => number;
  readonly pick: <T>(list: readonly T[]) => T;
  readonly keySet: KeySet;
};

type Form = Readonly<Record<string, string>>;
type Headers = Readonly<Record<string, string>>;
type Kind = {
  readonly name: string;
  readonly share: number;
  readonly rightly: readonly number[];
  readonly make: (means: Means, canary: Canary) => Sending | Promise<Sending>;
};

const FORM_TYPE = "application/x-www-form-urlencoded";
/** Above every security code, so that none is met as an amount. */
const AMOUNT_MIN = 10_000;
const HUGE_BYTES = 70 * 1024;
const LEAVE_MS_MAX = 40;
const MADE_MAX = 50;
const REFUSED = [400, 401, 402, 403, 404, 405, 409, 411, 413, 414, 415, 422, 426, 431, 501, 505];
const PAID = [200, 402];

export function http(
  method: string,
  path: string,
  headers: Headers,
  body: string | Buffer = "",
): Buffer {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const sized = "transfer-encoding" in headers || "content-length" in headers || method === "GET";
  const all = {
    host: "localhost",
    ...headers,
    ...(sized ? {} : { "content-length": bytes.length }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` });
const encode = (form: Form): string => new URLSearchParams({ ...form }).toString();

export function post(path: string, key: string, form: Form, headers: Headers = {}): Buffer {
  return http(
    "POST",
    path,
    { ...bearer(key), "content-type": FORM_TYPE, ...headers },
    encode(form),
  );
}

const get = (path: string, key: string, headers: Headers = {}): Buffer =>
  http("GET", path, { ...bearer(key), ...headers });

export const card = (prefix: string, canary: Canary, over: Form = {}): Form => {
  const fields = {
    number: canary.pan,
    exp_month: "12",
    exp_year: "2034",
    cvc: canary.cvc,
    ...over,
  };
  return Object.fromEntries(Object.entries(fields).map(([name, v]) => [`${prefix}[${name}]`, v]));
};

const json = (canary: Canary, over: object = {}): object => ({
  card: { number: canary.pan, exp_month: 12, exp_year: 2034, cvc: canary.cvc, ...over },
});

const postJson = (
  path: string,
  key: string,
  body: string | Buffer,
  headers: Headers = {},
): Buffer =>
  http("POST", path, { ...bearer(key), "content-type": "application/json", ...headers }, body);

const money = ({ random }: Means): Form => ({
  amount: String(AMOUNT_MIN + Math.floor(random() * 90_000)),
  currency: "usd",
});

/** How people and programs write a number into a text. */
const written = ({ pick }: Means, { pan }: Canary): string =>
  pick([
    pan,
    grouped(pan, [4], " "),
    grouped(pan, [4], "-"),
    grouped(pan, [4], "."),
    grouped(pan, [4], "/"),
    // As it is printed on the card: other groups are not taken for a number.
    grouped(pan, pan.length === 15 ? [4, 6, 5] : [4], " - "),
    `card ${pan}`,
    `${pan} 12/34`,
    `my number is ${grouped(pan, [4], " ")}, thanks`,
    [...pan].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join(""),
    [...pan].map((digit) => String.fromCodePoint(0x0660 + Number(digit))).join(""),
    [...pan].map((digit) => `%3${digit}`).join(""),
    Buffer.from(pan).toString("hex"),
    Buffer.from(pan).toString("base64"),
    `card no. ${grouped(pan, [4], "_")}`,
  ]);

const last = (merchant: Merchant, what: Made): string =>
  merchant.made[what].pop() ?? `${what}_none`;
const some = ({ merchant, pick }: Means, what: Made): string =>
  merchant.made[what].length === 0 ? `${what}_none` : pick(merchant.made[what]);

const ALIASES = [
  "tok_visa",
  "tok_mastercard",
  "tok_amex",
  "tok_chargeDeclined",
  "tok_riskLevelElevated",
];
const CHARGE_TEXTS = ["description", "statement_descriptor", "receipt_email", "metadata[note]"];
const CUSTOMER_TEXTS = [
  "name",
  "email",
  "phone",
  "description",
  "metadata[note]",
  "address[line1]",
  "address[line2]",
  "address[city]",
  "address[postal_code]",
  "shipping[name]",
  "shipping[phone]",
  "shipping[address][line1]",
];
const CARD_TEXTS = [
  "name",
  "address_line1",
  "address_line2",
  "address_city",
  "address_state",
  "address_zip",
  "address_country",
  "object",
];
const HEADERS = [
  "user-agent",
  "referer",
  "cookie",
  "accept",
  "accept-language",
  "x-request-id",
  "x-forwarded-for",
  "stripe-account",
  "x-card",
  "if-none-match",
  "range",
  "traceparent",
  "cf-connecting-ip",
  "via",
  "from",
];

const tokens = (
  name: string,
  share: number,
  over: (c: Canary, m: Means) => Form,
  rightly: readonly number[],
) => ({
  name,
  share,
  rightly,
  make: (means: Means, c: Canary) => ({
    bytes: post(
      "/v1/tokens",
      means.pick([means.merchant.publishable, means.merchant.secret]),
      card("card", c, over(c, means)),
    ),
  }),
});

const good: readonly Kind[] = [
  tokens("token from a form", 14, () => ({}), [200]),
  tokens(
    "token, number in groups",
    2,
    (c, { pick }) => ({ number: grouped(c.pan, [4], pick([" ", "-"])) }),
    [200],
  ),
  tokens("token without a code", 1, () => ({ cvc: "" }), [200]),
  {
    name: "token from JSON",
    share: 4,
    rightly: [200],
    make: ({ merchant }, c) => ({
      bytes: postJson("/v1/tokens", merchant.secret, JSON.stringify(json(c))),
    }),
  },
  {
    name: "charge of a token",
    share: 8,
    rightly: [200, 400, 402, 404],
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: last(m.merchant, "tok"),
      }),
    }),
  },
  {
    name: "charge of a typed card",
    share: 10,
    rightly: PAID,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        "source[object]": "card",
        ...card("source", c),
        capture: m.pick(["true", "false"]),
      }),
    }),
  },
  {
    name: "charge of a typed card that is declined",
    share: 3,
    rightly: [402],
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        "source[object]": "card",
        ...card("source", m.numbers.declined()),
      }),
    }),
  },
  {
    name: "charge of a test alias",
    share: 3,
    rightly: PAID,
    make: (m) => ({
      bytes: post(
        "/v1/charges",
        m.merchant.secret,
        { ...money(m), source: m.pick(ALIASES) },
        {
          "idempotency-key": `alias-${Math.floor(m.random() * 1e9)}`,
        },
      ),
    }),
  },
  {
    name: "customer with a typed card",
    share: 5,
    rightly: [200],
    make: (m, c) => ({
      bytes: post("/v1/customers", m.merchant.secret, {
        name: "Canary",
        "source[object]": "card",
        ...card("source", c),
      }),
    }),
  },
  {
    name: "charge of a customer",
    share: 4,
    rightly: [200, 400, 402, 404],
    make: (m) => ({
      bytes: post("/v1/charges", m.merchant.secret, { ...money(m), customer: some(m, "cus") }),
    }),
  },
  {
    name: "another card for a customer",
    share: 1,
    rightly: [200, 404],
    make: (m, c) => ({
      bytes: post(`/v1/customers/${some(m, "cus")}`, m.merchant.secret, {
        "source[object]": "card",
        ...card("source", c),
      }),
    }),
  },
  {
    name: "capture or refund",
    share: 2,
    rightly: [200, 400, 402, 404],
    make: (m) => {
      const charge = some(m, "ch");
      return {
        bytes:
          m.random() < 0.5
            ? post(`/v1/charges/${charge}/capture`, m.merchant.secret, {})
            : post("/v1/refunds", m.merchant.secret, { charge }),
      };
    },
  },
  {
    name: "read of what was made",
    share: 3,
    rightly: [200, 404],
    make: (m) => ({
      bytes: get(
        m.pick([
          `/v1/tokens/${some(m, "tok")}`,
          `/v1/charges/${some(m, "ch")}`,
          `/v1/customers/${some(m, "cus")}`,
          "/v1/charges?limit=5",
          "/v1/events?limit=5",
          "/v1/customers?limit=2",
          "/v1/balance",
        ]),
        m.merchant.secret,
      ),
    }),
  },
];

/** One field of a card is not what it should be; the number is whole. */
const WRONG_FIELDS: readonly ((c: Canary, m: Means) => Form)[] = [
  (c) => ({ number: c.wrong }),
  (c) => ({ number: `${c.pan}0001` }),
  (c) => ({ number: `x${c.pan}` }),
  (c) => ({ number: `${c.pan}\u0000` }),
  (c) => ({ number: grouped(c.pan, [4], "_") }),
  () => ({ number: "" }),
  () => ({ exp_month: "13" }),
  () => ({ exp_month: "x" }),
  (c) => ({ exp_month: c.pan }),
  () => ({ exp_year: "1999" }),
  (c) => ({ exp_year: c.pan }),
  (_, { numbers }) => ({ cvc: numbers.longCode }),
  (c) => ({ cvc: c.pan.slice(0, 10) }),
  (c) => ({ cvc: c.pan }),
  (c) => ({ cvc: `${c.cvc}x` }),
  (c) => ({ [`n${c.pan}`]: "1" }),
  () => ({ unknown: "1" }),
];

/** A card sealed as the browser seals it, and the request that brings it. */
export async function postSealed(
  { publishable }: Merchant,
  keySet: KeySet,
  { pan, cvc }: Canary,
  over: Form = {},
): Promise<Buffer> {
  const typed = { number: pan, cvc, exp_month: "12", exp_year: "2034", ...over };
  const sealed = await sealCard({ publishableKey: publishable, card: typed, keySet });
  return post("/v1/tokens", publishable, { sealed_card: sealed });
}

const sealedCards: readonly Kind[] = [
  {
    name: "token from a sealed card",
    share: 6,
    rightly: [200],
    make: async ({ merchant, keySet }, c) => ({ bytes: await postSealed(merchant, keySet, c) }),
  },
  {
    name: "sealed card that is wrong inside",
    share: 2,
    rightly: REFUSED,
    make: async (m, c) => ({
      bytes: await postSealed(
        m.merchant,
        m.keySet,
        c,
        m.pick<Form>([
          { name: c.pan },
          { address_line1: written(m, c) },
          { number: c.wrong },
          { cvc: m.numbers.longCode },
          { exp_month: "13" },
          { exp_year: c.pan },
        ]),
      ),
    }),
  },
  {
    name: "number that pretends to be sealed",
    share: 1,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/tokens", m.merchant.publishable, {
        sealed_card: m.pick([
          c.pan,
          `${c.pan}.${c.pan}`,
          `eyJ.${c.pan}..x.y`,
          JSON.stringify(json(c)),
        ]),
      }),
    }),
  },
];

const misplaced: readonly Kind[] = [
  tokens("token, one field wrong", 8, (c, m) => m.pick(WRONG_FIELDS)(c, m), REFUSED),
  tokens("token, code of ten digits", 2, (_, { numbers }) => ({ cvc: numbers.longCode }), REFUSED),
  tokens(
    "number in another field of a card",
    3,
    (c, m) => ({ [m.pick(CARD_TEXTS)]: written(m, c) }),
    REFUSED,
  ),
  {
    name: "number in a text of a charge",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: "tok_visa",
        [m.pick(CHARGE_TEXTS)]: written(m, c),
      }),
    }),
  },
  {
    name: "number as a name of metadata",
    share: 1,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: "tok_visa",
        [`metadata[${c.pan}]`]: "x",
      }),
    }),
  },
  {
    name: "number in another parameter of a charge",
    share: 2,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/charges", m.merchant.secret, {
        ...money(m),
        source: "tok_visa",
        [m.pick([
          "amount",
          "currency",
          "source",
          "customer",
          "capture",
          "expand[]",
          c.pan,
          "card",
        ])]: c.pan,
      }),
    }),
  },
  {
    name: "number in a text of a customer",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post("/v1/customers", m.merchant.secret, { [m.pick(CUSTOMER_TEXTS)]: written(m, c) }),
    }),
  },
  {
    name: "number in a URL",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: get(
        m.pick([
          `/v1/charges/${c.pan}`,
          `/v1/charges/${grouped(c.pan, [4], "%20")}`,
          `/v1/tokens/${c.pan}`,
          `/v1/customers/${c.pan}`,
          `/v1/charges?card[number]=${c.pan}&card[cvc]=${m.numbers.longCode}`,
          `/v1/charges?${c.pan}=1`,
          `/v1/events?starting_after=${c.pan}`,
          `/v1/customers?email=${grouped(c.pan, [4], "+")}`,
          `/nothing/${c.pan}`,
          `/v1/charges/${[...c.pan].map((digit) => `%3${digit}`).join("")}`,
        ]),
        m.merchant.secret,
      ),
    }),
  },
  {
    name: "number in the URL of the shop",
    share: 1,
    // A file, which the platform hands out before any code runs.
    rightly: [200, ...REFUSED],
    make: (m, c) => ({ bytes: get(`/?q=${c.pan}`, m.merchant.secret) }),
  },
  {
    name: "number as an Idempotency-Key",
    share: 2,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: post(
        "/v1/charges",
        m.merchant.secret,
        { ...money(m), source: "tok_visa" },
        {
          "idempotency-key": m.pick([c.pan, `order-${c.pan}`, `${grouped(c.pan, [4], "-")}-1`]),
        },
      ),
    }),
  },
  {
    name: "number in a header",
    share: 2,
    rightly: [200, 206, 304, ...REFUSED],
    make: (m, c) => ({
      bytes: get("/v1/balance", m.merchant.secret, {
        [m.pick(HEADERS)]: written(m, { ...c, pan: c.pan }).replace(/[^ -~]/g, "") || c.pan,
      }),
    }),
  },
  {
    name: "number as an API version",
    share: 1,
    rightly: [200, ...REFUSED],
    make: (m, c) => ({ bytes: get("/v1/balance", m.merchant.secret, { "stripe-version": c.pan }) }),
  },
];

const broken: readonly Kind[] = [
  {
    name: "body of another type than it says",
    share: 3,
    // A content-encoding is not undone, so what is not encoded is read.
    rightly: [200, ...REFUSED],
    make: (m, c) => {
      const asForm = encode(card("card", c));
      const asJson = JSON.stringify(json(c));
      const type = m.pick([
        "text/plain",
        "application/xml",
        "application/octet-stream",
        "image/png",
        c.pan,
        `text/${c.pan}`,
      ]);
      const head = bearer(m.merchant.secret);
      const parts = `--x\r\ncontent-disposition: form-data; name="card[number]"\r\n\r\n${c.pan}\r\n--x--\r\n`;
      return {
        bytes: m.pick([
          http("POST", "/v1/tokens", { ...head, "content-type": FORM_TYPE }, asJson),
          http("POST", "/v1/tokens", { ...head, "content-type": "application/json" }, asForm),
          http("POST", "/v1/tokens", { ...head, "content-type": type }, asForm),
          http(
            "POST",
            "/v1/tokens",
            { ...head, "content-type": "multipart/form-data; boundary=x" },
            parts,
          ),
          http(
            "POST",
            "/v1/tokens",
            { ...head, "content-type": "application/json", "content-encoding": "gzip" },
            asJson,
          ),
          http(
            "POST",
            "/v1/tokens",
            { ...head, "content-type": `${FORM_TYPE}; charset=utf-16` },
            Buffer.from(asForm, "utf16le"),
          ),
        ]),
      };
    },
  },
  {
    name: "JSON that is none, or not of the right shape",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => {
      const whole = JSON.stringify(json(c));
      const cut = whole.slice(0, whole.indexOf(c.pan) + c.pan.length + Math.floor(m.random() * 20));
      return {
        bytes: postJson(
          "/v1/tokens",
          m.merchant.secret,
          m.pick<string | Buffer>([
            cut,
            `${whole}${c.pan}`,
            JSON.stringify([c.pan]),
            JSON.stringify(c.pan),
            c.pan,
            JSON.stringify({ card: c.pan }),
            JSON.stringify({ card: { number: { value: c.pan } } }),
            JSON.stringify({ card: { number: [c.pan] } }),
            JSON.stringify({ card: { [c.pan]: c.pan } }),
            JSON.stringify({ __proto__: null, constructor: { number: c.pan } }),
            `{"card":{"number":"${c.pan}","number":"${c.pan}","cvc":"${m.numbers.longCode}","exp_month":"`,
            Buffer.concat([
              Buffer.from(`{"card":{"number":"${c.pan}`),
              Buffer.from([0xff, 0xfe, 0x22]),
            ]),
            JSON.stringify({ a: { b: { c: { d: { e: { f: { g: c.pan } } } } } } }),
          ]),
        ),
      };
    },
  },
  {
    name: "body that is too large",
    share: 1,
    rightly: [0, ...REFUSED],
    make: (m, c) => {
      const body = encode({
        ...card("card", c),
        padding: `${c.pan} `.repeat(HUGE_BYTES / (c.pan.length + 1)),
      });
      const head = { ...bearer(m.merchant.secret), "content-type": FORM_TYPE };
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      return {
        bytes:
          m.random() < 0.5
            ? http("POST", "/v1/tokens", head, body)
            : http("POST", "/v1/tokens", { ...head, "transfer-encoding": "chunked" }, chunk),
      };
    },
  },
  {
    name: "body that breaks off",
    share: 2,
    rightly: [0],
    make: (m, c) => {
      const bytes = post("/v1/tokens", m.merchant.secret, card("card", c));
      const from = bytes.indexOf(c.pan.slice(0, 6));
      return { bytes, cutAt: from + 6 + Math.floor(m.random() * (bytes.length - from - 6)) };
    },
  },
  {
    name: "caller that does not wait",
    share: 3,
    rightly: [0, ...PAID],
    make: (m, c) => ({
      bytes: m.pick([
        post("/v1/tokens", m.merchant.secret, card("card", c)),
        post("/v1/charges", m.merchant.secret, {
          ...money(m),
          "source[object]": "card",
          ...card("source", c),
        }),
      ]),
      leaveMs: Math.floor(m.random() * LEAVE_MS_MAX),
    }),
  },
  {
    name: "request that is no HTTP",
    share: 1,
    rightly: [0, 200, ...REFUSED],
    make: (m, c) => {
      const key = m.merchant.secret;
      return {
        bytes: m.pick([
          http(`X${c.pan}`, "/v1/tokens", bearer(key)),
          Buffer.from(`POST /v1/tokens HTTP/${c.pan}\r\nhost: x\r\n\r\n`),
          Buffer.from(`GET / HTTP/1.1\r\nhost: x\r\n${c.pan}\r\n\r\n`),
          Buffer.from(`${c.pan}\r\n\r\n`),
          http("POST", "/v1/tokens", { ...bearer(key), "content-length": c.pan }),
          http("GET", "/v1/balance", { ...bearer(key), host: c.pan }),
          http("GET", `/${c.pan}%`, bearer(key)),
          Buffer.from([0x16, 3, 1, 0, 20, ...Buffer.from(c.pan), 13, 10, 13, 10]),
        ]),
        leaveMs: 300,
      };
    },
  },
];

const strange: readonly Kind[] = [
  {
    name: "card with a wrong key",
    share: 4,
    rightly: REFUSED,
    make: (m, c) => {
      const { merchant } = m;
      const forged = `${merchant.secret.slice(0, -4)}AAAA`;
      const live = merchant.secret.replace("_test_", "_live_");
      const form = card("card", c);
      return {
        bytes: m.pick([
          post("/v1/tokens", "sk_test_nothing", form),
          post("/v1/tokens", forged, form),
          post("/v1/tokens", live, form),
          post("/v1/tokens", c.pan, form),
          post("/v1/tokens", `sk_test_${c.pan}`, form),
          post("/v1/accounts", merchant.secret, form),
          post("/v1/charges", merchant.publishable, { ...money(m), ...card("source", c) }),
          post("/v1/tokens", merchant.secret, form, { origin: `https://${c.pan}.example` }),
          http("POST", "/v1/tokens", { "content-type": FORM_TYPE }, encode(form)),
          http(
            "POST",
            "/v1/tokens",
            { authorization: `Basic ${c.pan}`, "content-type": FORM_TYPE },
            encode(form),
          ),
          http(
            "POST",
            "/v1/tokens",
            { "content-type": FORM_TYPE },
            encode({ ...form, key: c.pan }),
          ),
        ]),
      };
    },
  },
  {
    name: "card to where none is taken",
    share: 2,
    rightly: REFUSED,
    make: (m, c) => ({
      bytes: m.pick([
        post("/v1/nothing", m.merchant.secret, card("card", c)),
        post("/v1/refunds", m.merchant.secret, card("card", c)),
        post("/v1/balance", m.merchant.secret, card("card", c)),
        http(
          "PUT",
          "/v1/tokens",
          { ...bearer(m.merchant.secret), "content-type": FORM_TYPE },
          encode(card("card", c)),
        ),
        http("PATCH", `/v1/charges/${c.pan}`, bearer(m.merchant.secret)),
        http("DELETE", `/v1/customers/${c.pan}`, bearer(m.merchant.secret)),
      ]),
    }),
  },
];

export const KINDS: readonly Kind[] = [
  ...good,
  ...sealedCards,
  ...misplaced,
  ...broken,
  ...strange,
];
/** Each kind as often as its share. */
const DRAWN = KINDS.flatMap((kind) => Array.from({ length: kind.share }, () => kind));

/** The next request of a run, drawn by `random`. */
export async function nextRequest(
  means: Omit<Means, "merchant" | "pick">,
  merchants: readonly Merchant[],
): Promise<Request> {
  const { random, numbers } = means;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const merchant = pick(merchants);
  const kind = pick(DRAWN);
  const sending = await kind.make({ ...means, merchant, pick }, numbers.fresh());
  return { ...sending, kind: kind.name, rightly: kind.rightly, merchant };
}

/** Keeps what was made, so that later requests can use it. */
export function remember(merchant: Merchant, answer: Buffer): void {
  const id = /"id": ?"((tok|ch|cus)_[0-9A-Za-z]+)"/.exec(answer.toString("latin1"));
  if (id === null) return;
  const made = merchant.made[id[2] as Made];
  made.push(id[1] ?? "");
  if (made.length > MADE_MAX) made.shift();
}

export const newMerchant = (of: Omit<Merchant, "made">): Merchant => ({
  ...of,
  made: { tok: [], ch: [], cus: [] },
});
