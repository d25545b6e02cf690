// What is remembered beside the ledger, while the secret of its requests' MACs is rotated: a request that was
// remembered under one version is the same request under every later one that still knows that version, and another
// request with its key stays another one.

import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { KEYS } from "../../ops/key-registry.ts";
import { rotate, type Step } from "../../ops/rotation.ts";
import { API_VERSION } from "../../protocol/object.ts";
import { type Call, type Merchant, type System, startSystem } from "../system.ts";

const REMEMBERED = ["a key of an app", "a restricted key", "a merchant", "a redelivery"] as const;
type Remembered = (typeof REMEMBERED)[number];
type Asked = {
  readonly path: string;
  readonly key: string;
  readonly form: Record<string, string>;
  /** Another request of the same route. */
  readonly other: Record<string, string>;
};

let system: System;
let m: Merchant;
let steps: readonly Step[];
let asked: Record<Remembered, Asked>;

/** Deploys the system as it is after so many steps of the rotation. */
const deployStep = (step: number) =>
  system.deploy(Object.assign({}, inject("bindings"), ...steps.slice(0, step)));

const send = (what: Remembered, of: "form" | "other", idempotencyKey: string): Promise<Call> => {
  const { path, key, [of]: form } = asked[what];
  const headers = { "idempotency-key": idempotencyKey, "stripe-version": API_VERSION };
  return system.call(path, { key, form, headers });
};

beforeAll(async () => {
  const secret = KEYS.find(({ name }) => name === "REQUEST_MAC_SECRET");
  if (secret === undefined) throw new Error("the secret has another name");
  steps = (await rotate(secret, inject("bindings"))) ?? [];
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  const [one, two] = await Promise.all([1, 2].map(() => m.stripe.customers.create({})));
  const endpoint = await m.stripe.webhookEndpoints.create({
    url: "https://hooks.example.com/in",
    enabled_events: ["*"],
  });
  const platform = { key: system.platform };
  asked = {
    "a key of an app": {
      path: "/v1/ephemeral_keys",
      key: m.secret,
      form: { customer: one?.id ?? "" },
      other: { customer: two?.id ?? "" },
    },
    "a restricted key": {
      ...platform,
      path: `/v1/accounts/${m.account}/keys`,
      form: { "permissions[]": "charge_read" },
      other: { "permissions[]": "charge_write" },
    },
    "a merchant": {
      ...platform,
      path: "/v1/accounts",
      form: { email: "one@example.com" },
      other: { email: "two@example.com" },
    },
    "a redelivery": {
      path: `/v1/webhook_endpoints/${endpoint.id}/redeliver`,
      key: m.secret,
      form: { "created[gte]": "1", "created[lte]": "2" },
      other: { "created[gte]": "2", "created[lte]": "3" },
    },
  };
});
afterAll(() => system?.close());

/** A request that is the first with its key, once the merchant's stream has read of its endpoint. */
const first = (what: Remembered, key: string): Promise<Call> =>
  vi.waitFor(
    async () => {
      const answer = await send(what, "form", key);
      expect(answer).toMatchObject({ status: 200 });
      expect(answer.headers.get("idempotent-replayed")).toBeNull();
      return answer;
    },
    { timeout: 20_000, interval: 100 },
  );

describe("a request that is remembered", () => {
  const heard = new Map<string, Call>();

  /** Each request that was made before is made again, and is the same one; and is no other. */
  async function expectSame(what: Remembered): Promise<void> {
    for (const made of ["old", "both", "new"]) {
      const before = heard.get(`${what} ${made}`);
      if (before === undefined) continue;
      const again = await send(what, "form", `${made}-1`);
      expect([again.status, again.body]).toEqual([200, before.body]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(again.headers.get("original-request")).toBe(before.headers.get("request-id"));
      expect(await send(what, "other", `${made}-1`)).toMatchObject({
        status: 400,
        body: { error: { type: "idempotency_error" } },
      });
    }
  }

  describe.each([
    ["before the rotation", "old", 0],
    ["with the new version known", "both", 1],
    ["with the new version in use, and the old one known", "new", 2],
  ] as const)("%s", (_, made, step) => {
    beforeAll(() => deployStep(step));

    test.each(REMEMBERED)("%s is known by each version that it was asked under", async (what) => {
      heard.set(`${what} ${made}`, await first(what, `${made}-1`));
      await expectSame(what);
    });
  });

  describe("with the old version gone", () => {
    beforeAll(() => deployStep(3));

    test.each(REMEMBERED)("%s of the new one is known, and of the old is another", async (what) => {
      expect((await send(what, "form", "new-1")).body).toEqual(heard.get(`${what} new`)?.body);
      for (const made of ["old", "both"]) {
        expect(await send(what, "form", `${made}-1`)).toMatchObject({
          status: 400,
          body: { error: { type: "idempotency_error" } },
        });
      }
    });
  });
});
