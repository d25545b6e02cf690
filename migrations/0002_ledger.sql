-- The ledger of one region: merchants, what they asked for, what the processor said, and a journal with
-- one entry for each change of state. What was asked and the journal are written once and never altered.
-- Good for PostgreSQL 15 to 18 and Neon; docs/storage.md tells who reads each column and how long it
-- lives. `account_no` has no foreign key: every writer reaches it through `accounts`, whose rows are never
-- deleted, and a key check for each row would cost more than the row.

-- Fencing token of this region (docs/decisions/0004): a batch signed for another epoch is refused.
create table fence (
  only_row boolean primary key default true check (only_row),
  epoch integer not null check (epoch > 0)
);
insert into fence (epoch) values (1);

-- One row for each merchant and mode. Its lock orders everything that happens to that merchant, `seq`
-- numbers the merchant's journal without a gap, and `head` is the end of the journal's hash chain. `terms`
-- (protocol/terms.ts) are what differs from the usual ones: fees, days to settlement, payouts. They are the
-- beginning of that chain, so they stand as long as it does.
create table accounts (
  no integer generated always as identity primary key,
  id text not null check (id ~ '^acct_[0-9A-Za-z]{16}$'),
  livemode boolean not null,
  slot smallint not null check (slot between 0 and 1023),
  seq bigint not null default 0 check (seq >= 0),
  head bytea not null check (length(head) = 32),
  name text check (length(name) <= 5000),
  email text check (length(email) <= 512),
  created_at timestamptz not null default now(),
  terms jsonb,
  unique (id, livemode)
) with (fillfactor = 50);
create index accounts_slot on accounts (slot);

create table customers (
  account_no integer not null,
  id uuid not null,
  seq bigint not null,
  deleted boolean not null default false,
  primary key (account_no, id)
);

-- What a customer was after each change. Personal data lives here and not in the journal, because the
-- journal is for ever and this can be erased. Where the change was of a card, `card` is what the card was then.
create table customer_versions (
  account_no integer not null,
  seq bigint not null,
  customer uuid not null,
  document jsonb not null,
  default_source uuid,
  card_id uuid,
  card_change text check (card_change in ('created', 'updated', 'deleted')),
  card jsonb,
  primary key (account_no, seq),
  check ((card_id is null) = (card_change is null))
);
create index customer_versions_customer on customer_versions (account_no, customer);

-- A card kept for a customer: a token and what may be shown of it, never a card number. `seq` is the entry
-- that brought it, since its id tells of no time.
create table cards (
  account_no integer not null,
  seq bigint not null,
  id uuid not null,
  customer uuid not null,
  token uuid not null,
  card jsonb not null,
  primary key (account_no, id),
  unique (token, account_no)
);
create index cards_customer on cards (customer, seq);

-- Everything else a merchant makes (payment intents, payment methods, disputes, payouts, endpoints): a
-- document that changes as a whole. `seq` is the entry of its last change, and whoever changes it says which one it
-- decided on, so no decision is made on what is no longer so. `customer` and `parent` are what lists are made
-- of; `former` is the customer a payment method was detached from, who may have to be forgotten with it; `token` is the sealed card of a payment method; `due` (unix seconds) is when the clock is to look at it.
create table objects (
  account_no integer not null,
  seq bigint not null,
  id uuid not null,
  customer uuid,
  former uuid,
  parent uuid,
  token uuid,
  deleted boolean not null default false,
  type text not null check (type ~ '^[a-z_]{1,40}$'),
  due bigint,
  primary key (account_no, id)
) with (fillfactor = 80);
create index objects_due on objects (due) where due is not null;
create index objects_type on objects (account_no, type, id);
create index objects_customer on objects (account_no, customer, id) where customer is not null;
create index objects_former on objects (account_no, former) where former is not null;
create index objects_parent on objects (account_no, parent, id) where parent is not null;
create unique index objects_token on objects (token, account_no) where token is not null;

