// What vouches for a delivery, against the official verifiers of both kinds (npm `stripe`, npm
// `standardwebhooks`), the published example of Standard Webhooks, and Node's own HMAC.

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import {
  type SecretName,
  type WebhookSecret,
  webhookSecrets,
} from "../../protocol/webhook-secret.ts";
import { signWebhook } from "../../protocol/webhook-signature.ts";

const { webhooks } = new Stripe("sk_test_unused");
const ROOT = Buffer.alloc(32, 7).toString("base64url");
const OTHER_ROOT = Buffer.alloc(32, 8).toString("base64url");
const NAME: SecretName = {
  account: "acct_AAAAAAAAAAAAAAAA",
  livemode: false,
  endpoint: "we_0000000000000000000001",
  version: 1,
};
const nowSeconds = () => Math.floor(Date.now() / 1000);

describe("a delivery's headers", () => {
  // Published with the specification and by Svix, who wrote it.
  test.each<[WebhookSecret, string, number, string, string]>([
    [
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1_614_265_330,
      '{"test": 2432232314}',
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ],
    [
      "whsec_plJ3nmyCDGBKInavdOK15jsl",
      "msg_loFOjxBNrRLzqYUf",
      1_731_705_121,
      '{"event_type":"ping","data":{"success":true}}',
      "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    ],
  ])("are those of the published example with %s", async (secret, id, seconds, body, expected) => {
    const headers = await signWebhook({ id, body }, [secret], seconds);
    expect(headers["webhook-signature"]).toBe(expected);
    expect(headers["webhook-id"]).toBe(id);
    expect(headers["webhook-timestamp"]).toBe(String(seconds));
  });

  test("carry Stripe's HMAC under the text of the whole secret", async () => {
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const headers = await signWebhook({ id: "evt_1", body: "{}" }, [secret], 12345);
    const hex = createHmac("sha256", secret).update("12345.{}").digest("hex");
    expect(headers["stripe-signature"]).toBe(`t=12345,v1=${hex}`);
    const options = { payload: "{}", secret, timestamp: 12345 };
    expect(headers["stripe-signature"]).toBe(webhooks.generateTestHeaderString(options));
  });

  test("satisfy both official verifiers for any body and any secret of ours", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.json({ stringUnit: "grapheme" }),
        fc.integer({ min: 1, max: 1_000_000 }),
        async (body, version) => {
          const [secret] = await webhookSecrets(ROOT, { ...NAME, version });
          const headers = await signWebhook({ id: "evt_1", body }, [secret], nowSeconds());
          webhooks.constructEvent(body, headers["stripe-signature"], secret);
          new Webhook(secret).verify(body, { ...headers });
        },
      ),
      { numRuns: 100 },
    );
  });

  test("satisfy the holder of either secret while one is rolled, and nobody else", async () => {
    const secrets = await Promise.all(
      [1, 2, 3].map(async (version) => (await webhookSecrets(ROOT, { ...NAME, version }))[0]),
    );
    const body = '{"object":"event"}';
    const headers = await signWebhook({ id: "evt_1", body }, secrets.slice(1), nowSeconds());
    const accepts = (secret: string) => {
      try {
        webhooks.constructEvent(body, headers["stripe-signature"], secret);
        new Webhook(secret).verify(body, { ...headers });
        return true;
      } catch {
        return false;
      }
    };
    expect(secrets.map(accepts)).toEqual([false, true, true]);
  });

  test.each([
    ["the body", { body: "{ }" }],
    ["the time", { seconds: -301 }],
  ])(
    "vouch for nothing once %s is another",
    async (_, { body = "{}", seconds = 0 }: { body?: string; seconds?: number }) => {
      const [secret] = await webhookSecrets(ROOT, NAME);
      const at = nowSeconds() + seconds;
      const headers = await signWebhook({ id: "evt_1", body: "{}" }, [secret], at);
      expect(() => webhooks.constructEvent(body, headers["stripe-signature"], secret)).toThrow();
      expect(() => new Webhook(secret).verify(body, { ...headers })).toThrow();
    },
  );
});

describe("a webhook secret", () => {
  test("is the first block of HKDF-Expand (RFC 5869) of the root, as Node computes it", async () => {
    const [secret] = await webhookSecrets(ROOT, NAME);
    const info = "webhook/acct_AAAAAAAAAAAAAAAA/test/we_0000000000000000000001/1";
    const block = createHmac("sha256", Buffer.alloc(32, 7)).update(info).update("\u0001").digest();
    const bytes = block.subarray(0, 24);
    expect(secret).toBe(`whsec_${bytes.toString("base64")}`);
    expect(secret).toMatch(/^whsec_[0-9A-Za-z+/]{32}$/);
  });

  test("is another for each account, mode, endpoint, version and root", async () => {
    const names: SecretName[] = [
      NAME,
      { ...NAME, account: "acct_AAAAAAAAAAAAAAAB" },
      { ...NAME, livemode: true },
      { ...NAME, endpoint: "we_0000000000000000000002" },
      { ...NAME, version: 2 },
    ];
    const secrets = await Promise.all(
      names.flatMap((name) => [ROOT, OTHER_ROOT].map((root) => webhookSecrets(root, name))),
    );
    expect(new Set(secrets.flat()).size).toBe(10);
  });

  test("stays valid while the root is rotated: both roots' secrets are there, the current first", async () => {
    const [old] = await webhookSecrets(ROOT, NAME);
    const [fresh] = await webhookSecrets(OTHER_ROOT, NAME);
    expect(await webhookSecrets(`${ROOT},${OTHER_ROOT}`, NAME)).toEqual([old, fresh]);
    expect(await webhookSecrets(`${OTHER_ROOT},${ROOT}`, NAME)).toEqual([fresh, old]);
    expect(await webhookSecrets(OTHER_ROOT, NAME)).toEqual([fresh]);
  });

  test.each(["", "c2hvcnQ", Buffer.alloc(31).toString("base64url")])(
    "is not derived from a root of the wrong length: '%s'",
    async (root) => {
      await expect(webhookSecrets(root, NAME)).rejects.toThrow("32 bytes");
    },
  );
});
