// The sealed cards of one slot of accounts, by token. Knows ciphertext and what may be shown of a card;
// the keys are the vault's. A CVC lives here in memory only, until its first use or for a quarter of an
// hour, and is never written, not even sealed: this storage keeps 30 days of history (PCI DSS 3.3.1).

import { DurableObject } from "cloudflare:workers";
import type { CardSummary } from "../protocol/facts.ts";
import type { KeyPurpose, MovedCard, PageOfCards } from "../protocol/keys.ts";
import { ok, type Result, refuse } from "../protocol/result.ts";
import { AccountKeys, type KeyRefusal, type KeyUse, type ShelvedKey } from "./account-keys.ts";
import { Rewrapping } from "./rewrapping.ts";

/** How long an unused CVC is held in memory: long enough for a checkout, short enough to be lost. */
export const CVC_KEPT_MS_MAX = 15 * 60 * 1000;
/** CVCs held at once by one box, so that unused tokens cannot fill its memory (about 100 B each). */
const CVC_HELD_MAX = 50_000;

export type BoxedCard = {
  readonly sealed: string;
  readonly card: CardSummary;
  readonly created: number;
};

/** A card to be kept, with what its keys need to know of it. */
export type NewCard = BoxedCard & {
  /** The version of the account's key that wraps its data key. */
  readonly version: number;
  /** Its fingerprint under the newest key and its version, and under the oldest. */
  readonly print: { readonly version: number; readonly newest: string; readonly oldest: string };
};

/** Cards of one owner under one pair of key versions. */
export type Holding = {
  readonly owner: string;
  readonly version: number;
  readonly print_version: number;
  readonly cards: number;
};

/** A card to be taken: whose, and by which name. */
export type CardName = { readonly owner: string; readonly token: string };

export type TakenCard = { readonly boxed: BoxedCard; readonly cvc: string | undefined };

/**
 * A card that somebody may still be charging: it was forgotten less than this ago. A vault asks the
 * processor for no longer than half of it.
 */
export const FORGOTTEN_LATELY_MS = 120_000;

/** What is in the box under a name; nothing when the card was never there, or was forgotten long ago. */
export type Taken = TakenCard | "forgotten_lately" | undefined;

/** A kept card answers the fingerprint that is shown of it. */
export type Kept = Result<string, KeyRefusal>;

type Waiting = CardName & {
  readonly boxed: NewCard;
  readonly cvc: string | undefined;
  readonly kept: (kept: Kept) => void;
  readonly refused: (reason: unknown) => void;
};

