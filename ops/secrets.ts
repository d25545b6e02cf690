// `npm run secrets`: a fresh set of everything a deployment must be told, and the platform key that goes with
// it, as `NAME=value` lines. Printed once and kept nowhere: pass each to `wrangler secret put`.

import { randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair } from "jose";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";

const secret = (): string => randomBytes(32).toString("base64url");

const { privateKey, publicKey } = await generateKeyPair("EdDSA", {
  crv: "Ed25519",
  extractable: true,
});
const kid = randomBytes(6).toString("base64url");
const signing = { ...(await exportJWK(privateKey)), alg: "EdDSA", kid };
const verifying = { keys: [{ ...(await exportJWK(publicKey)), alg: "EdDSA", kid }] };
const apiKeySecret = secret();
const platform = await mintApiKey(
  { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
  apiKeySecret,
);

console.log(`# workers/edge
API_KEY_SECRET=${apiKeySecret}
REQUEST_MAC_SECRET=${secret()}
EDGE_SIGNING_KEY=${JSON.stringify(signing)}
# workers/vault
CARD_ROOT_KEY=${secret()}
FINGERPRINT_ROOT_KEY=${secret()}
# workers/vault and workers/testbank
PROCESSOR_KEY=${secret()}
# origin, in each region, beside its DATABASE_URL_…
EDGE_VERIFY_KEYS=${JSON.stringify(verifying)}
# for you: makes merchants by POST /v1/accounts
${platform}`);
