// What an operator may ask of the card keys, and what he hears: numbers and versions, never a key. One call
// moves the cards of one slot a bounded way, so that whoever asks can stop, show progress, and go on.

import type { AccountId } from "./ids.ts";

/**
 * `status` counts and changes nothing. `rotate` gives every account with a card in the slot a new current key.
 * `rewrap` moves the next cards to their accounts' current keys. `raise` has older keys refused; `retire`
 * destroys the refused ones that no card needs.
 */
export const KEY_STEPS = ["status", "rotate", "rewrap", "raise", "retire"] as const;
export type KeyStep = (typeof KEY_STEPS)[number];

export const KEY_PURPOSES = ["card", "fingerprint"] as const;
/** What a key of an account is for: to wrap the data keys of its cards, or to make their fingerprints. */
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

export type KeyCommand =
  | { readonly step: KeyStep; readonly slot: number; readonly purpose: KeyPurpose }
  /** Destroys the keys of an account for ever, and with them every copy of its cards. */
  | { readonly step: "destroy"; readonly account: AccountId };

/** How a step ended: `by_configuration` is a step that this provider takes by its configuration. */
export type KeyOutcome = "done" | "more" | "by_configuration" | "failed";

export type KeyReport = {
  readonly provider: string;
  readonly outcome: KeyOutcome;
  /** Cards that were moved, keys that were made, refused or destroyed by this call. */
  readonly changed: number;
  /** Cards that did not open, or whose keys did not answer; they stay as they are. */
  readonly failed: number;
  /** Cards in the slot; -1 when this step did not count. */
  readonly cards: number;
  /** Of them, those under an older key than their account's current one. */
  readonly behind: number;
};

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

export type PageOfCards = { readonly cards: readonly CardToMove[]; readonly done: boolean };
