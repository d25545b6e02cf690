// Random histories of merchants: commands that are mostly what can be, some repeated, some late and some
// forbidden, made up from the state of the specification.

import type {
  Command,
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
  Scope,
} from "../../protocol/command.ts";
import type {
  CardId,
  ChargeId,
  CustomerId,
  ObjectPrefix,
  PaymentIntentId,
  TokenId,
} from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import { PAYOUT_EVENTS } from "../../protocol/payout.ts";
import type { Dice } from "../sim/chance.ts";
import * as specification from "../sim/specification/ledger.ts";
import {
  CARD,
  claim,
  closing,
  incrementing,
  keeping,
  mint,
  opening,
  operating,
  saving,
  token,
} from "./region.ts";

type Keyed = OpenCharge | OpenOperation | SaveCustomer | SaveObject;

/** One merchant's commands, made up as they are asked for. */
export class RandomHistory {
  readonly scope: Scope;
  /** The specification, as far as the history has come. */
  readonly #ledger: specification.Ledger;
  readonly #dice: Dice;
  readonly #customers: CustomerId[] = [];
  readonly #cards: CardId[] = [];
  readonly #tokens: TokenId[] = [];
  readonly #intents: PaymentIntentId[] = [];
  readonly #keyed: Keyed[] = [];

  constructor(ledger: specification.Ledger, scope: Scope, dice: Dice) {
    this.#ledger = ledger;
    this.scope = scope;
    this.#dice = dice;
  }

  /** As it stands: what is asked for next is mostly what can be. */
  get #account(): specification.Account {
    const account = specification.accountOf(this.#ledger, this.scope);
    if (account === undefined) throw new Error("a history is of a merchant");
    return account;
  }

  next(): Command {
    const dice = this.#dice;
    const again = this.#keyed.length > 0 && dice.chance(0.15) ? dice.pick(this.#keyed) : undefined;
    const command = again === undefined ? this.#fresh() : this.#repeat(again);
    if ("key" in command) this.#keyed.push(command);
    return command;
  }

  /** The key of an earlier command: of the same request, or of another. */
  #repeat(first: Keyed): Command {
    const { key } = first;
    const dice = this.#dice;
    if (dice.chance(0.3)) return { ...first, mac: "ff".repeat(16), request: "req_other" };
    if (dice.chance(0.2)) return { ...this.#open(), key };
    if (first.kind === "open_charge" && first.token !== undefined) {
      return { ...first, id: mint.mint("ch"), token: token(), request: "req_again" };
    }
    return first.kind === "open_charge"
      ? { ...first, id: mint.mint("ch"), request: "req_again" }
      : { ...first, request: "req_again" };
  }

  #fresh(): Command {
    const dice = this.#dice;
    const { charges, authorizations, operations } = this.#account;
    const sort = dice.next();
    if (sort < 0.22 || charges.size === 0) return this.#open();
    if (sort < 0.44) {
      const open = [...charges.keys()].filter((id) => !authorizations.has(id));
      const ids = open.length > 0 && dice.chance(0.8) ? open : [...charges.keys()];
      const approved = dice.chance(0.85);
      return {
        ...closing(this.scope, this.#oneOf(ids, "ch"), approved),
        ...(approved && dice.chance(0.2) ? { available_now: true } : {}),
      };
    }
    if (sort < 0.64) return this.#operate();
    if (sort < 0.74 && operations.size > 0) return this.#end();
    if (sort < 0.82) return this.#pay();
    return sort < 0.9 ? this.#keep() : this.#save();
  }