-- What an object was after each change, for past answers and events. May hold personal data, so no hash
-- covers it, and it can be erased. `transfer_group` is the one that a charge was given after it was made, and not an
-- intent's own: what counts `attempts` is an intent. A column, since under row security no index serves an expression of
-- a document.
create table object_versions (
  account_no integer not null,
  seq bigint not null,
  id uuid not null,
  document jsonb not null,
  transfer_group text generated always as
    (case when not document ? 'attempts' then document ->> 'transfer_group' end) stored,
  primary key (account_no, id, seq)
);
create index object_versions_group on object_versions (account_no, transfer_group, id)
  where transfer_group is not null;

-- What a merchant asked for: a charge is written once, before the processor is asked, and its key stands
-- for ever. `metadata` is json, not jsonb, since nobody looks into it here.
create table charges (
  account_no integer not null,
  amount integer not null check (amount between 1 and 99999999),
  intent_seq bigint,
  id uuid not null,
  token uuid not null,
  card_id uuid,
  customer uuid,
  intent uuid,
  intent_attempt smallint check (intent_attempt > 0),
  exp_month smallint not null,
  exp_year smallint not null,
  capture boolean not null,
  currency text not null check (currency ~ '^[a-z]{3}$'),
  brand text not null,
  last4 text not null check (length(last4) <= 4),
  fingerprint text not null,
  funding text not null,
  country text,
  key text not null check (length(key) between 1 and 300),
  operation text not null check (length(operation) <= 255),
  mac bytea not null check (length(mac) = 16),
  request text not null check (length(request) <= 64),
  order_id text check (length(order_id) <= 500),
  attempt_number integer check (attempt_number > 0),
  card_form text check (card_form = 'pm'),
  authentication text check (length(authentication) <= 100),
  card_name text,
  address_line1 text,
  address_zip text,
  description text check (length(description) <= 5000),
  receipt_email text check (length(receipt_email) <= 512),
  statement_descriptor text check (length(statement_descriptor) <= 22),
  metadata json,
  statement_descriptor_suffix text check (length(statement_descriptor_suffix) <= 22),
  transfer_group text check (length(transfer_group) <= 500),
  shipping json,
  primary key (account_no, id),
  check ((intent is null) = (intent_attempt is null) and (intent is null) = (intent_seq is null))
);
-- One text, not two columns: by two, an empty table's primary key would look to the planner as good as this
-- index, and a plan made then would walk through all of a merchant's history (docs/decisions/0009).
create unique index charges_claim on charges ((account_no::text || '/' || key));
create unique index charges_attempt on charges (account_no, order_id, attempt_number)
  where attempt_number is not null;
create unique index charges_token on charges (account_no, token) where card_id is null;
-- A payment intent pays once: its attempts are counted, and the next is made when the last is known to have failed.
create unique index charges_intent on charges (account_no, intent, intent_attempt)
  where intent is not null;
create index charges_method on charges (account_no, card_id) where card_form = 'pm';
create index charges_customer on charges (account_no, customer, id) where customer is not null;
create index charges_group on charges (account_no, transfer_group, id) where transfer_group is not null;

-- What the processor said of a charge, and how it stands since; `raised` is added to it. A charge without one is open.
create table authorizations (
  account_no integer not null,
  amount integer not null,
  id uuid not null,
  seq bigint not null,
  balance_seq bigint,
  amount_captured integer not null default 0,
  amount_refunded integer not null default 0,
  amount_refunding integer not null default 0,
  state text not null check (state in
    ('failed', 'authorized', 'incrementing', 'capturing', 'captured', 'releasing', 'released')),
  network_code text not null,
  risk_level text not null,
  cvc_check text,
  address_line1_check text,
  address_zip_check text,
  funding text,
  country text,
  processor_ref text,
  decline json,
  available_now boolean check (available_now),
  raised integer check (raised > 0),
  primary key (account_no, id),
  check (amount_captured between 0 and amount + coalesce(raised, 0)),
  check (amount_refunded >= 0 and amount_refunding >= 0 and amount_refunded + amount_refunding
    <= case state when 'released' then amount + coalesce(raised, 0) else amount_captured end)
) with (fillfactor = 80);

