// The audit trail of one object: what it did, in its own SQLite, written with the act itself, so that the
// answer leaves only once both are durable; or written behind the answer, for an act whose outcome is told to nobody
// before the entry is durable. An alarm sends the entries on, in order and at least once, as a hash
// chain (docs/decisions/0018), and then lets go of them.

import {
  type AuditEntry,
  type AuditReceipt,
  type AuditRoom,
  type AuditShipment,
  auditGenesis,
  auditLink,
  type EntryBehind,
} from "../protocol/audit.ts";
import { assert } from "../protocol/result.ts";
import type { Region } from "../protocol/slot.ts";
import { type OriginFetchers, postSigned } from "./signed-request.ts";

/** How long entries wait to be sent together (PCI DSS 10.3.3: promptly backed up to a central server). */
export const SHIP_MS = 10_000;
/**
 * How long entries wait for others to be written with them; sooner than a processor answers. What a crash loses is
 * asked for again by then.
 */
const BEHIND_MS = 25;
/** Of one shipment; an origin takes 8 MiB, and an entry of a thousand cards is some 100 KB. */
const SHIPPED_BYTES_MAX = 2 * 1024 * 1024;
const SHIPPED_ENTRIES_MAX = 1_000;
const SHIPPED = "audit_shipped";
const STREAM = "audit_stream";

/** 64 bits: streams of one object in two lives do not meet. */
const LIFE_BYTES = 8;

const SCHEMA = `
  create table if not exists audit (
    seq integer primary key,
    entry text not null
  )`;

/** The last entry the origin is known to have kept. */
type Shipped = { readonly seq: number; readonly hash: string };

export type AuditWays = {
  readonly room: AuditRoom;
  /** The object's own name in its room. */
  readonly object: string;
  readonly region: Region;
  readonly origins: OriginFetchers;
  /** Private Ed25519 JWK, as JSON; the origin trusts it for this room. */
  readonly signingKey: string;
};

export class AuditTrail {
  readonly #storage: DurableObjectStorage;
  readonly #ways: AuditWays;
  readonly #instance = hexOf(LIFE_BYTES);
  #last: number;
  #life: string | undefined;
  #armed = false;
  /** Entries to be written together, the last ones of those taken. */
  readonly #behind: string[] = [];
  #taken = 0;

  constructor(storage: DurableObjectStorage, ways: AuditWays) {
    this.#storage = storage;
    this.#ways = ways;
    storage.sql.exec(SCHEMA);
    const [row] = storage.sql
      .exec<{ last: number | null }>("select max(seq) as last from audit")
      .toArray();
    this.#last = row?.last ?? storage.kv.get<Shipped>(SHIPPED)?.seq ?? 0;
  }

  /** Writes an entry with whatever else this turn writes. */
  record(entry: AuditEntry): void {
    this.#write(JSON.stringify({ at: Date.now(), ...entry }));
  }

  #write(text: string): void {
    this.#stream();
    this.#storage.sql.exec("insert into audit (seq, entry) values (?, ?)", this.#last + 1, text);
    this.#last++;
    if (this.#armed) return;
    this.#armed = true;
    void this.#storage.setAlarm(Date.now() + SHIP_MS);
  }

  /**
   * Takes an entry that is written soon, or when `written` is asked. Whoever knows what came of the act tells nobody
   * before he knows that the entry is durable.
   */
  recordBehind(entry: AuditEntry): EntryBehind {
    this.#taken++;
    this.#behind.push(JSON.stringify({ at: Date.now(), ...entry }));
    if (this.#behind.length === 1) setTimeout(() => this.#writeBehind(), BEHIND_MS);
    const written = this.#taken - this.#behind.length;
    return { instance: this.#instance, number: this.#taken, written };
  }

  /**
   * Writes what `recordBehind` has taken and is not written yet, and answers how many are written; the answer waits
   * until all are durable. Fails for the entries of another instance: they went with its memory.
   */
  written(instance: string): number {
    assert(instance === this.#instance, "this instance has not taken the entry");
    this.#writeBehind();
    return this.#taken;
  }

  #writeBehind(): void {
    for (let [text] = this.#behind; text !== undefined; [text] = this.#behind) {
      this.#write(text);
      this.#behind.shift();
    }
  }

  /** Sends on what there is; to be called by each alarm of the object. */
  async ship(): Promise<void> {
    this.#armed = false;
    while (await this.#shipSome()) {
      // As much as one request takes, until nothing is left.
    }
    if (this.#armed || this.#next().length === 0) return;
    this.#armed = true;
    await this.#storage.setAlarm(Date.now() + SHIP_MS);
  }

  async #shipSome(): Promise<boolean> {
    const { room, region, origins, signingKey } = this.#ways;
    const entries = this.#next();
    if (entries.length === 0) return false;
    const stream = this.#stream();
    const shipped = this.#storage.kv.get<Shipped>(SHIPPED);
    const { seq: after, hash: before } = shipped ?? { seq: 0, hash: await auditGenesis(stream) };
    let head = before;
    for (const entry of entries) head = await auditLink(head, entry);
    const shipment: AuditShipment = { stream, after, before, head, entries };
    try {
      const path = `/audit/${room}`;
      const kept = await postSigned<AuditReceipt>(origins, region, path, shipment, signingKey);
      if (!kept.ok) return false;
      if (kept.value.result !== "kept") {
        console.error("audit entries do not continue what is kept", stream, kept.value.result);
        return false;
      }
    } catch (error) {
      console.error("audit entries cannot be sent", stream, error instanceof Error && error.name);
      return false;
    }
    const seq = after + entries.length;
    this.#storage.kv.put<Shipped>(SHIPPED, { seq, hash: head });
    this.#storage.sql.exec("delete from audit where seq <= ?", seq);
    return true;
  }

  // Random, so that an object which has lost its storage begins a stream of its own: under the old name it
  // would contradict for ever what is kept, and nothing that it does would be kept any more.
  #stream(): string {
    const { room, object } = this.#ways;
    this.#life ??= this.#storage.kv.get<string>(STREAM);
    if (this.#life === undefined) {
      this.#life = hexOf(LIFE_BYTES);
      this.#storage.kv.put(STREAM, this.#life);
    }
    return `${room}/${object}-${this.#life}`;
  }

  #next(): string[] {
    const rows = this.#storage.sql.exec<{ entry: string }>(
      "select entry from audit order by seq limit ?",
      SHIPPED_ENTRIES_MAX,
    );
    const entries: string[] = [];
    let bytes = 0;
    for (const { entry } of rows) {
      bytes += entry.length;
      if (entries.length > 0 && bytes > SHIPPED_BYTES_MAX) break;
      entries.push(entry);
    }
    return entries;
  }
}

/** So many random bytes. */
const hexOf = (length: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
