// The card testing guard of one slot of accounts. What is tested is an authorization: a token says nothing
// of a card. So strangers (cards that this account never had approved) are asked about only while their
// declines are those of buyers, and known cards always. Holds no card number and no CVC: cards are named by
// the account's own fingerprint. A cache like the rest of the shard: lost, it starts anew. Pure.

import type { TokenId } from "../protocol/ids.ts";
import type { Visit } from "../protocol/shard.ts";
import { type Allowance, type AllowanceLimit, earn, newAllowance, spend } from "./allowance.ts";
import { type Breaker, hear, newBreaker, phaseOf, roomOf } from "./decline-breaker.ts";
import { Generations } from "./generations.ts";
import { type Flight, land, newFlight, start } from "./slow-start.ts";

/**
 * Tokens made with the publishable keys of one account. A flash sale has some hundred buyers between
 * token and charge and as many who leave; who never pays has no more than this and two a second.
 */
export const KEY_LIMIT: AllowanceLimit = { burst: 1000, perSecond: 2, earned: 2, most: 4000 };
/**
 * Beyond it, tokens for networks that had none in the last hour: who floods one key with a few thousand
 * addresses does not lock out its buyers.
 */
export const CROWD_LIMIT: AllowanceLimit = { burst: 5000, perSecond: 10, earned: 0, most: 5000 };
const CROWD_MS = 60 * 60_000;
/** Tokens from one network at one account: a household, a café, an office whose buyers pay. */
export const NETWORK_LIMIT: AllowanceLimit = { burst: 30, perSecond: 0.05, earned: 2, most: 300 };
/** Approved charges after which a server's network is the merchant's own: more than a thief gets. */
export const HOME_APPROVALS_MIN = 20;
/** Declines in a row after which a network gets no more tokens; one is forgiven in so long. */
export const STRIKES_MAX = 8;
const FORGIVEN_MS = 15 * 60_000;
/** Declines in a row of one network that count against the account: one house is not a crowd. */
const STRIKES_TOLD_MAX = 3;

/** Entries of one generation of each map of a slot; about 100 bytes an entry, 20 MB when all are full. */
const ACCOUNTS_MAX = 2_000;
const NETWORKS_MAX = 20_000;
const VOUCHED_MAX = 10_000;
const HOMES_MAX = 5_000;
const TICKETS_MAX = 20_000;
const KNOWN_MAX = 25_000;
const CUSTOMERS_MAX = 10_000;
const PASSED_MAX = 10_000;

/** Cards of one kind of origin, judged together. */
type Lane = { readonly breaker: Breaker; readonly flight: Flight };

/**
 * Whose word there is for an unknown card. `stranger`: nobody's; `proven`: the buyer passed a challenge or
 * comes from where others paid; `server`: a server sent it from where its charges were approved before;
 * `other_server`: it did so from elsewhere, as a thief of a secret key would.
 */
type Origin = "stranger" | "proven" | "server" | "other_server";

type Guarded = {
  readonly key: Allowance;
  readonly crowd: Allowance;
  readonly lanes: Readonly<Record<Origin, Lane>>;
};

type Network = {
  readonly allowance: Allowance;
  /** Declines in a row, and when the first of them that was not forgiven happened. */
  strikes: number;
  struckMs: number;
  /** When it was last given a token. */
  tokenMs: number;
};

/** What speaks for a card besides its own past. */
type Ticket = { readonly network: string | undefined; readonly proven: boolean };

/** A charge that is to be judged. `name` is account and mode. */
export type Asked = {
  readonly name: string;
  /** The merchant's idempotency key: what once passed, passes again. */
  readonly key: string;
  /** Network of the server that asks; undefined when it does not show. */
  readonly caller: string | undefined;
} & (
  | { readonly token: string; readonly fingerprint: string }
  /** A customer's own choice of card is known to the ledger only. */
  | { readonly customer: string }
);