-- A capture, refund, release (refund before capture) or increment (`amount` more is held) of a charge: its intent, then
-- its outcome; `decline` is of an increment. `intent` is the payment intent of the charge.
create table operations (
  account_no integer not null,
  amount integer not null check (amount > 0),
  id uuid not null,
  charge uuid not null,
  intent uuid,
  seq bigint,
  balance_seq bigint,
  kind text not null check (kind in ('capture', 'refund', 'release', 'increment')),
  state text not null check (state in ('opened', 'succeeded', 'failed')),
  currency text not null,
  key text not null check (length(key) between 1 and 300),
  operation text not null check (length(operation) <= 255),
  mac bytea not null check (length(mac) = 16),
  request text not null check (length(request) <= 64),
  reason text check (length(reason) <= 100),
  processor_ref text,
  metadata json,
  -- The processor has taken it and will say later that it is done.
  pending boolean check (pending),
  -- The entry that took it back: it came back from the network, or was canceled.
  reversed_seq bigint,
  decline json,
  primary key (account_no, id),
  check ((state = 'opened') = (seq is null)),
  check (decline is null or state = 'failed' and kind = 'increment'),
  check (reversed_seq is null or state = 'succeeded' and kind = 'refund')
) with (fillfactor = 80);
create unique index operations_claim on operations ((account_no::text || '/' || key));
create index operations_charge on operations (charge, id);

-- Keys of requests that made neither a charge nor an operation: changes of customers, saved objects, and refusals.
-- A merchant's key has at most 255 characters, that of a step of its request a few more. They
-- are answered when they are claimed, so no row is ever changed, and a period is dropped as a whole.
create table idempotency_keys (
  account_no integer not null,
  day date not null default (now() at time zone 'UTC')::date,
  key text not null check (length(key) between 1 and 300),
  operation text not null check (length(operation) <= 255),
  mac bytea not null check (length(mac) = 16),
  request text not null check (length(request) <= 64),
  seq bigint,
  failure json,
  primary key (account_no, key, day),
  check ((seq is null) <> (failure is null))
) partition by range (day);

-- Keys are kept for 30 days, in periods of ten: a look-up costs one probe for each period, and thirty-one
-- of a day each would cost more than opening the charge (docs/decisions/0011). Makes the periods of the keys
-- that are kept on `p_today` (UTC), and two ahead, and drops those that are over; to be run each day, any
-- number of times. Past ones too: a new copy must have a place for each row of its primary. Batches do not
-- wait for it: a period is attached, and one that somebody reads is dropped another time.
create function keep_key_periods(p_today date) returns void language plpgsql
set lock_timeout = '100ms' as $$
declare
  epoch constant date := '2026-01-01';
  period constant integer := 10;
  kept constant integer := 30;
  first date := epoch + (p_today - epoch) / period * period;
  name text;
begin
  perform pg_advisory_xact_lock('idempotency_keys'::regclass::bigint);
  for n in -kept / period .. 2 loop
    name := 'idempotency_keys_' || to_char(first + n * period, 'YYYYMMDD');
    continue when to_regclass(name) is not null;
    execute format('create table %I (like idempotency_keys including all)', name);
    execute format('alter table idempotency_keys attach partition %I for values from (%L) to (%L)',
      name, first + n * period, first + (n + 1) * period);
  end loop;
  for name in select inhrelid::regclass::text from pg_inherits
     where inhparent = 'idempotency_keys'::regclass
       and to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') + period <= p_today - kept loop
    begin
      execute format('drop table %I', name);
    exception when lock_not_available then
      raise notice '% is in use: it goes another time', name;
    end;
  end loop;
end $$;
select keep_key_periods((now() at time zone 'UTC')::date);

-- Every key that is known, whatever its request made.
create view claims as
  select account_no, key, operation, mac from charges
  union all
  select account_no, key, operation, mac from operations
  union all
  select account_no, key, operation, mac from idempotency_keys;

