// A small ledger in which everything has happened at least once, for tests that break it or replay it.

import type pg from "pg";
import type {
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
  Scope,
  Verdict,
} from "../../protocol/command.ts";
import type { CardId, TokenId } from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import type { KeptTerms } from "../../protocol/terms.ts";
import {
  apply,
  applyOne,
  CARD,
  charged,
  claim,
  closing,
  ending,
  incrementing,
  keeping,
  mint,
  openAccount,
  opening,
  operating,
  saving,
  token,
} from "./region.ts";

/** 2.9 % and 30 cents, and what is paid in euros is free of fixed sums. */
const TERMS: KeptTerms = { fee_bps: 290, fee_fixed: { usd: 30 }, settlement_days: 3 };

export type History = {
  readonly scope: Scope;
  /** Captured at once, 300 of 1000 given back, 50 more came back, 100 are under way. */
  readonly paid: OpenCharge;
  /** Authorized for 900, captured for 800. */
  readonly held: OpenCharge;
  /** Of `paid`, succeeded. */
  readonly refund: OpenOperation;
  readonly customer: SaveCustomer;
};

/** Makes two merchants and lets all of it happen to the second. */
export async function makeHistory(client: pg.Client): Promise<History> {
  const other = await openAccount(client);
  await charged(client, other, { amount: 7 });
  const scope = await openAccount(client, TERMS);
  await charged(client, { ...scope, livemode: true }, { amount: 11 });
  const paid = await charged(client, scope, {
    order_id: "A",
    attempt_number: 1,
    statement_descriptor: "TILES",
    description: "Ten tiles",
    receipt_email: "a@b.example",
    statement_descriptor_suffix: "BLUE",
    transfer_group: "G1",
    shipping: { name: "A", address: { line1: "Street 1" } },
    metadata: { order_id: "A", attempt_number: "1" },
    card: { ...CARD, country: "DE", name: "A", address_line1: "Street 1", address_zip: "1" },
  });
  const held = await charged(client, scope, { capture: false, amount: 900 });
  const refund = operating(scope, paid.id, {
    amount: 300,
    reason: "duplicate",
    metadata: { a: "b" },
  });
  await applyOne(client, refund);
  await applyOne(client, ending(refund));
  await ended(client, operating(scope, paid.id, { amount: 200 }), false);
  await ended(client, operating(scope, held.id, { capture: true, amount: 850 }), false);
  await ended(client, operating(scope, held.id, { capture: true, amount: 800 }), true);
  await raised(client, scope);
  const released = await charged(client, scope, { capture: false, amount: 60 });
  await ended(client, operating(scope, released.id), false);
  await ended(client, operating(scope, released.id), true);
  const declined = opening(scope);
  await applyOne(client, declined);
  await applyOne(client, closing(scope, declined.id, false));
  const customer = await saved(client, scope);
  await applyOne(client, saving(scope, { id: customer.id, made: false, patch: { name: "B" } }));
  const byCustomer = opening(scope, { customer: customer.id });
  const { token: _token, card: _card, ...bare } = byCustomer;
  await applyOne(client, bare);
  const { outcome, ...close } = closing(scope, bare.id);
  await applyOne(client, {
    ...close,
    outcome: { ...outcome, checks: { cvc: "pass", address_line1: "fail", address_zip: "pass" } },
    card: { funding: "credit", country: "US" },
    available_now: true,
  });
  const gone = await saved(client, scope);
  await applyOne(client, saving(scope, { id: gone.id, made: false, removed: true }));
  await later(client, scope, paid, refund);
  // A refusal that is kept, and what is still under way.
  await applyOne(client, opening(scope, { order_id: "A", attempt_number: 1 }));
  await apply(client, [
    opening(scope, { currency: "eur" }),
    operating(scope, paid.id, { amount: 100 }),
  ]);
  return { scope, paid, held, refund, customer };
}

