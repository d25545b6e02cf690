// What must hold between the tables of a ledger, each check one query that returns the rows where it does
// not. The chains of hashes, the replay of the journals and the signatures have files of their own.

import { EVENT_TYPES } from "../protocol/event.ts";
import { LEDGER_ACCOUNTS } from "../protocol/ledger-account.ts";
import { type Check, type Examination, SHOWN_MAX } from "./examination.ts";
import { placeOf } from "./names.ts";

/** `what` and `id` name the row (`charge`, its uuid), of the account with this number. */
type Offending = {
  account: string | null;
  livemode: boolean | null;
  account_no: number | null;
  what: string;
  id: string | null;
  why: string;
};

/** A check whose query gives `account_no`, `what`, `id` and `why` of each offending row. */
const rows = (name: string, sql: string): Check => ({
  name,
  run: async ({ client }, report) => {
    const { rows: found } = await client.query<Offending>(
      `select o.*, a.id as account, a.livemode
         from (${sql}) as o (account_no, what, id, why)
         left join accounts a on a.no = o.account_no limit ${SHOWN_MAX + 1}`,
    );
    for (const { account, livemode, account_no, what, id, why } of found) {
      const owner = { id: account ?? `account number ${account_no}`, livemode: livemode ?? false };
      report(account_no === null ? `${what} ${id}` : placeOf(what, owner, id ?? undefined), why);
    }
  },
});

