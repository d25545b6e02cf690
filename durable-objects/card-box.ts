// The sealed cards of one slot of accounts, by token. Knows ciphertext and what may be shown of a card;
// the keys are the vault's. A CVC lives here in memory only, until its first use or for a quarter of an
// hour, and is never written, not even sealed: this storage keeps 30 days of history (PCI DSS 3.3.1).

import { DurableObject } from "cloudflare:workers";
import type { AuditEntry, CardUse } from "../protocol/audit.ts";
import type { CardSummary } from "../protocol/facts.ts";
import { assert } from "../protocol/result.ts";
import { homeOf } from "../protocol/slot.ts";
import type { SealUse } from "../protocol/vault.ts";
import { AuditTrail } from "./audit-trail.ts";
import type { OriginFetchers } from "./signed-request.ts";

/** How long an unused CVC is held in memory: long enough for a checkout, short enough to be lost. */
export const CVC_KEPT_MS_MAX = 15 * 60 * 1000;
/** CVCs held at once by one box, so that unused tokens cannot fill its memory (about 100 B each). */
const CVC_HELD_MAX = 50_000;

export type BoxedCard = {
  readonly sealed: string;
  readonly card: CardSummary;
  readonly created: number;
};

/** Where a box sends its audit trail, and the key that the origins trust for it. */
export type CardBoxEnv = OriginFetchers & { readonly VAULT_SIGNING_KEY: string };

/** A card to be taken: whose, by which name, and for which order. */
export type CardName = { readonly owner: string; readonly token: string; readonly order?: string };

export type TakenCard = { readonly boxed: BoxedCard; readonly cvc: string | undefined };

/**
 * A card that somebody may still be charging: it was forgotten less than this ago. A vault asks the
 * processor for no longer than half of it.
 */
export const FORGOTTEN_LATELY_MS = 120_000;

/** What is in the box under a name; nothing when the card was never there, or was forgotten long ago. */
export type Taken = TakenCard | "forgotten_lately" | undefined;

/** Whether a card was kept, or was not since its seal was used before or is past its time. */
export type Kept = "kept" | "used";

type Waiting = CardName & {
  readonly boxed: BoxedCard;
  readonly cvc: string | undefined;
  readonly use: SealUse | undefined;
  readonly kept: (how: Kept) => void;
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
    primary key (owner, token)
  ) without rowid;
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

export class CardBox extends DurableObject<CardBoxEnv> {
  readonly #audit: AuditTrail;
  readonly #cvcs = new Map<string, { readonly cvc: string; readonly untilMs: number }>();
  #waiting: Waiting[] = [];
  #isKeeping = false;

  constructor(state: DurableObjectState, env: CardBoxEnv) {
    super(state, env);
    state.storage.sql.exec(SCHEMA);
    const object = state.id.name ?? "";
    this.#audit = new AuditTrail(state.storage, {
      room: "vault",
      object,
      region: homeOf(Number(object.slice("slot-".length))),
      origins: env,
      signingKey: env.VAULT_SIGNING_KEY,
    });
  }

  /**
   * Keeps a sealed card; `owner` is account and mode. The answer waits until it is durable. With a `use`
   * the card is kept if that is its seal's first, and the use is remembered in the same write.
   */
  put(
    owner: string,
    token: string,
    boxed: BoxedCard,
    cvc: string | undefined,
    use?: SealUse,
  ): Promise<Kept> {
    return new Promise((kept, refused) => {
      this.#waiting.push({ owner, token, boxed, cvc, use, kept, refused });
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

  /** Writes an entry of the audit log; the answer waits until it is durable. */
  record(entry: AuditEntry): void {
    this.#audit.record(entry);
  }

  override async alarm(): Promise<void> {
    await this.#audit.ship();
  }

  /**
   * The sealed cards in the order asked for, each with its CVC if this is its first use. One audit entry names
   * them all; the answer waits until it is durable, so no card is opened that the log does not know of.
   */
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
    if (names.length > 0) this.#audit.record(openedEntry(names, taken));
    return taken;
  }

  forget(owner: string, tokens: readonly string[]): void {
    const destroyed: CardUse[] = [];
    for (const token of tokens) {
      this.#cvcs.delete(`${owner}/${token}`);
      const [card] = this.ctx.storage.sql
        .exec<{ sealed: string }>(
          "delete from cards where owner = ? and token = ? returning sealed",
          owner,
          token,
        )
        .toArray();
      if (card !== undefined) destroyed.push([token, null, keyVersionOf(card.sealed)]);
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
      const written = group.filter((card) => this.#write(card));
      try {
        await this.ctx.storage.sync();
        for (const { kept } of written) kept("kept");
      } catch (reason) {
        for (const { refused } of written) refused(reason);
      }
    }
    this.#isKeeping = false;
  }

  #write({ owner, token, boxed, cvc, use, kept, refused }: Waiting): boolean {
    try {
      if (use !== undefined && !this.#isFirst(owner, use)) {
        kept("used");
        return false;
      }
      const { rowsWritten } = this.ctx.storage.sql.exec(
        `insert into cards (owner, token, sealed, card, created) select ?1, ?2, ?3, ?4, ?5
          where not exists (select 1 from forgotten where owner = ?1 and token = ?2)`,
        owner,
        token,
        boxed.sealed,
        JSON.stringify(boxed.card),
        boxed.created,
      );
      assert(rowsWritten > 0, "a token that was forgotten is never used again");
    } catch (reason) {
      refused(reason);
      return false;
    }
    if (cvc !== undefined) {
      this.#dropStale();
      this.#cvcs.set(`${owner}/${token}`, { cvc, untilMs: Date.now() + CVC_KEPT_MS_MAX });
    }
    return true;
  }

  // Forgetting and refusing go by one clock, so no use is forgotten that would still be let through.
  #isFirst(owner: string, { jti, untilMs }: SealUse): boolean {
    const now = Date.now();
    this.ctx.storage.sql.exec("delete from used_seals where until_ms < ?", now);
    if (untilMs < now) return false;
    const { rowsWritten } = this.ctx.storage.sql.exec(
      "insert or ignore into used_seals (owner, jti, until_ms) values (?, ?, ?)",
      owner,
      jti,
      untilMs,
    );
    return rowsWritten > 0;
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

/** The version of the wrapping key that a sealed text names in its second part. */
const keyVersionOf = (sealed: string): string => {
  const from = sealed.indexOf(".") + 1;
  return sealed.slice(from, sealed.indexOf(".", from));
};

function openedEntry(names: readonly CardName[], taken: readonly Taken[]): AuditEntry {
  const cards: Record<string, CardUse[]> = {};
  for (let i = 0; i < names.length; i++) {
    const { owner, token, order = null } = names[i] as CardName;
    const card = taken[i];
    const version = typeof card === "object" ? keyVersionOf(card.boxed.sealed) : null;
    cards[owner] ??= [];
    cards[owner].push([token, order, version]);
  }
  return { action: "card.opened", actor: "vault", cards };
}

const boxedIn = ({ sealed, card, created }: Row): BoxedCard => ({
  sealed,
  card: JSON.parse(card) as CardSummary,
  created,
});
