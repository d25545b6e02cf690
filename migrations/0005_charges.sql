-- The two phases of a charge, each one statement for a whole batch of any number of merchants.
-- Account rows are locked before (apply_batch), so every test here sees all that came before it; the
-- unique constraints are the second wall. Each command answers alone: a refused one changes nothing
-- and spoils nothing for its neighbours. Tables are reached by key whatever the planner believes of
-- their size: `lateral (… offset 0)` keeps it from turning a look-up into a scan, and results are carried
-- along instead of joined again, so that a batch costs in proportion to its commands. `a` of a command is
-- the place of its account in `p_nos`.

-- Whether something was made of a token: a charge, a customer's card or a payment method.
create function token_used(p_no integer, p_token uuid) returns boolean language sql stable as $$
  select exists (select from charges c where c.account_no = p_no and c.token = p_token
                   and c.card_id is null offset 0)
      or exists (select from cards d where d.account_no = p_no and d.token = p_token offset 0)
      or exists (select from objects o where o.account_no = p_no and o.token = p_token offset 0)
$$;

create type verdict as (i integer, outcome text, seq bigint, detail json);

create function open_charges(p json, p_nos integer[]) returns setof verdict
language plpgsql as $$
begin
  return query
  with judged as materialized (
    select q.i, q.no, q.seq, q.head, q.used, q.token is null as by_customer, q.kept_card,
      -- In the order of the table's columns.
      row(q.no, q.amount, q.intent_seq, q.id, q.paid_with, q.kept, q.customer, q.intent,
        q.intent_attempt, coalesce(q.exp_month, k.exp_month), coalesce(q.exp_year, k.exp_year),
        q.capture, q.currency, coalesce(q.brand, k.brand), coalesce(q.last4, k.last4),
        coalesce(q.fingerprint, k.fingerprint), coalesce(q.funding, k.funding),
        coalesce(q.country, k.country), q.key, q.operation, decode(q.mac, 'hex'), q.request,
        q.order_id, q.attempt_number, q.card_form, q.authentication, coalesce(q.card_name, k.name),
        coalesce(q.address_line1, k.address_line1), coalesce(q.address_zip, k.address_zip),
        q.description, q.receipt_email, q.statement_descriptor, q.metadata,
        q.statement_descriptor_suffix, q.transfer_group, q.shipping)::charges as charge,
      case
        when q.no is null then '{"kind":"account_unknown"}'
        when q.other then json_build_object('kind', 'idempotency_mismatch',
          'first', q.first_operation, 'second', q.operation)
        when q.used then null
        when q.customer is not null and not q.customer_known then
          json_build_object('kind', 'resource_missing', 'object', 'customer', 'id', q.customer,
            'param', 'customer')
        when q.intent is not null and (
            q.intent_seq is distinct from (select o.seq from objects o where o.account_no = q.no
              and o.id = q.intent and not o.deleted and o.type = 'payment_intent')
            or exists (select from charges c where c.account_no = q.no and c.intent = q.intent
              and c.intent_attempt >= q.intent_attempt offset 0)
            or q.intent_attempt > 1 and not exists (select from charges c
              join authorizations x on x.account_no = c.account_no and x.id = c.id and x.state = 'failed'
              where c.account_no = q.no and c.intent = q.intent
                and c.intent_attempt = q.intent_attempt - 1 offset 0)) then '{"kind":"object_locked"}'
        -- Tested for null, of which PostgreSQL is sure: after `null = 'pm'` it would look for the method as well.
        when q.card_form is not null and not exists (select from objects o where o.account_no = q.no
            and o.id = q.card_id and o.token = q.token and not o.deleted offset 0) then
          json_build_object('kind', 'resource_missing', 'object', 'payment_method', 'id', q.card_id,
            'param', 'payment_method')
        when q.paid_with is null and q.card_id is not null then
          json_build_object('kind', 'resource_missing', 'object', 'card', 'id', q.card_id,
            'param', 'source')
        when q.paid_with is null then '{"kind":"customer_without_card"}'
        -- As token_used, which the planner would not take apart: a call of it costs as much as all of these.
        when q.token is not null and q.card_form is null and (
            exists (select from charges c where c.account_no = q.no and c.token = q.token
                      and c.card_id is null offset 0)
            or exists (select from cards d where d.account_no = q.no and d.token = q.token offset 0)
            or exists (select from objects o where o.account_no = q.no and o.token = q.token offset 0)) then
          json_build_object('kind', 'token_already_used', 'token', q.token)
        when q.token is not null and exists (select from forgotten_tokens t
            where t.account_no = q.no and t.token = q.token offset 0) then '{"kind":"object_locked"}'
        when q.attempt_number is not null and exists (select from charges c where c.account_no = q.no
            and c.order_id = q.order_id and c.attempt_number = q.attempt_number offset 0) then
          '{"kind":"order_attempt_taken"}'
      end::json as failure
      from (
        select r.*, a.no, a.seq, a.head,
               first.key is not null as used, first.mac <> decode(r.mac, 'hex')
                 or first.operation <> r.operation as other, first.operation as first_operation,
               u.id is not null and not u.deleted as customer_known,
               coalesce(r.token, d.token) as paid_with, d.card as kept_card,
               case when r.card_form is null then d.id else r.card_id end as kept
          from json_to_recordset(p) as r(i integer, a integer, key text, operation text, mac text,
                 request text, id uuid, amount integer, currency text, capture boolean, order_id text,
                 attempt_number integer, token uuid, brand text, last4 text, exp_month smallint,
                 exp_year smallint, fingerprint text, funding text, country text, card_name text,
                 address_line1 text, address_zip text, customer uuid, card_id uuid, description text,
                 receipt_email text, statement_descriptor text, metadata json, intent uuid,
                 intent_seq bigint, intent_attempt smallint, card_form text, authentication text,
                 statement_descriptor_suffix text, transfer_group text, shipping json)
          left join lateral (select * from accounts a where a.no = p_nos[r.a] offset 0) a on true
          left join lateral claim_of(a.no, r.key) first on true
          left join lateral (select * from customers u
            where u.account_no = a.no and u.id = r.customer offset 0) u on true
          left join lateral (select * from customer_versions v
            where v.account_no = u.account_no and v.seq = u.seq and r.token is null offset 0) v on true
          left join lateral (select * from cards d
            where d.account_no = a.no and d.id = coalesce(r.card_id, v.default_source)
              and r.token is null and d.customer = r.customer offset 0) d on true
      ) q
      left join lateral jsonb_to_record(q.kept_card) as k(brand text, last4 text, exp_month smallint,
        exp_year smallint, fingerprint text, funding text, country text, name text, address_line1 text,
        address_zip text) on true
  ), linked as materialized (
    select n.*, chain(n.head, text_of(row(n.no, 1, null, n.event_seq, null, now(), null, null, null,
               (n.charge).id, null, null, null, null, null)::journal) || text_of(n.charge))
             over (partition by n.no order by n.i) as hash
      from (select j.*, j.seq + row_number() over (partition by j.no order by j.i) as event_seq
              from judged j where j.failure is null and not j.used) n
  ), claimed as (
    -- An intent that somebody else changed may be paid by the next try.
    insert into idempotency_keys (account_no, key, operation, mac, request, failure)
    select j.no, (j.charge).key, (j.charge).operation, (j.charge).mac, (j.charge).request, j.failure
      from judged j where j.no is not null and not j.used and j.failure->>'kind' <> 'object_locked'
  ), asked_for as (
    insert into charges select (l.charge).* from linked l
  ), told as (
    insert into journal (account_no, type, seq, created_at, subject, link)
    select l.no, 1, l.event_seq, now(), (l.charge).id, substring(l.hash for 16) from linked l
  ), counted as (
    update accounts a set seq = n.event_seq, head = n.hash
      from (select distinct on (l.no) l.no, l.event_seq, l.hash from linked l
             order by l.no, l.event_seq desc) n where a.no = n.no
  )
  select l.i, 'charge_opened', l.event_seq, case when l.by_customer then json_build_object(
           'token', (l.charge).token, 'card_id', (l.charge).card_id, 'card', l.kept_card) end
    from linked l
  union all
  select j.i, case when j.failure is not null then 'refused' else 'known' end, coalesce(j.seq, 0),
         coalesce(j.failure, answer_of(j.no, (j.charge).key)::json)
    from judged j where j.failure is not null or j.used;
