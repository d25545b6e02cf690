// One run: some hours of good traffic with one attack in the middle, or none. One seed is one run.

import { Dice } from "../sim/chance.ts";
import { Agenda } from "./agenda.ts";
import type { Attack } from "./attacks.ts";
import { type Card, Checkout, type Ended } from "./checkout.ts";
import {
  FLASH_BUYERS,
  FLASH_HALF_MS,
  KINDS,
  type Kind,
  openShops,
  Population,
  type Shop,
} from "./shops.ts";
import { REAL, type Subject } from "./subject.ts";

const HOUR_MS = 3_600_000;
const LASTS_MS = 2 * HOUR_MS;
/** The guard has seen ordinary trade until then. */
const ATTACK_MS = 0.4 * HOUR_MS;
const FLASH_MS = 0.75 * HOUR_MS;

/** How a share of buyers fared. */
export type Tally = {
  buyers: number;
  /** Blocked at first, and asked for a proof where there is a challenge. */
  challenged: number;
  /** Blocked for good. */
  refused: number;
};

export type Outcome = {
  /** All good traffic, and that of the shop that was attacked, or of all when all were. */
  readonly good: Tally;
  readonly victims: Tally;
  readonly kinds: readonly { readonly kind: Kind; readonly tally: Tally }[];
  /** The attacker's: probes made, tokens he got, cards the processor was asked of, and good ones he knows. */
  readonly probes: number;
  tokens: number;
  asked: number;
  learned: number;
  /** Probes sent with a challenge passed. */
  proofs: number;
};

export type Options = { readonly subject?: Subject; readonly challenge?: boolean };

const newTally = (): Tally => ({ buyers: 0, challenged: 0, refused: 0 });

export function run(seed: number, attack: Attack | undefined, options: Options = {}): Outcome {
  const agenda = new Agenda();
  const checkout = new Checkout(agenda, options.subject ?? REAL, new Dice(seed, "issuer"));
  const people = new Population(new Dice(seed, "population"));
  const shops = openShops(new Dice(seed, "shops"));
  const targets = shops.filter(({ kind }) => attack?.at === "every" || attack?.at === kind);
  const victims = new Set(attack?.at === "every" ? targets : targets.slice(0, 1));
  const outcome: Outcome = {
    good: newTally(),
    victims: newTally(),
    kinds: KINDS.map((kind) => ({ kind, tally: newTally() })),
    probes: attack?.probes ?? 0,
    tokens: 0,
    asked: 0,
    learned: 0,
    proofs: 0,
  };
  const talliesOf = (shop: Shop): Tally[] => [
    outcome.good,
    ...(victims.has(shop) ? [outcome.victims] : []),
    ...outcome.kinds.flatMap(({ kind, tally }) => (kind === shop.kind ? [tally] : [])),
  ];
  for (const shop of shops) {
    const dice = new Dice(seed, `buyers of ${shop.id}`);
    const tallies = talliesOf(shop);
    const buys = () => buy(shop, dice, tallies);
    const pauseMs = () => (-Math.log(1 - dice.next()) / shop.rate) * 1000;
    for (let atMs = pauseMs(); atMs < LASTS_MS; atMs += pauseMs()) agenda.at(atMs, buys);
    if (shop.kind !== "flash sale") continue;
    for (let buyer = 0; buyer < FLASH_BUYERS; buyer++) {
      // Log-normal, as waiting for people is.
      const tardy = Math.exp(0.85 * normal(dice));
      agenda.at(FLASH_MS + FLASH_HALF_MS * tardy, buys);
    }
  }
  if (attack !== undefined) strike(attack, [...victims]);
  agenda.run();
  return outcome;

  function buy(shop: Shop, dice: Dice, tallies: readonly Tally[]): void {
    const returns = shop.bought.length > 0 && dice.chance(shop.returning);
    const buyer = returns
      ? dice.pick(shop.bought)
      : {
          card: people.card(!dice.chance(shop.declines)),
          network: shop.oneNetwork ? `office of ${shop.id}` : people.network(),
        };
    for (const tally of tallies) tally.buyers++;
    attempt(buyer.card, 0, false, dice.chance(0.02) ? 1 : 0);

    function attempt(card: Card, tried: number, proven: boolean, retries: number): void {
      const thinksMs = dice.chance(0.2) ? dice.whole(5_000, 90_000) : dice.whole(300, 5_000);
      const isCharged = !dice.chance(0.15);
      const { way, id } = shop;
      let isOver = false;
      const ended = (how: Ended) => {
        // An answer that a retry hears may end it a second time.
        if (isOver && how !== "blocked") return;
        isOver = true;
        if (how === "approved" && !returns) shop.bought.push({ ...buyer, card });
        if (how === "blocked") blocked(card, tried, proven);
        else if (how === "declined" && tried < 2 && dice.chance(0.6)) again(card, tried, proven);
      };
      const { network } = buyer;
      checkout.start(
        { shop: id, card, way, network, proven, thinksMs, isCharged, retries, caller: `of ${id}` },
        { token: () => {}, asked: () => {}, ended },
      );
    }

    function blocked(card: Card, tried: number, proven: boolean): void {
      // A page can show a challenge; a server has nobody to ask.
      const canProve = options.challenge === true && shop.way !== "server" && !proven;
      for (const tally of tallies) tally[canProve ? "challenged" : "refused"]++;
      if (canProve) agenda.after(8_000, () => attempt(card, tried, true, 0));
    }

    // Half try the same card once more, half another.
    function again(card: Card, tried: number, proven: boolean): void {
      const next = dice.chance(0.5) ? card : people.card(!dice.chance(shop.declines));
      agenda.after(dice.whole(5_000, 60_000), () => attempt(next, tried + 1, proven, 0));
    }
  }

  function strike(by: Attack, at: readonly Shop[]): void {
    const dice = new Dice(seed, "attacker");
    let number = 0;
    const card = (): Card => {
      number++;
      const listed = people.card(dice.chance(by.good));
      const print = by.oneCard === true ? "stolen" : `stolen ${number}`;
      return { ...listed, print, ...(by.oneBin === true ? { bin: "40000017" } : {}) };
    };
    for (let probe = 0; probe < by.probes; probe++) {
      const shop = at[probe % at.length];
      if (shop === undefined) throw new Error("somebody is attacked");
      const network =
        by.networks === "fresh" ? people.network() : `bot ${dice.whole(1, by.networks)}`;
      const proven = options.challenge === true && dice.chance(by.solves);
      if (proven) outcome.proofs++;
      const of = card();
      agenda.at(ATTACK_MS + dice.next() * by.overMs, () =>
        checkout.start(
          {
            shop: shop.id,
            card: of,
            way: by.way,
            network,
            caller: by.stolenKey === true ? "a thief" : `of ${shop.id}`,
            proven,
            thinksMs: dice.whole(100, 2_000),
            retries: 0,
            isCharged: by.neverCharges !== true,
          },
          {
            token: () => void outcome.tokens++,
            asked: () => void outcome.asked++,
            ended: (how) => {
              if (how === "approved") outcome.learned++;
            },
          },
        ),
      );
    }
  }
}

/** Box and Muller. */
const normal = (dice: Dice): number =>
  Math.sqrt(-2 * Math.log(1 - dice.next())) * Math.cos(2 * Math.PI * dice.next());
