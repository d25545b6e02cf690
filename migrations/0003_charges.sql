-- The two phases of a charge, each one statement for a whole batch of any number of merchants.
-- Account rows are locked before (apply_batch), so every test here sees all that came before it; the
-- unique constraints are the second wall. Each command answers alone: a refused one changes nothing
-- and spoils nothing for its neighbours. Tables are reached by key whatever the planner believes of
-- their size: `lateral (… offset 0)` keeps it from turning a look-up into a scan, and results are carried
-- along instead of joined again, so that a batch costs in proportion to its commands.

create function open_charges(p jsonb) returns table (i integer, result jsonb)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq,
           k.key is not null as used, k.mac <> decode(r.mac, 'hex') or k.operation <> r.operation
             as other, k.operation as first_operation,
           u.id is not null and not u.deleted as customer_known,
           coalesce(r.token, d.token) as paid_with, coalesce(r.card, d.card) as shown, d.id as kept
      from jsonb_to_recordset(p) as r(i integer, account text, livemode boolean, key text,
             operation text, mac text, request text, id uuid, amount integer, currency text,
             capture boolean, order_id text, attempt_number integer, token uuid, card jsonb,
             customer uuid, card_id uuid, description text, receipt_email text,
             statement_descriptor text, metadata jsonb)
      left join lateral (select * from accounts a
        where a.id = r.account and a.livemode = r.livemode offset 0) a on true
      left join lateral (select * from idempotency_keys k
        where k.account_no = a.no and k.key = r.key offset 0) k on true
      left join lateral (select * from customers u
        where u.account_no = a.no and u.id = r.customer offset 0) u on true
      left join lateral (select * from customer_versions v
        where v.account_no = u.account_no and v.seq = u.seq offset 0) v on true
      left join lateral (select * from cards d
        where d.account_no = a.no and d.id = coalesce(r.card_id, v.default_source)
          and r.token is null and d.customer = r.customer offset 0) d on true
  ), judged as materialized (
    select q.*, case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then jsonb_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        when q.customer is not null and not q.customer_known then
          jsonb_build_object('kind', 'resource_missing', 'object', 'customer', 'id', q.customer,
            'param', 'customer')
        when q.paid_with is null and q.card_id is not null then
          jsonb_build_object('kind', 'resource_missing', 'object', 'card', 'id', q.card_id,
            'param', 'source')
        when q.paid_with is null then '{"kind":"customer_without_card"}'
        when q.token is not null and (
            exists (select from charges c where c.account_no = q.no and c.token = q.token
                      and c.card_id is null offset 0)
            or exists (select from cards d where d.account_no = q.no and d.token = q.token offset 0)) then
          jsonb_build_object('kind', 'token_already_used', 'token', q.token)
        when q.attempt_number is not null and exists (select from charges c where c.account_no = q.no
            and c.order_id = q.order_id and c.attempt_number = q.attempt_number offset 0) then
          '{"kind":"order_attempt_taken"}'
      end::jsonb as failure
      from asked q
  ), opened as materialized (
    select j.*, j.seq + row_number() over (partition by j.no order by j.i) as event_seq
      from judged j where j.failure is null and not j.used
  ), claimed as (
    insert into idempotency_keys (account_no, key, operation, mac, request, object, failure)
    select j.no, j.key, j.operation, decode(j.mac, 'hex'), j.request,
           case when j.failure is null then j.id end, j.failure
      from judged j where j.no is not null and not j.used
  ), prepared as materialized (
    -- In the order of the table's columns.
    select o.i, o.event_seq, row(o.no, o.id, 'opened', o.amount, o.currency, o.capture, o.key,
        o.request, o.order_id, o.attempt_number, o.paid_with, o.kept, o.customer, o.shown,
        o.description, o.receipt_email, o.statement_descriptor, coalesce(o.metadata, '{}'), null,
        null, 0, 0, 0, null)::charges as charge
      from opened o
  ), written as (
    insert into charges select (x.charge).* from prepared x
  ), told as (
    insert into events (account_no, seq, type, subject, request, data)
    select o.no, o.event_seq, 1, o.id, o.request, '{}' from opened o
  ), counted as (
    update accounts a set seq = n.last
      from (select o.no, max(o.event_seq) as last from opened o group by o.no) n where a.no = n.no
  )
  select x.i, jsonb_build_object('outcome', 'opened', 'kind', 'charge',
           'facts', to_jsonb(x.charge), 'seq', x.event_seq)
    from prepared x
  union all
  select j.i, case
      when j.failure is not null then
        jsonb_build_object('outcome', 'refused', 'failure', j.failure, 'seq', j.seq)
      else jsonb_build_object('outcome', 'known', 'answer', answer_of(j.no, j.key), 'seq', j.seq)
    end
    from judged j where j.failure is not null or j.used;
