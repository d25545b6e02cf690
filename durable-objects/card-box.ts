// The sealed cards of one slot of accounts, by token. Knows ciphertext and what may be shown of a card;
// the keys are the vault's.

import { DurableObject } from "cloudflare:workers";
import type { AuditEntry, CardUse, EntryBehind, KeyAction } from "../protocol/audit.ts";
import type { CardSummary } from "../protocol/facts.ts";
import { fromJson, type JsonOf, toJson } from "../protocol/json-of.ts";
import type { KeyPurpose, MovedCard, PageOfCards } from "../protocol/keys.ts";
import { homeOf } from "../protocol/slot.ts";
import { AccountKeys, type KeyUse, type ShelvedKey } from "./account-keys.ts";
import { AuditTrail } from "./audit-trail.ts";
import { type Arrival, CardKeeping, type Kept } from "./card-keeping.ts";
import { CvcMemory } from "./cvc-memory.ts";
import { Rewrapping } from "./rewrapping.ts";
import type { OriginFetchers } from "./signed-request.ts";

export type BoxedCard = {
  readonly sealed: string;
  /** The version of the account's key that wraps its data key. */
  readonly version: number;
  readonly card: CardSummary;
  readonly created: number;
};

/** Cards of one owner under one pair of key versions. */
export type Holding = {
  readonly owner: string;
  readonly version: number;
  readonly print_version: number;
  readonly cards: number;
};

/** Where a box sends its audit trail, and the key that the origins trust for it. */
export type CardBoxEnv = OriginFetchers & { readonly VAULT_SIGNING_KEY: string };

/** A card to be taken: whose, by which name, and for which order. */
export type CardName = {
  readonly owner: string;
  readonly token: string;
  readonly order?: string;
  /** It is not charged yet, so its CVC stays for the charge. */
  readonly keepsCvc?: true;
};

export type TakenCard = { readonly boxed: BoxedCard; readonly cvc: string | undefined };

/**
 * A card that somebody may still be charging: it was forgotten less than this ago. A vault asks the
 * processor for no longer than half of it.
 */
export const FORGOTTEN_LATELY_MS = 120_000;

/** What is in the box under a name; nothing when the card was never there, or was forgotten long ago. */
export type Taken = TakenCard | "forgotten_lately" | undefined;

/** No outcome of these cards is told before `entry` is known to be durable. */
export type TakenCards = { readonly cards: readonly Taken[]; readonly entry: EntryBehind };

type Row = { sealed: string; version: number; card: string; created: number };

const SCHEMA = `
  create table if not exists cards (
    owner text not null,
    token text not null,
    sealed text not null,
    card text not null,
    created integer not null,
    version integer not null default 1,
    print_version integer not null default 1,
    print text,
    primary key (owner, token)
  ) without rowid;
  create table if not exists account_keys (
    account text not null,
    purpose text not null,
    version integer not null,
    state text not null,
    wrapped text not null,
    wraps integer not null,
    made integer not null,
    primary key (account, purpose, version)
  ) without rowid;
  create table if not exists rewrapping (
    row integer primary key,
    goal text not null,
    owner text not null,
    token text not null,
    moved integer not null,
    done integer not null
  );
  create table if not exists forgotten (
    owner text not null,
    token text not null,
    at_ms integer not null,
    primary key (owner, token)
  ) without rowid;
  create table if not exists used_seals (
    owner text not null,
    jti text not null,
    until_ms integer not null,
    primary key (owner, jti)
  ) without rowid;
  create index if not exists used_seals_until on used_seals (until_ms)`;

// Columns that a box of before the rotation of keys has not.
const LATER_COLUMNS = [
  "version integer not null default 1",
  "print_version integer not null default 1",
  "print text",
];

export class CardBox extends DurableObject<CardBoxEnv> {
  readonly #audit: AuditTrail;
  readonly #cvcs = new CvcMemory();
  readonly #keys: AccountKeys;
  readonly #rewrapping: Rewrapping;
  readonly #keeping: CardKeeping;

