-- Merchants and their customers: one phase, since nothing outside our control is asked.

-- A patch in Stripe's sense: null unsets a field, metadata merges key by key, and null unsets all of it.
create function patched(p_document jsonb, p_patch jsonb) returns jsonb language sql immutable as $$
  select jsonb_strip_nulls((p_document || p_patch) || jsonb_build_object('metadata',
    case p_patch->'metadata' when 'null' then '{}'
      else coalesce(p_document->'metadata', '{}') || coalesce(p_patch->'metadata', '{}') end))
$$;

create function save_customers(p json, p_nos integer[]) returns setof verdict
language plpgsql as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, a.head, u.id is not null as exists_now, u.deleted,
           coalesce(v.document, '{}') as old_document, v.default_source as old_source,
           d.id is not null as card_known, case when r.token is not null then r.card
             when r.card_patch is not null then patched(d.card, r.card_patch) end as new_card,
           case when r.token is not null then 'created' when r.card_patch is not null then 'updated'
             end as card_change,
           first.key is not null as used, first.mac <> decode(r.mac, 'hex')
             or first.operation <> r.operation as other, first.operation as first_operation
      from json_to_recordset(p) as r(i integer, a integer, key text, operation text, mac text,
             request text, id uuid, made boolean, removed boolean, patch jsonb, card_id uuid,
             token uuid, card jsonb, card_patch jsonb, keeps_default boolean, default_source uuid)
      left join lateral (select * from accounts a where a.no = p_nos[r.a] offset 0) a on true
      left join lateral claim_of(a.no, r.key) first on true
      left join lateral (select * from customers u
        where u.account_no = a.no and u.id = r.id offset 0) u on true
      left join lateral (select * from customer_versions v
        where v.account_no = u.account_no and v.seq = u.seq offset 0) v on true
      left join lateral (select * from cards d where d.account_no = a.no and d.id = r.card_id
        and d.customer = r.id and r.card_patch is not null offset 0) d on true
  ), judged as materialized (
    select q.*, case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then json_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        when not q.made and (not q.exists_now or q.deleted) then json_build_object('kind',
          'resource_missing', 'object', 'customer', 'id', q.id, 'param', 'id')
        when q.card_patch is not null and not q.card_known then json_build_object('kind',
          'resource_missing', 'object', 'source', 'id', q.card_id, 'param', 'id')
        when q.default_source is not null and not exists (select from cards d where
            d.account_no = q.no and d.id = q.default_source and d.customer = q.id offset 0) then
          json_build_object('kind', 'resource_missing', 'object', 'card', 'id', q.default_source,
            'param', 'default_source')
        when q.token is not null and is_forgotten(q.no, q.token) then '{"kind":"object_locked"}'
        when q.token is not null and token_used(q.no, q.token) then
          json_build_object('kind', 'token_already_used', 'token', q.token)
        -- Stripe's limit, of what there is after the change.
        when (select count(*) from jsonb_object_keys(
            patched(q.old_document, coalesce(q.patch, '{}'))->'metadata')) > 50
          or (select count(*) from jsonb_object_keys(q.new_card->'metadata')) > 50 then
          json_build_object('kind', 'parameter_invalid', 'param', 'metadata', 'why',
            'Invalid metadata: an object has at most 50 keys, those it had before counted. Unset some.')
      end::json as failure
      from asked q
  ), numbered as materialized (
    select j.*, j.seq + row_number() over (partition by j.no order by j.i) as event_seq,
           case when j.removed then 12 when j.made then 10 else 11 end as type
      from judged j where j.failure is null and not j.used
  ), saved as materialized (
    -- The entry in the order of the table's columns.
    select n.*, chain(n.head, text_of(row(n.no, n.type, null, n.event_seq, null, now(), null, null,
             null, n.id, null, n.request, null, null, null)::journal))
             over (partition by n.no order by n.event_seq) as hash
      from numbered n
  ), claimed as (
    insert into idempotency_keys (account_no, key, operation, mac, request, seq, failure)
    select j.no, j.key, j.operation, decode(j.mac, 'hex'), j.request, s.event_seq, j.failure
      from judged j left join saved s on s.i = j.i
     where j.no is not null and not j.used and j.failure->>'kind' is distinct from 'object_locked'
  ), kept as (
    insert into cards (account_no, seq, id, customer, token, card)
    select s.no, s.event_seq, s.card_id, s.id, s.token, s.card from saved s where s.token is not null
  ), changed as (
    update cards d set card = s.new_card from saved s
     where s.card_change = 'updated' and d.account_no = s.no and d.id = s.card_id
  ), erased_versions as (
    delete from customer_versions v using saved s
     where s.removed and v.account_no = s.no and v.customer = s.id
  ), erased_cards as (
    delete from cards d using saved s where s.removed and d.account_no = s.no and d.customer = s.id
    returning s.i, d.token
  ), versioned as (
    insert into customer_versions (account_no, seq, customer, document, default_source, card_id,
        card_change, card)
    select s.no, s.event_seq, s.id, patched(s.old_document, coalesce(s.patch, '{}')),
           coalesce(case when s.keeps_default then s.old_source end,
             case s.card_change when 'created' then s.card_id end, s.default_source, s.old_source),
           s.card_id, s.card_change, s.new_card
      from saved s where not s.removed
    returning account_no, seq, to_jsonb(customer_versions) as facts
  ), written as (
    insert into customers as u (account_no, id, seq, deleted)
    select s.no, s.id, s.event_seq, s.removed from saved s
    on conflict (account_no, id) do update set seq = excluded.seq, deleted = excluded.deleted
  ), told as (
    insert into journal (account_no, type, seq, created_at, subject, request, link)
    select s.no, s.type, s.event_seq, now(), s.id, s.request, substring(s.hash for 16) from saved s
  ), counted as (
    update accounts a set seq = n.event_seq, head = n.hash
      from (select distinct on (s.no) s.no, s.event_seq, s.hash from saved s
             order by s.no, s.event_seq desc) n where a.no = n.no
  )
  select j.i,
      case when j.failure is not null then 'refused' when j.used then 'known' else 'done' end,
      coalesce(s.event_seq, j.seq, 0),
      case when j.failure is not null then j.failure
        when j.used then answer_of(j.no, j.key)::json
        else json_build_object('kind', 'customer',
          'facts', coalesce(v.facts, jsonb_build_object('customer', j.id, 'deleted', true)),
          'forgotten', coalesce((select jsonb_agg(d.token) from (
              select d.token from erased_cards d where d.i = j.i
              union all
              select o.token from objects o where j.removed and o.account_no = j.no
                and (o.customer = j.id or o.former = j.id) and o.token is not null
                and not o.deleted) d), '[]'))
      end
    from judged j
    left join saved s on s.i = j.i
    left join versioned v on v.account_no = s.no and v.seq = s.event_seq;
end $$;

-- A merchant is made for both modes at once. The same id again is harmless.
create function create_accounts(p json) returns setof verdict
language plpgsql as $$
begin
  insert into accounts (id, livemode, slot, head, name, email, terms)
  select r.id, m.livemode, r.slot, chain_genesis(r.id, m.livemode, r.terms), r.name, r.email, r.terms
    from json_to_recordset(p) as r(id text, slot smallint, name text, email text, terms jsonb),
         (values (false), (true)) as m(livemode)
  on conflict (id, livemode) do nothing;
  return query
  select r.i, 'done', a.seq, json_build_object('kind', 'account', 'facts',
           jsonb_build_object('id', a.id, 'name', a.name, 'email', a.email,
             'created_at', a.created_at, 'terms', a.terms))
    from json_to_recordset(p) as r(i integer, id text)
    join accounts a on a.id = r.id and not a.livemode;
end $$;
