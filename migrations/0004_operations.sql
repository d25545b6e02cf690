-- Captures, refunds and releases (the refund of a charge not yet captured), in the same two phases.
-- `amount_refunding` reserves what an open refund may take, so refunds that race never exceed what
-- was captured. A batch holds at most one command for a charge; the shard keeps it so.

create function open_operations(p jsonb) returns table (i integer, result jsonb)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, c.state, c.currency, c.processor_ref,
           c.amount as authorized, c.amount_captured - c.amount_refunded as refundable,
           c.amount_refunding as reserved,
           case when r.capture then 'capture' when c.state = 'authorized' then 'release'
             else 'refund' end as kind,
           coalesce(r.amount, case when r.capture or c.state = 'authorized' then c.amount
             else c.amount_captured - c.amount_refunded - c.amount_refunding end) as wanted,
           k.key is not null as used, k.mac <> decode(r.mac, 'hex') or k.operation <> r.operation
             as other, k.operation as first_operation
      from jsonb_to_recordset(p) as r(i integer, account text, livemode boolean, key text,
             operation text, mac text, request text, id uuid, charge uuid, capture boolean,
             amount integer, reason text, metadata jsonb)
      left join lateral (select * from accounts a
        where a.id = r.account and a.livemode = r.livemode offset 0) a on true
      left join lateral (select * from idempotency_keys k
        where k.account_no = a.no and k.key = r.key offset 0) k on true
      left join lateral (select * from charges c
        where c.account_no = a.no and c.id = r.charge offset 0) c on true
  ), judged as materialized (
    select q.*, case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then jsonb_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        when q.state is null then jsonb_build_object('kind', 'resource_missing', 'object', 'charge',
          'id', q.charge, 'param', case when q.capture then 'id' else 'charge' end)
        when q.state in ('opened', 'capturing', 'releasing') then '{"kind":"object_locked"}'
        when q.state = 'failed' then '{"kind":"charge_failed"}'
        when q.state = 'released' then '{"kind":"charge_already_refunded"}'
        when q.capture and q.state = 'captured' then '{"kind":"charge_already_captured"}'
        when q.capture and q.wanted > q.authorized then
          jsonb_build_object('kind', 'capture_too_large', 'max', q.authorized)
        when q.kind = 'capture' then null
        when q.kind = 'release' and q.wanted <> q.authorized then '{"kind":"release_in_part"}'
        when q.kind = 'release' then null
        when q.refundable = 0 then '{"kind":"charge_already_refunded"}'
        when q.wanted > q.refundable then
          jsonb_build_object('kind', 'refund_too_large', 'max', q.refundable)
        when q.wanted > q.refundable - q.reserved or q.wanted = 0 then '{"kind":"object_locked"}'
      end::jsonb as failure
      from asked q
  ), opened as materialized (
    select j.*, j.seq + row_number() over (partition by j.no order by j.i) as event_seq
      from judged j where j.failure is null and not j.used
  ), claimed as (
    insert into idempotency_keys (account_no, key, operation, mac, request, object, failure)
    select j.no, j.key, j.operation, decode(j.mac, 'hex'), j.request,
           case when j.failure is null then j.id end, j.failure
      from judged j
     where j.no is not null and not j.used and j.failure->>'kind' is distinct from 'object_locked'
  ), written as (
    insert into operations (account_no, id, charge, kind, state, amount, currency, key, request,
        reason, metadata)
    select o.no, o.id, o.charge, o.kind, 'opened', o.wanted, o.currency, o.key, o.request,
        o.reason, coalesce(o.metadata, '{}')
      from opened o
    returning account_no, operations.id, to_jsonb(operations) as facts
  ), held as (
    update charges c set
        state = case o.kind when 'capture' then 'capturing' when 'release' then 'releasing'
          else c.state end,
        amount_refunding = c.amount_refunding + case o.kind when 'refund' then o.wanted else 0 end
      from opened o where c.account_no = o.no and c.id = o.charge
  ), told as (
    insert into events (account_no, seq, type, subject, request, data)
    select o.no, o.event_seq, 4, o.id, o.request, '{"state":"opened"}' from opened o
  ), counted as (
    update accounts a set seq = n.last
      from (select o.no, max(o.event_seq) as last from opened o group by o.no) n where a.no = n.no
  )
  select j.i, case
      when j.failure is not null then
        jsonb_build_object('outcome', 'refused', 'failure', j.failure, 'seq', j.seq)
      when j.used then
        jsonb_build_object('outcome', 'known', 'answer', answer_of(j.no, j.key), 'seq', j.seq)
      else jsonb_build_object('outcome', 'opened', 'kind', 'operation',
        'facts', w.facts || jsonb_build_object('charge_processor_ref', j.processor_ref),
        'seq', (select o.event_seq from opened o where o.i = j.i))
    end
    from judged j left join written w on w.account_no = j.no and w.id = j.id;
end $$;

