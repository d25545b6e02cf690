// Account keys made by a transit engine. Each account has a key of its own there, named after it, which
// wraps that account's keys; the wrapped texts lie on a shelf beside the cards. An account's key is
// unwrapped once for each isolate and a while, so a card costs the engine nothing. Destroying the
// engine's key of an account makes every copy of that account's cards useless, the old ones too.

import type { KeyPurpose } from "../../protocol/keys.ts";
import { ok, refuse } from "../../protocol/result.ts";
import type { KeyCache } from "./key-cache.ts";
import { KEY_USE, type KeyProvider, type KeyResult, type KeyRing } from "./key-provider.ts";
import type { TransitClient } from "./transit-client.ts";

/** A wrapped key of an account, as it lies on the shelf. */
export type ShelvedKey = {
  readonly version: number;
  readonly state: "current" | "former" | "refused";
  readonly wrapped: string;
};

/** Where wrapped keys lie; each verb answers what is there afterwards. */
export interface KeyShelf {
  list(account: string, purpose: KeyPurpose): Promise<ShelvedKey[]>;
  /** Current from now on, unless the version is taken: then nothing changes. */
  add(
    account: string,
    purpose: KeyPurpose,
    version: number,
    wrapped: string,
  ): Promise<ShelvedKey[]>;
  replace(account: string, purpose: KeyPurpose, from: string, to: string): Promise<ShelvedKey[]>;
  raise(account: string, purpose: KeyPurpose): Promise<ShelvedKey[]>;
  /** Takes away refused keys that no card of the account needs. */
  drop(account: string, purpose: KeyPurpose): Promise<ShelvedKey[]>;
  clear(account: string): Promise<number>;
}

export class TransitKeyProvider implements KeyProvider {
  readonly name = "transit";
  readonly holdsLive = true;
  readonly #client: TransitClient;
  readonly #shelf: KeyShelf;
  readonly #cache: KeyCache;
  // A question under way belongs to the call that asked it, so this lives as long as one call.
  readonly #asked = new Map<string, KeyResult<CryptoKey>>();

  constructor(client: TransitClient, shelf: KeyShelf, cache: KeyCache) {
    this.#client = client;
    this.#shelf = shelf;
    this.#cache = cache;
  }

  async ring(account: string, purpose: KeyPurpose): KeyResult<KeyRing> {
    const known = this.#cache.ring(account, purpose);
    if (known !== undefined) return ok(known);
    const shelved = await this.#shelf.list(account, purpose);
    if (shelved.some(({ state }) => state === "current")) {
      return ok(this.#remember(account, purpose, shelved));
    }
    const created = await this.#client.createKey(nameOf(account));
    if (!created.ok) return created;
    return this.#grow(account, purpose, shelved);
  }

  key(account: string, purpose: KeyPurpose, version: number): KeyResult<CryptoKey> {
    const known = this.#cache.key(account, purpose, version);
    if (known !== undefined) return Promise.resolve(ok(known));
    const name = `${purpose}/${version}/${account}`;
    const asked = this.#asked.get(name) ?? this.#open(account, purpose, version);
    this.#asked.set(name, asked);
    return asked;
  }

  async rotate(account: string, purpose: KeyPurpose): KeyResult<KeyRing> {
    const shelved = await this.#shelf.list(account, purpose);
    if (shelved.length === 0) return this.ring(account, purpose);
    const rotated = await this.#client.rotate(nameOf(account));
    return rotated.ok ? this.#grow(account, purpose, shelved) : rotated;
  }

  async raise(account: string, purpose: KeyPurpose): KeyResult<number> {
    const shelved = await this.#shelf.raise(account, purpose);
    this.#cache.drop(account);
    return ok(shelved.filter(({ state }) => state === "refused").length);
  }

  async retire(account: string, purpose: KeyPurpose): KeyResult<number> {
    const before = await this.#shelf.list(account, purpose);
    const left = await this.#shelf.drop(account, purpose);
    this.#cache.drop(account);
    if (left.length === before.length) return ok(0);
    const raised = await this.#raiseEngine(account);
    return raised.ok ? ok(before.length - left.length) : raised;
  }

  async destroy(account: string): KeyResult<number> {
    const destroyed = await this.#client.destroy(nameOf(account));
    // A key that is not there was destroyed by an earlier try that did not come as far as the shelf.
    if (!destroyed.ok && destroyed.failure.kind !== "no_such_key") return destroyed;
    this.#cache.drop(account);
    return ok(await this.#shelf.clear(account));
  }

  forgetRing(account: string): void {
    this.#cache.drop(account);
  }

  async #open(account: string, purpose: KeyPurpose, version: number): KeyResult<CryptoKey> {
    const shelved = await this.#shelf.list(account, purpose);
    const found = shelved.find((key) => key.version === version);
    if (found === undefined || found.state === "refused") return refuse({ kind: "no_such_key" });
    const context = contextOf(purpose, version);
    const opened = await this.#client.decrypt(nameOf(account), context, found.wrapped);
    return opened.ok ? ok(await this.#keep(account, purpose, version, opened.value)) : opened;
  }

  /** Adds the version after the last; when another was quicker, his stands. */
  async #grow(
    account: string,
    purpose: KeyPurpose,
    shelved: readonly ShelvedKey[],
  ): KeyResult<KeyRing> {
    const version = Math.max(0, ...shelved.map((key) => key.version)) + 1;
    const made = await this.#client.dataKey(nameOf(account), contextOf(purpose, version));
    if (!made.ok) return made;
    const { bytes, wrapped } = made.value;
    const after = await this.#shelf.add(account, purpose, version, wrapped);
    const isOurs = after.some((key) => key.version === version && key.wrapped === wrapped);
    if (isOurs) await this.#keep(account, purpose, version, bytes);
    bytes.fill(0);
    return ok(this.#remember(account, purpose, after));
  }

  /** Moves what is left on the shelf to the newest version of the engine's key and refuses the older ones. */
  async #raiseEngine(account: string): KeyResult<number> {
    const name = nameOf(account);
    const latest = await this.#client.latest(name);
    if (!latest.ok) return latest;
    for (const purpose of ["card", "fingerprint"] as const) {
      for (const { version, wrapped } of await this.#shelf.list(account, purpose)) {
        if (wrapped.startsWith(`vault:v${latest.value}:`)) continue;
        const moved = await this.#client.rewrap(name, contextOf(purpose, version), wrapped);
        if (!moved.ok) return moved;
        await this.#shelf.replace(account, purpose, wrapped, moved.value);
      }
    }
    const raised = await this.#client.raise(name, latest.value);
    return raised.ok ? latest : raised;
  }

  async #keep(
    account: string,
    purpose: KeyPurpose,
    version: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<CryptoKey> {
    const { algorithm, usages } = KEY_USE[purpose];
    const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, [...usages]);
    bytes.fill(0);
    this.#cache.keepKey(account, purpose, version, key);
    return key;
  }

  #remember(account: string, purpose: KeyPurpose, shelved: readonly ShelvedKey[]): KeyRing {
    const current = shelved.find(({ state }) => state === "current")?.version ?? 1;
    const open = shelved.filter(({ state }) => state !== "refused");
    const ring = { current, oldest: Math.min(current, ...open.map(({ version }) => version)) };
    this.#cache.keepRing(account, purpose, ring);
    return ring;
  }
}

const nameOf = (account: string): string => `tessera-${account}`;

/** A key wrapped for one purpose and version does not open as another's. */
const contextOf = (purpose: KeyPurpose, version: number): string => {
  const text = `${version}`;
  return `7:tessera${purpose.length}:${purpose}${text.length}:${text}`;
};