end $$;

-- The outcome the processor gave. Only an `opened` charge moves; for one that another worker closed
-- first the stored answer comes back, so both say the same.
create function close_charges(p jsonb) returns table (i integer, result jsonb)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, c.key, c.request, c.capture, c.amount, c.currency,
           c.state = 'opened' as moves
      from jsonb_to_recordset(p) as r(i integer, account text, livemode boolean, id uuid,
             approved boolean, processor_ref text, outcome jsonb, card jsonb)
      cross join lateral (select * from accounts a
        where a.id = r.account and a.livemode = r.livemode offset 0) a
      cross join lateral (select * from charges c
        where c.account_no = a.no and c.id = r.id offset 0) c
  ), moved as materialized (
    select q.*, q.seq + row_number() over (partition by q.no order by q.i) as event_seq,
           case when not q.approved then 'failed' when q.capture then 'captured'
             else 'authorized' end as next_state
      from asked q where q.moves
  ), written as (
    update charges c set state = m.next_state, processor_ref = m.processor_ref,
        outcome = m.outcome, card = c.card || coalesce(m.card, '{}'),
        amount_captured = case when m.next_state = 'captured' then m.amount else 0 end,
        balance_seq = case when m.next_state = 'captured' then m.event_seq end
      from moved m where c.account_no = m.no and c.id = m.id
    returning m.i, m.no, m.event_seq, m.approved, m.id, m.request, to_jsonb(c) as facts,
      jsonb_build_object('state', c.state, 'amount_captured', c.amount_captured,
        'amount_refunded', 0, 'balance_seq', c.balance_seq) as data
  ), told as (
    insert into events (account_no, seq, type, subject, request, data)
    select w.no, w.event_seq, case when w.approved then 2 else 3 end, w.id, w.request, w.data
      from written w
  ), posted as (
    insert into postings (account_no, seq, debit, credit, amount, currency)
    select m.no, m.event_seq, 'processor', 'merchant', m.amount, m.currency
      from moved m where m.next_state = 'captured'
  ), balanced as (
    insert into balances as b (account_no, ledger_account, currency, amount)
    select m.no, leg.ledger_account, m.currency, sum(leg.sign * m.amount)
      from moved m, (values ('processor', -1), ('merchant', 1)) as leg(ledger_account, sign)
     where m.next_state = 'captured' group by m.no, leg.ledger_account, m.currency
    on conflict (account_no, ledger_account, currency)
      do update set amount = b.amount + excluded.amount
  ), counted as (
    update accounts a set seq = n.last
      from (select m.no, max(m.event_seq) as last from moved m group by m.no) n where a.no = n.no
  ), answered as (
    update idempotency_keys k set seq = m.event_seq
      from moved m where k.account_no = m.no and k.key = m.key
  )
  select w.i, jsonb_build_object('outcome', 'closed', 'kind', 'charge', 'facts', w.facts,
           'seq', w.event_seq)
    from written w
  union all
  select q.i, jsonb_build_object('outcome', 'known', 'answer', answer_of(q.no, q.key), 'seq', q.seq)
    from asked q where not q.moves;
end $$;
