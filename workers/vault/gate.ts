// The gate of the vault: who may call which verb, and what a call must look like. RPC carries no types, and
// whoever holds a binding may send anything, so every call is parsed here before it is acted on. `props` are
// set by the caller's configuration at deploy time: a caller cannot choose them at run time.
// Whatever is refused is refused alike; the log names verb, caller and kind of fault and nothing that was sent.

import type { Scope } from "../../protocol/command.ts";
import { AMOUNT_MAX, AMOUNT_MIN } from "../../protocol/currency.ts";
import { EVIDENCE_CHARACTERS_MAX } from "../../protocol/dispute.ts";
import { isTokenId, parseAccountId } from "../../protocol/ids.ts";
import { KEY_PURPOSES, KEY_STEPS, type KeyCommand } from "../../protocol/keys.ts";
import { SLOTS } from "../../protocol/slot.ts";
import {
  type AuthenticationQuestion,
  FORGET_TOKENS_MAX,
  ORDERS_MAX,
  type Order,
  type Response,
  type TokenTicket,
  type TypedCard,
  type VaultVerbs,
} from "../../protocol/vault.ts";

/** Who holds a binding to the vault, as its configuration says in `props`. */
export type Caller = "edge" | "shard" | "ops";

const CALLERS: readonly string[] = ["edge", "shard", "ops"] satisfies Caller[];

export type Verb = keyof VaultVerbs;

type Rule<V extends Verb> = {
  readonly callers: readonly Caller[];
  /** The arguments, checked and with nothing added; undefined when they are not what the verb takes. */
  readonly parse: (...given: readonly unknown[]) => Parameters<VaultVerbs[V]> | undefined;
};

/** Longer than any token or alias; the edge takes no longer `source`. */
const TOKEN_TEXT_CHARACTERS_MAX = 100;
/** An order's key: an id, a verb and an attempt. */
const ORDER_KEY = /^[\x21-\x7e]{1,100}$/;
/** A processor's name for an authorization. */
const AUTHORIZATION_CHARACTERS_MAX = 255;

/** A processor's name for an authentication; the ledger keeps no longer one. */
const AUTHENTICATION_CHARACTERS_MAX = 100;

/** Characters of each field of a card; the edge's own limits are these or lower. */
const CARD_CHARACTERS_MAX: Record<keyof TypedCard, number> = {
  number: 50,
  exp_month: 4,
  exp_year: 4,
  cvc: 10,
  name: 200,
  address_line1: 200,
  address_zip: 20,
};
const CARD_FIELDS_REQUIRED: readonly string[] = ["number", "exp_month", "exp_year"];
const CARD_FIELDS = Object.entries(CARD_CHARACTERS_MAX);

/** A verb that nobody may call, or that takes anything, does not compile. */
const RULES: { readonly [V in Verb]: Rule<V> } = {
  tokenize: {
    callers: ["edge"],
    parse: (scope, card, ticket) =>
      withTicket(both(parseScope(scope), parseTypedCard(card)), ticket),
  },
  sealingKeys: { callers: ["edge"], parse: () => [] },
  // How long it may be, the one who opens it says: too long has no answer of its own.
  tokenizeSealed: {
    callers: ["edge"],
    parse: (scope, sealed, ticket) =>
      withTicket(both(parseScope(scope), typeof sealed === "string" ? sealed : undefined), ticket),
  },
  describe: {
    callers: ["edge", "shard"],
    parse: (scope, token) =>
      both(parseScope(scope), isText(token, TOKEN_TEXT_CHARACTERS_MAX) ? token : undefined),
  },
  // The edge has seen the platform's key.
  keys: {
    callers: ["edge"],
    parse: (command) => (isKeyCommand(command) ? [command] : undefined),
  },
  authenticate: {
    callers: ["edge"],
    parse: (scope, token, question) => {
      const named = both(parseScope(scope), isTokenId(token) ? token : undefined);
      const asked = parseQuestion(question);
      return named === undefined || asked === undefined ? undefined : [...named, asked];
    },
  },
  answerChallenge: {
    callers: ["edge"],
    parse: (scope, id, passed) => {
      const parsed = both(
        parseScope(scope),
        isText(id, AUTHENTICATION_CHARACTERS_MAX) ? id : undefined,
      );
      return parsed !== undefined && typeof passed === "boolean" ? [...parsed, passed] : undefined;
    },
  },
  perform: {
    callers: ["shard"],
    parse: (orders) => (areOrders(orders) ? [orders] : undefined),
  },
  respond: {
    callers: ["edge"],
    parse: (scope, response) =>
      both(parseScope(scope), isResponse(response) ? response : undefined),
  },
  forget: {
    callers: ["shard"],
    parse: (scope, tokens) =>
      both(
        parseScope(scope),
        Array.isArray(tokens) && tokens.length <= FORGET_TOKENS_MAX && tokens.every(isTokenId)
          ? tokens
          : undefined,
      ),
  },
};