/** A charge that passed, until it is settled. */
export type Passed = {
  readonly name: string;
  readonly fingerprint: string | undefined;
  readonly customer: string | undefined;
  readonly network: string | undefined;
  readonly caller: string | undefined;
  /** Where its outcome counts; undefined for a known card. */
  readonly lane: Lane | undefined;
};

/** A customer's card that was never approved, and who it was typed by. */
type Fresh = { readonly fingerprint: string; readonly ticket: Ticket | undefined };

const newLane = (): Lane => ({ breaker: newBreaker(), flight: newFlight() });

export class CardGuard {
  readonly #accounts = new Generations<Guarded>(ACCOUNTS_MAX);
  readonly #networks = new Generations<Network>(NETWORKS_MAX);
  /** Networks that approved charges came from, by account: of buyers, and of servers with how many. */
  readonly #vouched = new Generations<true>(VOUCHED_MAX);
  readonly #homes = new Generations<number>(HOMES_MAX);
  readonly #tickets = new Generations<Ticket>(TICKETS_MAX);
  /** Fingerprints that were approved, by account. */
  readonly #known = new Generations<true>(KNOWN_MAX);
  /** Customers who were given a card that was never approved. */
  readonly #fresh = new Generations<Fresh>(CUSTOMERS_MAX);
  /** Idempotency keys that passed: an answer may be lost, so they are never refused later. */
  readonly #passed = new Generations<true>(PASSED_MAX);

  /** Whether a token may be made for a visitor of an account; remembers who it was made for. */
  admitToken(
    name: string,
    { network, proven }: Visit,
    token: TokenId,
    nowMs: number,
  ): "blocked" | "stranger" | "proven" {
    const from = network === undefined ? undefined : this.#networkOf(name, network, nowMs);
    const speaks = proven || (network !== undefined && this.#isVouched(name, network));
    if (from !== undefined) {
      if (strikesOf(from, nowMs) >= STRIKES_MAX) return "blocked";
      if (!spend(from.allowance, NETWORK_LIMIT, nowMs)) return "blocked";
    }
    if (!speaks) {
      const { key, crowd } = this.#of(name, nowMs);
      const isNew = from !== undefined && nowMs - from.tokenMs > CROWD_MS;
      const isAdmitted =
        spend(key, KEY_LIMIT, nowMs) || (isNew && spend(crowd, CROWD_LIMIT, nowMs));
      if (!isAdmitted) return "blocked";
    }
    if (from !== undefined) from.tokenMs = nowMs;
    this.#tickets.set(token, { network, proven: speaks });
    return speaks ? "proven" : "stranger";
  }

  /** Whether the processor may be asked. What passes must be settled. */
  judge(asked: Asked, nowMs: number): Passed | "blocked" {
    const { name } = asked;
    const key = `${name}/${asked.key}`;
    const { ticket, ...whose } = this.#whoseIs(asked);
    const { caller } = asked;
    const passed = { name, network: ticket?.network, caller, ...whose };
    if (this.#isKnown(name, whose) || this.#passed.get(key) === true) {
      return { ...passed, lane: undefined };
    }
    const lane = this.#of(name, nowMs).lanes[this.#originOf(name, ticket, caller)];
    const phase = phaseOf(lane.breaker, nowMs);
    if (phase === "open") return "blocked";
    // One at a time while it is tried whether the attack is over.
    const room = phase === "trying" ? 0 : roomOf(lane.breaker);
    if (!start(lane.flight, room, nowMs)) return "blocked";
    this.#passed.set(key, true);
    return { ...passed, lane };
  }

  /** A charge that passed has ended; `undefined` when nobody knows how, or it came to nothing. */
  settle(passed: Passed, approved: boolean | undefined, nowMs: number): void {
    const { name, lane, network, caller, fingerprint, customer } = passed;
    const from = network === undefined ? undefined : this.#networkOf(name, network, nowMs);
    const strikes = from === undefined ? 0 : strikesOf(from, nowMs);
    if (lane !== undefined) {
      land(lane.flight, approved === true, nowMs);
      const tells = approved === true || (approved === false && strikes < STRIKES_TOLD_MAX);
      if (tells) hear(lane.breaker, approved, nowMs);
      if (approved === false && from !== undefined) {
        if (strikes === 0) from.struckMs = nowMs;
        from.strikes = strikes + 1;
      }
    }
    if (approved !== true) return;
    earn(this.#of(name, nowMs).key, KEY_LIMIT);
    if (fingerprint !== undefined) this.#known.set(`${name}/${fingerprint}`, true);
    if (customer !== undefined) this.#fresh.delete(`${name}/${customer}`);
    if (caller !== undefined) {
      const home = `${name}/${caller}`;
      this.#homes.set(home, (this.#homes.get(home) ?? 0) + 1);
    }
    if (network === undefined || from === undefined) return;
    this.#vouched.set(`${name}/${network}`, true);
    from.strikes = 0;
    earn(from.allowance, NETWORK_LIMIT);
  }

  /** A customer was given a card: until it was approved once, it is a stranger's. */
  attached(name: string, customer: string, token: string, fingerprint: string): void {
    if (this.#known.get(`${name}/${fingerprint}`) === true) return;
    const ticket = this.#tickets.get(token);
    this.#fresh.set(`${name}/${customer}`, { fingerprint, ticket });
  }

  #whoseIs(asked: Asked) {
    if ("token" in asked) {
      const ticket = this.#tickets.get(asked.token);
      return { ticket, fingerprint: asked.fingerprint, customer: undefined };
    }
    const { name, customer } = asked;
    const fresh = this.#fresh.get(`${name}/${customer}`);
    return { ticket: fresh?.ticket, fingerprint: fresh?.fingerprint, customer };
  }

  // A customer whose card is not fresh has had it for as long as anybody here remembers.
  #isKnown(name: string, whose: Pick<Passed, "fingerprint">): boolean {
    const { fingerprint } = whose;
    return fingerprint === undefined || this.#known.get(`${name}/${fingerprint}`) === true;
  }

  // No ticket: a server made the token, or typed the card itself.
  #originOf(name: string, ticket: Ticket | undefined, caller: string | undefined): Origin {
    if (ticket !== undefined) return ticket.proven ? "proven" : "stranger";
    const isHome =
      caller === undefined || (this.#homes.get(`${name}/${caller}`) ?? 0) >= HOME_APPROVALS_MIN;
    return isHome ? "server" : "other_server";
  }

  #isVouched(name: string, network: string): boolean {
    return this.#vouched.get(`${name}/${network}`) === true;
  }

