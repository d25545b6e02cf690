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

-- What these tokens became: a payment method, or a card of a customer, whose id is the number of its token.
create function methods_of(p_no integer, p_tokens uuid[]) returns setof uuid language sql stable as $$
  select unnest(p_tokens)
  union
  select o.id from objects o where o.token = any (p_tokens) and o.account_no = p_no
$$;

-- The charges of a customer, where one is given, and those made with these tokens, and their intents. Words go from
-- them, and `npm run forgotten` looks for words in them. Each part is reached by an index of its own.
create function charges_of(p_no integer, p_customer uuid, p_tokens uuid[])
returns table (id uuid, intent uuid) language sql stable as $$
  select c.id, c.intent from charges c
   where c.account_no = p_no and c.token = any (p_tokens) and c.card_id is null
  union
  select c.id, c.intent from methods_of(p_no, p_tokens) as m(id), lateral (select c.id, c.intent from charges c
    where c.account_no = p_no and c.card_form = 'pm' and c.card_id = m.id offset 0) c
  union
  -- With a customer's card, also one that is gone. Nobody else can pay with it.
  select c.id, c.intent
    from (select d.customer, d.token from cards d where d.token = any (p_tokens) and d.account_no = p_no
      union
      select t.customer, t.token from forgotten_tokens t
       where t.account_no = p_no and t.token = any (p_tokens)) k,
      lateral (select c.id, c.intent from charges c where c.account_no = p_no
        and c.customer = k.customer and c.token = k.token offset 0) c
  union
  select c.id, c.intent from charges c where c.account_no = p_no and c.customer = p_customer
  union
  -- Those that were given to the customer later.
  select c.id, c.intent from objects o,
      lateral (select c.id, c.intent from charges c where c.account_no = p_no and c.id = o.id offset 0) c
   where o.account_no = p_no and o.customer = p_customer and o.type = 'charge'
$$;

-- The objects of a customer, where one is given, and of these tokens, in whose versions words may stand: those
-- charges as they were changed, what was done with them and what they were attempts of; the payment methods, the
-- setup intents that have one, and each intent that has held the details of one or of a card, whatever it was
-- paid with in the end.
create function objects_of(p_no integer, p_customer uuid, p_tokens uuid[]) returns setof uuid
language sql stable as $$
  with paid as materialized (
    select c.id, c.intent from charges_of(p_no, p_customer, p_tokens) c
  ), methods as materialized (
    select m.id from methods_of(p_no, p_tokens) as m(id)
  )
  select p.id from paid p
  union
  select p.intent from paid p where p.intent is not null
  union
  select o.id from (select p.id from paid p union all select m.id from methods m) w,
      lateral (select o.id from objects o where o.account_no = p_no and o.parent = w.id offset 0) o
  union
  select m.id from methods m
  union
  select i.intent from methods m, lateral (select i.intent from intent_methods i
    where i.account_no = p_no and i.method = m.id offset 0) i
  union
  select o.id from objects o where o.account_no = p_no and o.customer = p_customer
$$;

-- The words about a person in all of these.
create function erase_words(p_no integer, p_customer uuid, p_tokens uuid[]) returns void language sql as $$
  update charges c set card_name = null, address_line1 = null, address_zip = null,
         description = null, receipt_email = null, metadata = null, shipping = null
   where c.account_no = p_no and c.id = any (array(select id from charges_of(p_no, p_customer, p_tokens)));
  update operations o set metadata = null
   where o.charge = any (array(select id from charges_of(p_no, p_customer, p_tokens)))
     and o.account_no = p_no and o.metadata is not null;
  update object_versions v set document = without_words(v.document)
   where v.account_no = p_no and v.id = any (array(select objects_of(p_no, p_customer, p_tokens)))
$$;

-- What goes with tokens for ever, whichever way they went and whatever they became: each leaves its tombstone, of
-- payment methods every version goes, and of what was done with them the words about the person.
create function forget_tokens(p_no integer, p_customer uuid, p_tokens uuid[]) returns void
language sql as $$
  insert into forgotten_tokens as t (account_no, token, customer)
  select p_no, unnest(p_tokens), p_customer
  on conflict (account_no, token) do update
    set customer = coalesce(excluded.customer, t.customer), destroyed_at = null;
  delete from object_versions v using objects o
   where o.token = any (p_tokens) and o.account_no = p_no and v.account_no = p_no and v.id = o.id;
  update objects o set deleted = true where o.token = any (p_tokens) and o.account_no = p_no;
  select erase_words(p_no, null, p_tokens)
$$;

create function forget_cards() returns trigger language plpgsql as $$
begin
  perform forget_tokens(g.account_no, g.customer, g.tokens)
    from (select account_no, customer, array_agg(token) as tokens from gone group by 1, 2) g;
  return null;
end $$;
create trigger cards_forgotten after delete on cards referencing old table as gone
  for each statement execute function forget_cards();

-- With a customer go its payment methods, also those it was detached from, and the words in all that was its own.
create function erase_customer() returns trigger language plpgsql as $$
begin
  perform forget_tokens(new.account_no, new.id, array(select o.token from objects o
    where o.account_no = new.account_no and (o.customer = new.id or o.former = new.id)
      and o.token is not null and not o.deleted));
  perform erase_words(new.account_no, new.id, '{}');
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
  perform forget_tokens(o.account_no, coalesce(o.customer, o.former), array[o.token]);
  n := add_entry(o.account_no, case when o.customer is null then 44 else 42 end::smallint, o.id, p_request);
  update objects set seq = n where account_no = o.account_no and id = o.id;
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
  if d.id is not null then
    n := forget_card_of_customer(d, p_request);
  elsif o.id is not null then
    n := forget_method(o, p_request);
  else
    perform forget_tokens(a.no, null, array[p_token]);
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
