// 50 refunds, captures and releases race for one charge, 200 times, over real connections. What the
// ledger said to each is held against a model that hears the same commands one after the other, in the
// order of the account's sequence: never a cent over, exactly the allowed ones win, every other is told why.

import type pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { OpenOperation, SaveObject, Scope, Verdict } from "../../protocol/command.ts";
import { type ChargeId, uuidOf } from "../../protocol/ids.ts";
import {
  applyOne,
  charged,
  chargeRow,
  connect,
  countTo,
  ending,
  generator,
  keeping,
  openAccount,
  operating,
  seedOf,
  wordOf,
} from "./region.ts";

const RUNS = 200;
const RIVALS = 50;
const CONNECTIONS = 10;
const seed = seedOf();
const random = generator(seed);
const chance = (p: number): boolean => random() < p;
const upTo = (n: number): number => 1 + Math.floor(random() * n);

const url = inject("bindings")["DATABASE_URL_US"] ?? "";
let clients: pg.Client[];

beforeAll(async () => {
  clients = await Promise.all(countTo(CONNECTIONS).map(() => connect(url)));
  // Who wins is decided by locks, not by the disk: what the disk keeps is shown by the drill.
  for (const client of clients) await client.query("set synchronous_commit = off");
});
afterAll(() => Promise.all(clients?.map((client) => client.end()) ?? []));

/** A charge as one who hears of everything in turn would keep it. */
type Model = {
  readonly authorized: number;
  state: "authorized" | "capturing" | "captured" | "releasing" | "released";
  captured: number;
  refunded: number;
  /** What open refunds may still take. */
  reserved: number;
};

/** What one lane says next: opens an operation, and says how the processor will answer it. */
type Turn = {
  readonly open: OpenOperation;
  readonly approved: boolean;
  readonly endsAtOnce: boolean;
  /** A refund that was made comes back from the network, told as often as this. */
  readonly comesBack: 0 | 1 | 2;
};

/** Something the ledger did or refused, at the place in the sequence where it was judged. */
type Step = { readonly seq: number; readonly verdict: Verdict } & (
  | { readonly open: OpenOperation }
  | { readonly end: OpenOperation; readonly approved: boolean }
  | { readonly back: OpenOperation }
);

function wanted(m: Model, { capture, amount }: OpenOperation): number {
  if (amount !== undefined) return amount;
  return capture || m.state === "authorized" ? m.authorized : m.captured - m.refunded - m.reserved;
}

/** What must be said to an operation that is asked for now. */
function judge(m: Model, open: OpenOperation): string {
  const amount = wanted(m, open);
  const refundable = m.captured - m.refunded;
  if (m.state === "capturing" || m.state === "releasing") return "object_locked";
  if (m.state === "released") return "charge_already_refunded";
  if (open.capture) {
    if (m.state === "captured") return "charge_already_captured";
    return amount > m.authorized ? "capture_too_large" : "opened";
  }
  if (m.state === "authorized") return amount === m.authorized ? "opened" : "release_in_part";
  if (refundable === 0) return "charge_already_refunded";
  if (amount > refundable) return "refund_too_large";
  return amount === 0 || amount > refundable - m.reserved ? "object_locked" : "opened";
}

/** Opens what was judged; returns what it is, and how much it holds. */
function begin(
  m: Model,
  open: OpenOperation,
): { kind: "capture" | "release" | "refund"; amount: number } {
  const amount = wanted(m, open);
  if (open.capture) {
    m.state = "capturing";
    return { kind: "capture", amount };
  }
  if (m.state === "authorized") {
    m.state = "releasing";
    return { kind: "release", amount };
  }
  m.reserved += amount;
  return { kind: "refund", amount };
}

function end(m: Model, { kind, amount }: ReturnType<typeof begin>, approved: boolean): void {
  if (kind === "refund") m.reserved -= amount;
  if (kind === "refund" && approved) m.refunded += amount;
  if (kind === "capture") {
    m.state = approved ? "captured" : "authorized";
    if (approved) m.captured = amount;
  }
  if (kind === "release") {
    m.state = approved ? "released" : "authorized";
    if (approved) m.refunded = amount;
  }
}

/** Hears every step in the order of the sequence, and holds the ledger's word against its own. */
function replay(model: Model, steps: readonly Step[]): void {
  const open = new Map<string, ReturnType<typeof begin>>();
  /** Refunds that were made and have not come back. */
  const given = new Map<string, number>();
  // At one number the step that took it comes first; those who were refused there saw it done.
  const taken = (step: Step) => (step.verdict.outcome === "refused" && "open" in step ? 1 : 0);
  for (const step of steps.toSorted((a, b) => a.seq - b.seq || taken(a) - taken(b))) {
    if ("open" in step) {
      expect(wordOf(step.verdict), JSON.stringify([model, step])).toBe(judge(model, step.open));
      if (step.verdict.outcome === "operation_opened") {
        open.set(step.open.id, begin(model, step.open));
        expect(step.verdict.facts.amount).toBe(open.get(step.open.id)?.amount);
      }
    } else if ("back" in step) {
      const { id } = step.back;
      const amount = given.get(id);
      // Only a refund that was made comes back, and only once.
      expect(step.verdict.outcome).toBe(amount === undefined ? "refused" : "done");
      given.delete(id);
      model.refunded -= amount ?? 0;
    } else {
      const begun = open.get(step.end.id);
      if (begun === undefined) throw new Error(`${step.end.id} ended before it was opened`);
      open.delete(step.end.id);
      end(model, begun, step.approved);
      if (begun.kind === "refund" && step.approved) given.set(step.end.id, begun.amount);
    }
    const limit = model.state === "released" ? model.authorized : model.captured;
    expect(model.refunded + model.reserved).toBeLessThanOrEqual(limit);
    expect(model.captured).toBeLessThanOrEqual(model.authorized);
  }
  expect(open.size).toBe(0);
}

