// `npm run secrets`: a fresh set of everything a deployment must be told, and the platform key that goes with
// it, as `NAME=value` lines. Printed once and kept nowhere: pass each to `wrangler secret put`.
// `npm run secrets -- --rotate NAME`: the steps that change one secret while traffic goes on, with the values
// of each. The present value is taken from the environment under the same name.

import { parseArgs } from "node:util";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";
import { KEYS, keyNamed, stepsOf } from "./key-registry.ts";
import { freshPair, freshSealedCardKey, freshSecret, rotate } from "./rotation.ts";

async function printSet(): Promise<void> {
  const edge = await freshPair();
  const vault = await freshPair();
  const ledger = await freshPair();
  const apiKeySecret = freshSecret();
  const platform = await mintApiKey(
    { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT },
    apiKeySecret,
  );
  console.log(`# workers/edge
API_KEY_SECRET=${apiKeySecret}
REQUEST_MAC_SECRET=${freshSecret()}
WEBHOOK_ROOT_SECRET=${freshSecret()}
EDGE_SIGNING_KEY=${edge.signing}
# workers/vault
CARD_ROOT_KEY=${freshSecret()}
FINGERPRINT_ROOT_KEY=${freshSecret()}
SEALED_CARD_KEYS=${JSON.stringify([await freshSealedCardKey()])}
VAULT_SIGNING_KEY=${vault.signing}
# workers/vault and workers/testbank
PROCESSOR_KEY=${freshSecret()}
# workers/edge and workers/testbank
NOTICE_KEY=${freshSecret()}
# origin, in each region, beside its DATABASE_URL_…
EDGE_VERIFY_KEYS=${edge.verifying}
VAULT_VERIFY_KEYS=${vault.verifying}
LEDGER_SIGNING_KEY=${ledger.signing}
# for you and no Worker: \`npm run verify\` checks the ledger's checkpoints with it
LEDGER_VERIFY_KEYS=${ledger.verifying}
# for you: makes merchants by POST /v1/accounts
${platform}`);
}

async function printRotation(name: string): Promise<void> {
  const key = keyNamed(name);
  if (key === undefined) {
    console.error(`${name} is none of ${KEYS.map((known) => known.name).join(", ")}.`);
    process.exitCode = 1;
    return;
  }
  const values = (await rotate(key, process.env)) ?? [];
  for (const [at, step] of stepsOf(key).entries()) {
    console.log(`# ${at + 1}. ${step}`);
    for (const [setting, value] of Object.entries(values[at] ?? {})) {
      console.log(`${setting}=${value}`);
    }
  }
}

const { values } = parseArgs({ options: { rotate: { type: "string" } } });
await (values.rotate === undefined ? printSet() : printRotation(values.rotate));
