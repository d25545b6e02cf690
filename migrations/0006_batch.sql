-- One call, one transaction, one commit for everything a shard sends at once. `p_batch` maps each
-- kind of command to its rows; each row carries `i`, its place in the request. An epoch other than
-- the region's own means the caller was fenced off: SQLSTATE TS001, nothing is done.

-- Every batch holds this lock shared until it has committed, and a change of the fence takes it alone:
-- when that change returns, no batch of the old epoch is still on its way. The number is any.
create function fence_lock() returns bigint language sql immutable as 'select 8377373::bigint';

create function await_batches() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(fence_lock());
  return null;
end $$;
create trigger fence_awaits_batches before update on fence
  for each statement execute function await_batches();

create function apply_batch(p_epoch integer, p_batch jsonb) returns table (i integer, result jsonb)
language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(fence_lock());
  if p_epoch is distinct from (select epoch from fence) then
    raise exception 'epoch % is not the epoch of this region', p_epoch using errcode = 'TS001';
  end if;
  if p_batch ? 'create_account' then
    return query select * from create_accounts(p_batch->'create_account');
  end if;
  -- In one order everywhere, so that two batches can wait for each other but never deadlock.
  perform from accounts a
    where a.no = any (array(
      select b.no from (
          select distinct r.account, r.livemode from jsonb_each(p_batch) as k(kind, rows)
            cross join lateral jsonb_to_recordset(k.rows) as r(account text, livemode boolean)) d
        cross join lateral (select x.no from accounts x
          where x.id = d.account and x.livemode = d.livemode offset 0) b))
    order by a.no for no key update;
  if p_batch ? 'close_charge' then
    return query select * from close_charges(p_batch->'close_charge');
  end if;
  if p_batch ? 'close_operation' then
    return query select * from close_operations(p_batch->'close_operation');
  end if;
  if p_batch ? 'save_customer' then
    return query select * from save_customers(p_batch->'save_customer');
  end if;
  if p_batch ? 'open_charge' then
    return query select * from open_charges(p_batch->'open_charge');
  end if;
  if p_batch ? 'open_operation' then
    return query select * from open_operations(p_batch->'open_operation');
  end if;
end $$;

-- What a crash left between its two phases in a slot, oldest first, a page at a time. `p_since` (an id made
-- at the time the shard last knew everything to be finished) keeps the scan short.
create function unfinished(p_slot smallint, p_since uuid) returns table (result jsonb)
language sql stable as $$
  select left_open.result from (
    select c.id, jsonb_build_object('kind', 'charge', 'account', a.id, 'livemode', a.livemode,
             'facts', to_jsonb(c)) as result
      from accounts a join charges c on c.account_no = a.no
     where a.slot = p_slot and c.id >= p_since and c.state = 'opened'
    union all
    select o.id, jsonb_build_object('kind', 'operation', 'account', a.id, 'livemode', a.livemode,
             'facts', to_jsonb(o) || jsonb_build_object('charge_processor_ref', c.processor_ref))
      from accounts a join operations o on o.account_no = a.no
      join charges c on c.account_no = o.account_no and c.id = o.charge
     where a.slot = p_slot and o.id >= p_since and o.state = 'opened'
  ) left_open order by left_open.id limit 500
$$;
