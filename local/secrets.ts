// The secrets of this machine's Tessera. They are made once, kept in `<home>/secrets.json` (0600)
// and never leave the machine; a deployment has its own (see docs). What is sealed with them is
// readable only while this file exists, so it is never overwritten.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

const RANDOM_SECRETS = [
  "API_KEY_SECRET",
  "REQUEST_MAC_SECRET",
  "WEBHOOK_ROOT_SECRET",
  "CARD_ROOT_KEY",
  "FINGERPRINT_ROOT_KEY",
  "PROCESSOR_KEY",
  "NOTICE_KEY",
  "POSTGRES_PASSWORD",
  "ORIGIN_PASSWORD",
] as const;

type RandomName = (typeof RANDOM_SECRETS)[number];
/** Who signs: the edge its requests, the vault its audit entries, an origin its checkpoints. The public keys are no secret. */
const SIGNERS = ["EDGE", "VAULT", "LEDGER"] as const;
type SignerName = `${(typeof SIGNERS)[number]}_${"SIGNING_KEY" | "VERIFY_KEYS"}`;
type SecretName = RandomName | SignerName | "SEALED_CARD_KEYS";

export type Secrets = Record<SecretName, string>;

/** 256 bits: as long as the longest key that is derived from it. */
const SECRET_BYTES = 32;
/** Enough for names that must not collide; not a secret. */
const ID_BYTES = 9;

export function randomId(): string {
  return randomBytes(ID_BYTES).toString("base64url");
}

export async function loadSecrets(home: string): Promise<Secrets> {
  const path = join(home, "secrets.json");
  const known: Partial<Secrets> = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  const sealing = known.SEALED_CARD_KEYS ?? (await sealedCardKeys());
  const secrets = {
    ...(await signerKeys(known)),
    ...randomSecrets(),
    SEALED_CARD_KEYS: sealing,
    ...known,
  };
  if (Object.keys(secrets).length > Object.keys(known).length) save(home, path, secrets);
  return secrets;
}

function randomSecrets(): Record<RandomName, string> {
  const entries = RANDOM_SECRETS.map((name) => [
    name,
    randomBytes(SECRET_BYTES).toString("base64url"),
  ]);
  return Object.fromEntries(entries) as Record<RandomName, string>;
}

async function signerKeys(known: Partial<Secrets>): Promise<Record<SignerName, string>> {
  const keys: Partial<Record<SignerName, string>> = {};
  for (const signer of SIGNERS) {
    const [signing, verifying] = [`${signer}_SIGNING_KEY`, `${signer}_VERIFY_KEYS`] as const;
    const isKnown = known[signing] !== undefined && known[verifying] !== undefined;
    const pair = isKnown ? undefined : await signerPair();
    keys[signing] = pair?.signing ?? known[signing] ?? "";
    keys[verifying] = pair?.verifying ?? known[verifying] ?? "";
  }
  return keys as Record<SignerName, string>;
}

async function signerPair(): Promise<{ signing: string; verifying: string }> {
  const pair = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const head = { kid: `local-${randomId()}`, alg: "EdDSA", use: "sig" };
  const signing = { ...(await exportJWK(pair.privateKey)), ...head };
  const verifying = { ...(await exportJWK(pair.publicKey)), ...head };
  return {
    signing: JSON.stringify(signing),
    verifying: JSON.stringify({ keys: [verifying] }),
  };
}

/** A list of one private key that cards are sealed to; named by its thumbprint (RFC 7638). */
async function sealedCardKeys(): Promise<string> {
  const { privateKey } = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
  const key = await exportJWK(privateKey);
  return JSON.stringify([{ ...key, kid: await calculateJwkThumbprint(key) }]);
}

function save(home: string, path: string, secrets: Secrets): void {
  mkdirSync(home, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, path);
}
