-- One call, one transaction, one commit for everything sent at once. `p_accounts` and `p_modes` name the
-- accounts of the batch, each once; every other parameter holds the commands of one kind, null when there
-- are none, each with `i`, its place in the request, and `a`, the place of its account. An epoch other than
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

-- What is planned in here serves batches of every size: each table is reached by key, however small it is believed to
-- be. Left to itself PostgreSQL plans anew for the arrays of accounts (0.2 ms before the first command of a batch), and
-- looks for each command's account in all of them while they are few (docs/decisions/0009).
create function apply_batch(
  p_epoch integer, p_accounts text[], p_modes boolean[],
  p_create_account json, p_close_charge json, p_close_operation json, p_save_customer json,
  p_save_object json, p_open_charge json, p_open_operation json
) returns setof verdict language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  nos integer[];
begin
  perform pg_advisory_xact_lock_shared(fence_lock());
  if p_epoch is distinct from (select epoch from fence) then
    raise exception 'epoch % is not the epoch of this region', p_epoch using errcode = 'TS001';
  end if;
  if p_create_account is not null then
    return query select * from create_accounts(p_create_account);
  end if;
  nos := array(select (select a.no from accounts a where a.id = d.id and a.livemode = d.livemode)
    from unnest(p_accounts, p_modes) with ordinality d(id, livemode, place) order by d.place);
  -- In one order everywhere, so that two batches can wait for each other but never deadlock.
  perform from accounts a where a.no = any (nos) order by a.no for no key update;
  if p_close_charge is not null then
    return query select * from close_charges(p_close_charge, nos);
  end if;
  if p_close_operation is not null then
    return query select * from close_operations(p_close_operation, nos);
  end if;
  if p_save_customer is not null then
    return query select * from save_customers(p_save_customer, nos);
  end if;
  if p_save_object is not null then
    return query select * from save_objects(p_save_object, nos);
  end if;
  if p_open_charge is not null then
    return query select * from open_charges(p_open_charge, nos);
  end if;
  if p_open_operation is not null then
    return query select * from open_operations(p_open_operation, nos);
  end if;
end $$;

-- What a crash left between its two phases in a slot, oldest first, a page at a time. `p_since` (an id made
-- at the time the shard last knew everything to be finished) keeps the scan short.
create function unfinished(p_slot smallint, p_since uuid) returns table (result jsonb)
language sql stable as $$
  select left_open.result from (
    select c.id, jsonb_build_object('kind', 'charge', 'account', a.id, 'livemode', a.livemode,
             'facts', to_jsonb(c) || '{"state":"opened","amount_captured":0,"amount_refunded":0}'
               || jsonb_build_object('intent_document',
                 document_at(c.account_no, c.intent, c.intent_seq)))
             as result
      from accounts a join charges c on c.account_no = a.no
     where a.slot = p_slot and c.id >= p_since and not exists (select from authorizations x
       where x.account_no = c.account_no and x.id = c.id offset 0)
    union all
    select o.id, jsonb_build_object('kind', 'operation', 'account', a.id, 'livemode', a.livemode,
             'facts', to_jsonb(o) || jsonb_build_object('charge_processor_ref', x.processor_ref))
      from accounts a join operations o on o.account_no = a.no
      join authorizations x on x.account_no = o.account_no and x.id = o.charge
     where a.slot = p_slot and o.id >= p_since and o.state = 'opened'
  ) left_open order by left_open.id limit 500
$$;
