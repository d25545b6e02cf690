// A region's ledger spoken to without Workers in between: commands in, verdicts out, over plain
// connections; merchants and commands made for the purpose; and databases of one's own to break.

import { randomBytes } from "node:crypto";
import pg from "pg";
import { migrate } from "../../local/migrations.ts";
import { parametersOf } from "../../protocol/batch.ts";
import type {
  CloseCharge,
  CloseOperation,
  Command,
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
  Scope,
  Verdict,
} from "../../protocol/command.ts";
import type { CardSummary, Outcome } from "../../protocol/facts.ts";
import {
  type AccountId,
  type ChargeId,
  IdMint,
  mintAccountId,
  mintTokenId,
  uuidOf,
} from "../../protocol/ids.ts";
import { type VerdictRow, verdictsOf } from "../../protocol/row.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { KeptTerms } from "../../protocol/terms.ts";
import { isOurs } from "../slots.ts";

/** The epoch a migrated database starts with. */
export const EPOCH = 1;

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
export const mint = new IdMint(() => Date.now(), random);
export const token = () => mintTokenId(random);
export function mintAccount(): AccountId {
  for (;;) {
    const account = mintAccountId(random);
    if (isOurs(account)) return account;
  }
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Several connections at once, closed when the work is over. */
export async function withConnections<T>(
  url: string,
  count: number,
  work: (clients: pg.Client[]) => Promise<T>,
): Promise<T> {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(url)));
  try {
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** A batch as the origin sends it: one statement. */
export async function apply(
  client: pg.Client,
  commands: readonly Command[],
  epoch: number | null = EPOCH,
): Promise<Verdict[]> {
  const { rows } = await client.query<{ i: number; outcome: string; seq: string; detail: unknown }>(
    `select i, outcome, seq, detail from apply_batch($1::integer, $2::text[], $3::boolean[],
      $4::json, $5::json, $6::json, $7::json, $8::json, $9::json, $10::json)`,
    // No epoch at all is something only SQL can be asked.
    [epoch, ...parametersOf(0, commands).slice(1)],
  );
  return verdictsOf(
    rows.map(({ i, outcome, seq, detail }): VerdictRow => [i, outcome, Number(seq), detail]),
  );
}

/** The verdict on a single command. */
export async function applyOne(client: pg.Client, command: Command): Promise<Verdict> {
  const [verdict] = await apply(client, [command]);
  if (verdict === undefined) throw new Error("the command was not answered");
  return verdict;
}

const WORDS = {
  charge_opened: "opened",
  operation_opened: "opened",
  charge_closed: "closed",
  done: "closed",
  known: "known",
} as const;

/** The word on a verdict: opened, closed or known, or why it was refused. */
export const wordOf = (verdict: Verdict | undefined): string | undefined =>
  verdict === undefined || verdict.outcome !== "refused"
    ? verdict && WORDS[verdict.outcome]
    : verdict.failure.kind;

export async function openAccount(client: pg.Client, terms?: KeptTerms): Promise<Scope> {
  const account = mintAccount();
  await applyOne(client, {
    kind: "create_account",
    account,
    livemode: false,
    id: account,
    slot: slotOf(account),
    name: "Mosaics",
    ...(terms === undefined ? {} : { terms }),
  });
  return { account, livemode: false };
}

export async function openAccounts(client: pg.Client, count: number): Promise<Scope[]> {
  const scopes: Scope[] = [];
  while (scopes.length < count) scopes.push(await openAccount(client));
  return scopes;
}

let keys = 0;
/** A fresh idempotency key's claim; `mac` stands for the parameters. */
export const claim = (key = `key-${++keys}`, mac = "00") => ({
  key,
  operation: "POST /v1/charges",
  mac: mac.padEnd(32, "0"),
  request: `req_${key}` as const,
});

export const CARD: CardSummary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "Xt5EWLLDS7FJjR1c",
  funding: "unknown",
  country: null,
};

export const opening = (scope: Scope, over: Partial<OpenCharge> = {}): OpenCharge => ({
  ...scope,
  ...claim(),
  kind: "open_charge",
  id: mint.mint("ch"),
  amount: 1000,
  currency: "usd",
  capture: true,
  token: token(),
  card: CARD,
  ...over,
});