export const LEDGER_CHECKS: readonly Check[] = [
  rows(
    "every balance is the sum of its entries, and not below its floor",
    `select coalesce(b.account_no, e.account_no), 'balance',
            coalesce(b.ledger_account, e.ledger_account) || '/' || coalesce(b.currency, e.currency),
            'is ' || coalesce(b.amount, 0) || ', its entries sum to ' || coalesce(e.amount, 0)
              || coalesce(', its floor is ' || b.floor, '')
       from balances b
       full join (select account_no, ledger_account, currency, sum(amount) as amount
                    from entries group by 1, 2, 3) e
         on e.account_no = b.account_no and e.ledger_account = b.ledger_account
           and e.currency = b.currency
      where coalesce(b.amount, 0) <> coalesce(e.amount, 0) or b.amount < b.floor`,
  ),
  rows(
    "all balances of a currency sum to zero",
    `select null::integer, 'currency', currency, 'its balances sum to ' || sum(amount)
       from balances group by currency having sum(amount) <> 0`,
  ),
  rows(
    "what is refunded of a charge is the sum of its refunds",
    `select x.account_no, 'charge', x.id::text,
            'refunded ' || x.amount_refunded || ', reserved ' || x.amount_refunding
              || '; its refunds sum to ' || coalesce(o.done, 0) || ' and ' || coalesce(o.open, 0)
       from authorizations x
       left join (select account_no, charge,
                    sum(amount) filter (where state = 'succeeded' and reversed_seq is null) as done,
                    sum(amount) filter (where state = 'opened' and kind = 'refund') as open
                    from operations where kind in ('refund', 'release') group by 1, 2) o
         on o.account_no = x.account_no and o.charge = x.id
      where x.amount_refunded <> coalesce(o.done, 0) or x.amount_refunding <> coalesce(o.open, 0)`,
  ),
  rows(
    "what was authorized is what was asked for, and what was captured too",
    `select x.account_no, 'charge', x.id::text, 'asked for ' || c.amount || ' ' || c.currency
              || ', authorized ' || x.amount || ', captured ' || x.amount_captured
              || coalesce(', capture asked for ' || o.amount || ' ' || o.currency, '')
       from authorizations x
       join charges c on c.account_no = x.account_no and c.id = x.id
       left join operations o on o.account_no = x.account_no and o.charge = x.id
            and o.kind = 'capture' and o.state = 'succeeded'
      where x.amount <> c.amount or o.currency <> c.currency
         or (x.state = 'captured' and x.amount_captured <> coalesce(o.amount, c.amount))`,
  ),
  rows(
    "what was added to an authorization is the sum of its increments",
    `select x.account_no, 'charge', x.id::text,
            coalesce(x.raised, 0) || ' was added; its increments sum to ' || coalesce(o.amount, 0)
       from authorizations x
       left join (select account_no, charge, sum(amount) as amount from operations
                   where kind = 'increment' and state = 'succeeded' group by 1, 2) o
         on o.account_no = x.account_no and o.charge = x.id
      where coalesce(x.raised, 0) <> coalesce(o.amount, 0)`,
  ),
  rows(
    "no operation has the processor's word before it has ended",
    `select account_no, kind, id::text, 'is open, and the processor called it '
            || coalesce(processor_ref, decline::text)
       from operations where state = 'opened' and num_nonnulls(processor_ref, decline) > 0`,
  ),
  rows(
    "each key made one thing",
    `select account_no, 'key', key, count(*) || ' requests have it'
       from claims group by account_no, key having count(*) > 1`,
  ),
  rows(
    "each kept key that changed a customer or an object leads to the entry of that change",
    `select k.account_no, 'key', k.key, 'its answer should be entry ' || k.seq
       from idempotency_keys k
       left join journal j on j.account_no = k.account_no and j.seq = k.seq
      where k.seq is not null and (j.type is null or (j.type not in (10, 11, 12) and j.type < 20)
         or j.request is distinct from k.request)`,
  ),
  rows(
    "each customer that is not deleted has its version, and no deleted one has any",
    `select u.account_no, 'customer', u.id::text,
            case when u.deleted then 'is deleted, and a version is left' else 'has no version' end
       from customers u
       left join customer_versions v on v.account_no = u.account_no and v.customer = u.id
            and (u.deleted or v.seq = u.seq)
      where u.deleted = (v.seq is not null)
     union all
     select v.account_no, 'customer', v.customer::text, 'no entry tells of its version ' || v.seq
       from customer_versions v
       left join journal j on j.account_no = v.account_no and j.seq = v.seq
            and j.subject = v.customer and j.type in (10, 11)
      where j.seq is null`,
  ),
  rows(
    "each object that is not deleted has its version, and each version its entry",
    `select o.account_no, 'object', o.id::text, 'has no version'
       from objects o
       left join object_versions v on v.account_no = o.account_no and v.id = o.id and v.seq = o.seq
      where not o.deleted and v.seq is null
     union all
     select v.account_no, 'object', v.id::text, 'no entry tells of its version ' || v.seq
       from object_versions v
       left join journal j on j.account_no = v.account_no and j.seq = v.seq and j.subject = v.id
      where j.type is null or j.type < 20`,
  ),
  {
    name: "entries and ledger accounts are called what the code calls them",
    run: async ({ client }, report) => {
      const types = await client.query("select code, name, subject, public from event_types");
      for (const why of differences(EVENT_TYPES, types.rows)) report("event_types", why);
      const accounts = await client.query("select code, name from ledger_accounts");
      for (const why of differences(LEDGER_ACCOUNTS, accounts.rows)) report("ledger_accounts", why);
    },
  },
  {
    name: "the guards stand: no trigger that keeps the ledger as it is is off or gone",
    run: async (examination, report) => {
      const standing = await guardsOf(examination);
      for (const guard of GUARDS.filter((name) => !standing.has(name))) report(guard, "is off");
    },
  },
  rows(
    "no card is left of a deleted customer",
    `select d.account_no, 'customer', d.customer::text, 'its card ' || d.id || ' is still there'
       from cards d
       join customers u on u.account_no = d.account_no and u.id = d.customer and u.deleted`,
  ),
  rows(
    "the keys of the next days have a period to lie in",
    `select null::integer, 'day', d.day::text, 'run npm run retain'
       from generate_series(0, 7) as n,
            lateral (select (now() at time zone 'UTC')::date + n) as d(day)
      where not exists (select from pg_inherits i
        where i.inhparent = 'idempotency_keys'::regclass
          and d.day - to_date(right(i.inhrelid::regclass::text, 8), 'YYYYMMDD') between 0 and 9)`,
  ),
];

/** The rows that only one of two lists has, as texts. */
function differences(code: readonly object[], table: readonly object[]): string[] {
  const texts = (list: readonly object[]) =>
    new Set(list.map((row) => JSON.stringify(Object.entries(row).sort())));
  const [ours, theirs] = [texts(code), texts(table)];
  return [
    ...[...ours].filter((text) => !theirs.has(text)).map((text) => `lacks ${text}`),
    ...[...theirs].filter((text) => !ours.has(text)).map((text) => `has ${text}`),
  ];
}

const GUARDS = [
  "accounts_for_ever",
  "charges_append_only",
  "charges_only_erased",
  "authorizations_for_ever",
  "operations_for_ever",
  "journal_append_only",
  "checkpoints_append_only",
  "checkpoint_heads_append_only",
  "fence_awaits_batches",
  "forgotten_tokens_for_ever",
  "cards_forgotten",
  "customers_erased",
  "audit_streams_for_ever",
  "audit_entries_append_only",
] as const;

async function guardsOf({ client }: Examination): Promise<Set<string>> {
  const { rows: found } = await client.query<{ name: string }>(
    `select t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'public'::regnamespace and t.tgenabled in ('O', 'A')`,
  );
  return new Set(found.map(({ name }) => name));
}
