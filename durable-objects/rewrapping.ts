// How far a slot's cards have been moved to their accounts' current keys. The place is written with the
// cards that were moved, in one commit, so a crash repeats no more than the page that was under way.

import type { AccountKeys } from "./account-keys.ts";

/** A card as whoever holds the keys needs it to move it. */
export type CardToMove = {
  readonly owner: string;
  readonly token: string;
  readonly sealed: string;
  readonly version: number;
  /** The version of the fingerprint key that `print`, or the shown fingerprint, was made with. */
  readonly printVersion: number;
  /** The fingerprint that is shown of it. */
  readonly fingerprint: string;
  /** Its fingerprint under the key of `printVersion` where it is not the shown one. */
  readonly print: string | null;
};

/** What a card becomes, if it is still what it was. */
export type MovedCard = {
  readonly owner: string;
  readonly token: string;
  readonly from: string;
  readonly sealed: string;
  readonly version: number;
  readonly printVersion: number;
  /** The fingerprint under the newest key where it is not the one that is shown. */
  readonly print: string | null;
  /** Whether its data key was wrapped anew, which counts against the key. */
  readonly wrapped: boolean;
};

export type Page = { readonly cards: readonly CardToMove[]; readonly done: boolean };

type Place = { goal: string; owner: string; token: string; moved: number; done: number };
type Row = {
  owner: string;
  token: string;
  sealed: string;
  version: number;
  print_version: number;
  print: string | null;
  card: string;
};

export class Rewrapping {
  readonly #sql: SqlStorage;
  readonly #keys: AccountKeys;

  constructor(sql: SqlStorage, keys: AccountKeys) {
    this.#sql = sql;
    this.#keys = keys;
  }

  /** The next cards on the way to a goal; another goal than before begins at the first card. */
  page(goal: string, cardsMax: number): Page {
    const place = this.#place();
    if (place?.goal !== goal) {
      this.#sql.exec(
        `insert or replace into rewrapping (row, goal, owner, token, moved, done)
         values (1, ?, '', '', 0, 0)`,
        goal,
      );
    } else if (place.done === 1) return { cards: [], done: true };
    const { owner, token } = place?.goal === goal ? place : { owner: "", token: "" };
    const cards = this.#sql
      .exec<Row>(
        `select owner, token, sealed, version, print_version, print, card from cards
          where (owner, token) > (?, ?) order by owner, token limit ?`,
        owner,
        token,
        cardsMax,
      )
      .toArray()
      .map(({ print_version: printVersion, card, ...row }) => ({
        ...row,
        printVersion,
        fingerprint: (JSON.parse(card) as { fingerprint: string }).fingerprint,
      }));
    return { cards, done: false };
  }

  /**
   * Writes what became of a page and how far it goes, `last` being its last card. A card that was forgotten
   * or moved meanwhile stays as it is. `undefined`: the page was the last, empty one.
   */
  move(
    moved: readonly MovedCard[],
    last: { readonly owner: string; readonly token: string } | undefined,
    nowS: number,
  ): number {
    let written = 0;
    for (const card of moved) {
      const account = card.owner.split("/")[0] ?? "";
      const counted = card.wrapped ? this.#keys.count(account, card.version, nowS) : "counted";
      if (counted === "key_exhausted" || counted === "key_refused") continue;
      const { rowsWritten } = this.#sql.exec(
        `update cards set sealed = ?, version = ?, print_version = ?, print = ?
          where owner = ? and token = ? and sealed = ?`,
        card.sealed,
        card.version,
        card.printVersion,
        card.print,
        card.owner,
        card.token,
        card.from,
      );
      if (rowsWritten > 0) written += 1;
    }
    if (last === undefined) this.#sql.exec("update rewrapping set done = 1");
    else {
      this.#sql.exec(
        "update rewrapping set owner = ?, token = ?, moved = moved + ?",
        last.owner,
        last.token,
        written,
      );
    }
    return written;
  }

  /** A card came under an older key: it may lie before the place. */
  begin(): void {
    this.#sql.exec("update rewrapping set owner = '', token = '', done = 0");
  }

  #place(): Place | undefined {
    return this.#sql
      .exec<Place>("select goal, owner, token, moved, done from rewrapping")
      .toArray()[0];
  }
}