type Row = { sealed: string; card: string; created: number };

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
  ) without rowid`;

// Columns that a box of before the rotation of keys has not.
const LATER_COLUMNS = [
  "version integer not null default 1",
  "print_version integer not null default 1",
  "print text",
];

export class CardBox extends DurableObject {
  readonly #cvcs = new Map<string, { readonly cvc: string; readonly untilMs: number }>();
  readonly #keys: AccountKeys;
  readonly #rewrapping: Rewrapping;
  #waiting: Waiting[] = [];
  #isKeeping = false;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
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
  }

  /** Keeps a sealed card; `owner` is account and mode. The answer waits until it is durable. */
  put(owner: string, token: string, boxed: NewCard, cvc: string | undefined): Promise<Kept> {
    return new Promise((kept, refused) => {
      this.#waiting.push({ owner, token, boxed, cvc, kept, refused });
      if (!this.#isKeeping) void this.#keep();
    });
  }

  get(owner: string, token: string): BoxedCard | undefined {
    const [row] = this.ctx.storage.sql
      .exec<Row>(
        "select sealed, card, created from cards where owner = ? and token = ?",
        owner,
        token,
      )
      .toArray();
    return row === undefined ? undefined : boxedIn(row);
  }

  /** The sealed cards in the order asked for, each with its CVC if this is its first use. */
  takeMany(names: readonly CardName[]): Taken[] {
    const taken: Taken[] = names.map(() => undefined);
    // One statement: a hundred of them took two to three times as long. `cross join` keeps the order of
    // the tables, so that each card is reached by key.
    const rows = this.ctx.storage.sql.exec<Row & { at: number }>(
      `select named.key as at, sealed, card, created
         from json_each(?) named
         cross join cards on owner = named.value ->> 'owner' and token = named.value ->> 'token'`,
      JSON.stringify(names),
    );
    for (const { at, ...row } of rows) {
      const name = names[at];
      if (name !== undefined) taken[at] = { boxed: boxedIn(row), cvc: this.#takeCvc(name) };
    }
    names.forEach(({ owner, token }, at) => {
      taken[at] ??= this.#forgottenLately(owner, token);
    });
    return taken;
  }

  forget(owner: string, tokens: readonly string[]): void {
    for (const token of tokens) {
      this.#cvcs.delete(`${owner}/${token}`);
      this.ctx.storage.sql.exec("delete from cards where owner = ? and token = ?", owner, token);
      this.ctx.storage.sql.exec(
        "insert or ignore into forgotten (owner, token, at_ms) values (?, ?, ?)",
        owner,
        token,
        Date.now(),
      );
    }
    const overMs = Date.now() - FORGOTTEN_LATELY_MS;
    this.ctx.storage.sql.exec("delete from forgotten where at_ms < ?", overMs);
  }

  /** The wrapped keys of an account, in the order of their versions. */
  listKeys(account: string, purpose: KeyPurpose): ShelvedKey[] {
    return this.#keys.list(account, purpose);
  }

  addKey(account: string, purpose: KeyPurpose, version: number, wrapped: string): ShelvedKey[] {
    return this.#keys.add(account, purpose, version, wrapped, secondsNow());
  }

  replaceKey(account: string, purpose: KeyPurpose, from: string, to: string): ShelvedKey[] {
    return this.#keys.replace(account, purpose, from, to);
  }

  raiseKeys(account: string, purpose: KeyPurpose): ShelvedKey[] {
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
    return this.#keys.drop(account, purpose, needed ?? Number.MAX_SAFE_INTEGER);
  }

  clearKeys(account: string): number {
    return this.#keys.clear(account);
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
    return this.ctx.storage.transactionSync(() => this.#rewrapping.move(moved, last, secondsNow()));
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

  #takeCvc({ owner, token }: CardName): string | undefined {
    const name = `${owner}/${token}`;
    const held = this.#cvcs.get(name);
    this.#cvcs.delete(name);
    return held !== undefined && held.untilMs > Date.now() ? held.cvc : undefined;
  }

  // While one commit is under way the next group fills: a commit costs more than a row does.
  async #keep(): Promise<void> {
    this.#isKeeping = true;
    while (this.#waiting.length > 0) {
      // One turn of the event loop lets the calls that came together be written together.
      await scheduler.wait(0);
      const group = this.#waiting;
      this.#waiting = [];
      const written = group.flatMap((card) => {
        const kept = this.#write(card);
        return kept === undefined ? [] : [{ card, kept }];
      });
      try {
        await this.ctx.storage.sync();
        for (const { card, kept } of written) card.kept(kept);
      } catch (reason) {
        for (const { card } of written) card.refused(reason);
      }
    }
    this.#isKeeping = false;
  }

  /** Undefined when the card was refused already. */
  #write({ owner, token, boxed, cvc, refused }: Waiting): Kept | undefined {
    const counted = this.#keys.count(owner.split("/")[0] ?? "", boxed.version, secondsNow());
    if (counted === "key_exhausted" || counted === "key_refused") return refuse(counted);
    const { version, print } = boxed;
    const shown = this.#shownBefore(owner, boxed) ?? boxed.card.fingerprint;
    try {
      this.ctx.storage.sql.exec(
        `insert into cards (owner, token, sealed, card, created, version, print_version, print)
         values (?, ?, ?, ?, ?, ?, ?, ?)`,
        owner,
        token,
        boxed.sealed,
        JSON.stringify({ ...boxed.card, fingerprint: shown }),
        boxed.created,
        version,
        print.version,
        print.newest === shown ? null : print.newest,
      );
      if (counted === "behind") this.#rewrapping.begin();
    } catch (reason) {
      refused(reason);
      return undefined;
    }
    if (cvc !== undefined) {
      this.#dropStale();
      this.#cvcs.set(`${owner}/${token}`, { cvc, untilMs: Date.now() + CVC_KEPT_MS_MAX });
    }
    return ok(shown);
  }

  // Only a card from before a rotation of the fingerprint key has a `print` beside what is shown of it.
  #shownBefore(owner: string, { print }: NewCard): string | undefined {
    if (print.version === 1) return undefined;
    const [row] = this.ctx.storage.sql
      .exec<{ shown: string }>(
        `select card ->> 'fingerprint' as shown from cards
          where owner = ? and print in (?, ?) limit 1`,
        owner,
        print.newest,
        print.oldest,
      )
      .toArray();
    return row?.shown;
  }

  // A Map keeps the order of insertion, so the stale ones are at its front.
  #dropStale(): void {
    const now = Date.now();
    for (const [name, { untilMs }] of this.#cvcs) {
      if (untilMs > now && this.#cvcs.size < CVC_HELD_MAX) return;
      this.#cvcs.delete(name);
    }
  }
}

const boxedIn = ({ sealed, card, created }: Row): BoxedCard => ({
  sealed,
  card: JSON.parse(card) as CardSummary,
  created,
});

const secondsNow = (): number => Math.floor(Date.now() / 1000);
