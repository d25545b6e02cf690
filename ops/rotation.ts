// The values of a rotation, step by step: what each setting is to be after each deployment, so that at no
// moment one part uses what another does not accept. Nothing is kept; who runs it passes the values on.

import { randomBytes } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { versionsOf } from "../protocol/secret.ts";
import { FOR_EVER, type RegisteredKey } from "./key-registry.ts";

/** 256 bits: as long as the longest key that is derived from it. */
const SECRET_BYTES = 32;

export const freshSecret = (): string => randomBytes(SECRET_BYTES).toString("base64url");

/** An Ed25519 pair: the private JWK, and the JWKS that holds the public one. */
export async function freshPair(): Promise<{ signing: string; verifying: string }> {
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", {
    crv: "Ed25519",
    extractable: true,
  });
  const head = { alg: "EdDSA", kid: randomBytes(6).toString("base64url") };
  const signing = { ...(await exportJWK(privateKey)), ...head };
  const verifying = { keys: [{ ...(await exportJWK(publicKey)), ...head }] };
  return { signing: JSON.stringify(signing), verifying: JSON.stringify(verifying) };
}

/** A private P-256 JWK that browsers seal cards to. */
export async function freshSealedCardKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
  const key = await exportJWK(privateKey);
  return { ...key, kid: await calculateJwkThumbprint(key) };
}

type Settings = Readonly<Record<string, string | undefined>>;

/** What is set in one step. */
export type Step = Readonly<Record<string, string>>;

/**
 * The settings of each step of `stepsOf`, for a key whose values are made here; `given` holds what they are
 * now. Undefined for a key that is made elsewhere, or follows another.
 */
export async function rotate(key: RegisteredKey, given: Settings): Promise<Step[] | undefined> {
  const { name, rotation } = key;
  if (rotation.kind === "versions") {
    const accepted = versionsOf(given[name] ?? "<old>");
    const fresh = freshSecret();
    return [
      { [name]: [...accepted, fresh].join(",") },
      { [name]: [fresh, ...accepted].join(",") },
      { [name]: fresh },
    ];
  }
  if (rotation.kind === "pair") {
    const { verifiers } = rotation;
    const { signing, verifying } = await freshPair();
    const old = JSON.parse(given[verifiers] ?? '{"keys":[]}') as { keys: object[] };
    const { keys } = JSON.parse(verifying) as { keys: object[] };
    const both = JSON.stringify({ keys: [...old.keys, ...keys] });
    const last = rotation.keep === FOR_EVER ? {} : { [verifiers]: verifying };
    return [{ [verifiers]: both }, { [name]: signing }, last];
  }
  if (rotation.kind === "list") {
    const accepted = JSON.parse(given[name] ?? "[]") as JWK[];
    const fresh = await freshSealedCardKey();
    const lists = [[...accepted, fresh], [fresh, ...accepted], [fresh]];
    return lists.map((list) => ({ [name]: JSON.stringify(list) }));
  }
  return undefined;
}