/** Drawn before anything runs, so that the seed decides what is asked and only the locks who wins. */
function turns(scope: Scope, charge: ChargeId, amount: number, capture: boolean): Turn[][] {
  const one = (): Turn => {
    const captures = !capture && chance(0.4);
    const whole = chance(captures ? 0.2 : capture ? 0.15 : 0.5);
    const some = captures ? upTo(amount * 1.5) : upTo(chance(0.1) ? amount * 1.2 : amount / 3);
    const open = operating(scope, charge, {
      capture: captures,
      ...(whole ? {} : { amount: some }),
    });
    return {
      open,
      approved: chance(capture ? 0.8 : 0.4),
      endsAtOnce: chance(0.5),
      comesBack: chance(0.2) ? (chance(0.5) ? 2 : 1) : 0,
    };
  };
  return countTo(CONNECTIONS).map(() => countTo(RIVALS / CONNECTIONS).map(one));
}

async function race(lanes: readonly Turn[][]): Promise<Step[]> {
  const steps: Step[] = [];
  await Promise.all(
    lanes.map(async (lane, i) => {
      const client = clients[i] as pg.Client;
      const begun: Turn[] = [];
      const finish = async ({ open, approved, comesBack }: Turn) => {
        const verdict = await applyOne(client, ending(open, approved));
        steps.push({ seq: verdict.seq, verdict, end: open, approved });
        if (verdict.outcome !== "done" || verdict.facts.kind !== "operation") return;
        if (verdict.facts.operation !== "refund") return;
        const { amount } = verdict.facts;
        for (const _ of countTo(comesBack)) {
          const back = await applyOne(client, backing(open, amount));
          steps.push({ seq: back.seq, verdict: back, back: open });
        }
      };
      for (const turn of lane) {
        const verdict = await applyOne(client, turn.open);
        steps.push({ seq: verdict.seq, verdict, open: turn.open });
        if (verdict.outcome === "operation_opened") begun.push(turn);
        if (turn.endsAtOnce) for (const one of begun.splice(0)) await finish(one);
      }
      for (const one of begun) await finish(one);
    }),
  );
  return steps;
}

test(`${RIVALS} rivals for one charge, ${RUNS} times: never a cent over, and each is told why (seed ${seed})`, async () => {
  const [client] = clients as [pg.Client];
  const scope = await openAccount(client);
  const words: Record<string, number> = {};
  for (const run of countTo(RUNS)) {
    const amount = 100 + upTo(10_000);
    const capture = run % 3 !== 0;
    const { id } = await charged(client, scope, { amount, capture });
    const steps = await race(turns(scope, id, amount, capture));
    const model: Model = {
      authorized: amount,
      state: capture ? "captured" : "authorized",
      captured: capture ? amount : 0,
      refunded: 0,
      reserved: 0,
    };
    replay(model, steps);
    expect(await chargeRow(client, id), `run ${run}`).toMatchObject({
      state: model.state,
      amount_captured: model.captured,
      amount_refunded: model.refunded,
      amount_refunding: 0,
    });
    expect(await moneyOf(client, scope, id), `run ${run}`).toEqual({
      taken: model.captured,
      given: model.state === "released" ? 0 : model.refunded,
    });
    for (const step of steps) {
      const word = wordIn(step);
      words[word] = (words[word] ?? 0) + 1;
    }
  }
  // A race that nobody won, or that nobody lost, would prove nothing.
  for (const word of [
    "opened",
    "object_locked",
    "refund_too_large",
    "capture_too_large",
    "release_in_part",
    "charge_already_refunded",
    "charge_already_captured",
    "came back",
    "did not come back",
  ]) {
    expect(words[word], word).toBeGreaterThan(0);
  }
  console.log(`${RUNS} races: ${JSON.stringify(words)}, seed ${seed}`);
});

function wordIn(step: Step): string {
  if ("back" in step) return step.verdict.outcome === "done" ? "came back" : "did not come back";
  return "open" in step ? (wordOf(step.verdict) ?? "none") : "ended";
}

/** A refund comes back: all of it, in the entry that says so. */
const backing = ({ id, charge, ...scope }: OpenOperation, amount: number): SaveObject =>
  keeping(
    { account: scope.account, livemode: scope.livemode },
    {
      type: "refund",
      id,
      parent: charge,
      document: { status: "failed" },
      event: 81,
      posting: { debit: "processor", credit: "merchant", amount, currency: "usd" },
    },
  );

/** What the postings of one charge and its refunds took and gave back. */
async function moneyOf(client: pg.Client, { account }: Scope, id: ChargeId) {
  const { rows } = await client.query<{ taken: number; given: number }>(
    `select coalesce(sum(j.amount) filter (where j.type in (2, 5)), 0)::integer as taken,
            coalesce(sum(case j.type when 6 then j.amount when 81 then -j.amount end), 0)::integer as given
       from journal j join accounts a on a.no = j.account_no and a.id = $1
      where j.subject = $2 or j.subject in
        (select o.id from operations o where o.account_no = a.no and o.charge = $2)`,
    [account, uuidOf("ch", id)],
  );
  return rows[0];
}
