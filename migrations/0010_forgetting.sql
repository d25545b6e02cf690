-- The right to be forgotten. A card that is no longer kept leaves a tombstone with its token, for ever: from
-- it the sealed card in the card box is destroyed, also when a crash or a lost answer comes between the two
-- (docs/decisions/0019). With a customer or a card go the words about the person in their charges; amounts,
-- ids, brand and last four stay, and so do the hashes, which cover none of those words.

create table forgotten_tokens (
  account_no integer not null,
  token uuid not null,
  -- Whose card it was, if it was kept for a customer.
  customer uuid,
  forgotten_at timestamptz not null default now(),
  -- When the card box said that the sealed card is gone; null while that is owed.
  destroyed_at timestamptz,
  primary key (account_no, token)
);
create index forgotten_tokens_owed on forgotten_tokens (account_no) where destroyed_at is null;
create trigger forgotten_tokens_for_ever before delete or truncate on forgotten_tokens
  for each statement execute function refuse_change();

create function leave_tombstones() returns trigger language plpgsql as $$
begin
  insert into forgotten_tokens (account_no, token, customer)
  select account_no, token, customer from gone
  on conflict (account_no, token) do update set customer = excluded.customer, destroyed_at = null;
  return null;
end $$;
create trigger cards_leave_tombstones after delete on cards referencing old table as gone
  for each statement execute function leave_tombstones();

-- Whose billing details an intent has held: those of a payment method, or of a card of a customer.
create table intent_methods (
  account_no integer not null,
  method uuid not null,
  intent uuid not null,
  primary key (account_no, method, intent)
);

-- The fields of a document in which words about a person stand, and a document without them.
create function words() returns text[] language sql immutable as $$
  select '{description,metadata,receipt_email,shipping,billing_details,evidence}'::text[]
$$;
create function without_words(p_document jsonb) returns jsonb language sql immutable as $$
  select p_document - words()
$$;

-- The words about a person in the charges of a customer, in those made with one token, or in those made with a
-- payment method; in what was done with these charges, in what they were attempts of, and in intents that are not
-- paid and have held the card's or the method's words.
create function erase_charges(p_no integer, p_customer uuid, p_token uuid, p_method uuid) returns void
language sql as $$
  with meant as (
    select c.id from charges c
     where c.account_no = p_no
       and (p_customer is null and c.token = p_token and c.card_id is null
         or c.customer = p_customer and (p_token is null or c.token = p_token)
         or c.card_form = 'pm' and c.card_id = p_method)
    union
    -- Those that were given to the customer later.
    select o.id from objects o where p_token is null and o.account_no = p_no
       and o.customer = p_customer and o.type = 'charge'
  ), erased as (
    update charges c set card_name = null, address_line1 = null, address_zip = null,
           description = null, receipt_email = null, metadata = null, shipping = null
      from meant m where c.account_no = p_no and c.id = m.id
    returning c.id, c.intent
  ), attempted as (
    update object_versions v set document = without_words(v.document)
      from (select e.intent from erased e
            union
            -- A card's id is the number of its token.
            select i.intent from intent_methods i
             where i.account_no = p_no and i.method in (p_token, p_method)) m
     where v.account_no = p_no and v.id = m.intent
  ), changes as (
    update object_versions v set document = without_words(v.document) from erased e, objects o
     where o.account_no = p_no and (o.id = e.id or o.parent = e.id)
       and v.account_no = p_no and v.id = o.id
  )
  update operations o set metadata = null from erased e
   where o.account_no = p_no and o.charge = e.id and o.metadata is not null
$$;

-- What a deleted customer leaves of its objects: its payment methods, also those it was detached from, are gone
-- with their cards, and of the rest go the words about the person.
create function erase_objects(p_no integer, p_customer uuid) returns void language sql as $$
  insert into forgotten_tokens (account_no, token, customer)
  select o.account_no, o.token, p_customer from objects o where o.account_no = p_no
     and (o.customer = p_customer or o.former = p_customer) and o.token is not null and not o.deleted
  on conflict (account_no, token) do update set customer = excluded.customer, destroyed_at = null;
  select erase_charges(p_no, null, null, o.id) from objects o where o.account_no = p_no
     and (o.customer = p_customer or o.former = p_customer) and o.token is not null and not o.deleted;
  delete from object_versions v using objects o
   where o.account_no = p_no and (o.customer = p_customer or o.former = p_customer)
     and o.token is not null and v.account_no = o.account_no and v.id = o.id;
  update object_versions v set document = without_words(v.document)
    from objects o where o.account_no = p_no and o.customer = p_customer and o.token is null
     and v.account_no = o.account_no and v.id = o.id;
  update objects o set deleted = true
   where o.account_no = p_no and (o.customer = p_customer or o.former = p_customer)
     and o.token is not null and not o.deleted
$$;

create function erase_customer() returns trigger language plpgsql as $$
begin
  perform erase_charges(new.account_no, new.id, null, null);
  perform erase_objects(new.account_no, new.id);
  return null;
end $$;
create trigger customers_erased after update on customers for each row
  when (new.deleted and not old.deleted) execute function erase_customer();

-- What was asked for stays as it is but for those words, which may go and never come.
create function refuse_all_but_erasure() returns trigger language plpgsql as $$
declare
  words constant text[] := '{card_name,address_line1,address_zip,description,receipt_email,metadata,shipping}';
  before constant jsonb := to_jsonb(old);
  after constant jsonb := to_jsonb(new);
begin
  if before - words is distinct from after - words or exists (select from unnest(words) as word
      where after -> word not in (before -> word, 'null')) then
    raise exception 'UPDATE on charges is forbidden: the ledger only grows'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
