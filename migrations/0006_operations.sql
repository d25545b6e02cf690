-- Captures, refunds, releases (the refund of a charge not yet captured) and increments, in the same two phases.
-- `amount_refunding` reserves what an open refund may take, so refunds that race never exceed what
-- was captured. A batch holds at most one command for a charge; the shard keeps it so.

-- Whether the cardholder's bank holds or has taken the money of a charge: then it is not given back twice. A
-- question that takes no money, and a dispute that was won, leave it to the merchant.
create function is_disputed(p_no integer, p_charge uuid) returns boolean language sql stable as $$
  select exists (select from objects o
    join object_versions v on v.account_no = o.account_no and v.id = o.id and v.seq = o.seq
   where o.account_no = p_no and o.parent = p_charge and o.type = 'dispute'
     and v.document ->> 'status' in ('needs_response', 'under_review', 'lost') offset 0)
$$;

-- How often more may be asked for on one authorization, declines counted; Stripe's limit.
create function increments_max() returns bigint language sql immutable as 'select 10::bigint';

create function open_operations(p json, p_nos integer[]) returns setof verdict
language plpgsql as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, a.head, c.state, c.currency, c.intent, c.processor_ref,
           c.amount as authorized, c.amount_captured - c.amount_refunded as refundable,
           x.amount_refunding as reserved,
           case when r.increments then 'increment' when r.capture then 'capture'
             when c.state = 'authorized' then 'release' else 'refund' end as kind,
           case when r.increments then r.amount - c.amount else
             coalesce(r.amount, case when r.capture or c.state = 'authorized' then c.amount
               else c.amount_captured - c.amount_refunded - x.amount_refunding end) end as wanted,
           not r.capture and r.increments is null and is_disputed(a.no, r.charge) as disputed,
           case when r.increments then (select count(*) from operations o where o.account_no = a.no
             and o.charge = r.charge and o.kind = 'increment') end as increments_before,
           first.key is not null as used, first.mac <> decode(r.mac, 'hex')
             or first.operation <> r.operation as other, first.operation as first_operation
      from json_to_recordset(p) as r(i integer, a integer, key text, operation text, mac text,
             request text, id uuid, charge uuid, capture boolean, releases boolean, increments boolean,
             amount integer, reason text, metadata json)
      left join lateral (select * from accounts a where a.no = p_nos[r.a] offset 0) a on true
      left join lateral claim_of(a.no, r.key) first on true
      left join lateral (select * from charge_facts c
        where c.account_no = a.no and c.id = r.charge offset 0) c on true
      left join lateral (select * from authorizations x
        where x.account_no = a.no and x.id = r.charge offset 0) x on true
  ), judged as materialized (
    select q.*, case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then json_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        when q.state is null then json_build_object('kind', 'resource_missing', 'object', 'charge',
          'id', q.charge, 'param', case when q.capture or q.increments then 'id' else 'charge' end)
        when q.state in ('opened', 'incrementing', 'capturing', 'releasing') then
          '{"kind":"object_locked"}'
        when q.state = 'failed' then '{"kind":"charge_failed"}'
        when q.state = 'released' then '{"kind":"charge_already_refunded"}'
        when q.capture and q.state = 'captured' then '{"kind":"charge_already_captured"}'
        when (q.releases or q.increments) and q.state = 'captured' then
          '{"kind":"charge_already_captured"}'
        when q.increments and q.increments_before >= increments_max() then
          json_build_object('kind', 'increments_used_up', 'max', increments_max())
        when q.increments and q.wanted <= 0 then
          json_build_object('kind', 'increment_too_small', 'authorized', q.authorized)
        when q.increments then null
        when q.capture and q.wanted > q.authorized then
          json_build_object('kind', 'capture_too_large', 'max', q.authorized)
        when q.kind = 'capture' then null
        when q.kind = 'release' and q.wanted <> q.authorized then '{"kind":"release_in_part"}'
        when q.kind = 'release' then null
        when q.disputed then '{"kind":"charge_disputed"}'
        when q.refundable = 0 then '{"kind":"charge_already_refunded"}'
        when q.wanted > q.refundable then
          json_build_object('kind', 'refund_too_large', 'max', q.refundable)
        when q.wanted > q.refundable - q.reserved or q.wanted = 0 then '{"kind":"object_locked"}'
      end::json as failure
      from asked q
  ), prepared as materialized (
    -- In the order of the tables' columns.
    select j.i, j.no, j.head, j.processor_ref,
      row(j.no, j.wanted, j.id, j.charge, j.intent, null, null, j.kind, 'opened', j.currency, j.key,
        j.operation, decode(j.mac, 'hex'), j.request, j.reason, null, j.metadata, null,
        null, null)::operations
        as operation,
      row(j.no, 4, null, j.seq + row_number() over (partition by j.no order by j.i), null, now(), null,
        null, null, j.id, null, null, null, null, null)::journal as entry
      from judged j where j.failure is null and not j.used
  ), linked as materialized (
    select p.*, chain(p.head, text_of(p.entry) || text_of(p.operation))
             over (partition by p.no order by (p.entry).seq) as hash
      from prepared p
  ), claimed as (
    -- A locked charge is free again soon, so the key may ask again.
    insert into idempotency_keys (account_no, key, operation, mac, request, failure)
    select j.no, j.key, j.operation, decode(j.mac, 'hex'), j.request, j.failure
      from judged j
     where j.no is not null and not j.used and j.failure->>'kind' <> 'object_locked'
  ), asked_for as (
    insert into operations select (l.operation).* from linked l
  ), held as (
    update authorizations x set
        state = case (l.operation).kind when 'capture' then 'capturing' when 'release' then 'releasing'
          when 'increment' then 'incrementing' else x.state end,
        amount_refunding = x.amount_refunding
          + case (l.operation).kind when 'refund' then (l.operation).amount else 0 end
      from linked l where x.account_no = l.no and x.id = (l.operation).charge
  ), told as (
    insert into journal (account_no, type, seq, created_at, subject, link)
    select l.no, 4, (l.entry).seq, now(), (l.entry).subject, substring(l.hash for 16) from linked l
  ), counted as (
    update accounts a set seq = n.seq, head = n.hash
      from (select distinct on (l.no) l.no, (l.entry).seq, l.hash from linked l
             order by l.no, (l.entry).seq desc) n where a.no = n.no
  )
  select l.i, 'operation_opened', (l.entry).seq,
         (to_jsonb(l.operation) || jsonb_build_object('charge_processor_ref', l.processor_ref))::json
    from linked l
  union all
  select j.i, case when j.failure is not null then 'refused' else 'known' end, coalesce(j.seq, 0),
         coalesce(j.failure, answer_of(j.no, j.key)::json)
    from judged j where j.failure is not null or j.used;
