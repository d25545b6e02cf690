// The ledger's SQL against its specification (test/sim/specification/ledger.ts): random histories of batches given to
// both, verdicts compared one by one, and everything that was written compared at the end. One seed is
// one set of histories; TESSERA_SEED replays it.

import type pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import {
  type Command,
  exclusions,
  type OpenCharge,
  type OpenOperation,
  type SaveCustomer,
  type SaveObject,
  type Scope,
  type Verdict,
} from "../../protocol/command.ts";
import type { ObjectType } from "../../protocol/facts.ts";
import {
  type CardId,
  type ChargeId,
  type CustomerId,
  idOf,
  type ObjectPrefix,
  type PaymentIntentId,
  type TokenId,
} from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import { objectIdOf } from "../../protocol/object-type.ts";
import { PAYOUT_EVENTS } from "../../protocol/payout.ts";
import { type Intents, newProjection, type Posting, project } from "../../protocol/projection.ts";
import { unfinishedOf } from "../../protocol/row.ts";
import { dayOf, type KeptTerms } from "../../protocol/terms.ts";
import { Dice } from "../sim/chance.ts";
import * as specification from "../sim/specification/ledger.ts";
import {
  apply,
  CARD,
  claim,
  closing,
  connect,
  ending,
  incrementing,
  keeping,
  mint,
  mintAccount,
  type OwnLedger,
  opening,
  operating,
  ownLedger,
  saving,
  seedOf,
  token,
} from "./region.ts";

const HISTORIES = 400;
const BATCHES = 12;
/** Merchants whose histories run side by side, in batches they share. */
const TOGETHER = 8;
const SLOT = 77;

let own: OwnLedger;
let client: pg.Client;
const model = specification.newLedger();

beforeAll(async () => {
  own = await ownLedger(inject("bindings")["DATABASE_URL_US"] ?? "");
  client = await connect(own.url);
});
afterAll(async () => {
  await client?.end();
  await own?.drop();
});

type Keyed = OpenCharge | OpenOperation | SaveCustomer | SaveObject;

/** One merchant's commands, made up as they are asked for. */
class History {
  readonly scope: Scope;
  readonly #dice: Dice;
  readonly #customers: CustomerId[] = [];
  readonly #cards: CardId[] = [];
  readonly #tokens: TokenId[] = [];
  readonly #intents: PaymentIntentId[] = [];
  readonly #keyed: Keyed[] = [];

  constructor(scope: Scope, dice: Dice) {
    this.scope = scope;
    this.#dice = dice;
  }

