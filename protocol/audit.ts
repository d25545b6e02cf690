// The audit log as its writers, the origins and `npm run verify` know it: what an entry says, and how entries
// are chained. No card data is ever in an entry: accounts, tokens, ids of what was asked, versions of keys.

/** What a card box did with a card: its token, for which order if any, and the version of its wrapping key. */
export type CardUse = readonly [token: string, order: string | null, keyVersion: string | null];

/** `refused`: keys below the current one open nothing any more; `rewrapped` is also the cards that were moved. */
export type KeyAction =
  | "key.made"
  | "key.rotated"
  | "key.rewrapped"
  | "key.refused"
  | "key.retired"
  | "key.destroyed";

export type AuditEntry =
  | {
      /** `opened`: handed to the vault to be opened; a key version of null says that it was not there. */
      readonly action: "card.opened" | "card.did_not_open" | "card.destroyed";
      readonly actor: string;
      /** By owner: account and mode, `acct_…/test`. */
      readonly cards: Readonly<Record<string, readonly CardUse[]>>;
    }
  | {
      readonly action: KeyAction;
      readonly actor: string;
      readonly result: "done" | "failed";
      /** Whose key it is; absent for a key of all accounts. */
      readonly account?: string;
      /** What the key is for, and its version where one is meant: `card/2`. */
      readonly key_version: string;
      /** How many cards or keys it concerned. */
      readonly count?: number;
    }
  | {
      readonly action: "admin.call";
      readonly actor: "platform";
      /** Method and path, e.g. `POST /v1/accounts`. */
      readonly operation: string;
      /** `done`, or the kind of the failure. */
      readonly result: string;
      readonly request: string;
      readonly account?: string;
    }
  | {
      /** Callers who were refused, counted by minute. */
      readonly action: "auth.failed";
      readonly actor: "unknown";
      /** The kind of the failure. */
      readonly result: string;
      /** Unix milliseconds of the minute's begin. */
      readonly minute: number;
      /** `sk_test_` and at most four characters more. */
      readonly key_prefix: string;
      /** The first 24 bits of an IPv4 address, 48 of an IPv6 one. */
      readonly ip_prefix: string;
      readonly count: number;
    };

/** An entry that is written behind the answer to what it tells of. */
export type EntryBehind = {
  /** Which instance of the object has taken it; what that one has not written goes with it. */
  readonly instance: string;
  /** 1, 2, 3, … for each instance. */
  readonly number: number;
  /** How many are written; no answer that says so leaves before they are durable. */
  readonly written: number;
};

/** Which rooms write streams; a stream is named `<room>/<object>-<life of its storage>`. */
export type AuditRoom = "vault" | "edge";

/** The body of `POST /audit/<room>` at an origin: entries in order, from the one after `after`. */
export type AuditShipment = {
  readonly stream: string;
  readonly after: number;
  /** Hex: the hash of the entry `after`, and that of the last one here. */
  readonly before: string;
  readonly head: string;
  readonly entries: readonly string[];
};

/** Why a shipment was not kept; `kept` when it was. */
export type AuditReceipt = { readonly result: "kept" | "gap" | "forked" | "miscounted" };

const encoder = new TextEncoder();

/** The hash before the first entry of a stream. */
export const auditGenesis = (stream: string): Promise<string> =>
  hexHash(encoder.encode(`tessera audit 1 ${stream}`));

/** SHA-256 over the hash before and the entry's text. */
export function auditLink(before: string, entry: string): Promise<string> {
  const text = encoder.encode(entry);
  const bytes = new Uint8Array(before.length / 2 + text.length);
  for (let i = 0; i < before.length / 2; i++) {
    bytes[i] = Number.parseInt(before.slice(2 * i, 2 * i + 2), 16);
  }
  bytes.set(text, before.length / 2);
  return hexHash(bytes);
}

async function hexHash(bytes: BufferSource): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  let hex = "";
  for (const byte of new Uint8Array(digest)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
