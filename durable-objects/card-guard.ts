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
/** Tokens from one network at one account: a household, a café, an office whose buyers pay. */
export const NETWORK_LIMIT: AllowanceLimit = { burst: 30, perSecond: 0.05, earned: 2, most: 300 };

/** Entries of one generation of each map of a slot; about 100 bytes an entry, 20 MB when all are full. */
const ACCOUNTS_MAX = 2_000;
const NETWORKS_MAX = 20_000;
const VOUCHED_MAX = 10_000;
const TICKETS_MAX = 20_000;
const KNOWN_MAX = 25_000;
const CUSTOMERS_MAX = 10_000;
const PASSED_MAX = 10_000;

/** Cards of one kind of origin, judged together. */
type Lane = { readonly breaker: Breaker; readonly flight: Flight };

type Guarded = {
  readonly key: Allowance;
  /** Cards nothing speaks for. */
  readonly strangers: Lane;
  /** Cards unknown too, but whose buyer passed a challenge or comes from where others paid. */
  readonly proven: Lane;
};

/** What speaks for a card besides its own past. */
type Ticket = { readonly network: string | undefined; readonly proven: boolean };

/** A charge that is to be judged. `name` is account and mode. */
export type Asked = {
  readonly name: string;
  /** The merchant's idempotency key: what once passed, passes again. */
  readonly key: string;
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
  /** Where its outcome counts; undefined for a known card. */
  readonly lane: Lane | undefined;
};

const NO_TICKET: Ticket = { network: undefined, proven: false };

const newLane = (): Lane => ({ breaker: newBreaker(), flight: newFlight() });

export class CardGuard {
  readonly #accounts = new Generations<Guarded>(ACCOUNTS_MAX);
  readonly #networks = new Generations<Allowance>(NETWORKS_MAX);
  /** Networks that an approved charge came from, by account. */
  readonly #vouched = new Generations<true>(VOUCHED_MAX);
  readonly #tickets = new Generations<Ticket>(TICKETS_MAX);
  /** Fingerprints that were approved, by account. */
  readonly #known = new Generations<true>(KNOWN_MAX);
  /** Customers who were given a card that was never approved. */
  readonly #fresh = new Generations<{ fingerprint: string; ticket: Ticket }>(CUSTOMERS_MAX);
  /** Idempotency keys that passed: an answer may be lost, so they are never refused later. */
  readonly #passed = new Generations<true>(PASSED_MAX);

  /** Whether a token may be made for a visitor of an account; remembers who it was made for. */
  admitToken(name: string, visit: Visit, token: TokenId, nowMs: number): boolean {
    const { network, proven } = visit;
    const speaks = proven || (network !== undefined && this.#isVouched(name, network));
    if (network !== undefined) {
      if (!spend(this.#allowanceOf(name, network, nowMs), NETWORK_LIMIT, nowMs)) return false;
    }
    if (!speaks && !spend(this.#of(name, nowMs).key, KEY_LIMIT, nowMs)) return false;
    this.#tickets.set(token, { network, proven: speaks });
    return true;
  }

  /** Whether the processor may be asked. What passes must be settled. */
  judge(asked: Asked, nowMs: number): Passed | "blocked" {
    const { name } = asked;
    const key = `${name}/${asked.key}`;
    const { ticket, ...whose } = this.#whoseIs(asked);
    const passed = { name, network: ticket.network, ...whose };
    if (this.#isKnown(name, whose) || this.#passed.get(key) === true) {
      return { ...passed, lane: undefined };
    }
    const { strangers, proven } = this.#of(name, nowMs);
    const lane = ticket.proven ? proven : strangers;
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
    const { name, lane, network, fingerprint, customer } = passed;
    if (lane !== undefined) {
      land(lane.flight, approved === true, nowMs);
      if (approved !== undefined) hear(lane.breaker, approved, nowMs);
    }
    if (approved !== true) return;
    earn(this.#of(name, nowMs).key, KEY_LIMIT);
    if (fingerprint !== undefined) this.#known.set(`${name}/${fingerprint}`, true);
    if (customer !== undefined) this.#fresh.delete(`${name}/${customer}`);
    if (network === undefined) return;
    this.#vouched.set(`${name}/${network}`, true);
    earn(this.#allowanceOf(name, network, nowMs), NETWORK_LIMIT);
  }

  /** A customer was given a card: until it was approved once, it is a stranger's. */
  attached(name: string, customer: string, token: string, fingerprint: string): void {
    if (this.#known.get(`${name}/${fingerprint}`) === true) return;
    const ticket = this.#tickets.get(token) ?? NO_TICKET;
    this.#fresh.set(`${name}/${customer}`, { fingerprint, ticket });
  }

  #whoseIs(asked: Asked) {
    if ("token" in asked) {
      const ticket = this.#tickets.get(asked.token) ?? NO_TICKET;
      return { ticket, fingerprint: asked.fingerprint, customer: undefined };
    }
    const { name, customer } = asked;
    const fresh = this.#fresh.get(`${name}/${customer}`);
    return { ticket: fresh?.ticket ?? NO_TICKET, fingerprint: fresh?.fingerprint, customer };
  }

  // A customer whose card is not fresh has had it for as long as anybody here remembers.
  #isKnown(name: string, whose: Pick<Passed, "fingerprint">): boolean {
    const { fingerprint } = whose;
    return fingerprint === undefined || this.#known.get(`${name}/${fingerprint}`) === true;
  }

  #isVouched(name: string, network: string): boolean {
    return this.#vouched.get(`${name}/${network}`) === true;
  }

  #allowanceOf(name: string, network: string, nowMs: number): Allowance {
    const whose = `${name}/${network}`;
    const held = this.#networks.get(whose);
    if (held !== undefined) return held;
    const fresh = newAllowance(NETWORK_LIMIT, nowMs);
    this.#networks.set(whose, fresh);
    return fresh;
  }

  #of(name: string, nowMs: number): Guarded {
    const held = this.#accounts.get(name);
    if (held !== undefined) return held;
    const fresh = {
      key: newAllowance(KEY_LIMIT, nowMs),
      strangers: newLane(),
      proven: newLane(),
    };
    this.#accounts.set(name, fresh);
    return fresh;
  }
}
