// How far a slot's cards have been moved to their accounts' current keys. The place is written with the
// cards that were moved, in one commit, so a crash repeats no more than the page that was under way.

import type { MovedCard, PageOfCards } from "../protocol/keys.ts";
import type { AccountKeys } from "./account-keys.ts";

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
  page(goal: string, cardsMax: number): PageOfCards {
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
