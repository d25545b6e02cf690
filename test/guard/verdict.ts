// What must hold of a run, with and without a challenge.

import type { Attack } from "./attacks.ts";
import { type Outcome, run, type Tally } from "./run.ts";
import type { Subject } from "./subject.ts";

export type Trial = {
  readonly attack: Attack | undefined;
  /** No challenge is set up. */
  readonly bare: Outcome;
  /** Pages show one to whom is blocked. */
  readonly hooked: Outcome;
};

export const trial = (seed: number, attack: Attack | undefined, subject?: Subject): Trial => {
  const options = subject === undefined ? {} : { subject };
  return {
    attack,
    bare: run(seed, attack, options),
    hooked: run(seed, attack, { ...options, challenge: true }),
  };
};

export const refusedShare = ({ buyers, refused }: Tally): number =>
  buyers === 0 ? 0 : refused / buyers;

/** What is wrong; nothing, if all is well. */
export function faultsOf({ attack, bare, hooked }: Trial): string[] {
  const faults: string[] = [];
  const hold = (what: string, value: number, most: number) => {
    if (value > most) faults.push(`${what}: ${value}, more than ${most}`);
  };
  hold("good buyers refused", refusedShare(hooked.good), attack?.refusedMax ?? 0);
  hold("the victim's buyers refused", refusedShare(bare.victims), attack?.bareMax ?? 0);
  if (attack === undefined) hold("buyers refused", bare.good.refused, 0);
  if (attack === undefined) {
    hold("good buyers challenged", hooked.good.challenged, 0);
    return faults;
  }
  hold("probes asked", bare.asked, attack.askedMax);
  hold("tokens", bare.tokens, attack.tokensMax ?? Number.POSITIVE_INFINITY);
  // Two lanes to fill, and whoever passes a challenge has paid for it.
  const hookedMax = 1.5 * attack.askedMax + hooked.proofs;
  hold("probes asked where there is a challenge", hooked.asked, hookedMax);
  if (attack.at === "every") return faults;
  for (const { kind, tally } of hooked.kinds) {
    if (kind !== attack.at) hold(`${kind}: buyers refused`, tally.refused, 0);
  }
  return faults;
}