end $$;

-- What a merchant pays for an amount that was captured: its hundredths of a percent, rounded half up, and
-- the fixed sum in that currency; never more than the amount. Null when it is nothing.
create function fee_of(p_terms jsonb, p_amount bigint, p_currency text) returns bigint
language sql immutable as $$
  select nullif(least(p_amount,
    (p_amount * coalesce((p_terms ->> 'fee_bps')::bigint, 0) + 5000) / 10000
      + coalesce((p_terms -> 'fee_fixed' ->> p_currency)::bigint, 0)), 0)
$$;

-- The day (UTC) from which what is credited now may be paid out; null for at once.
create function available_on(p_terms jsonb) returns date language sql stable as $$
  select (now() at time zone 'UTC')::date
    + nullif(coalesce((p_terms ->> 'settlement_days')::integer, 2), 0)
$$;

-- A sum of one day to come, as balances keep it.
create function pending_from(p_day date, p_sum numeric) returns bigint[] language sql immutable as $$
  select case when p_day is not null then array[p_day - '1970-01-01'::date, p_sum]::bigint[] end
$$;

-- A sum of a day to come, taken in with those of other days; the newest is the last. plpgsql, since it is
-- called for each balance of a batch and must cost next to nothing.
create function pending_with(p_kept bigint[], p_more bigint[]) returns bigint[]
language plpgsql stable as $$
declare
  last constant integer := cardinality(p_kept);
