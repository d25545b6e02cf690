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

-- The words about a person in the charges of a customer, or in those made with one token, and in what was
-- done with these charges.
create function erase_charges(p_no integer, p_customer uuid, p_token uuid) returns void
language sql as $$
  with erased as (
    update charges c set card_name = null, address_line1 = null, address_zip = null,
           description = null, receipt_email = null, metadata = null
     where c.account_no = p_no
       and (p_customer is null and c.token = p_token and c.card_id is null
         or c.customer = p_customer and (p_token is null or c.token = p_token))
    returning c.id
  )
  update operations o set metadata = null from erased e
   where o.account_no = p_no and o.charge = e.id and o.metadata is not null
$$;

create function erase_customer() returns trigger language plpgsql as $$
begin
  perform erase_charges(new.account_no, new.id, null);
  return null;
end $$;
create trigger customers_erased after update on customers for each row
  when (new.deleted and not old.deleted) execute function erase_customer();

-- What was asked for stays as it is but for those words, which may go and never come.
create function refuse_all_but_erasure() returns trigger language plpgsql as $$
declare
  words constant text[] := '{card_name,address_line1,address_zip,description,receipt_email,metadata}';
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

-- Forgets one token for ever. If it became a card, that card leaves its customer, who pays with the newest
-- one left. `p_customer` says whose card it must be; `missing` when it is not. One transaction, as a batch.
create function forget_card(
  p_epoch integer, p_account text, p_livemode boolean, p_request text, p_token uuid, p_customer uuid
) returns json language plpgsql as $$
declare
  a accounts;
  d cards;
  v customer_versions;
  entry journal;
  hash bytea;
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
  perform erase_charges(a.no, null, p_token);
  if d.id is null then
    insert into forgotten_tokens (account_no, token) values (a.no, p_token)
    on conflict (account_no, token) do nothing;
    return json_build_object('outcome', 'forgotten', 'seq', a.seq);
  end if;
  delete from cards c where c.account_no = a.no and c.id = d.id;
  perform erase_charges(a.no, d.customer, p_token);
  select w.* into v from customers u join customer_versions w
      on w.account_no = u.account_no and w.seq = u.seq
   where u.account_no = a.no and u.id = d.customer;
  entry := row(a.no, 11, null, a.seq + 1, null, now(), null, null, null, d.customer, null, p_request,
    null)::journal;
  hash := chain_step(null, a.head, text_of(entry));
  insert into journal (account_no, type, seq, created_at, subject, request, link)
  values (a.no, 11, a.seq + 1, now(), d.customer, p_request, substring(hash for 16));
  insert into customer_versions (account_no, seq, customer, document, default_source)
  values (a.no, a.seq + 1, d.customer, v.document, case when v.default_source = d.id
    then (select c.id from cards c where c.account_no = a.no and c.customer = d.customer
           order by c.id desc limit 1) else v.default_source end);
  update customers set seq = a.seq + 1 where account_no = a.no and id = d.customer;
  update accounts set seq = a.seq + 1, head = hash where no = a.no;
  return json_build_object('outcome', 'forgotten', 'seq', a.seq + 1);
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
