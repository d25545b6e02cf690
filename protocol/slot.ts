// Where an account lives. 1,024 fixed slots; a slot is one shard object and has one home region, the
// only one that writes it, and an order of fall-backs. Slots go to regions by highest random weight
// (Thaler and Ravishankar 1998): adding the N-th region moves 1/N of the slots, all of them to it.

import type { AccountId } from "./ids.ts";

export const SLOTS = 1024;

/** A region of the ledger. The order here means nothing; the weights decide. */
export const REGIONS = ["us", "eu"] as const;
export type Region = (typeof REGIONS)[number];

// FNV-1a, then Murmur3's finalizer, which spreads what FNV leaves in the low bits.
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The slot of an account, 0 to 1,023, for ever the same. */
export const slotOf = (account: AccountId): number => hash(account) % SLOTS;

/** All regions in the order in which they may serve a slot; the first is its home. */
export function regionsOf<R extends string>(slot: number, regions: readonly R[]): R[] {
  return regions
    .map((region) => ({ region, weight: hash(`${region}/${slot}`) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ region }) => region);
}

/** The one region that may write this slot. */
export function homeOf(slot: number): Region {
  const [home] = regionsOf(slot, REGIONS);
  if (home === undefined) throw new Error("Bug: there is at least one region");
  return home;
}