  constructor(state: DurableObjectState, env: CardBoxEnv) {
    super(state, env);
    const { sql } = state.storage;
    sql.exec(SCHEMA);
    const columns = sql.exec<{ name: string }>("pragma table_info(cards)").toArray();
    if (!columns.some(({ name }) => name === "version")) {
      for (const column of LATER_COLUMNS) sql.exec(`alter table cards add column ${column}`);
    }
    sql.exec(
      "create index if not exists cards_print on cards (owner, print) where print is not null",
    );
    this.#keys = new AccountKeys(sql);
    this.#rewrapping = new Rewrapping(sql, this.#keys);
    this.#keeping = new CardKeeping(state.storage, this.#keys, this.#rewrapping, this.#cvcs);
    const object = state.id.name ?? "";
    this.#audit = new AuditTrail(state.storage, {
      room: "vault",
      object,
      region: homeOf(Number(object.slice("slot-".length))),
      origins: env,
      signingKey: env.VAULT_SIGNING_KEY,
    });
  }

  /** Keeps a sealed card. The answer waits until it is durable. */
  async put(arrival: JsonOf<Arrival>): Promise<JsonOf<Kept>> {
    return toJson(await this.#keeping.keep(fromJson(arrival)));
  }

  get(owner: string, token: string): BoxedCard | undefined {
    const [row] = this.ctx.storage.sql
      .exec<Row>(
        "select sealed, version, card, created from cards where owner = ? and token = ?",
        owner,
        token,
      )
      .toArray();
    return row === undefined ? undefined : boxedIn(row);
  }

  /** Writes an entry of the audit log; the answer waits until it is durable. */
  record(entry: AuditEntry): void {
    this.#audit.record(entry);
  }

  override async alarm(): Promise<void> {
    await this.#audit.ship();
  }

  /**
   * The sealed cards in the order asked for, each with its CVC if this is its first use to charge it. One audit entry names
   * them all, and is written behind the answer.
   */
  takeMany(names: readonly CardName[]): TakenCards {
    const taken: Taken[] = names.map(() => undefined);
    // One statement: a hundred of them took two to three times as long. `cross join` keeps the order of
    // the tables, so that each card is reached by key.
    const rows = this.ctx.storage.sql.exec<Row & { at: number }>(
      `select named.key as at, sealed, version, card, created
         from json_each(?) named
         cross join cards on owner = named.value ->> 'owner' and token = named.value ->> 'token'`,
      JSON.stringify(names),
    );
    for (const { at, ...row } of rows) {
      const name = names[at];
      if (name === undefined) continue;
      const cvc = name.keepsCvc ? undefined : this.#cvcs.take(name.owner, name.token);
      taken[at] = { boxed: boxedIn(row), cvc };
    }
    names.forEach(({ owner, token }, at) => {
      taken[at] ??= this.#forgottenLately(owner, token);
    });
    return { cards: taken, entry: this.#audit.recordBehind(openedEntry(names, taken)) };
  }

  /**
   * How many entries of taken cards are durable: all, when this answers. Fails when the box has crashed since that
   * instance took them.
   */
  written(instance: string): number {
    return this.#audit.written(instance);
  }

  forget(owner: string, tokens: readonly string[]): void {
    const destroyed: CardUse[] = [];
    for (const token of tokens) {
      this.#cvcs.take(owner, token);
      const [card] = this.ctx.storage.sql
        .exec<{ version: number }>(
          "delete from cards where owner = ? and token = ? returning version",
          owner,
          token,
        )
        .toArray();
      if (card !== undefined) destroyed.push([token, null, `${card.version}`]);
      this.ctx.storage.sql.exec(
        "insert or ignore into forgotten (owner, token, at_ms) values (?, ?, ?)",
        owner,
        token,
        Date.now(),
      );
    }
    if (destroyed.length === 0) return;
    const cards = { [owner]: destroyed };
    this.#audit.record({ action: "card.destroyed", actor: "vault", cards });
  }

  /** The wrapped keys of an account, in the order of their versions. */
  listKeys(account: string, purpose: KeyPurpose): ShelvedKey[] {
    return this.#keys.list(account, purpose);
  }

  addKey(account: string, purpose: KeyPurpose, version: number, wrapped: string): ShelvedKey[] {
    this.#recordKey(version === 1 ? "key.made" : "key.rotated", account, `${purpose}/${version}`);
    return this.#keys.add(account, purpose, version, wrapped, secondsNow());
  }

  replaceKey(account: string, purpose: KeyPurpose, from: string, to: string): ShelvedKey[] {
    this.#recordKey("key.rewrapped", account, purpose);
    return this.#keys.replace(account, purpose, from, to);
  }

  raiseKeys(account: string, purpose: KeyPurpose): ShelvedKey[] {
    this.#recordKey("key.refused", account, purpose);
    return this.#keys.raise(account, purpose);
  }

  /** Takes away the refused keys that no card of the account was left under. */
  dropKeys(account: string, purpose: KeyPurpose): ShelvedKey[] {
    const column = purpose === "card" ? "version" : "print_version";
    const [{ needed } = { needed: null }] = this.ctx.storage.sql
      .exec<{ needed: number | null }>(
        `select min(${column}) as needed from cards where owner in (?, ?)`,
        `${account}/live`,
        `${account}/test`,
      )
      .toArray();
    this.#recordKey("key.retired", account, purpose);
    return this.#keys.drop(account, purpose, needed ?? Number.MAX_SAFE_INTEGER);
  }

  clearKeys(account: string): number {
    const count = this.#keys.clear(account);
    this.#recordKey("key.destroyed", account, "all", count);
    return count;
  }

  keyUses(purpose: KeyPurpose): KeyUse[] {
    return this.#keys.uses(purpose);
  }

  /** How many cards each owner has under which keys. */
  holdings(): Holding[] {
    return this.ctx.storage.sql
      .exec<Holding>(
        `select owner, version, print_version, count(*) as cards
           from cards group by owner, version, print_version`,
      )
      .toArray();
  }

  /** The next cards to be moved to their accounts' current keys, as `Rewrapping.page` tells. */
  pageToMove(goal: string, cardsMax: number): PageOfCards {
    return this.#rewrapping.page(goal, cardsMax);
  }

  /** Writes what became of a page; answers how many cards were moved. */
  moveCards(moved: readonly MovedCard[], last: CardName | undefined): number {
    return this.ctx.storage.transactionSync(() => {
      const count = this.#rewrapping.move(moved, last, secondsNow());
      if (count > 0) this.#recordKey("key.rewrapped", undefined, "cards", count);
      return count;
    });
  }

  #recordKey(action: KeyAction, account: string | undefined, version: string, count?: number) {
    this.#audit.record({
      action,
      actor: "vault",
      result: "done",
      key_version: version,
      ...(account === undefined ? {} : { account }),
      ...(count === undefined ? {} : { count }),
    });
  }

  #forgottenLately(owner: string, token: string): Taken {
    const [row] = this.ctx.storage.sql
      .exec<{ at_ms: number }>(
        "select at_ms from forgotten where owner = ? and token = ?",
        owner,
        token,
      )
      .toArray();
    const lately = row !== undefined && row.at_ms >= Date.now() - FORGOTTEN_LATELY_MS;
    return lately ? "forgotten_lately" : undefined;
  }
}

function openedEntry(names: readonly CardName[], taken: readonly Taken[]): AuditEntry {
  const cards: Record<string, CardUse[]> = {};
  for (let i = 0; i < names.length; i++) {
    const { owner, token, order = null } = names[i] as CardName;
    const card = taken[i];
    const version = typeof card === "object" ? `${card.boxed.version}` : null;
    cards[owner] ??= [];
    cards[owner].push([token, order, version]);
  }
  return { action: "card.opened", actor: "vault", cards };
}

const boxedIn = ({ sealed, version, card, created }: Row): BoxedCard => ({
  sealed,
  version,
  card: JSON.parse(card) as CardSummary,
  created,
});

const secondsNow = (): number => Math.floor(Date.now() / 1000);