end $$;

-- A refund tells two things, in this order: the refund's own outcome (with the posting), then what
-- became of the charge; so it takes two numbers of the sequence. An increment moves no money: more is held.
create function close_operations(p json, p_nos integer[]) returns setof verdict
language plpgsql as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, a.head, a.terms, o.key, o.request, o.charge, o.kind, o.amount, o.currency,
           o.state = 'opened' as moves, x.amount_captured, x.amount_refunded, x.available_now
      from json_to_recordset(p) as r(i integer, a integer, id uuid, approved boolean,
             processor_ref text, pending boolean, decline json)
      left join lateral (select * from accounts a where a.no = p_nos[r.a] offset 0) a on true
      left join lateral (select * from operations o
        where o.account_no = a.no and o.id = r.id offset 0) o on true
      left join lateral (select * from authorizations x
        where x.account_no = a.no and x.id = o.charge offset 0) x on true
  ), moved as materialized (
    select q.*, q.approved and q.kind in ('refund', 'release') as refunds,
           q.approved and q.kind in ('capture', 'refund') as posts,
           q.approved and q.kind = 'capture' as captures,
           q.approved and q.kind = 'increment' as raises,
           q.seq + sum(case when q.approved and q.kind in ('refund', 'release') then 2 else 1 end)
             over (partition by q.no order by q.i) as last_seq
      from asked q where q.moves
  ), numbered as materialized (
    select m.*, (m.last_seq - case when m.refunds then 1 else 0 end)::bigint as event_seq,
           case when m.kind = 'capture' and m.approved then m.amount else m.amount_captured end
             as captured_then,
           m.amount_refunded + case when m.refunds then m.amount else 0 end as refunded_then,
           case when m.captures then fee_of(m.terms, m.amount, m.currency) end as fee,
           case when m.captures and m.available_now is null then available_on(m.terms) end as free_on
      from moved m
  ), entries_to_be as (
    -- In the order of the table's columns.
    select n.i, n.no, n.head, row(n.no,
        case when n.refunds then 6 when n.captures then 5 when n.raises then 13
          when n.kind = 'capture' then 9 when n.kind = 'increment' then 14 else 8 end,
        case when n.posts then case n.kind when 'capture' then 1 else 2 end end, n.event_seq,
        case when n.posts then n.amount end, now(),
        case when n.captures or n.raises then n.captured_then end,
        case when n.captures or n.raises then n.refunded_then end,
        case when n.posts then case n.kind when 'capture' then 2 else 1 end end,
        case when n.captures or n.raises then n.charge else n.id end,
        case when n.posts then n.currency end,
        case when n.captures or n.raises then n.request end, null, n.fee,
        n.free_on)::journal as entry,
      row(n.processor_ref, n.pending, n.decline)::text as content
      from numbered n
    union all
    select n.i, n.no, n.head, row(n.no, 7, null, n.last_seq, null, now(), n.captured_then,
        n.refunded_then, null, n.charge, null, n.request, null, null, null)::journal, ''
      from numbered n where n.refunds
  ), linked as materialized (
    select e.*, chain(e.head, text_of(e.entry) || e.content)
             over (partition by e.no order by (e.entry).seq) as hash
      from entries_to_be e
  ), written as (
    update operations o set state = case when n.approved then 'succeeded' else 'failed' end,
        processor_ref = n.processor_ref, seq = n.event_seq, pending = n.pending,
        decline = n.decline, balance_seq = case when n.posts then n.event_seq end
      from numbered n where o.account_no = n.no and o.id = n.id
    returning n.i, operation_at(o, n.event_seq) as facts, refusal_of(o) as refusal
  ), charged as (
    update authorizations x set
        state = case n.kind when 'refund' then x.state when 'increment' then 'authorized'
          when 'capture' then case when n.approved then 'captured' else 'authorized' end
          else case when n.approved then 'released' else 'authorized' end end,
        amount_captured = n.captured_then,
        amount_refunded = n.refunded_then,
        amount_refunding = x.amount_refunding - case n.kind when 'refund' then n.amount else 0 end,
        balance_seq = case when n.kind = 'capture' and n.approved then n.event_seq
          else x.balance_seq end,
        raised = case when n.raises then coalesce(x.raised, 0) + n.amount else x.raised end
      from numbered n where x.account_no = n.no and x.id = n.charge
    returning n.i, x.state, x.balance_seq
  ), told as (
    insert into journal (account_no, type, debit, seq, amount, created_at, captured, refunded,
        credit, subject, currency, request, link, fee, available_on)
    select l.no, (l.entry).type, (l.entry).debit, (l.entry).seq, (l.entry).amount, now(),
           (l.entry).captured, (l.entry).refunded, (l.entry).credit, (l.entry).subject,
           (l.entry).currency, (l.entry).request, substring(l.hash for 16), (l.entry).fee,
           (l.entry).available_on
      from linked l
  ), posted as (
    select n.no, n.currency, sum(case when n.captures then n.amount else -n.amount end) as amount,
           sum(n.fee) as fee, min(n.free_on) as free_on,
           sum(n.amount - coalesce(n.fee, 0)) filter (where n.free_on is not null) as pending
      from numbered n where n.posts group by n.no, n.currency
  ), balanced as (
    insert into balances as b (account_no, ledger_account, currency, amount, pending)
    select s.no, leg.ledger_account, s.currency, leg.amount, leg.pending
      from posted s, lateral (values
        (1, -s.amount, null),
        (2, s.amount - coalesce(s.fee, 0), pending_from(s.free_on, s.pending)),
        (3, s.fee, null)) as leg(ledger_account, amount, pending)
     where leg.amount is not null
    on conflict (account_no, ledger_account, currency) do update set
      amount = b.amount + excluded.amount, pending = pending_with(b.pending, excluded.pending)
  ), counted as (
    update accounts a set seq = n.seq, head = n.hash
      from (select distinct on (l.no) l.no, (l.entry).seq, l.hash from linked l
             order by l.no, (l.entry).seq desc) n where a.no = n.no
  )
  select q.i,
      case when q.key is null then 'refused' when not q.moves then 'known'
        when q.kind <> 'refund' and not q.approved then 'refused' else 'done' end,
      coalesce((select n.last_seq::bigint from numbered n where n.i = q.i), q.seq, 0),
      case when q.key is null then '{"kind":"internal"}'
        when not q.moves then answer_of(q.no, q.key)::json
        when q.kind <> 'refund' and not q.approved then w.refusal::json
        when q.kind in ('capture', 'increment') then json_build_object('kind', 'charge', 'facts',
          (select to_jsonb(f) || jsonb_build_object('state', c.state, 'balance_seq', c.balance_seq)
                  || case q.kind when 'capture' then jsonb_build_object('amount_captured', q.amount)
                    else jsonb_build_object('amount', f.amount + q.amount) end
             from charge_facts f where f.account_no = q.no and f.id = q.charge))
        else json_build_object('kind', 'operation', 'facts', w.facts) end
    from asked q
    left join written w on w.i = q.i
    left join charged c on c.i = q.i;
end $$;