drop trigger charges_append_only on charges;
create trigger charges_append_only before delete or truncate on charges
  for each statement execute function refuse_change();
create trigger charges_only_erased before update on charges
  for each row execute function refuse_all_but_erasure();

-- The next entry of an account, which its lock is held for; answers the entry's number.
create function add_entry(p_no integer, p_type smallint, p_subject uuid, p_request text) returns bigint
language plpgsql as $$
declare
  a accounts;
  entry journal;
  hash bytea;
begin
  select * into a from accounts where no = p_no;
  entry := row(p_no, p_type, null, a.seq + 1, null, now(), null, null, null, p_subject, null, p_request,
    null, null, null)::journal;
  hash := chain_step(null, a.head, text_of(entry));
  insert into journal (account_no, type, seq, created_at, subject, request, link)
  values (p_no, p_type, entry.seq, now(), p_subject, p_request, substring(hash for 16));
  update accounts set seq = entry.seq, head = hash where no = p_no;
  return entry.seq;
end $$;

-- A card leaves its customer, who pays with the newest one left.
create function forget_card_of_customer(d cards, p_request text) returns bigint
language plpgsql as $$
declare
  v customer_versions;
  n bigint;
begin
  delete from cards c where c.account_no = d.account_no and c.id = d.id;
  perform erase_charges(d.account_no, d.customer, d.token, null);
  update customer_versions w set card = null
   where w.account_no = d.account_no and w.customer = d.customer and w.card_id = d.id;
  select w.* into v from customers u join customer_versions w
      on w.account_no = u.account_no and w.seq = u.seq
   where u.account_no = d.account_no and u.id = d.customer;
  n := add_entry(d.account_no, 11::smallint, d.customer, p_request);
  insert into customer_versions (account_no, seq, customer, document, default_source, card_id, card_change)
  values (d.account_no, n, d.customer, v.document, case when v.default_source = d.id
    then (select c.id from cards c where c.account_no = d.account_no and c.customer = d.customer
           order by c.seq desc limit 1) else v.default_source end, d.id, 'deleted');
  update customers set seq = n where account_no = d.account_no and id = d.customer;
  return n;
end $$;

-- A payment method is gone, and the words about its holder in all that was done with it. Merchants are told of
-- it as detached, if it was attached.
create function forget_method(o objects, p_request text) returns bigint language plpgsql as $$
declare
  n bigint;
begin
  insert into forgotten_tokens (account_no, token, customer)
  values (o.account_no, o.token, coalesce(o.customer, o.former))
  on conflict (account_no, token) do update set customer = excluded.customer, destroyed_at = null;
  perform erase_charges(o.account_no, null, null, o.id);
  delete from object_versions v where v.account_no = o.account_no and v.id = o.id;
  update object_versions v set document = without_words(v.document) from objects c
   where c.account_no = o.account_no and c.parent = o.id and v.account_no = c.account_no and v.id = c.id;
  n := add_entry(o.account_no, case when o.customer is null then 44 else 42 end::smallint, o.id, p_request);
  update objects set seq = n, deleted = true where account_no = o.account_no and id = o.id;
  return n;
end $$;

-- Forgets one token for ever, and what it became: a card leaves its customer, a payment method is deleted.
-- `p_customer` says whose card it must be; `missing` when it is not. One transaction, as a batch.
create function forget_card(
  p_epoch integer, p_account text, p_livemode boolean, p_request text, p_token uuid, p_customer uuid
) returns json language plpgsql as $$
declare
  a accounts;
  d cards;
  o objects;
  n bigint;
begin
  perform pg_advisory_xact_lock_shared(fence_lock());
  if p_epoch is distinct from (select epoch from fence) then
    raise exception 'epoch % is not the epoch of this region', p_epoch using errcode = 'TS001';
  end if;
  select * into a from accounts where id = p_account and livemode = p_livemode for no key update;
  if not found then return '{"outcome":"account_unknown"}'; end if;
  select * into d from cards c where c.token = p_token and c.account_no = a.no offset 0;
  if p_customer is not null and d.customer is distinct from p_customer then
    return '{"outcome":"missing"}';
  end if;
  select * into o from objects m
   where m.token = p_token and m.account_no = a.no and not m.deleted offset 0;
  perform erase_charges(a.no, null, p_token, null);
  if d.id is not null then
    n := forget_card_of_customer(d, p_request);
  elsif o.id is not null then
    n := forget_method(o, p_request);
  else
    insert into forgotten_tokens (account_no, token) values (a.no, p_token)
    on conflict (account_no, token) do nothing;
    n := a.seq;
  end if;
  return json_build_object('outcome', 'forgotten', 'seq', n);
end $$;

-- The tokens of a slot whose sealed cards nobody has said to be gone, some at a time.
create function unforgotten(p_slot smallint)
returns table (account text, livemode boolean, tokens uuid[]) language sql stable as $$
  select a.id, a.livemode, array_agg(t.token)
    from accounts a
    join lateral (select token from forgotten_tokens t
      where t.account_no = a.no and t.destroyed_at is null limit 500) t on true
   where a.slot = p_slot group by a.id, a.livemode limit 100
$$;

-- The card box has destroyed these.
create function cards_destroyed(p_account text, p_livemode boolean, p_tokens uuid[]) returns void
language sql as $$
  update forgotten_tokens t set destroyed_at = now() from accounts a
   where a.id = p_account and a.livemode = p_livemode and t.account_no = a.no
     and t.token = any (p_tokens) and t.destroyed_at is null
$$;
