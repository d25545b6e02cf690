// Keeps cards that come at the same time in one write: a commit costs more than a row does.

import { assert, ok, type Result, refuse } from "../protocol/result.ts";
import type { SealUse } from "../protocol/vault.ts";
import type { AccountKeys, KeyRefusal } from "./account-keys.ts";
import type { BoxedCard, CardName } from "./card-box.ts";
import type { CvcMemory } from "./cvc-memory.ts";
import type { Rewrapping } from "./rewrapping.ts";

/** A card to be kept, with what its keys need to know of it. */
type NewCard = BoxedCard & {
  /** Its fingerprints, where the newest key of them is not the first and only one. */
  readonly print?: Prints;
};

/** A card's fingerprint under the newest key and its version, and under the oldest. */
type Prints = { readonly version: number; readonly newest: string; readonly oldest: string };

/**
 * A kept card answers the fingerprint that is shown of it. `seal_used`: its seal was used before, or is past
 * its time.
 */
export type Kept = Result<string, KeyRefusal | "seal_used">;

/**
 * A sealed card that comes to be kept; `owner` is account and mode. With a `use` it is kept if that is its seal's first,
 * and the use is remembered in the same write.
 */
export type Arrival = Pick<CardName, "owner" | "token"> & {
  readonly boxed: NewCard;
  readonly cvc?: string | undefined;
  readonly use?: SealUse | undefined;
};

type Waiting = Arrival & {
  readonly kept: (kept: Kept) => void;
  readonly refused: (reason: unknown) => void;
};

export class CardKeeping {
  readonly #storage: DurableObjectStorage;
  readonly #keys: AccountKeys;
  readonly #rewrapping: Rewrapping;
  readonly #cvcs: CvcMemory;
  #waiting: Waiting[] = [];
  #isKeeping = false;

  constructor(
    storage: DurableObjectStorage,
    keys: AccountKeys,
    rewrapping: Rewrapping,
    cvcs: CvcMemory,
  ) {
    this.#storage = storage;
    this.#keys = keys;
    this.#rewrapping = rewrapping;
    this.#cvcs = cvcs;
  }

  /** Ends when the card is durable, or is not to be kept. */
  keep(arrival: Arrival): Promise<Kept> {
    return new Promise((kept, refused) => {
      this.#waiting.push({ ...arrival, kept, refused });
      if (!this.#isKeeping) void this.#keep();
    });
  }

  // While one commit is under way the next group fills.
  async #keep(): Promise<void> {
    this.#isKeeping = true;
    while (this.#waiting.length > 0) {
      // One turn of the event loop lets the calls that came together be written together.
      await scheduler.wait(0);
      const group = this.#waiting;
      this.#waiting = [];
      try {
        const forgotten = this.#forgottenOf(group);
        const written = group.flatMap((card) => {
          const kept = this.#write(card, forgotten.has(`${card.owner}/${card.token}`));
          return kept === undefined ? [] : [{ card, kept }];
        });
        await this.#storage.sync();
        for (const { card, kept } of written) card.kept(kept);
      } catch (reason) {
        // Whoever was refused already hears nothing of this.
        for (const card of group) card.refused(reason);
      }
    }
    this.#isKeeping = false;
  }

  // Asked once for those who came together: with each insert it cost as much as half of that.
  #forgottenOf(group: readonly Waiting[]): ReadonlySet<string> {
    const rows = this.#storage.sql.exec<{ name: string }>(
      `select owner || '/' || token as name from json_each(?) named
        cross join forgotten on owner = named.value ->> 0 and token = named.value ->> 1`,
      JSON.stringify(group.map(({ owner, token }) => [owner, token])),
    );
    return new Set(rows.toArray().map(({ name }) => name));
  }

  /** Undefined when the card was refused already. */
  #write(
    { owner, token, boxed, cvc, use, refused }: Waiting,
    isForgotten: boolean,
  ): Kept | undefined {
    const counted = this.#keys.count(
      owner.split("/")[0] ?? "",
      boxed.version,
      Math.floor(Date.now() / 1000),
    );
    // Before the seal is used up: whoever is told of a key tries again with another.
    if (counted === "key_exhausted" || counted === "key_refused") return refuse(counted);
    if (use !== undefined && !this.#isFirst(owner, use)) return refuse("seal_used");
    const { version, print } = boxed;
    const before = print && this.#shownBefore(owner, print);
    const shown = before ?? boxed.card.fingerprint;
    const card = before === undefined ? boxed.card : { ...boxed.card, fingerprint: before };
    try {
      assert(!isForgotten, "a token that was forgotten is never used again");
      this.#storage.sql.exec(
        `insert into cards (owner, token, sealed, card, created, version, print_version, print)
         values (?, ?, ?, ?, ?, ?, ?, ?)`,
        owner,
        token,
        boxed.sealed,
        JSON.stringify(card),
        boxed.created,
        version,
        print?.version ?? 1,
        print === undefined || print.newest === shown ? null : print.newest,
      );
      if (counted === "behind") this.#rewrapping.begin();
    } catch (reason) {
      refused(reason);
      return undefined;
    }
    if (cvc !== undefined) this.#cvcs.hold(owner, token, cvc);
    return ok(shown);
  }

  // Only a card from before a rotation of the fingerprint key has a `print` beside what is shown of it.
  #shownBefore(owner: string, print: Prints): string | undefined {
    if (print.version === 1) return undefined;
    const [row] = this.#storage.sql
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

  // Forgetting and refusing go by one clock, so no use is forgotten that would still be let through.
  #isFirst(owner: string, { jti, untilMs }: SealUse): boolean {
    const now = Date.now();
    this.#storage.sql.exec("delete from used_seals where until_ms < ?", now);
    if (untilMs < now) return false;
    const { rowsWritten } = this.#storage.sql.exec(
      "insert or ignore into used_seals (owner, jti, until_ms) values (?, ?, ?)",
      owner,
      jti,
      untilMs,
    );
    return rowsWritten > 0;
  }
}
