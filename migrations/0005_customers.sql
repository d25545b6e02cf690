-- Merchants and their customers: one phase, since nothing outside our control is asked.

-- A patch in Stripe's sense: null unsets a field, metadata merges key by key, and null unsets all of it.
create function patched(p_document jsonb, p_patch jsonb) returns jsonb language sql immutable as $$
  select jsonb_strip_nulls((p_document || p_patch) || jsonb_build_object('metadata',
    case p_patch->'metadata' when 'null' then '{}'
      else coalesce(p_document->'metadata', '{}') || coalesce(p_patch->'metadata', '{}') end))
$$;

create function save_customers(p jsonb) returns table (i integer, result jsonb)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, u.id is not null as exists_now, u.deleted,
           coalesce(v.document, '{}') as old_document, v.default_source as old_source,
           k.key is not null as used, k.mac <> decode(r.mac, 'hex') or k.operation <> r.operation
             as other, k.operation as first_operation
      from jsonb_to_recordset(p) as r(i integer, account text, livemode boolean, key text,
             operation text, mac text, request text, id uuid, made boolean, removed boolean,
             patch jsonb, card_id uuid, token uuid, card jsonb, default_source uuid)
      left join lateral (select * from accounts a
        where a.id = r.account and a.livemode = r.livemode offset 0) a on true
      left join lateral (select * from idempotency_keys k
        where k.account_no = a.no and k.key = r.key offset 0) k on true
      left join lateral (select * from customers u
        where u.account_no = a.no and u.id = r.id offset 0) u on true
      left join lateral (select * from customer_versions v
        where v.account_no = u.account_no and v.seq = u.seq offset 0) v on true
  ), judged as materialized (
    select q.*, case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then jsonb_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        when not q.made and (not q.exists_now or q.deleted) then jsonb_build_object('kind',
          'resource_missing', 'object', 'customer', 'id', q.id, 'param', 'id')
        when q.default_source is not null and not exists (select from cards d where
            d.account_no = q.no and d.id = q.default_source and d.customer = q.id offset 0) then
          jsonb_build_object('kind', 'resource_missing', 'object', 'card', 'id', q.default_source,
            'param', 'default_source')
        when q.token is not null and (
            exists (select from charges c where c.account_no = q.no and c.token = q.token
                      and c.card_id is null offset 0)
            or exists (select from cards d where d.account_no = q.no and d.token = q.token offset 0)) then
          jsonb_build_object('kind', 'token_already_used', 'token', q.token)
      end::jsonb as failure
      from asked q
  ), saved as materialized (
    select j.*, j.seq + row_number() over (partition by j.no order by j.i) as event_seq
      from judged j where j.failure is null and not j.used
  ), claimed as (
    insert into idempotency_keys (account_no, key, operation, mac, request, object, seq, failure)
    select j.no, j.key, j.operation, decode(j.mac, 'hex'), j.request,
           case when j.failure is null then j.id end, s.event_seq, j.failure
      from judged j left join saved s on s.i = j.i where j.no is not null and not j.used
  ), kept as (
    insert into cards (account_no, id, customer, token, card)
    select s.no, s.card_id, s.id, s.token, s.card from saved s where s.token is not null
  ), erased_versions as (
    delete from customer_versions v using saved s
     where s.removed and v.account_no = s.no and v.customer = s.id
  ), erased_cards as (
    delete from cards d using saved s where s.removed and d.account_no = s.no and d.customer = s.id
    returning s.i, d.token
  ), versioned as (
    insert into customer_versions (account_no, seq, customer, document, default_source)
    select s.no, s.event_seq, s.id, patched(s.old_document, coalesce(s.patch, '{}')),
           coalesce(s.card_id, s.default_source, s.old_source)
      from saved s where not s.removed
    returning account_no, seq, to_jsonb(customer_versions) as facts
  ), written as (
    insert into customers as u (account_no, id, seq, deleted)
    select s.no, s.id, s.event_seq, s.removed from saved s
    on conflict (account_no, id) do update set seq = excluded.seq, deleted = excluded.deleted
  ), told as (
    insert into events (account_no, seq, type, subject, request, data)
    select s.no, s.event_seq, case when s.removed then 12 when s.made then 10 else 11 end,
           s.id, s.request, '{}' from saved s
  ), counted as (
    update accounts a set seq = n.last
      from (select s.no, max(s.event_seq) as last from saved s group by s.no) n where a.no = n.no
  )
  select j.i, case
      when j.failure is not null then
        jsonb_build_object('outcome', 'refused', 'failure', j.failure, 'seq', j.seq)
      when j.used then
        jsonb_build_object('outcome', 'known', 'answer', answer_of(j.no, j.key), 'seq', j.seq)
      else jsonb_build_object('outcome', 'closed', 'kind', 'customer', 'seq', s.event_seq,
        'facts', coalesce(v.facts, jsonb_build_object('customer', j.id, 'deleted', true)),
        'forgotten', coalesce((select jsonb_agg(d.token) from erased_cards d where d.i = j.i), '[]'))
    end
    from judged j
    left join saved s on s.i = j.i
    left join versioned v on v.account_no = s.no and v.seq = s.event_seq;
end $$;

-- A merchant is made for both modes at once. The same id again is harmless.
create function create_accounts(p jsonb) returns table (i integer, result jsonb)
language plpgsql as $$
begin
  insert into accounts (id, livemode, slot, name, email)
  select r.id, m.livemode, r.slot, r.name, r.email
    from jsonb_to_recordset(p) as r(id text, slot smallint, name text, email text),
         (values (false), (true)) as m(livemode)
  on conflict (id, livemode) do nothing;
  return query
  select r.i, jsonb_build_object('outcome', 'closed', 'kind', 'account', 'seq', a.seq,
           'facts', to_jsonb(a))
    from jsonb_to_recordset(p) as r(i integer, id text)
    join accounts a on a.id = r.id and not a.livemode;
end $$;
