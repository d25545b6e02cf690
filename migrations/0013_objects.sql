-- Objects that change as a whole: payment intents, payment methods, disputes, payouts, endpoints. What may become
-- of one is decided by who asks, on the version it read; here the change is made only if that is still the
-- version (`expects`), and if no charge was begun since for an intent (`attempts`). So two who decide at once are never both
-- right, and no rule of an object's life is written twice. A posting, where one is given, is in the same entry.

-- Whether a token was forgotten. Who would use it has decided so before that, and decides anew.
create function is_forgotten(p_no integer, p_token uuid) returns boolean language sql stable as $$
  select exists (select from forgotten_tokens t where t.account_no = p_no and t.token = p_token)
$$;

-- Whether words about a person stood in what was decided on (a version of an object, or a charge or refund that
-- it is of) and were erased since: they go all at once, and never come back by themselves.
create function is_erased(p_no integer, p_id uuid, p_type text, p_version bigint) returns boolean
language sql stable as $$
  select not exists (select from object_versions v where v.account_no = p_no and v.id = p_id
      and v.seq = p_version and v.document ?| words())
    and case p_type
      when 'charge' then exists (select from charges c
        where c.account_no = p_no and c.id = p_id and c.metadata is null)
      when 'refund' then exists (select from operations o
        where o.account_no = p_no and o.id = p_id and o.metadata is null)
      else true end
$$;

-- Whether an intent's document holds the billing details of a payment method.
create function is_billed(p_document jsonb) returns boolean language sql immutable as $$
  select p_document -> 'billing_details' <> '{}'
$$;