-- The first request with a key, reached by the indexes made for it.
create function claim_of(p_no integer, p_key text)
returns table (key text, operation text, mac bytea) language sql stable as $$
  select c.key, c.operation, c.mac from charges c
   where c.account_no::text || '/' || c.key = p_no::text || '/' || p_key
  union all
  select o.key, o.operation, o.mac from operations o
   where o.account_no::text || '/' || o.key = p_no::text || '/' || p_key
  union all
  select k.key, k.operation, k.mac from idempotency_keys k
   where k.account_no = p_no and k.key = p_key
  limit 1
$$;

-- Exactly one entry for each change of state. An entry that moved money is its posting too: `amount` from
-- the debited to the credited ledger account, both legs in one row, so that nothing can be half a
-- posting and no posting without its event. A `fee` goes from the merchant to `fees` besides, as the third leg of
-- the same row. What a merchant is credited may be paid out from `available_on` (UTC), or at once where that is
-- null. `captured` and `refunded` are what had been taken and given
-- back of the charge then, so that any past answer can be rendered again. `request` is null where it is
-- the subject's own. `link` begins the hash of this entry and all before it (0003_chain.sql).
create table journal (
  account_no integer not null,
  type smallint not null,
  debit smallint,
  seq bigint not null,
  amount bigint check (amount > 0),
  created_at timestamptz not null default now(),
  captured integer,
  refunded integer,
  credit smallint,
  subject uuid not null,
  currency text,
  request text,
  link bytea not null check (length(link) = 16),
  fee bigint check (fee > 0),
  available_on date,
  primary key (account_no, seq),
  check (debit <> credit),
  check ((amount is null) = (debit is null) and (amount is null) = (credit is null)
    and (amount is null) = (currency is null)),
  check (fee is null or (amount is not null and 2 in (debit, credit) and (debit = 2 or fee <= amount))),
  check (available_on is null or (amount is not null and credit = 2))
);

create view postings as
  select account_no, seq, debit, credit, amount, currency, created_at, fee, available_on from journal
   where amount is not null;

-- The legs of a posting, in the field's usual shape: debits negative, credits positive. A fee is the merchant's,
-- whichever side he is on. Its plan becomes part of its caller's.
create function legs_of(p_debit smallint, p_credit smallint, p_amount bigint, p_fee bigint,
  p_available_on date)
returns table (leg integer, ledger_account smallint, amount bigint, available_on date)
language sql immutable as $$
  select l.* from (values
    (1, p_debit, -p_amount - case p_debit when 2 then coalesce(p_fee, 0) else 0 end, null::date),
    (2, p_credit, p_amount - case p_credit when 2 then coalesce(p_fee, 0) else 0 end, p_available_on),
    (3, 3::smallint, p_fee, null)) as l(leg, ledger_account, amount, available_on)
   where l.amount is not null
$$;

create view entries as
  select p.account_no, p.seq, l.leg, l.ledger_account, l.amount, p.currency, p.created_at
    from postings p, legs_of(p.debit, p.credit, p.amount, p.fee, p.available_on) l;

-- Credits less debits of each ledger account, kept with the journal in one transaction. `pending` is the part
-- of it that comes free later: days (since 1970) and their sums in turns, oldest first. Days that have come are
-- dropped when a new one is added, and count for nothing before that.
create table balances (
  account_no integer not null,
  ledger_account smallint not null,
  currency text not null,
  amount bigint not null,
  floor bigint,
  pending bigint[],
  primary key (account_no, ledger_account, currency),
  check (floor is null or amount >= floor)
) with (fillfactor = 50);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% on % is forbidden: the ledger only grows', tg_op, tg_table_name
    using errcode = 'restrict_violation';
end $$;

create trigger accounts_for_ever before delete or truncate on accounts
  for each statement execute function refuse_change();
create trigger charges_append_only before update or delete or truncate on charges
  for each statement execute function refuse_change();
create trigger authorizations_for_ever before delete or truncate on authorizations
  for each statement execute function refuse_change();
create trigger operations_for_ever before delete or truncate on operations
  for each statement execute function refuse_change();
create trigger journal_append_only before update or delete or truncate on journal
  for each statement execute function refuse_change();