-- A refund tells two things, in this order: the refund's own outcome (with the posting), then what
-- became of the charge; so it takes two numbers of the sequence.
create function close_operations(p jsonb) returns table (i integer, result jsonb)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, o.key, o.request, o.charge, o.kind, o.amount, o.currency,
           o.state = 'opened' as moves
      from jsonb_to_recordset(p) as r(i integer, account text, livemode boolean, id uuid,
             approved boolean, processor_ref text)
      cross join lateral (select * from accounts a
        where a.id = r.account and a.livemode = r.livemode offset 0) a
      cross join lateral (select * from operations o
        where o.account_no = a.no and o.id = r.id offset 0) o
  ), moved as materialized (
    select q.*, q.approved and q.kind <> 'capture' as refunds,
           q.seq + sum(case when q.approved and q.kind <> 'capture' then 2 else 1 end)
             over (partition by q.no order by q.i) as last_seq
      from asked q where q.moves
  ), numbered as materialized (
    select m.*, m.last_seq - case when m.refunds then 1 else 0 end as event_seq,
           m.approved and m.kind <> 'release' as posts
      from moved m
  ), written as (
    update operations o set state = case when n.approved then 'succeeded' else 'failed' end,
        processor_ref = n.processor_ref, balance_seq = case when n.posts then n.event_seq end
      from numbered n where o.account_no = n.no and o.id = n.id
    returning o.account_no, o.id, to_jsonb(o) as facts,
      jsonb_build_object('state', o.state, 'balance_seq', o.balance_seq) as data
  ), charged as (
    update charges c set
        state = case n.kind when 'refund' then c.state
          when 'capture' then case when n.approved then 'captured' else 'authorized' end
          else case when n.approved then 'released' else 'authorized' end end,
        amount_captured = case when n.kind = 'capture' and n.approved then n.amount
          else c.amount_captured end,
        amount_refunded = c.amount_refunded + case when n.refunds then n.amount else 0 end,
        amount_refunding = c.amount_refunding - case n.kind when 'refund' then n.amount else 0 end,
        balance_seq = case when n.kind = 'capture' and n.approved then n.event_seq
          else c.balance_seq end
      from numbered n where c.account_no = n.no and c.id = n.charge
    returning c.account_no, n.id as operation, to_jsonb(c) as facts,
      jsonb_build_object('state', c.state, 'amount_captured', c.amount_captured,
        'amount_refunded', c.amount_refunded, 'balance_seq', c.balance_seq) as data
  ), told as (
    insert into events (account_no, seq, type, subject, request, data)
    select n.no, n.event_seq, case when n.refunds then 6 when n.kind <> 'capture' then 8
             when n.approved then 5 else 9 end,
           case when n.kind = 'capture' and n.approved then n.charge else n.id end, n.request,
           case when n.kind = 'capture' and n.approved then c.data else w.data end
      from numbered n
      join written w on w.account_no = n.no and w.id = n.id
      join charged c on c.account_no = n.no and c.operation = n.id
    union all
    select n.no, n.last_seq, 7, n.charge, n.request, c.data
      from numbered n join charged c on c.account_no = n.no and c.operation = n.id where n.refunds
  ), posted as (
    insert into postings (account_no, seq, debit, credit, amount, currency)
    select n.no, n.event_seq, case n.kind when 'capture' then 'processor' else 'merchant' end,
           case n.kind when 'capture' then 'merchant' else 'processor' end, n.amount, n.currency
      from numbered n where n.posts
  ), balanced as (
    insert into balances as b (account_no, ledger_account, currency, amount)
    select n.no, leg.ledger_account, n.currency,
           sum(leg.sign * n.amount * case n.kind when 'capture' then 1 else -1 end)
      from numbered n, (values ('processor', -1), ('merchant', 1)) as leg(ledger_account, sign)
     where n.posts group by n.no, leg.ledger_account, n.currency
    on conflict (account_no, ledger_account, currency)
      do update set amount = b.amount + excluded.amount
  ), counted as (
    update accounts a set seq = s.last
      from (select n.no, max(n.last_seq) as last from numbered n group by n.no) s where a.no = s.no
  ), answered as (
    update idempotency_keys k set
        seq = case when n.approved or n.kind = 'refund' then n.event_seq end,
        failure = case when not (n.approved or n.kind = 'refund') then
          jsonb_build_object('kind', 'processor_refused', 'operation', n.kind) end
      from numbered n where k.account_no = n.no and k.key = n.key
  )
  select q.i, case
      when not q.moves then
        jsonb_build_object('outcome', 'known', 'answer', answer_of(q.no, q.key), 'seq', q.seq)
      when q.kind <> 'refund' and not q.approved then
        jsonb_build_object('outcome', 'refused',
          'seq', (select n.last_seq from numbered n where n.i = q.i),
          'failure', jsonb_build_object('kind', 'processor_refused', 'operation', q.kind))
      else jsonb_build_object('outcome', 'closed',
        'kind', case q.kind when 'capture' then 'charge' else 'operation' end,
        'facts', case q.kind when 'capture' then c.facts else w.facts end,
        'seq', (select n.last_seq from numbered n where n.i = q.i))
    end
    from asked q
    left join written w on w.account_no = q.no and w.id = q.id
    left join charged c on c.account_no = q.no and c.operation = q.id;
end $$;