begin
  if p_more is null then return p_kept; end if;
  if p_kept[last - 1] = p_more[1] then
    p_kept[last] := p_kept[last] + p_more[2];
    return p_kept;
  end if;
  while p_kept[1] <= (now() at time zone 'UTC')::date - '1970-01-01'::date loop
    p_kept := p_kept[3:];
  end loop;
  return p_kept || p_more;
end $$;

-- What of a balance comes free on a later day than today.
create function pending_of(p_pending bigint[]) returns bigint language sql stable as $$
  select coalesce(sum(p_pending[n + 1]), 0)::bigint
    from generate_series(1, coalesce(cardinality(p_pending), 0), 2) n
   where p_pending[n] > (now() at time zone 'UTC')::date - '1970-01-01'::date
$$;

-- What the processor said. Only an open charge moves; for one that another worker closed first the
-- stored answer comes back, so both say the same.
create function close_charges(p json, p_nos integer[]) returns setof verdict
language plpgsql as $$
begin
  return query
  with asked as materialized (
    select r.*, a.no, a.seq, a.head, a.terms, c.key, c.capture, c.amount, c.currency,
           c.id is not null and x.id is null as moves,
           r.approved and c.capture as sells
      from json_to_recordset(p) as r(i integer, a integer, id uuid, approved boolean,
             processor_ref text, network_code text, risk_level text, cvc_check text,
             address_line1_check text, address_zip_check text, decline json, funding text,
             country text, available_now boolean)
      left join lateral (select * from accounts a where a.no = p_nos[r.a] offset 0) a on true
      left join lateral (select * from charges c
        where c.account_no = a.no and c.id = r.id offset 0) c on true
      left join lateral (select * from authorizations x
        where x.account_no = a.no and x.id = r.id offset 0) x on true
  ), numbered as materialized (
    select q.*, q.seq + row_number() over (partition by q.no order by q.i) as event_seq,
           case when q.sells then fee_of(q.terms, q.amount, q.currency) end as fee,
           case when q.sells and q.available_now is null then available_on(q.terms) end as free_on
      from asked q where q.moves
  ), linked as materialized (
    select p.*, chain(p.head, text_of(p.entry) || text_of(p.said))
             over (partition by p.no order by p.i) as hash
      from (
        -- In the order of the tables' columns.
        select n.i, n.no, n.head,
          row(n.no, n.amount, n.id, n.event_seq, case when n.sells then n.event_seq end,
            case when n.sells then n.amount else 0 end, 0, 0,
            case when n.sells then 'captured' when n.approved then 'authorized' else 'failed' end,
            n.network_code, n.risk_level, n.cvc_check, n.address_line1_check, n.address_zip_check,
            n.funding, n.country, n.processor_ref, n.decline, n.available_now, null)::authorizations as said,
          row(n.no, case when n.approved then 2 else 3 end, case when n.sells then 1 end, n.event_seq,
            case when n.sells then n.amount end, now(), case when n.sells then n.amount else 0 end, 0,
            case when n.sells then 2 end, n.id, case when n.sells then n.currency end, null, null, n.fee,
            n.free_on)::journal as entry
          from numbered n
      ) p
  ), authorized as (
    insert into authorizations select (l.said).* from linked l
  ), told as (
    insert into journal (account_no, type, debit, seq, amount, created_at, captured, refunded,
        credit, subject, currency, link, fee, available_on)
    select l.no, (l.entry).type, (l.entry).debit, (l.entry).seq, (l.entry).amount, now(),
           (l.entry).captured, (l.entry).refunded, (l.entry).credit, (l.entry).subject,
           (l.entry).currency, substring(l.hash for 16), (l.entry).fee, (l.entry).available_on
      from linked l
  ), posted as (
    -- What is credited in one batch comes free on one day, or at once.
    select n.no, n.currency, sum(n.amount) as amount, sum(n.fee) as fee, min(n.free_on) as free_on,
           sum(n.amount - coalesce(n.fee, 0)) filter (where n.free_on is not null) as pending
      from numbered n where n.sells group by n.no, n.currency
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
  select l.i, 'charge_closed', (l.entry).seq, null::json from linked l
  union all
  select q.i, case when q.key is null then 'refused' else 'known' end, coalesce(q.seq, 0),
         case when q.key is null then '{"kind":"internal"}' else answer_of(q.no, q.key)::json end
    from asked q where not q.moves;
end $$;