/** What happens to a charge and its refunds after their time: changes, disputes, refunds that come back. */
async function later(client: pg.Client, scope: Scope, paid: OpenCharge, refund: OpenOperation) {
  const back = operating(scope, paid.id, { amount: 50 });
  await applyOne(client, back);
  await applyOne(client, { ...ending(back), pending: true });
  const posting = { debit: "processor", credit: "merchant", amount: 50, currency: "usd" } as const;
  const change = { made: true, parent: paid.id, event: 81 };
  for (const command of [
    keeping(scope, {
      ...change,
      type: "refund",
      id: back.id,
      document: { status: "failed" },
      posting,
    }),
    keeping(scope, {
      ...change,
      type: "refund",
      id: refund.id,
      document: { metadata: { a: "c" } },
    }),
    keeping(scope, {
      made: true,
      type: "charge",
      id: paid.id,
      event: 80,
      document: { description: "Eleven tiles" },
    }),
  ]) {
    await done(client, command);
  }
  const disputed = await charged(client, scope, { amount: 70 });
  const taken = { ...posting, debit: "merchant", credit: "processor", amount: 70 } as const;
  const dispute = keeping(scope, {
    type: "dispute",
    id: mint.mint("dp"),
    event: 50,
    parent: disputed.id,
    document: { status: "needs_response" },
    posting: taken,
  });
  const { seq } = await done(client, dispute);
  await done(client, {
    ...dispute,
    ...claim(),
    made: false,
    expects: seq,
    event: 52,
    document: { status: "won" },
    posting: { ...posting, amount: 70 },
  });
}

async function done(client: pg.Client, command: SaveObject): Promise<Verdict> {
  const verdict = await applyOne(client, command);
  if (verdict.outcome !== "done") throw new Error(`was ${JSON.stringify(verdict)}`);
  return verdict;
}

/** Authorized for 500, incremented to 650 and no further, captured for 620; and one more of which is under way. */
async function raised(client: pg.Client, scope: Scope) {
  const { id } = await charged(client, scope, { capture: false, amount: 500 });
  await ended(client, incrementing(scope, id, 650), true);
  const more = incrementing(scope, id, 700);
  await applyOne(client, more);
  const decline = { code: "card_declined", message: "No more.", network_code: "51" };
  await applyOne(client, { ...ending(more, false), decline });
  await ended(client, operating(scope, id, { capture: true, amount: 620 }), true);
  const waiting = await charged(client, scope, { capture: false, amount: 40 });
  await applyOne(client, incrementing(scope, waiting.id, 45));
}

async function ended(client: pg.Client, operation: OpenOperation, approved: boolean) {
  await applyOne(client, operation);
  await applyOne(client, ending(operation, approved));
}

async function saved(client: pg.Client, scope: Scope): Promise<SaveCustomer> {
  const paidWith: TokenId = token();
  const card_id: CardId = cardIdOfToken(paidWith);
  const customer = saving(scope, {
    token: paidWith,
    card: CARD,
    card_id,
    default_source: card_id,
    patch: { name: "A" },
  });
  // The card has to be there before it can be the default.
  const { default_source: _, ...made } = customer;
  await applyOne(client, made);
  return customer;
}

/** What somebody with all rights does who knows how the chain is made. */
export const REWRITE = `
  update journal j set link = substring(h.hash for 16)
    from (select j.account_no, j.seq, chain(chain_genesis(a.id, a.livemode, a.terms),
                   text_of(j) || coalesce(content_of(j), ''))
                   over (partition by j.account_no order by j.seq) as hash
            from journal j join accounts a on a.no = j.account_no) h
   where h.account_no = j.account_no and h.seq = j.seq;
  update accounts a set head = h.hash, seq = h.seq
    from (select distinct on (j.account_no) j.account_no, j.seq,
                 chain(chain_genesis(a.id, a.livemode, a.terms), text_of(j) || coalesce(content_of(j), ''))
                   over (partition by j.account_no order by j.seq) as hash
            from journal j join accounts a on a.no = j.account_no
           order by j.account_no, j.seq desc) h
   where h.account_no = a.no`;
