-- The ledger of one region: merchants, what they asked for, what it did to the money, and one event
-- for each change of state. Postings and events are written once and never altered. Good for
-- PostgreSQL 15 to 18 and Neon; docs/storage.md tells who reads each column and how long it lives.
-- `account_no` has no foreign key: every writer reaches it by joining `accounts`, whose rows are
-- never deleted, and a key check for each row would cost more than the row.

-- Fencing token of this region (see docs/decisions/0004): a batch signed for another epoch is refused.
create table fence (
  only_row boolean primary key default true check (only_row),
  epoch integer not null check (epoch > 0)
);
insert into fence (epoch) values (1);

-- One row for each merchant and mode. Its lock orders everything that happens to that merchant, and
-- `seq` numbers the merchant's events without a gap.
create table accounts (
  no integer generated always as identity primary key,
  id text not null check (id ~ '^acct_[0-9A-Za-z]{16}$'),
  livemode boolean not null,
  slot smallint not null check (slot between 0 and 1023),
  seq bigint not null default 0 check (seq >= 0),
  name text check (length(name) <= 5000),
  email text check (length(email) <= 512),
  created_at timestamptz not null default now(),
  unique (id, livemode)
) with (fillfactor = 50);
create index accounts_slot on accounts (slot);

-- The authority for "once": the first request with a key is the only one that executes.
-- While `seq` and `failure` are both null the first attempt has not ended.
create table idempotency_keys (
  account_no integer not null,
  key text not null check (length(key) between 1 and 255),
  operation text not null check (length(operation) <= 255),
  mac bytea not null check (length(mac) = 16),
  request text not null check (length(request) <= 64),
  object uuid,
  seq bigint,
  failure jsonb,
  created_at timestamptz not null default now(),
  primary key (account_no, key),
  check (seq is null or failure is null)
) with (fillfactor = 80);

create table customers (
  account_no integer not null,
  id uuid not null,
  seq bigint not null,
  deleted boolean not null default false,
  primary key (account_no, id)
);

-- What a customer was after each change. Personal data lives here and not in events, because events
-- are for ever and this can be erased.
create table customer_versions (
  account_no integer not null,
  seq bigint not null,
  customer uuid not null,
  document jsonb not null,
  default_source uuid,
  primary key (account_no, seq)
);
create index customer_versions_customer on customer_versions (account_no, customer);

-- A card kept for a customer: a token and what may be shown of it, never a card number.
create table cards (
  account_no integer not null,
  id uuid not null,
  customer uuid not null,
  token uuid not null,
  card jsonb not null,
  primary key (account_no, id),
  unique (account_no, token)
);
create index cards_customer on cards (account_no, customer);

create table charges (
  account_no integer not null,
  id uuid not null,
  state text not null check (state in
    ('opened', 'failed', 'authorized', 'capturing', 'captured', 'releasing', 'released')),
  amount integer not null check (amount between 1 and 99999999),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  capture boolean not null,
  key text not null,
  request text not null,
  order_id text check (length(order_id) <= 500),
  attempt_number integer check (attempt_number > 0),
  token uuid not null,
  card_id uuid,
  customer uuid,
  card jsonb not null,
  description text check (length(description) <= 5000),
  receipt_email text check (length(receipt_email) <= 512),
  statement_descriptor text check (length(statement_descriptor) <= 22),
  metadata jsonb not null default '{}',
  processor_ref text,
  outcome jsonb,
  amount_captured integer not null default 0,
  amount_refunded integer not null default 0,
  amount_refunding integer not null default 0,
  balance_seq bigint,
  primary key (account_no, id),
  -- The key first: with the account first it would look to the planner as good as the primary key.
  unique (key, account_no),
  check (amount_captured between 0 and amount),
  check (amount_refunded >= 0 and amount_refunding >= 0 and amount_refunded + amount_refunding
    <= case state when 'released' then amount else amount_captured end)
) with (fillfactor = 70);
create unique index charges_attempt on charges (account_no, order_id, attempt_number)
  where attempt_number is not null;
create unique index charges_token on charges (account_no, token) where card_id is null;
create index charges_customer on charges (account_no, customer, id) where customer is not null;

-- A capture, refund or release (refund before capture) of a charge: its intent, then its outcome.
create table operations (
  account_no integer not null,
  id uuid not null,
  charge uuid not null,
  kind text not null check (kind in ('capture', 'refund', 'release')),
  state text not null check (state in ('opened', 'succeeded', 'failed')),
  amount integer not null check (amount > 0),
  currency text not null,
  key text not null,
  request text not null,
  reason text check (length(reason) <= 100),
  metadata jsonb not null default '{}',
  processor_ref text,
  balance_seq bigint,
  primary key (account_no, id)
) with (fillfactor = 80);
create index operations_charge on operations (account_no, charge, id);

-- One row moves `amount` from the debited to the credited ledger account: both legs, so that no row
-- can be half a posting. It carries the sequence of the event that tells of it.
create table postings (
  account_no integer not null,
  seq bigint not null,
  debit text not null,
  credit text not null,
  amount bigint not null check (amount > 0),
  currency text not null,
  created_at timestamptz not null default now(),
  primary key (account_no, seq),
  check (debit <> credit)
);

-- The two legs of each posting, in the field's usual shape: debits negative, credits positive.
create view entries as
  select account_no, seq, 1 as leg, debit as ledger_account, -amount as amount, currency, created_at
    from postings
  union all
  select account_no, seq, 2, credit, amount, currency, created_at from postings;

-- Credits less debits of each ledger account, kept with the postings in one transaction.
-- `processor`: what the acquirer owes us. `merchant`: what we owe the merchant.
create table balances (
  account_no integer not null,
  ledger_account text not null check (ledger_account in ('processor', 'merchant')),
  currency text not null,
  amount bigint not null,
  floor bigint,
  primary key (account_no, ledger_account, currency),
  check (floor is null or amount >= floor)
) with (fillfactor = 50);

-- The names of events by their code; `public` ones are shown to merchants.
create table event_types (
  code smallint primary key,
  name text not null unique,
  subject text not null check (subject in ('charge', 'operation', 'customer')),
  public boolean not null
);
insert into event_types values
  (1, 'charge.pending', 'charge', false),
  (2, 'charge.succeeded', 'charge', true),
  (3, 'charge.failed', 'charge', true),
  (4, 'operation.pending', 'operation', false),
  (5, 'charge.captured', 'charge', true),
  (6, 'refund.created', 'operation', true),
  (7, 'charge.refunded', 'charge', true),
  (8, 'refund.failed', 'operation', true),
  (9, 'capture.failed', 'operation', false),
  (10, 'customer.created', 'customer', true),
  (11, 'customer.updated', 'customer', true),
  (12, 'customer.deleted', 'customer', true);

-- Exactly one row for each change of state. `data` holds the columns of the subject that can change,
-- as they stood after this change, so that any past answer can be rendered again.
create table events (
  account_no integer not null,
  seq bigint not null,
  type smallint not null,
  subject uuid not null,
  request text not null,
  data jsonb not null,
  created_at timestamptz not null default now(),
  primary key (account_no, seq)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% on % is forbidden: the ledger only grows', tg_op, tg_table_name
    using errcode = 'restrict_violation';
end $$;

create trigger accounts_for_ever before delete or truncate on accounts
  for each statement execute function refuse_change();
create trigger postings_append_only before update or delete or truncate on postings
  for each statement execute function refuse_change();
create trigger events_append_only before update or delete or truncate on events
  for each statement execute function refuse_change();