/** What every refused call hears, whatever was wrong with it. Its caller has a bug or is none of ours. */
export const REFUSAL = "Bug: the vault refused the call";

/** The checked arguments of a call; throws `REFUSAL` when this caller may not call this verb so. */
export function admit<V extends Verb>(
  props: unknown,
  verb: V,
  ...given: readonly unknown[]
): Parameters<VaultVerbs[V]> {
  const caller = callerIn(props);
  const rule: Rule<V> = RULES[verb];
  if (caller === undefined) throw refused(verb, "nobody", "no known caller");
  if (!rule.callers.includes(caller)) throw refused(verb, caller, "not a verb of this caller");
  return rule.parse(...given) ?? fail(verb, caller);
}

function callerIn(props: unknown): Caller | undefined {
  if (typeof props !== "object" || props === null || !("caller" in props)) return undefined;
  const { caller } = props;
  return typeof caller === "string" && CALLERS.includes(caller) ? (caller as Caller) : undefined;
}

function fail(verb: Verb, caller: Caller): never {
  throw refused(verb, caller, "malformed arguments");
}

function refused(verb: Verb, caller: Caller | "nobody", fault: string): Error {
  console.warn("vault refused a call", verb, caller, fault);
  return new Error(REFUSAL);
}

const both = <A, B>(a: A | undefined, b: B | undefined): [A, B] | undefined =>
  a === undefined || b === undefined ? undefined : [a, b];

/** The arguments with a ticket, which may be left out. */
function withTicket<A, B>(
  given: [A, B] | undefined,
  ticket: unknown,
): [A, B, TokenTicket?] | undefined {
  if (given === undefined || ticket === undefined) return given;
  if (typeof ticket !== "object" || ticket === null) return undefined;
  const { token, proven } = ticket as Partial<TokenTicket>;
  if (!isTokenId(token) || typeof proven !== "boolean") return undefined;
  return [...given, { token, proven }];
}

const isText = (value: unknown, charactersMax: number): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= charactersMax;

function isScope(value: unknown): value is Scope {
  if (typeof value !== "object" || value === null) return false;
  const { account, livemode } = value as Partial<Scope>;
  return (
    typeof account === "string" &&
    parseAccountId(account) !== undefined &&
    typeof livemode === "boolean"
  );
}

function parseScope(value: unknown): Scope | undefined {
  return isScope(value) ? { account: value.account, livemode: value.livemode } : undefined;
}

/** Only whether each field is a text of its length: what is in it is judged by card.ts. */
function parseTypedCard(value: unknown): TypedCard | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const card: Record<string, string> = {};
  for (const [field, charactersMax] of CARD_FIELDS) {
    const typed = (value as Record<string, unknown>)[field];
    if (typed === undefined && !CARD_FIELDS_REQUIRED.includes(field)) continue;
    if (typeof typed !== "string" || typed.length > charactersMax) return undefined;
    card[field] = typed;
  }
  return card as TypedCard;
}

