-- What the clock does to payouts: it makes those of each day, sends on what was asked for, and tells of what has
-- arrived. Everything goes through `save_objects`, under keys made of the payout and its move, so that a clock that
-- ticks twice, or in two places at once, does nothing twice. protocol/payout.ts has the moves; a merchant makes and
-- cancels payouts himself, through batches.

-- What every amount that is paid out is a multiple of: banks carry no less (protocol/currency.ts).
create function payout_step(p_currency text) returns integer language sql immutable as $$
  select case when p_currency in ('huf', 'isk', 'twd', 'ugx') then 100
    when p_currency in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 10 else 1 end
$$;

create index accounts_paid_daily on accounts (no) where terms ->> 'payouts' = 'daily';

-- Payouts that are due at `p_at` (unix seconds), and what becomes of each.
create function payouts_due(p_at bigint)
returns table (account_no integer, id uuid, seq bigint, due bigint, document jsonb, next text)
language sql stable as $$
  select o.account_no, o.id, o.seq, o.due, v.document,
         case when v.document ->> 'status' = 'pending' then 'in_transit'
           when v.document ? 'fails' then 'failed' else 'paid' end
    from objects o
    join object_versions v on v.account_no = o.account_no and v.id = o.id and v.seq = o.seq
   where o.due <= p_at and o.type = 'payout' and not o.deleted
$$;

-- What may be paid out to merchants who are paid daily and have had nothing today. UTC midnight of the day
-- is in the payout's key, so it is made once.
create function payouts_of_today()
returns table (account_no integer, currency text, key text, amount bigint) language sql stable as $$
  select a.no, b.currency, 'tessera-payout/' || d.day || '/' || b.currency,
         f.amount - f.amount % payout_step(b.currency)
    from accounts a
    join balances b on b.account_no = a.no and b.ledger_account = 2,
         lateral (select b.amount - pending_of(b.pending) as amount) f,
         lateral (select (now() at time zone 'UTC')::date as day) d
   where a.terms ->> 'payouts' = 'daily' and f.amount >= payout_step(b.currency)
     and not exists (select from idempotency_keys k
       where k.account_no = a.no and k.key = 'tessera-payout/' || d.day || '/' || b.currency)
$$;

-- A fresh id of now (RFC 9562, version 7).
create function fresh_uuid() returns uuid language sql volatile as $$
  select (lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || substr(r.hex, 14))::uuid
    from (select replace(gen_random_uuid()::text, '-', '') as hex) r
$$;

-- Moves on what is due at `p_at` and makes what is to be made today, at most `p_limit` of each; tells how many
-- that were. In one transaction, as a batch.
create function move_payouts(p_epoch integer, p_at timestamptz, p_limit integer) returns integer
language plpgsql as $$
declare
  at constant bigint := floor(extract(epoch from p_at))::bigint;
  day constant bigint := 86400;
  nos integer[];
  commands json;
begin
  perform pg_advisory_xact_lock_shared(fence_lock());
  if p_epoch is distinct from (select epoch from fence) then
    raise exception 'epoch % is not the epoch of this region', p_epoch using errcode = 'TS001';
  end if;
  nos := array(select distinct x.account_no from (
      (select d.account_no from payouts_due(at) d order by d.due limit p_limit)
      union all (select t.account_no from payouts_of_today() t limit p_limit)) x order by 1);
  if cardinality(nos) = 0 then return 0; end if;
  perform from accounts a where a.no = any (nos) order by a.no for no key update;
  -- Read again, now that nobody else can move them.
  select json_agg(to_jsonb(c) || jsonb_build_object('i', c.i, 'a', array_position(nos, c.account_no),
      'operation', 'CLOCK', 'mac', repeat('0', 32), 'request', '')) into commands
    from (
      select row_number() over () as i, x.* from (
        (select d.account_no, d.id, false as made, d.seq as expects, 'payout' as type,
               'tessera-payout/' || d.id || '/' || d.next as key,
               case d.next when 'in_transit' then 61 when 'paid' then 62 else 63 end as event,
               d.document - 'due' - 'fails' || jsonb_build_object('status', d.next,
                 'posted', coalesce(d.document -> 'posted', to_jsonb(d.seq)))
               || case d.next
                 when 'in_transit' then jsonb_build_object('due', d.document -> 'arrival_date')
                   || case when d.document ? 'fails'
                     then jsonb_build_object('fails', d.document -> 'fails') else '{}' end
                 when 'failed' then jsonb_build_object('failure_code', d.document -> 'fails')
                 else '{}' end as document,
               case d.next when 'failed' then 4 end as debit,
               case d.next when 'failed' then 2 end as credit,
               case d.next when 'failed' then (d.document ->> 'amount')::bigint end as amount,
               case d.next when 'failed' then d.document ->> 'currency' end as currency
          from payouts_due(at) d where d.account_no = any (nos) order by d.due limit p_limit)
        union all
        (select t.account_no, fresh_uuid(), true, null, 'payout', t.key, 60,
               jsonb_build_object('amount', t.amount, 'currency', t.currency, 'status', 'pending',
                 'automatic', true, 'due', (at / day + 1) * day, 'arrival_date', (at / day + 2) * day),
               2, 4, t.amount, t.currency
          from payouts_of_today() t where t.account_no = any (nos) limit p_limit)) x) c;
  if commands is null then return 0; end if;
  return (select count(*) from save_objects(commands, nos) v where v.outcome = 'done');
end $$;

alter function move_payouts(integer, timestamptz, integer) security definer
  set search_path = public, pg_temp;
grant execute on function move_payouts(integer, timestamptz, integer) to tessera_origin;
