// Attacks, with ground truth: everything here tests cards. An attacker cannot tell a blocked answer from a
// decline, so he goes on to the end.

import type { Way } from "./checkout.ts";
import type { Kind } from "./shops.ts";

export type Attack = {
  readonly name: string;
  /** Where; at `every` shop in turn when it is spread. */
  readonly at: Kind | "every";
  readonly way: Way;
  readonly probes: number;
  /** From the first to the last. */
  readonly overMs: number;
  /** How many networks he has; `fresh` is a new one for each probe. */
  readonly networks: number | "fresh";
  /** Share of his cards that are good. */
  readonly good: number;
  /** Numbers guessed in one BIN instead of a list from everywhere. */
  readonly oneBin?: true;
  /** The same card again and again. */
  readonly oneCard?: true;
  /** Share of challenges he can pass. */
  readonly solves: number;
  /** He holds the secret key and charges from a server of his own. */
  readonly stolenKey?: true;
  /** Tokens only. */
  readonly neverCharges?: true;
  /** Bounds that are tested: probes that reach the processor, and tokens. */
  readonly askedMax: number;
  readonly tokensMax?: number;
  /** Share of all good buyers refused for good, where a page may show a challenge. */
  readonly refusedMax: number;
  /** Share of the buyers of who is attacked, where no challenge is set up. */
  readonly bareMax: number;
};

const MINUTE_MS = 60_000;

const TYPICAL = {
  at: "quiet",
  way: "browser",
  probes: 20_000,
  overMs: 60 * MINUTE_MS,
  networks: 10_000,
  good: 0.07,
  solves: 0.01,
  askedMax: 100,
  refusedMax: 0.001,
  // All strangers while it lasts and for a while after; known cards are let through.
  bareMax: 0.75,
} as const;

export const ATTACKS: readonly Attack[] = [
  { ...TYPICAL, name: "10,000 IPs, one key of a quiet shop", probes: 30_000 },
  {
    ...TYPICAL,
    name: "10,000 IPs in ten seconds",
    probes: 10_000,
    overMs: 10_000,
    askedMax: 65,
    bareMax: 0.12,
  },
  {
    ...TYPICAL,
    name: "10,000 IPs, one key of a busy shop",
    at: "busy",
    probes: 30_000,
    bareMax: 0.345,
  },
  {
    ...TYPICAL,
    name: "10,000 IPs, a shop half declined anyway",
    at: "risky",
    probes: 30_000,
    // He passes three hundred challenges, as many as the shop has strangers, half of them declined too.
    refusedMax: 0.01,
  },
  { ...TYPICAL, name: "a better list: a fifth of it good", good: 0.2, askedMax: 150 },
  {
    ...TYPICAL,
    name: "residential proxies, a /24 a probe",
    at: "busy",
    networks: "fresh",
  },
  { ...TYPICAL, name: "who passes a third of challenges", solves: 0.33 },
  {
    ...TYPICAL,
    name: "one host, one /24",
    at: "giant",
    networks: 1,
    askedMax: 150,
    bareMax: 0.001,
  },
  {
    ...TYPICAL,
    name: "a stolen secret key",
    at: "marketplace",
    way: "server",
    networks: 1,
    stolenKey: true,
    bareMax: 0.001,
  },
  {
    ...TYPICAL,
    name: "a form that the merchant's server posts",
    at: "marketplace",
    way: "server",
    // A server has nobody to show a challenge to.
    refusedMax: 0.02,
    bareMax: 0.36,
  },
  {
    ...TYPICAL,
    name: "cards attached to customers first",
    at: "subscriptions",
    way: "customer",
    // Two hundred challenges passed, at a shop a quarter of whose strangers are declined anyway.
    refusedMax: 0.004,
  },
  {
    ...TYPICAL,
    name: "one BIN guessed at every shop",
    at: "every",
    networks: "fresh",
    good: 0.01,
    oneBin: true,
    bareMax: 0.005,
  },
  {
    ...TYPICAL,
    name: "one card at every shop",
    at: "every",
    probes: 600,
    networks: "fresh",
    good: 1,
    oneCard: true,
    askedMax: 40,
  },
  {
    ...TYPICAL,
    name: "one card again and again",
    probes: 600,
    networks: "fresh",
    good: 1,
    oneCard: true,
    askedMax: 150,
  },
  { ...TYPICAL, name: "low and slow, a quiet shop", probes: 90, networks: "fresh", askedMax: 85 },
  {
    ...TYPICAL,
    name: "low and slow, a busy shop",
    at: "busy",
    probes: 180,
    networks: "fresh",
    // Not noticed: fewer than half of the shop's own strangers. Told, and bounded by being slow.
    askedMax: 180,
  },
  {
    ...TYPICAL,
    name: "tokens that nobody charges",
    at: "busy",
    probes: 60_000,
    neverCharges: true,
    askedMax: 0,
    tokensMax: 30_000,
    bareMax: 0.03,
  },
  {
    ...TYPICAL,
    name: "one host's tokens that nobody charges",
    at: "busy",
    networks: 1,
    neverCharges: true,
    askedMax: 0,
    tokensMax: 400,
    bareMax: 0.001,
  },
  {
    ...TYPICAL,
    name: "tokens of one BIN that nobody charges",
    at: "every",
    networks: "fresh",
    oneBin: true,
    neverCharges: true,
    askedMax: 0,
    tokensMax: 3_000,
    bareMax: 0.005,
  },
];