const APPROVED: Outcome = {
  checks: { cvc: "pass", address_line1: null, address_zip: null },
  network_code: "00",
  risk_level: "normal",
};
const DECLINED: Outcome = {
  ...APPROVED,
  network_code: "05",
  decline: { code: "card_declined", message: "Your card was declined." },
};

export const closing = (scope: Scope, id: ChargeId, approved = true): CloseCharge => ({
  ...scope,
  kind: "close_charge",
  id,
  approved,
  processor_ref: "auth_1",
  outcome: approved ? APPROVED : DECLINED,
});

export const operating = (
  scope: Scope,
  charge: ChargeId,
  over: Partial<OpenOperation> = {},
): OpenOperation => ({
  ...scope,
  ...claim(),
  kind: "open_operation",
  id: over.capture === true ? mint.mint("op") : mint.mint("re"),
  charge,
  capture: false,
  ...over,
});

/** More is to be held: so much in all. */
export const incrementing = (scope: Scope, charge: ChargeId, amount: number): OpenOperation =>
  operating(scope, charge, { id: mint.mint("op"), increments: true, amount });

export const ending = (
  { account, livemode, id, charge }: OpenOperation,
  approved = true,
): CloseOperation => ({
  kind: "close_operation",
  account,
  livemode,
  id,
  charge,
  approved,
  processor_ref: approved ? "ref_1" : null,
});

export const saving = (scope: Scope, over: Partial<SaveCustomer> = {}): SaveCustomer => ({
  ...scope,
  ...claim(),
  kind: "save_customer",
  id: mint.mint("cus"),
  made: true,
  removed: false,
  ...over,
});

/** A payment intent to be made, unless told otherwise. */
export const keeping = (scope: Scope, over: Partial<SaveObject> = {}): SaveObject => ({
  ...scope,
  ...claim(),
  kind: "save_object",
  type: "payment_intent",
  id: mint.mint("pi"),
  made: true,
  document: { amount: 700, currency: "usd", attempts: 0 },
  event: 20,
  ...over,
});

/** A charge that is authorized, or captured as well. */
export async function charged(
  client: pg.Client,
  scope: Scope,
  over: Partial<OpenCharge> = {},
): Promise<OpenCharge> {
  const open = opening(scope, over);
  await applyOne(client, open);
  await applyOne(client, closing(scope, open.id));
  return open;
}

/** The row of a charge as it lies in the table. */
export async function chargeRow(client: pg.Client, id: ChargeId) {
  const { rows } = await client.query<{
    state: string;
    amount: number;
    amount_captured: number;
    amount_refunded: number;
    amount_refunding: number;
  }>(
    `select f.*, coalesce(a.amount_refunding, 0) as amount_refunding
       from charge_facts f left join authorizations a using (account_no, id) where f.id = $1`,
    [uuidOf("ch", id)],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no charge ${id}`);
  return row;
}

/** How far an account's sequence is, and which events there are, in order. */
export async function sequenceOf(client: pg.Client, scope: Scope) {
  const { rows } = await client.query<{ last: number; seqs: number[] }>(
    `select a.seq::integer as last, coalesce((select array_agg(e.seq::integer order by e.seq)
       from journal e where e.account_no = a.no), '{}') as seqs
     from accounts a where a.id = $1 and a.livemode = $2`,
    [scope.account, scope.livemode],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no account ${scope.account}`);
  return row;
}

/** 1, 2, … n. */
export const countTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

export type OwnLedger = { readonly url: string; readonly name: string; drop(): Promise<void> };

/** A database of its own in the cluster of `url`: migrated, or a copy of `template`. */
export async function ownLedger(url: string, template?: string): Promise<OwnLedger> {
  const name = `ledger_${randomBytes(6).toString("hex")}`;
  await statement(
    url,
    `create database ${name} ${template === undefined ? "" : `template ${template}`}`,
  );
  const own = new URL(url);
  own.pathname = `/${name}`;
  if (template === undefined) await migrate(own.href);
  return {
    url: own.href,
    name,
    drop: () => statement(url, `drop database if exists ${name} with (force)`),
  };
}

async function statement(url: string, text: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Mulberry32: one seed replays one run. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const seedOf = (): number => Number(process.env["TESSERA_SEED"] ?? Date.now() % 1_000_000);