  #networkOf(name: string, network: string, nowMs: number): Network {
    const whose = `${name}/${network}`;
    const held = this.#networks.get(whose);
    if (held !== undefined) return held;
    const fresh = {
      allowance: newAllowance(NETWORK_LIMIT, nowMs),
      strikes: 0,
      struckMs: 0,
      tokenMs: Number.NEGATIVE_INFINITY,
    };
    this.#networks.set(whose, fresh);
    return fresh;
  }

  #of(name: string, nowMs: number): Guarded {
    const held = this.#accounts.get(name);
    if (held !== undefined) return held;
    const fresh = {
      key: newAllowance(KEY_LIMIT, nowMs),
      crowd: newAllowance(CROWD_LIMIT, nowMs),
      lanes: {
        stranger: newLane(),
        proven: newLane(),
        server: newLane(),
        other_server: newLane(),
      },
    };
    this.#accounts.set(name, fresh);
    return fresh;
  }
}

/** Strikes that are not forgiven yet. */
function strikesOf(network: Network, nowMs: number): number {
  const forgiven = Math.floor(Math.max(0, nowMs - network.struckMs) / FORGIVEN_MS);
  if (network.strikes > 0 && forgiven > 0) {
    network.strikes = Math.max(0, network.strikes - forgiven);
    network.struckMs += forgiven * FORGIVEN_MS;
  }
  return network.strikes;
}
