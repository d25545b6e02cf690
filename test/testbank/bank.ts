// One running test bank and the calls a test makes on it. Every test file starts its own, with an
// empty book; keys are fresh unless a test reuses one on purpose.

import { randomUUID } from "node:crypto";
import { createTestHarness } from "wrangler";

export const PROCESSOR_KEY = "testbank-test-key";
export const NOTICE_KEY = "testbank-notice-key";

// One shape for every answer of the bank: a test names the field it expects, and `toEqual` and
// `toMatchObject` find out when it is not there.
export interface Body {
  readonly id: string;
  readonly status: string | number;
  readonly captured: number;
  readonly card: { readonly last4: string };
  readonly decline?: object;
  readonly error?: { readonly code: string; readonly message: string };
  readonly body: object;
  readonly original: object;
  readonly data: readonly Row[];
  readonly has_more: boolean;
  readonly switches: object;
  readonly hits: number;
}

export interface Row {
  readonly id: string;
  readonly amount: number;
  readonly captured: number;
  readonly refunded: number;
  readonly voided: boolean;
  readonly created: number;
}

export interface Totals {
  readonly authorizations: number;
  readonly incremented_count: number;
  readonly captured_amount: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly replays: number;
}

export interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly text: string;
  readonly body: Body;
}

export const ORDINARY_CARD = {
  number: "4242424242424242",
  exp_month: 12,
  exp_year: 2099,
  cvc: "314",
} as const;

export function startBank(vars: Record<string, string> = {}) {
  const harness = createTestHarness({
    root: new URL("../../", import.meta.url).pathname,
    workers: [
      {
        configPath: "workers/testbank/wrangler.toml",
        vars,
        secrets: { PROCESSOR_KEY, NOTICE_KEY },
      },
    ],
  });

  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Answer> {
    const response = await harness.fetch(path, {
      method,
      headers: { authorization: `Bearer ${PROCESSOR_KEY}`, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    return {
      status: response.status,
      replayed: response.headers.get("idempotent-replayed") === "true",
      text,
      body: JSON.parse(text),
    };
  }

  function post(path: string, body: unknown, key: string = freshKey(), signal?: AbortSignal) {
    return call("POST", path, body, { "idempotency-key": key }, signal);
  }

  return {
    harness,
    call,
    post,
    start: async () => void (await harness.listen()),
    stop: () => harness.close(),
    get: (path: string) => call("GET", path),
    authorize: (request: object = {}, key: string = freshKey(), signal?: AbortSignal) =>
      post("/authorizations", authorization(request), key, signal),
    /** Many orders in one request, as they were written or as they are given. */
    batch: (orders: unknown, key: string = PROCESSOR_KEY) =>
      harness.fetch("/batches", {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: typeof orders === "string" ? orders : JSON.stringify(orders),
      }),
    setFaults: (switches: object) => call("POST", "/faults", switches),
    clearFaults: () => call("DELETE", "/faults"),
    totals: async (): Promise<Totals> => {
      const { text } = await call("GET", "/book");
      return JSON.parse(text);
    },
    row: async (id: string): Promise<Row | undefined> => {
      const page = await call("GET", "/book/authorizations?limit=1000");
      return page.body.data.find((row) => row.id === id);
    },
  };
}

export function authorization(request: object = {}): object {
  return { amount: 2000, currency: "usd", capture: true, card: ORDINARY_CARD, ...request };
}

export function freshKey(): string {
  return `test-${randomUUID()}`;
}
