// A checkpoint: where the journals' hash chains stood, as a compact JWS (RFC 7515, EdDSA of RFC 8037) that
// names the checkpoint before it. Signed with a key that no database knows, so that whoever holds all
// rights in one can alter it but not unnoticed.

import { CompactSign } from "jose";
import type { Signer } from "./signature.ts";
import type { Region } from "./slot.ts";

/** How far one account's journal had come: its last number and the 32-byte hash there, in hex. */
export type Head = { readonly account_no: number; readonly seq: number; readonly head: string };

/** What is signed. */
export type Checkpoint = {
  readonly region: Region;
  /** 1, 2, 3 … for each region. */
  readonly no: number;
  /** `statementHash` of the checkpoint before; null for the first. */
  readonly previous: string | null;
  /** SHA-256 over `headLine` of each head in the order of account numbers, in base64url. */
  readonly digest: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly made_at: string;
};

/** Keeps a signature made for this from being taken for one of another purpose. */
export const CHECKPOINT_TYPE = "tessera-checkpoint";

export const headLine = ({ account_no, seq, head }: Head): string =>
  `${account_no} ${seq} ${head}\n`;

/** The digest of heads, which must come in the order of account numbers. */
export const digestOf = (heads: readonly Head[]): Promise<string> =>
  sha256(heads.map(headLine).join(""));

/** What the next checkpoint names this one by. */
export const statementHash = (statement: string): Promise<string> => sha256(statement);

export const signCheckpoint = (checkpoint: Checkpoint, signer: Signer): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(checkpoint)))
    .setProtectedHeader({ alg: "EdDSA", typ: CHECKPOINT_TYPE, kid: signer.kid })
    .sign(signer.key);

async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const binary = String.fromCharCode(...new Uint8Array(hash));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