create function save_objects(p json, p_nos integer[]) returns setof verdict
language plpgsql as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, a.head, a.terms,
           o.id is not null and not o.deleted and o.type = r.type as stands,
           o.id is not null as taken, o.seq as version, w.refund,
           coalesce(r.token, o.token) as kept_token,
           r.customer is null or (u.id is not null and not u.deleted) as customer_known,
           first.key is not null as used, first.mac <> decode(r.mac, 'hex')
             or first.operation <> r.operation as other, first.operation as first_operation,
           coalesce(free.amount, 0) as available, own.operation as own_operation
      from json_to_recordset(p) as r(i integer, a integer, key text, operation text, mac text,
             request text, under text, id uuid, type text, made boolean, expects bigint, attempts smallint,
             document jsonb, event smallint, customer uuid, parent uuid, token uuid, method uuid,
             worded boolean, debit smallint, credit smallint, amount bigint, currency text, refusal json)
      left join lateral (select * from accounts a where a.no = p_nos[r.a] offset 0) a on true
      left join lateral claim_of(a.no, r.key) first on true
      left join lateral (select * from claim_of(a.no, r.under) c where r.under is not null
        and (c.mac <> decode(r.mac, 'hex') or c.operation <> r.operation) offset 0) own on true
      left join lateral (select * from objects o
        where o.account_no = a.no and o.id = r.id offset 0) o on true
      left join lateral (select w as refund from operations w
        where w.account_no = a.no and w.id = r.id and r.type = 'refund' offset 0) w on true
      left join lateral (select * from customers u
        where u.account_no = a.no and u.id = r.customer offset 0) u on true
      left join lateral (select b.amount - pending_of(b.pending) as amount from balances b
        where b.account_no = a.no and b.ledger_account = 2 and b.currency = r.currency
          and r.type = 'payout' offset 0) free on true
  ), judged as materialized (
    select q.*, case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then json_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        -- A step of a request whose own key is another's: nothing is done for it.
        when q.own_operation is not null then json_build_object('kind', 'idempotency_mismatch',
          'first', q.own_operation, 'second', q.operation)
        when q.refusal is not null then q.refusal
        -- No object has a version before its first: who expects one only asks for the key's answer.
        when q.expects = 0 or q.made and q.taken then '{"kind":"object_locked"}'
        when not q.made and not q.stands then json_build_object('kind', 'resource_missing',
          'object', q.type, 'id', q.id, 'param', 'id')
        when not q.made and q.version <> q.expects then '{"kind":"object_locked"}'
        -- A refund is taken back once, and all of it.
        when q.type = 'refund' and q.amount is not null and ((q.refund).reversed_seq is not null
            or (q.refund).state is distinct from 'succeeded' or (q.refund).kind <> 'refund'
            or (q.refund).amount <> q.amount) then '{"kind":"object_locked"}'
        when q.attempts is not null and exists (select from charges c where c.account_no = q.no
            and c.intent = q.id and c.intent_attempt > q.attempts offset 0) then
          '{"kind":"object_locked"}'
        -- Whoever saw words about a person that were erased since, or uses a card that was forgotten since,
        -- would bring them back.
        when q.worded and is_erased(q.no, q.id, q.type, q.version) then '{"kind":"object_locked"}'
        when q.method is not null and is_billed(q.document) and (is_forgotten(q.no, q.method)
            or exists (select from objects m where m.account_no = q.no and m.id = q.method and m.deleted
              offset 0)) then '{"kind":"object_locked"}'
        when q.made and q.token is not null and is_forgotten(q.no, q.token) then
          '{"kind":"object_locked"}'
        when not q.customer_known then json_build_object('kind', 'resource_missing',
          'object', 'customer', 'id', q.customer, 'param', 'customer')
        when q.made and q.token is not null and token_used(q.no, q.token) then
          json_build_object('kind', 'token_already_used', 'token', q.token)
        -- What is to come is not there yet.
        when q.type = 'payout' and q.debit = 2 and q.amount > q.available then
          json_build_object('kind', 'balance_insufficient', 'available', q.available,
            'currency', q.currency)
      end::json as failure
      from asked q
  ), numbered as materialized (
    select j.*, j.seq + row_number() over (partition by j.no order by j.i) as event_seq,
           -- Money that a dispute takes from the merchant costs him what he agreed to.
           case when j.event between 50 and 59 and j.debit = 2
             then nullif((j.terms -> 'dispute_fee' ->> j.currency)::bigint, 0) end as fee
      from judged j where j.failure is null and not j.used
  ), saved as materialized (
    -- The entry in the order of the table's columns.
    select n.*, row(n.no, n.event, n.debit, n.event_seq, n.amount, now(), null, null, n.credit, n.id,
        n.currency, n.request, null, n.fee, null)::journal as entry
      from numbered n
  ), linked as materialized (
    select s.*, chain(s.head, text_of(s.entry)) over (partition by s.no order by s.event_seq) as hash
      from saved s
  ), claimed as (
    -- What lost against another change may be decided anew, so the key may ask again.
    insert into idempotency_keys (account_no, key, operation, mac, request, seq, failure)
    select j.no, j.key, j.operation, decode(j.mac, 'hex'), j.request, l.event_seq, j.failure
      from judged j left join linked l on l.i = j.i
     where j.no is not null and not j.used
       and (j.failure is null or j.failure->>'kind' not in ('object_locked', 'idempotency_mismatch'))
  ), versioned as (
    insert into object_versions (account_no, seq, id, document)
    select l.no, l.event_seq, l.id, l.document from linked l where l.document is not null
  ), written as (
    insert into objects (account_no, seq, id, customer, parent, token, deleted, type, due)
    select l.no, l.event_seq, l.id, l.customer, l.parent, l.token, l.document is null, l.type,
           (l.document ->> 'due')::bigint
      from linked l
    on conflict (account_no, id) do update set seq = excluded.seq, customer = excluded.customer,
      former = case when objects.token is not null
        then coalesce(nullif(objects.customer, excluded.customer), objects.former) end,
      parent = excluded.parent, deleted = excluded.deleted, due = excluded.due
  ), billed as (
    insert into intent_methods (account_no, method, intent)
    select l.no, l.method, l.id from linked l where l.method is not null and is_billed(l.document)
    on conflict do nothing
  ), reversed as (
    update operations o set reversed_seq = l.event_seq from linked l
     where l.type = 'refund' and l.amount is not null and o.account_no = l.no and o.id = l.id
  ), given_back as (
    update authorizations x set amount_refunded = x.amount_refunded - l.amount from linked l
     where l.type = 'refund' and l.amount is not null and x.account_no = l.no
       and x.id = (l.refund).charge
  ), told as (
    insert into journal (account_no, type, debit, seq, amount, created_at, credit, subject, currency,
        request, link, fee)
    select l.no, l.event, l.debit, l.event_seq, l.amount, now(), l.credit, l.id, l.currency, l.request,
           substring(l.hash for 16), l.fee
      from linked l
  ), balanced as (
    insert into balances as b (account_no, ledger_account, currency, amount)
    select l.no, leg.ledger_account, l.currency, sum(leg.amount)
      from linked l, legs_of(l.debit, l.credit, l.amount, l.fee, null) leg
     group by l.no, leg.ledger_account, l.currency
    on conflict (account_no, ledger_account, currency)
      do update set amount = b.amount + excluded.amount
  ), counted as (
    update accounts a set seq = n.event_seq, head = n.hash
      from (select distinct on (l.no) l.no, l.event_seq, l.hash from linked l
             order by l.no, l.event_seq desc) n where a.no = n.no
  )
  select j.i,
      case when j.failure is not null then 'refused' when j.used then 'known' else 'done' end,
      coalesce(l.event_seq, j.seq, 0),
      case when j.failure is not null then j.failure
        when j.used then answer_of(j.no, j.key)::json
        else json_build_object('kind', 'object', 'facts', json_build_object('id', j.id, 'type', j.type,
          'seq', l.event_seq, 'customer', j.customer, 'parent', j.parent, 'token', j.kept_token,
          'document', j.document,
          'postings', case when j.type in ('dispute', 'refund') then
            postings_of(j.no, j.id, l.event_seq) || case when l.amount is null then '[]'
              else jsonb_build_array(posting_of(l.entry)) end end,
          'operation', case when j.type = 'refund' then operation_at(j.refund, l.event_seq)
            || jsonb_build_object('changes', j.document) || case when l.amount is null then '{}'
              else jsonb_build_object('reversed_seq', l.event_seq) end end,
          'charge', case when j.type = 'charge' then charge_at(j.no, j.id, l.event_seq)
            || jsonb_build_object('changes', j.document)
            else (select charge_at(j.no, c.id, l.event_seq)
              || jsonb_build_object('intent_document', j.document) from charges c where c.account_no = j.no
            and c.intent = j.id and c.intent_attempt = (j.document ->> 'attempts')::smallint) end))
      end
    from judged j
    left join linked l on l.i = j.i;
end $$;
