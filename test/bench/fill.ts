// A ledger with a history: charges of one merchant, each opened and captured, in the rows that
// `apply_batch` would have left, hash chain and all, but made by the database itself in large statements.
// Keys and tokens are random and ids ascend in time, as those of a shop that has been open for long.

import type pg from "pg";
import type { Scope } from "../../protocol/command.ts";

/** An entry is one leg of a posting, and a captured charge is one posting. */
export const ENTRIES_PER_CHARGE = 2;
/** A transaction's worth: large enough to be quick, small enough to see it move. */
const CHUNK_CHARGES = 20_000;
/** The newest charge of the history is older than any that is made afterwards. */
const AGE_MS = 60_000;
/** The amount of every charge, as of those that are posted afterwards. */
export const HISTORY_AMOUNT_MINOR = 1000;

/** `$1` account, `$2` the chain's head, `$3` and `$4` first and last charge, `$5` their time, `$6` seq. */
const CHUNK = `
  with named as materialized (
    select n, $6::bigint + 2 * n as seq, to_timestamp(($5::bigint + n) / 1000.0) as at,
           (lpad(to_hex($5::bigint + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid as id
      from generate_series($3::bigint, $4::bigint) n
  ), asked as (
    insert into charges as c (account_no, amount, id, token, exp_month, exp_year, capture, currency,
        brand, last4, fingerprint, funding, key, operation, mac, request)
    select $1::integer, ${HISTORY_AMOUNT_MINOR}, f.id, gen_random_uuid(), 12, 2034, true, 'usd', 'Visa', '4242',
           'Xt5EWLLDS7FJjR1c', 'unknown', gen_random_uuid(), 'POST /v1/charges',
           uuid_send(gen_random_uuid()), 'req_' || substr(md5(f.id::text), 1, 16)
      from named f
    returning c.id, text_of(c) as content
  ), said as (
    insert into authorizations as a (account_no, amount, id, seq, balance_seq, amount_captured, state,
        network_code, risk_level, cvc_check, processor_ref)
    select $1::integer, ${HISTORY_AMOUNT_MINOR}, f.id, f.seq, f.seq, ${HISTORY_AMOUNT_MINOR}, 'captured', '00', 'normal', 'pass',
           'auth_' || substr(md5(f.id::text), 17, 16)
      from named f
    returning a.id, text_of(a) as content
  ), entries_to_be as (
    -- In the order of the table's columns.
    select row($1::integer, 1, null, f.seq - 1, null, f.at, null, null, null, f.id, null, null,
             null, null, null)::journal as entry, q.content
      from named f join asked q on q.id = f.id
    union all
    select row($1::integer, 2, 1, f.seq, ${HISTORY_AMOUNT_MINOR}, f.at, ${HISTORY_AMOUNT_MINOR}, 0, 2, f.id, 'usd', null,
             null, null, (f.at at time zone 'UTC')::date + 2)::journal, a.content
      from named f join said a on a.id = f.id
  ), linked as materialized (
    select e.entry, chain($2::bytea, text_of(e.entry) || e.content)
             over (order by (e.entry).seq) as hash
      from entries_to_be e
  ), told as (
    insert into journal (account_no, type, debit, seq, amount, created_at, captured, refunded, credit,
        subject, currency, request, link, available_on)
    select (l.entry).account_no, (l.entry).type, (l.entry).debit, (l.entry).seq, (l.entry).amount,
           (l.entry).created_at, (l.entry).captured, (l.entry).refunded, (l.entry).credit,
           (l.entry).subject, (l.entry).currency, (l.entry).request, substring(l.hash for 16),
           (l.entry).available_on
      from linked l
  ), balanced as (
    insert into balances as b (account_no, ledger_account, currency, amount)
    select $1::integer, leg.code, 'usd', leg.sign * ${HISTORY_AMOUNT_MINOR} * ($4::bigint - $3::bigint + 1)
      from (values (1, -1), (2, 1)) as leg(code, sign)
    on conflict (account_no, ledger_account, currency)
      do update set amount = b.amount + excluded.amount
  )
  update accounts a set seq = (l.entry).seq, head = l.hash
    from (select * from linked order by (entry).seq desc limit 1) l where a.no = $1::integer
  returning a.head`;

/** What comes free when, of all that `$1` was credited. */
const PENDING = `
  update balances set pending = (
    select array_agg(pair.part order by d.day, pair.place)
      from (select available_on - '1970-01-01'::date as day, sum(amount)::bigint as sum from journal
             where account_no = $1 and available_on is not null group by 1) d,
           lateral (values (1, d.day::bigint), (2, d.sum)) as pair(place, part))
   where account_no = $1 and ledger_account = 2`;

const INDEXES = `
  select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as made_by
    from pg_index i where i.indrelid = 'charges'::regclass and not i.indisprimary`;

/** Gives a merchant so many captured charges more; tells how many there are as they come. */
export async function fill(
  client: pg.Client,
  { account, livemode }: Scope,
  charges: number,
  onCharges: (filled: number) => void = () => {},
): Promise<void> {
  const { rows } = await client.query<{ no: number; head: Buffer; seq: string }>(
    "select no, head, seq from accounts where id = $1 and livemode = $2",
    [account, livemode],
  );
  const [holder] = rows;
  if (holder === undefined) throw new Error(`There is no account ${account}`);
  const firstMs = Date.now() - AGE_MS - charges;
  let { head } = holder;
  // Random keys in an index that grows beyond memory cost a page each; sorted at the end they do not.
  const indexes = (await client.query<{ name: string; made_by: string }>(INDEXES)).rows;
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  for (let from = 1; from <= charges; from += CHUNK_CHARGES) {
    const to = Math.min(charges, from + CHUNK_CHARGES - 1);
    const values = [holder.no, head, from, to, firstMs, holder.seq];
    const answer = await client.query<{ head: Buffer }>(CHUNK, values);
    head = answer.rows[0]?.head ?? head;
    onCharges(to);
  }
  await client.query(PENDING, [holder.no]);
  for (const { made_by } of indexes) await client.query(made_by);
  // As autovacuum leaves it: statistics are there, and no reader is the first to see a row.
  await client.query("vacuum analyze");
}
