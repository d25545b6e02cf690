// `npm run secrets`: a fresh set of everything a deployment must be told, and the platform key that goes with
// it, as `NAME=value` lines. Printed once and kept nowhere: pass each to `wrangler secret put`.

import { randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair } from "jose";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";

const secret = (): string => randomBytes(32).toString("base64url");

/** An Ed25519 pair: the private JWK, and the JWKS that holds the public one. */
async function signerPair(): Promise<{ signing: string; verifying: string }> {
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", {
    crv: "Ed25519",
    extractable: true,
  });
  const head = { alg: "EdDSA", kid: randomBytes(6).toString("base64url") };
  const signing = { ...(await exportJWK(privateKey)), ...head };
  const verifying = { keys: [{ ...(await exportJWK(publicKey)), ...head }] };
  return { signing: JSON.stringify(signing), verifying: JSON.stringify(verifying) };
}

const edge = await signerPair();
const vault = await signerPair();
const ledger = await signerPair();
const apiKeySecret = secret();
const platform = await mintApiKey(
  { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
  apiKeySecret,
);

console.log(`# workers/edge
API_KEY_SECRET=${apiKeySecret}
REQUEST_MAC_SECRET=${secret()}
EDGE_SIGNING_KEY=${edge.signing}
# workers/vault
CARD_ROOT_KEY=${secret()}
FINGERPRINT_ROOT_KEY=${secret()}
VAULT_SIGNING_KEY=${vault.signing}
# workers/vault and workers/testbank
PROCESSOR_KEY=${secret()}
# origin, in each region, beside its DATABASE_URL_…
EDGE_VERIFY_KEYS=${edge.verifying}
VAULT_VERIFY_KEYS=${vault.verifying}
LEDGER_SIGNING_KEY=${ledger.signing}
# for you and no Worker: \`npm run verify\` checks the ledger's checkpoints with it
LEDGER_VERIFY_KEYS=${ledger.verifying}
# for you: makes merchants by POST /v1/accounts
${platform}`);
