// The wrapped keys of a slot's accounts, and how often each card key has wrapped. A random 96-bit IV may be
// used 2^32 times with one key (NIST SP 800-38D, section 8.3), so wraps are counted; the count is written
// ahead in blocks, with a card that is written anyway, and a crash loses no more than it over-counts.

import type { KeyPurpose } from "../protocol/keys.ts";

/** Wraps that one write of the count allows: a crash over-counts by at most so many. */
export const WRAPS_BLOCK = 1024;
/** Wraps under one key after which the log says so: a quarter of what is allowed. */
export const WRAPS_ALARM = 2 ** 30;
/** Wraps under one key after which it wraps no more (NIST SP 800-38D, section 8.3). */
export const WRAPS_MAX = 2 ** 32;
/** The alarm is repeated each so many wraps. */
const ALARM_EVERY = 2 ** 20;
/** Accounts whose counts are held in memory; forgetting one costs at most a block of its count. */
const COUNTED_MAX = 4096;

/** Name of the log line of a key that has wrapped often; alerts look for it. */
export const WRAPS_ALARM_LINE = "card key nears its limit";

export type ShelvedKey = {
  readonly version: number;
  readonly state: "current" | "former" | "refused";
  readonly wrapped: string;
};

/** Why a card is not kept: its key has wrapped too often, or is no longer used. */
export type KeyRefusal = "key_exhausted" | "key_refused";

/** An account with cards in the slot, and since when (unix seconds) its newest key is used and how often. */
export type KeyUse = {
  readonly account: string;
  readonly version: number;
  readonly made: number;
  readonly wraps: number;
};

type Row = { version: number; state: ShelvedKey["state"]; wrapped: string; wraps: number };
type Count = { used: number; written: number };

export class AccountKeys {
  readonly #sql: SqlStorage;
  readonly #counts = new Map<string, Count>();
  readonly #newest = new Map<string, Row | undefined>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Counts a wrap under a card key; `behind` when a newer key of the account is in use. */
  count(account: string, version: number, nowS: number): "counted" | "behind" | KeyRefusal {
    const newest = this.#newestOf(account);
    const isBehind = newest !== undefined && version < newest.version;
    if (isBehind && newest.wrapped !== "" && this.#isRefused(account, version))
      return "key_refused";
    const name = `${account}/${version}`;
    const count = this.#counts.get(name) ?? this.#read(account, version);
    if (count.used >= WRAPS_MAX) return "key_exhausted";
    count.used += 1;
    if (count.used > count.written) this.#write(account, version, count, nowS);
    if (this.#counts.size >= COUNTED_MAX) this.#counts.clear();
    this.#counts.set(name, count);
    return isBehind ? "behind" : "counted";
  }

  list(account: string, purpose: KeyPurpose): ShelvedKey[] {
    return this.#sql
      .exec<Row>(
        `select version, state, wrapped, wraps from account_keys
          where account = ? and purpose = ? and wrapped <> '' order by version`,
        account,
        purpose,
      )
      .toArray()
      .map(({ version, state, wrapped }) => ({ version, state, wrapped }));
  }

  add(
    account: string,
    purpose: KeyPurpose,
    version: number,
    wrapped: string,
    nowS: number,
  ): ShelvedKey[] {
    const { rowsWritten } = this.#sql.exec(
      `insert or ignore into account_keys (account, purpose, version, state, wrapped, wraps, made)
       values (?, ?, ?, 'current', ?, 0, ?)`,
      account,
      purpose,
      version,
      wrapped,
      nowS,
    );
    if (rowsWritten > 0) {
      this.#sql.exec(
        `update account_keys set state = 'former'
          where account = ? and purpose = ? and state = 'current' and version < ?`,
        account,
        purpose,
        version,
      );
    }
    this.#newest.delete(account);
    return this.list(account, purpose);
  }

  replace(account: string, purpose: KeyPurpose, from: string, to: string): ShelvedKey[] {
    this.#sql.exec(
      "update account_keys set wrapped = ? where account = ? and purpose = ? and wrapped = ?",
      to,
      account,
      purpose,
      from,
    );
    return this.list(account, purpose);
  }

  raise(account: string, purpose: KeyPurpose): ShelvedKey[] {
    this.#sql.exec(
      `update account_keys set state = 'refused'
        where account = ? and purpose = ? and state = 'former'`,
      account,
      purpose,
    );
    return this.list(account, purpose);
  }

  /** Takes away the refused keys below `needed`, the lowest version that a card still has. */
  drop(account: string, purpose: KeyPurpose, needed: number): ShelvedKey[] {
    this.#sql.exec(
      `delete from account_keys
        where account = ? and purpose = ? and state = 'refused' and version < ?`,
      account,
      purpose,
      needed,
    );
    return this.list(account, purpose);
  }

  clear(account: string): number {
    const { rowsWritten } = this.#sql.exec("delete from account_keys where account = ?", account);
    this.#newest.delete(account);
    for (const name of this.#counts.keys()) {
      if (name.startsWith(`${account}/`)) this.#counts.delete(name);
    }
    return rowsWritten;
  }

  /** Every account of the slot that has a key for the purpose, with its newest. */
  uses(purpose: KeyPurpose): KeyUse[] {
    return this.#sql
      .exec<KeyUse>(
        `select account, max(version) as version, made, wraps from account_keys
          where purpose = ? group by account order by account`,
        purpose,
      )
      .toArray();
  }

  #isRefused(account: string, version: number): boolean {
    const [row] = this.#sql
      .exec<Row>(
        `select version, state, wrapped, wraps from account_keys
          where account = ? and purpose = 'card' and version = ?`,
        account,
        version,
      )
      .toArray();
    return row === undefined || row.state === "refused";
  }

  #newestOf(account: string): Row | undefined {
    if (this.#newest.has(account)) return this.#newest.get(account);
    const [row] = this.#sql
      .exec<Row>(
        `select version, state, wrapped, wraps from account_keys
          where account = ? and purpose = 'card' order by version desc limit 1`,
        account,
      )
      .toArray();
    if (this.#newest.size >= COUNTED_MAX) this.#newest.clear();
    this.#newest.set(account, row);
    return row;
  }

  #read(account: string, version: number): Count {
    const [row] = this.#sql
      .exec<Row>(
        `select version, state, wrapped, wraps from account_keys
          where account = ? and purpose = 'card' and version = ?`,
        account,
        version,
      )
      .toArray();
    const wraps = row?.wraps ?? 0;
    return { used: wraps, written: wraps };
  }

  #write(account: string, version: number, count: Count, nowS: number): void {
    const before = count.written;
    count.written = Math.min(count.used + WRAPS_BLOCK - 1, WRAPS_MAX);
    this.#sql.exec(
      `insert into account_keys (account, purpose, version, state, wrapped, wraps, made)
       values (?, 'card', ?, 'current', '', ?, ?)
       on conflict (account, purpose, version) do update set wraps = excluded.wraps`,
      account,
      version,
      count.written,
      nowS,
    );
    this.#newest.delete(account);
    const crossed = Math.floor(before / ALARM_EVERY) < Math.floor(count.written / ALARM_EVERY);
    if (count.written >= WRAPS_ALARM && (crossed || before === 0)) {
      console.error(WRAPS_ALARM_LINE, account, `version ${version}`, `wraps ${count.written}`);
    }
  }
}
