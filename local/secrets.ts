// The secrets of this machine's Tessera. They are made once, kept in `<home>/secrets.json` (0600)
// and never leave the machine; a deployment has its own (see docs). What is sealed with them is
// readable only while this file exists, so it is never overwritten.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportJWK, generateKeyPair } from "jose";

const RANDOM_SECRETS = [
  "API_KEY_SECRET",
  "REQUEST_MAC_SECRET",
  "CARD_ROOT_KEY",
  "FINGERPRINT_ROOT_KEY",
  "PROCESSOR_KEY",
  "POSTGRES_PASSWORD",
] as const;

type RandomName = (typeof RANDOM_SECRETS)[number];
type SecretName = RandomName | "EDGE_SIGNING_KEY" | "EDGE_VERIFY_KEYS";

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
  const secrets = { ...(await signingKeys(known)), ...randomSecrets(), ...known };
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

type SigningKeys = Pick<Secrets, "EDGE_SIGNING_KEY" | "EDGE_VERIFY_KEYS">;

async function signingKeys(known: Partial<Secrets>): Promise<SigningKeys> {
  const { EDGE_SIGNING_KEY, EDGE_VERIFY_KEYS } = known;
  if (EDGE_SIGNING_KEY !== undefined && EDGE_VERIFY_KEYS !== undefined) {
    return { EDGE_SIGNING_KEY, EDGE_VERIFY_KEYS };
  }
  const pair = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const head = { kid: `local-${randomId()}`, alg: "EdDSA", use: "sig" };
  const signing = { ...(await exportJWK(pair.privateKey)), ...head };
  const verifying = { ...(await exportJWK(pair.publicKey)), ...head };
  return {
    EDGE_SIGNING_KEY: JSON.stringify(signing),
    EDGE_VERIFY_KEYS: JSON.stringify({ keys: [verifying] }),
  };
}

function save(home: string, path: string, secrets: Secrets): void {
  mkdirSync(home, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, path);
}
