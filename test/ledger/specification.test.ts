// The ledger's SQL against its specification (test/sim/specification): random histories of batches given to
// both. The verdicts of each batch are compared, and when a set of histories has ended the rows of its merchants:
// the journal whole, and of everything else ids, states and sums, but no texts. TESSERA_SEED draws the same
// histories again; ids and times are others.

import type pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Command, exclusions, type Scope, type Verdict } from "../../protocol/command.ts";
import { type ChargeId, idOf } from "../../protocol/ids.ts";
import { type Intents, newProjection, project } from "../../protocol/projection.ts";
import { unfinishedOf } from "../../protocol/row.ts";
import type { KeptTerms } from "../../protocol/terms.ts";
import { Dice } from "../sim/chance.ts";
import * as specification from "../sim/specification/ledger.ts";
import { RandomHistory } from "./random-history.ts";
import {
  apply,
  closing,
  connect,
  ending,
  incrementing,
  mintAccount,
  type OwnLedger,
  opening,
  operating,
  ownLedger,
  seedOf,
} from "./region.ts";
import { operationId, standing, tablesIn, tablesOf, WRITTEN, type Written } from "./written.ts";

const HISTORIES = 400;
/** Of 400, one run in 25 leaves out a rare verdict; then there are more. */
const HISTORIES_MAX = 4 * HISTORIES;
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

const seed = seedOf();

test(`says what its specification says, in ${HISTORIES} random histories or more (seed ${seed})`, async () => {
  const words = new Map<string, number>();
  const isEnough = (n: number) => n * TOGETHER >= HISTORIES && words.size >= WORDS.length;
  for (let n = 0; !isEnough(n) && n * TOGETHER < HISTORIES_MAX; n++) {
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

async function begin(dice: Dice): Promise<RandomHistory[]> {
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
  return scopes.map(
    (scope, i) => new RandomHistory(model, scope, new Dice(dice.whole(0, 1e9), `history ${i}`)),
  );
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

/** Compares the rows of a merchant, as `WRITTEN` tells of them, and replays the journal. */
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