  /** As it stands: what is asked for next is mostly what can be. */
  get #account(): specification.Account {
    const account = specification.accountOf(model, this.scope);
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

const seed = seedOf();

test(`says what its specification says, in ${HISTORIES} random histories (seed ${seed})`, async () => {
  const words = new Map<string, number>();
  for (let n = 0; n < HISTORIES / TOGETHER; n++) {
    const dice = new Dice(seed + n, "specification");
    const histories = await begin(dice);
    for (let k = 0; k < BATCHES; k++) {
      const commands = histories.flatMap((history) =>
        Array.from({ length: dice.whole(0, 4) }, () => history.next()),
      );
      const batch = { epoch: dice.chance(0.04) ? 2 : 1, commands: withoutExclusions(commands) };
      const expected = specification.apply(model, batch, Date.now());
      const said = await sql(batch);
      expect(sorted(said), `seed ${seed}, set ${n}, batch ${k}`).toEqual(sorted(expected));
      for (const word of wordsOf(expected)) words.set(word, (words.get(word) ?? 0) + 1);
    }
    for (const { scope } of histories) await compare(scope);
  }

  expect([...words.keys()].sort()).toEqual(WORDS);
  const found = await client.query("select result from unfinished($1::smallint, $2::uuid)", [
    SLOT,
    "00000000-0000-0000-0000-000000000000",
  ]);
  expect(found.rows.map(({ result }) => unfinishedOf(result))).toEqual(
    specification.unfinished(model, SLOT, ""),
  );
});

test("says what its specification says of an authorization that is incremented until no more may be asked", async () => {
  const { scope } = (await begin(new Dice(1, "increments")))[0] ?? {};
  if (scope === undefined) throw new Error("a merchant has begun");
  const said: string[] = [];
  const both = async (...commands: Command[]) => {
    const batch = { epoch: 1, commands };
    const expected = specification.apply(model, batch, Date.now());
    expect(await sql(batch)).toEqual(expected);
    said.push(...wordsOf(expected));
  };
  const charge = opening(scope, { amount: 100, capture: false });
  await both(charge);
  await both(closing(scope, charge.id));
  for (let n = 1; n <= 11; n++) {
    // Every third is declined, and counts.
    const approved = n % 3 !== 0;
    const held = specification.chargeFacts(
      specification.accountOf(model, scope) as never,
      charge.id,
    );
    const increment = incrementing(scope, charge.id, (held?.amount ?? 0) + n);
    await both(increment);
    if (n <= 10) await both(ending(increment, approved));
    await both({ ...increment, request: "req_again" as never });
  }

  expect(said.slice(-2)).toEqual(["increments_used_up", "known"]);
  await both(operating(scope, charge.id, { amount: 100 + 37 + 1, capture: true }));
  const capture = operating(scope, charge.id, { amount: 100 + 37, capture: true });
  await both(capture);
  await both(ending(capture));
  await both(incrementing(scope, charge.id, 1_000));
  expect(said.slice(-4)).toEqual([
    "capture_too_large",
    "operation_opened",
    "done",
    "charge_already_captured",
  ]);
  await compare(scope);
});

/** All that can be said of a command; a run in which one was not said has not shown enough. */
const WORDS = [
  "balance_insufficient",
  "capture_too_large",
  "card_declined",
  "charge_already_captured",
  "charge_already_refunded",
  "charge_closed",
  "charge_failed",
  "charge_opened",
  "conflict",
  "customer_without_card",
  "done",
  "fenced",
  "idempotency_mismatch",
  "increment_too_small",
  "internal",
  "known",
  "object_locked",
  "operation_opened",
  "order_attempt_taken",
  "parameter_invalid",
  "payout_not_pending",
  "processor_refused",
  "refund_too_large",
  "release_in_part",
  "resource_missing",
  "token_already_used",
];

type Answered = ReturnType<typeof specification.apply>;

/** The tokens of a deleted customer's cards come in any order. */
const sorted = (answered: Answered): Answered =>
  answered.ok
    ? {
        ok: true,
        value: answered.value.map((verdict) =>
          verdict.outcome === "done"
            ? { ...verdict, forgotten: [...verdict.forgotten].sort() }
            : verdict,
        ),
      }
    : answered;

const wordsOf = (answered: Answered): string[] =>
  answered.ok
    ? answered.value.map((v) => (v.outcome === "refused" ? v.failure.kind : v.outcome))
    : [answered.failure];

/** What a merchant might agree to; also fees that are more than what was paid. */
const termsBy = (dice: Dice): KeptTerms => ({
  ...(dice.chance(0.8) ? { fee_bps: dice.pick([1, 29, 290, 333, 10_000]) } : {}),
  ...(dice.chance(0.6) ? { fee_fixed: { usd: dice.pick([1, 30, 350]) } } : {}),
  ...(dice.chance(0.6) ? { settlement_days: dice.pick([0, 1, 7, 30]) } : {}),
});

async function begin(dice: Dice): Promise<History[]> {
  const scopes = Array.from({ length: TOGETHER }, (_, i) => ({
    account: mintAccount(),
    livemode: i % 2 === 1,
  }));
  const commands = scopes.map(
    (scope): Command => ({
      ...scope,
      kind: "create_account",
      id: scope.account,
      slot: SLOT,
      ...(dice.chance(0.3) ? {} : { terms: termsBy(dice) }),
    }),
  );
  await apply(client, commands);
  specification.apply(model, { epoch: 1, commands }, Date.now());
  return scopes.map((scope, i) => new History(scope, new Dice(dice.whole(0, 1e9), `history ${i}`)));
}

/** What one batch may hold, as the shard's conveyor keeps it. */
function withoutExclusions(commands: readonly Command[]): Command[] {
  const taken = new Set<string>();
  return commands.filter((command) => {
    const names = exclusions(command);
    if (names.some((name) => taken.has(name))) return false;
    for (const name of names) taken.add(name);
    return true;
  });
}

async function sql(batch: { epoch: number; commands: readonly Command[] }): Promise<Answered> {
  try {
    const value: Verdict[] = await apply(client, batch.commands, batch.epoch);
    return { ok: true, value };
  } catch (error) {
    const { code = "" } = error as { code?: string };
    if (code === "TS001") return { ok: false, failure: "fenced" };
    if (/^2[23]/.test(code)) return { ok: false, failure: "conflict" };
    throw error;
  }
}

/** Compares all that was written of a merchant, and replays the journal. */
async function compare(scope: Scope): Promise<void> {
  const account = specification.accountOf(model, scope);
  const { rows } = await client.query<{ written: Written }>(WRITTEN, [
    scope.account,
    scope.livemode,
  ]);
  const written = rows[0]?.written;
  if (account === undefined || written === undefined) throw new Error("there is such a merchant");
  expect(tablesOf(written)).toEqual(tablesIn(account));
  const { charges, operations } = account;
  const intents: Intents = {
    terms: account.facts.terms,
    charge: (id) => {
      const charge = charges.get(id as ChargeId);
      const availableNow = account.authorizations.get(id as ChargeId)?.availableNow ?? false;
      return charge && { ...charge.command, availableNow };
    },
    operation: (id) => {
      const operation = operations.get(id);
      return (
        operation && { ...operation, operation: operation.kind, charge: operation.command.charge }
      );
    },
  };
  const replayed = newProjection();
  for (const entry of tablesOf(written).journal) {
    expect(project(replayed, entry, intents)).toEqual({ ok: true, value: undefined });
  }
  expect(standing(replayed)).toEqual({
    seq: written.seq,
    charges: Object.fromEntries(
      written.authorizations.map((a) => [
        idOf("ch", a.id),
        [
          a.state,
          a.raised ?? 0,
          a.amount_captured,
          a.amount_refunded,
          a.amount_refunding,
          a.balance_seq,
        ],
      ]),
    ),
    operations: Object.fromEntries(
      written.operations.map((o) => [operationId(o), [o.state, o.seq, o.balance_seq]]),
    ),
    balances: tablesOf(written).balances,
    freed: tablesOf(written).pending,
  });
}

type OperationRow = {
  id: string;
  kind: string;
  state: string;
  amount: number;
  charge: string;
  seq: number | null;
  balance_seq: number | null;
};
type Written = {
  seq: number;
  journal: {
    seq: number;
    type: number;
    subject: string;
    request: string | null;
    debit: 1 | 2 | 4 | null;
    credit: 1 | 2 | 4 | null;
    amount: number | null;
    currency: string | null;
    fee: number | null;
    available_on: string | null;
    created_at: string;
    captured: number | null;
    refunded: number | null;
  }[];
  charges: string[];
  authorizations: {
    id: string;
    state: string;
    seq: number;
    amount_captured: number;
    amount_refunded: number;
    amount_refunding: number;
    balance_seq: number | null;
    processor_ref: string | null;
    available_now: boolean | null;
    raised: number | null;
  }[];
  operations: OperationRow[];
  balances: {
    ledger_account: 1 | 2 | 3 | 4;
    currency: string;
    amount: number;
    pending: number[] | null;
  }[];
  customers: { id: string; seq: number; deleted: boolean }[];
  cards: { id: string; customer: string; token: string }[];
  objects: { id: string; type: ObjectType; seq: number; deleted: boolean; versions: number }[];
  keys: { key: string; seq: number | null; failed: boolean }[];
};

const table = (columns: string, from: string, order: string): string =>
  `(select coalesce(json_agg(r order by ${order}), '[]') from (select ${columns} from ${from}
     where account_no = a.no) r)`;

const WRITTEN = `select json_build_object('seq', a.seq,
  'journal', ${table("*", "journal", "seq")},
  'charges', (select coalesce(json_agg(c.id order by c.id), '[]') from charges c
    where c.account_no = a.no),
  'authorizations', ${table("*", "authorizations", "id")},
  'operations', ${table("*", "operations", "id")},
  'balances', ${table("*", "balances", "ledger_account")},
  'customers', ${table("*", "customers", "id")},
  'cards', ${table("*", "cards", "id")},
  'objects', ${table(
    `id, type, seq, deleted, (select count(*) from object_versions v
       where v.account_no = a.no and v.id = objects.id) as versions`,
    "objects",
    "id",
  )},
  'keys', ${table("key, seq, failure is not null as failed", "idempotency_keys", "key")}
  ) as written from accounts a where a.id = $1 and a.livemode = $2`;

const LEDGER_ACCOUNTS = { 1: "processor", 2: "merchant", 3: "fees", 4: "payouts" } as const;

const operationId = ({ id, kind }: Pick<OperationRow, "id" | "kind">): string =>
  idOf(kind === "capture" || kind === "increment" ? "op" : "re", id);

const dayOfText = (text: string): number => dayOf(Date.parse(text) / 1000);

function postingOf({
  debit,
  credit,
  amount,
  currency,
  fee,
  available_on,
}: Pick<
  Written["journal"][number],
  "debit" | "credit" | "amount" | "currency" | "fee" | "available_on"
>): Posting | null {
  if (debit === null || credit === null || amount === null || currency === null) return null;
  return {
    debit: LEDGER_ACCOUNTS[debit],
    credit: LEDGER_ACCOUNTS[credit],
    amount,
    currency,
    fee: fee ?? 0,
    availableOn: available_on === null ? null : dayOfText(available_on),
  };
}

/** What of the balances comes free on a day, by `currency/day`. */
const pendingOf = (balances: Written["balances"]): Record<string, number> =>
  Object.fromEntries(
    balances.flatMap(({ currency, pending }) =>
      (pending ?? []).flatMap((day, i) =>
        i % 2 === 0 ? [[`${currency}/${day}`, pending?.[i + 1] ?? 0]] : [],
      ),
    ),
  );

/** The rows of the tables in the words of the specification. */
function tablesOf(written: Written) {
  const operations = new Map(written.operations.map((o) => [o.id, operationId(o)]));
  const subjectOf = (type: number, uuid: string): string =>
    operations.get(uuid) ??
    idOf(type >= 60 ? "po" : type >= 20 ? "pi" : type >= 10 && type < 13 ? "cus" : "ch", uuid);
  return {
    seq: written.seq,
    journal: written.journal.map(
      ({ seq, type, subject, request, captured, refunded, created_at, ...row }) => ({
        seq,
        day: dayOfText(created_at),
        type,
        subject: subjectOf(type, subject),
        request,
        captured,
        refunded,
        posting: postingOf(row),
      }),
    ),
    charges: written.charges.map((id) => idOf("ch", id)),
    authorizations: Object.fromEntries(
      written.authorizations.map((a) => [
        idOf("ch", a.id),
        {
          state: a.state,
          seq: a.seq,
          amount_captured: a.amount_captured,
          amount_refunded: a.amount_refunded,
          amount_refunding: a.amount_refunding,
          balance_seq: a.balance_seq,
          processor_ref: a.processor_ref,
          availableNow: a.available_now ?? false,
          raised: a.raised ?? 0,
        },
      ]),
    ),
    operations: Object.fromEntries(
      written.operations.map((o) => [
        operationId(o),
        {
          kind: o.kind,
          state: o.state,
          amount: o.amount,
          charge: idOf("ch", o.charge),
          seq: o.seq,
          balance_seq: o.balance_seq,
        },
      ]),
    ),
    balances: Object.fromEntries(
      written.balances.map((b) => [`${LEDGER_ACCOUNTS[b.ledger_account]}/${b.currency}`, b.amount]),
    ),
    pending: pendingOf(written.balances),
    customers: Object.fromEntries(
      written.customers.map(({ id, seq, deleted }) => [idOf("cus", id), { seq, deleted }]),
    ),
    cards: Object.fromEntries(
      written.cards.map((c) => [
        idOf("card", c.id),
        { customer: idOf("cus", c.customer), token: idOf("tok", c.token) },
      ]),
    ),
    objects: Object.fromEntries(
      written.objects.map(({ id, ...object }) => [objectIdOf(object.type, id), object]),
    ),
    keys: Object.fromEntries(written.keys.map(({ key, seq, failed }) => [key, { seq, failed }])),
  };
}

/** The same of the specification's account. */
function tablesIn(account: specification.Account): ReturnType<typeof tablesOf> {
  return {
    seq: account.seq,
    journal: account.journal.map(({ createdMs: _, ...entry }) => entry),
    charges: [...account.charges.keys()].sort(),
    authorizations: fromMap(account.authorizations, ({ closed, ...a }) => ({
      ...a,
      processor_ref: closed.processor_ref,
    })),
    operations: fromMap(
      account.operations,
      ({ command, kind, state, amount, seq, balance_seq }) => ({
        kind,
        state,
        amount,
        charge: command.charge,
        seq,
        balance_seq,
      }),
    ),
    balances: Object.fromEntries(account.balances),
    pending: Object.fromEntries(account.pending),
    customers: fromMap(account.customers, ({ seq, deleted }) => ({ seq, deleted })),
    cards: fromMap(account.cards, ({ customer, token }) => ({ customer, token })),
    objects: fromMap(account.objects, ({ versions, ...object }) => ({
      ...object,
      versions: versions.size,
    })),
    keys: fromMap(account.keys, ({ end }) => ({
      seq: "seq" in end ? end.seq : null,
      failed: "failure" in end,
    })),
  };
}

const fromMap = <V, R>(map: ReadonlyMap<string, V>, read: (value: V) => R): Record<string, R> =>
  Object.fromEntries([...map].map(([key, value]) => [key, read(value)]));

/** What a replayed journal says of charges the processor has spoken on, operations and balances. */
const standing = (replayed: ReturnType<typeof newProjection>) => ({
  seq: replayed.seq,
  charges: Object.fromEntries(
    [...replayed.charges]
      .filter(([, { state }]) => state !== "opened")
      .map(([id, c]) => [
        id,
        [c.state, c.raised, c.captured, c.refunded, c.refunding, c.balanceSeq],
      ]),
  ),
  operations: fromMap(replayed.operations, (o) => [o.state, o.seq, o.balanceSeq]),
  balances: Object.fromEntries(replayed.balances),
  freed: Object.fromEntries(replayed.freed),
});
