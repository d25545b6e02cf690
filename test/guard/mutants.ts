// Limits switched off, one at a time, each to be noticed in the attack it is there for. The guard is too
// many rules to be believed without seeing what each one holds.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { plant } from "../sim/breeding.ts";
import type { Mutant } from "../sim/mutants.ts";
import type { Subject } from "./subject.ts";

/** `attack` is a name in attacks.ts; undefined is a day without one. */
export type Switch = Mutant & { readonly attack: string | undefined };

const GUARD = "durable-objects/card-guard.ts";
const VELOCITY = "durable-objects/card-velocity.ts";
const BREAKER = "durable-objects/decline-breaker.ts";
const SLOW_START = "durable-objects/slow-start.ts";

export const SWITCHES: readonly Switch[] = [
  {
    name: "no decline breaker",
    file: GUARD,
    find: `if (phase === "open") return "blocked";`,
    replace: "",
    why: "an attack goes on as long as it likes",
    attack: "10,000 IPs, one key of a quiet shop",
  },
  {
    name: "no slow start",
    file: SLOW_START,
    find: "if (flight.underWay >= Math.max(1, flight.window * room)) return false;",
    replace: "",
    why: "thousands are asked about before the first decline is back",
    attack: "10,000 IPs in ten seconds",
  },
  {
    name: "the window does not shrink as evidence gathers",
    file: BREAKER,
    find: "Math.max(0, 1 - breaker.evidence / EVIDENCE_MAX);",
    replace: "1;",
    why: "what is under way when the breaker opens comes on top",
    attack: "10,000 IPs in ten seconds",
  },
  {
    name: "no limit on a key",
    file: GUARD,
    find: `if (!isAdmitted) return "blocked";`,
    replace: "void isAdmitted;",
    why: "tokens without end",
    attack: "tokens that nobody charges",
  },
  {
    name: "a full key locks out everybody",
    file: GUARD,
    find: "(isNew && spend(crowd, CROWD_LIMIT, nowMs))",
    replace: "(isNew && nowMs < 0)",
    why: "whoever floods a key closes the shop",
    attack: "tokens that nobody charges",
  },
  {
    name: "no limit on a network",
    file: GUARD,
    find: `if (!spend(from.allowance, NETWORK_LIMIT, nowMs)) return "blocked";`,
    replace: "",
    why: "one host makes all the tokens of a key",
    attack: "one host's tokens that nobody charges",
  },
  {
    name: "a network's declines count without end",
    file: GUARD,
    find: "(approved === false && strikes < STRIKES_TOLD_MAX)",
    replace: "approved === false",
    why: "one host can open the breaker of a big shop",
    attack: "one host, one /24",
  },
  {
    name: "no strikes",
    file: GUARD,
    find: `if (strikesOf(from, nowMs) >= STRIKES_MAX) return "blocked";`,
    replace: "",
    why: "one host tests as fast as its tokens come",
    attack: "one host, one /24",
  },
  {
    name: "no limit on merchants of a card",
    file: VELOCITY,
    find: "if (bitsOf(lately) > CARD_MERCHANTS_MAX) return false;",
    replace: "void bitsOf(lately);",
    why: "one card is tried at every merchant",
    attack: "one card at every shop",
  },
  {
    name: "no limit on tokens of a card",
    file: VELOCITY,
    find: "if (counted.tokens + counted.tokensBefore * past > CARD_TOKENS_MAX) return false;",
    replace: "",
    why: "one card is tried without end",
    attack: "one card again and again",
  },
  {
    name: "no breaker of a BIN",
    file: VELOCITY,
    find: `if (phase !== "trying") return phase === "closed";`,
    replace: `if (phase !== "trying") return true;`,
    why: "numbers are guessed a few at each merchant",
    attack: "one BIN guessed at every shop",
  },
  {
    name: "no limit on a BIN",
    file: VELOCITY,
    find: "(isTried(held, nowMs) && spend(held.allowance, BIN_LIMIT, nowMs))",
    replace: "isTried(held, nowMs)",
    why: "tokens of guessed numbers without end",
    attack: "tokens of one BIN that nobody charges",
  },
  {
    name: "a customer's new card is trusted",
    file: GUARD,
    find: "{ fingerprint, ticket });",
    replace: "{ fingerprint, ticket });\n    this.#fresh.delete([name, customer].join('/'));",
    why: "cards are tested by way of customers",
    attack: "cards attached to customers first",
  },
  {
    name: "known cards are strangers",
    file: GUARD,
    find: "if (this.#isKnown(name, whose) || this.#passed.get(key) === true) {",
    replace: "if (this.#passed.get(key) === true) {",
    why: "an attack costs a shop its regular buyers",
    attack: "a form that the merchant's server posts",
  },
  {
    name: "who passed a challenge is a stranger",
    file: GUARD,
    find: `return ticket.proven ? "proven" : "stranger";`,
    replace: `return "stranger";`,
    why: "a buyer cannot prove himself",
    attack: "10,000 IPs, one key of a busy shop",
  },
  {
    name: "any server is the merchant's",
    file: GUARD,
    find: ">= HOME_APPROVALS_MIN;",
    replace: ">= 0;",
    why: "a thief of a key closes the merchant's shop",
    attack: "a stolen secret key",
  },
  {
    name: "every merchant is held to be ordinary",
    file: BREAKER,
    find: "Math.min(USUAL_MAX, Math.max(breaker.usualMin, breaker.declined * USUAL_MARGIN));",
    replace: "breaker.usualMin;",
    why: "a merchant half of whose cards are declined cannot sell",
    attack: undefined,
  },
  {
    name: "slow start that never speeds up",
    file: SLOW_START,
    find: "if (approved) flight.window = Math.min(MOST, flight.window + 1);",
    replace: "void approved;",
    why: "a flash sale is refused",
    attack: undefined,
  },
  {
    name: "nothing is earned",
    file: "durable-objects/allowance.ts",
    find: "Math.min(limit.most, allowance.left + limit.earned);",
    replace: "allowance.left;",
    why: "an office behind one address, or a flash sale, runs out of tokens",
    attack: undefined,
  },
  {
    name: "a breaker that never closes",
    file: BREAKER,
    find: `return nowMs < breaker.openUntilMs ? "open" : "trying";`,
    replace: `return nowMs < 0 ? "trying" : "open";`,
    why: "a shop stays closed when the attack is over",
    attack: "10,000 IPs in ten seconds",
  },
];

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The guard with one limit switched off. */
export async function switchOff(mutant: Switch): Promise<Subject> {
  const home = mkdtempSync(join(tmpdir(), "tessera-guard-"));
  try {
    for (const room of ["durable-objects", "protocol"]) {
      cpSync(join(ROOT, room), join(home, room), { recursive: true });
    }
    writeFileSync(join(home, "package.json"), '{ "type": "module" }');
    writeFileSync(join(home, mutant.file), plant(mutant));
    const load = (file: string): Promise<unknown> => import(pathToFileURL(join(home, file)).href);
    return {
      guard: (await load(GUARD)) as Subject["guard"],
      velocity: (await load(VELOCITY)) as Subject["velocity"],
    };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