  /** Makes an intent, or changes one as who has heard of everything would, or not quite. */
  #keep(): SaveObject {
    const dice = this.#dice;
    if (this.#intents.length === 0 || dice.chance(0.3)) {
      const made = keeping(this.scope);
      this.#intents.push(made.id as PaymentIntentId);
      return made;
    }
    const id = this.#oneOf(this.#intents, "pi");
    const { seq, attempts } = this.#known(id);
    return keeping(this.scope, {
      id,
      made: false,
      expects: seq,
      attempts,
      event: dice.pick([21, 22, 23]),
      document: dice.chance(0.1) ? null : { amount: dice.whole(1, 400), currency: "usd", attempts },
    });
  }

  /** Makes a payout, of more than there is now and then, or moves one on, or back. */
  #pay(): SaveObject {
    const dice = this.#dice;
    const standing = [...this.#account.objects].filter(([, { type }]) => type === "payout");
    const currency = dice.pick(["usd", "jpy"]);
    if (standing.length === 0 || dice.chance(0.5)) {
      const amount = dice.whole(1, dice.chance(0.5) ? 60 : 600);
      return keeping(this.scope, {
        type: "payout",
        id: mint.mint("po"),
        event: PAYOUT_EVENTS.created,
        document: { amount, currency, status: "pending", due: 1 },
        posting: { debit: "merchant", credit: "payouts", amount, currency },
      });
    }
    const [id, { seq, versions }] = dice.pick(standing);
    const { due: _, ...before } = versions.get(seq) ?? {};
    const { amount, status } = before as { amount: number; currency: string; status: string };
    const back = status === "pending" && dice.chance(0.5);
    return keeping(this.scope, {
      type: "payout",
      id,
      made: false,
      expects: seq - (dice.chance(0.1) ? 1 : 0),
      event: back ? PAYOUT_EVENTS.canceled : PAYOUT_EVENTS.updated,
      document: { ...before, status: back ? "canceled" : status },
      ...(back
        ? {
            posting: {
              debit: "payouts" as const,
              credit: "merchant" as const,
              amount,
              currency: String(before["currency"]),
            },
          }
        : {}),
      ...(dice.chance(0.3) ? { refusal: { kind: "payout_not_pending", status } } : {}),
    });
  }

  /** What somebody knows of an intent who may have missed its last change or charge. */
  #known(id: PaymentIntentId): { readonly seq: number; readonly attempts: number } {
    const { objects, chargeOfIntent } = this.#account;
    const attempts = [...chargeOfIntent.keys()].filter((name) => name.startsWith(id)).length;
    const late = this.#dice.chance(0.15) ? 1 : 0;
    return {
      seq: (objects.get(id)?.seq ?? 1) - (this.#dice.chance(0.1) ? 1 : 0),
      attempts: Math.max(0, attempts - late),
    };
  }

  #attempt(): Partial<OpenCharge> {
    const id = this.#oneOf(this.#intents, "pi");
    const { seq, attempts } = this.#known(id);
    const object = this.#account.objects.get(id);
    const document = object?.versions.get(seq) ?? {};
    return { intent: { id, seq, attempt: attempts + 1, document } };
  }

  #open(): OpenCharge {
    const dice = this.#dice;
    const command = opening(this.scope, {
      ...claim(),
      // Now and then something that a CHECK forbids, which must take its whole batch with it.
      amount: dice.chance(0.01) ? dice.pick([0, -1, 100_000_000]) : dice.whole(1, 400),
      currency: dice.pick(["usd", "usd", "jpy"]),
      capture: dice.chance(0.6),
      token: this.#token(),
      ...(dice.chance(0.2)
        ? { order_id: dice.pick(["A", "B"]), attempt_number: dice.whole(1, 3) }
        : {}),
      ...(dice.chance(0.5) ? { metadata: { zebra: "1", apple: "ünïcødé" } } : {}),
      ...(dice.chance(0.2) ? { description: "Tiles", receipt_email: "a@b.example" } : {}),
      ...(dice.chance(0.2)
        ? { statement_descriptor_suffix: "BLUE", transfer_group: "G", shipping: { name: "A" } }
        : {}),
      ...(dice.chance(0.2)
        ? { card: { ...CARD, name: "A", address_zip: "1", country: "DE" } }
        : {}),
      ...(this.#intents.length > 0 && dice.chance(0.4) ? this.#attempt() : {}),
    });
    if (this.#customers.length === 0 || dice.chance(0.7)) return command;
    const { token: _token, card: _card, ...bare } = command;
    const customer = this.#oneOf(this.#customers, "cus");
    return dice.chance(0.5)
      ? { ...bare, customer }
      : { ...bare, customer, card_id: this.#oneOf(this.#cards, "card") };
  }

  #operate(): Command {
    const dice = this.#dice;
    const { charges, authorizations } = this.#account;
    const closed = [...authorizations.keys()];
    const ids = closed.length > 0 && dice.chance(0.9) ? closed : [...charges.keys()];
    const charge = this.#oneOf(ids, "ch");
    if (dice.chance(0.3)) return this.#increment(charge);
    return operating(this.scope, charge, {
      capture: dice.chance(0.3),
      ...(dice.chance(0.5) ? { amount: dice.whole(dice.chance(0.01) ? 0 : 1, 410) } : {}),
      ...(dice.chance(0.3) ? { reason: "duplicate", metadata: { why: "it was" } } : {}),
    });
  }

  /** Mostly one that waits for its capture, and mostly more than it has. */
  #increment(charge: ChargeId): Command {
    const factsOf = (id: ChargeId) => specification.chargeFacts(this.#account, id);
    const waiting = [...this.#account.authorizations.keys()].filter(
      (id) => factsOf(id)?.state === "authorized",
    );
    const id = waiting.length > 0 && this.#dice.chance(0.8) ? this.#dice.pick(waiting) : charge;
    return incrementing(this.scope, id, (factsOf(id)?.amount ?? 0) + this.#dice.whole(-2, 20));
  }

  #end(): Command {
    const { operations } = this.#account;
    const open = [...operations.values()].filter(({ state }) => state === "opened");
    const among = open.length > 0 && this.#dice.chance(0.8) ? open : [...operations.values()];
    const { command, kind } = this.#dice.pick(among);
    const { account, livemode, id, charge } = command;
    const approved = this.#dice.chance(kind === "increment" ? 0.5 : 0.75);
    const processor_ref = approved ? "ref_2" : null;
    const decline = this.#dice.pick([
      {
        code: "card_declined",
        decline_code: "insufficient_funds",
        message: "No.",
        network_code: "51",
      },
      { code: "processing_error", message: "Not now." },
    ]);
    return {
      kind: "close_operation",
      account,
      livemode,
      id,
      charge,
      approved,
      processor_ref,
      ...(kind === "increment" && !approved && this.#dice.chance(0.7) ? { decline } : {}),
    };
  }

  #save(): Command {
    const dice = this.#dice;
    const made = this.#customers.length === 0 || dice.chance(0.4);
    const kept = dice.chance(0.5) ? this.#token() : undefined;
    const command = saving(this.scope, {
      made,
      id: made ? mint.mint("cus") : this.#oneOf(this.#customers, "cus"),
      removed: !made && dice.chance(0.3),
      ...(dice.chance(0.5) ? { patch: { name: "Ada", metadata: { b: "1", a: null } } } : {}),
      ...(dice.chance(0.2) ? { patch: { name: null, metadata: null } } : {}),
      ...(dice.chance(0.3) ? { patch: { metadata: this.#manyPairs() } } : {}),
      ...(kept === undefined
        ? {}
        : {
            token: kept,
            card: dice.chance(0.5) ? CARD : { ...CARD, metadata: { a: "1" } },
            card_id: cardIdOfToken(kept),
            ...(dice.chance(0.5) ? { keeps_default: true } : {}),
          }),
      ...(dice.chance(0.1) ? { default_source: this.#oneOf(this.#cards, "card") } : {}),
    });
    if (!made && !command.removed && dice.chance(0.3)) {
      const { token: _token, card: _card, default_source: _source, ...rest } = command;
      const card_patch = dice.chance(0.7)
        ? { name: "Ada", exp_year: 2040, metadata: { b: "1", a: null } }
        : {
            name: null,
            address_line1: "Row 7",
            metadata: dice.chance(0.5) ? null : this.#manyPairs(),
          };
      return { ...rest, card_id: this.#oneOf(this.#cards, "card"), card_patch };
    }
    this.#customers.push(command.id);
    if (command.card_id !== undefined) this.#cards.push(command.card_id);
    if (!command.removed) return command;
    const { token: _token, card: _card, card_id: _id, default_source: _source, ...rest } = command;
    return rest;
  }

  /** So many that they fit by themselves, and not beside others. */
  #manyPairs(): Record<string, string> {
    const from = this.#dice.chance(0.5) ? 0 : 20;
    return Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${from + i}`, "v"]));
  }

  #token(): TokenId {
    if (this.#tokens.length > 0 && this.#dice.chance(0.1)) return this.#dice.pick(this.#tokens);
    const fresh = token();
    this.#tokens.push(fresh);
    return fresh;
  }

  /** Mostly one that exists. */
  #oneOf<P extends ObjectPrefix>(ids: readonly `${P}_${string}`[], prefix: P): `${P}_${string}` {
    return ids.length === 0 || this.#dice.chance(0.04)
      ? mint.mint(prefix)
      : this.#dice.pick(ids.slice(-3));
  }
}