function isKeyCommand(value: unknown): value is KeyCommand {
  if (typeof value !== "object" || value === null) return false;
  const { step, account, slot, purpose } = value as Record<string, unknown>;
  if (step === "destroy")
    return typeof account === "string" && parseAccountId(account) !== undefined;
  return (
    KEY_STEPS.some((known) => known === step) &&
    KEY_PURPOSES.some((known) => known === purpose) &&
    Number.isInteger(slot) &&
    (slot as number) >= 0 &&
    (slot as number) < SLOTS
  );
}

function parseQuestion(value: unknown): AuthenticationQuestion | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { key, amount, currency, purpose, requested, authentication, expiry } = value as Partial<
    Record<keyof AuthenticationQuestion, unknown>
  >;
  if (expiry !== undefined && !isExpiry(expiry)) return undefined;
  if (typeof key !== "string" || !ORDER_KEY.test(key)) return undefined;
  if (!Number.isSafeInteger(amount) || (amount as number) < 0) return undefined;
  if ((amount as number) > AMOUNT_MAX) return undefined;
  if (typeof currency !== "string" || !/^[a-z]{3}$/.test(currency)) return undefined;
  if (purpose !== "payment" && purpose !== "setup" && purpose !== "payment_and_setup") {
    return undefined;
  }
  if (requested !== "automatic" && requested !== "any" && requested !== "challenge") {
    return undefined;
  }
  const asked: AuthenticationQuestion = {
    key,
    amount: amount as number,
    currency,
    purpose,
    requested,
    ...(expiry === undefined ? {} : { expiry: { month: expiry.month, year: expiry.year } }),
  };
  if (authentication === undefined) return asked;
  return isText(authentication, AUTHENTICATION_CHARACTERS_MAX)
    ? { ...asked, authentication }
    : undefined;
}

// In place: charges wait for it, and a copy of each order would say nothing more.
function areOrders(value: unknown): value is readonly Order[] {
  if (!Array.isArray(value) || value.length > ORDERS_MAX) return false;
  for (const order of value) if (!isOrder(order)) return false;
  return true;
}

function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  const { key, verb, dispute, refund, evidence } = value as Record<string, unknown>;
  if (typeof key !== "string" || !ORDER_KEY.test(key)) return false;
  switch (verb) {
    case "contest":
      return isText(dispute, AUTHORIZATION_CHARACTERS_MAX) && isEvidence(evidence);
    case "accept":
      return isText(dispute, AUTHORIZATION_CHARACTERS_MAX);
    case "cancel":
      return typeof refund === "string" && ORDER_KEY.test(refund);
    default:
      return false;
  }
}

const isEvidence = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every((text) => isText(text, EVIDENCE_CHARACTERS_MAX));

function isOrder(value: unknown): value is Order {
  if (!isScope(value)) return false;
  const order = value as Record<string, unknown> & Scope;
  if (typeof order["key"] !== "string" || !ORDER_KEY.test(order["key"])) return false;
  const amount = order["amount"];
  if (!Number.isSafeInteger(amount) || (amount as number) < AMOUNT_MIN) return false;
  if ((amount as number) > AMOUNT_MAX) return false;
  switch (order["verb"]) {
    case "authorize":
      return (
        (order["authentication"] === undefined ||
          isText(order["authentication"], AUTHENTICATION_CHARACTERS_MAX)) &&
        isTokenId(order["token"]) &&
        typeof order["currency"] === "string" &&
        /^[a-z]{3}$/.test(order["currency"]) &&
        typeof order["capture"] === "boolean" &&
        (order["expiry"] === undefined || isExpiry(order["expiry"]))
      );
    case "capture":
    case "refund":
    case "void":
    case "increment":
      return isText(order["authorization"], AUTHORIZATION_CHARACTERS_MAX);
    default:
      return false;
  }
}

function isExpiry(value: unknown): value is NonNullable<AuthenticationQuestion["expiry"]> {
  if (typeof value !== "object" || value === null) return false;
  const { month, year } = value as Record<string, unknown>;
  return isWithin(month, 1, 12) && isWithin(year, 2000, 2099);
}

const isWithin = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
