-- A second wall between accounts, and between the origin and the journal (docs/decisions/0020). Whoever
-- connects as less than the owner of the tables sees the rows of the account that its transaction has named and
-- no others, also where a statement forgot to say which; writes go through the functions below and no other
-- way. The functions run as the owner, to whom row security does not apply, so the charge path stays as it was.

-- Rights lie with two roles that cannot log in by themselves; login roles are made members of them, one or
-- several, so that a password changes by a second login. They are of the whole cluster.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['tessera_reader', 'tessera_origin'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
      end if;
    exception
      -- Another database of the cluster was migrated at the same moment.
      when duplicate_object or unique_violation then null;
    end;
  end loop;
  begin
    if not pg_has_role('tessera_origin', 'tessera_reader', 'usage') then
      grant tessera_reader to tessera_origin;
    end if;
  exception
    when unique_violation then null;
  end;
  execute format('revoke temporary on database %I from public', current_database());
end $$;

-- The account that this transaction is about: `set_config('tessera.account', 'acct_…/test', true)`.
create function own_account() returns integer language sql stable security definer
set search_path = public, pg_temp as $$
  select a.no from accounts a
   where a.id = split_part(current_setting('tessera.account', true), '/', 1)
     and a.livemode = (split_part(current_setting('tessera.account', true), '/', 2) = 'live')
$$;

-- The subselect is run once for each statement, not for each row.
alter table accounts enable row level security;
create policy own_account on accounts for select using (no = (select own_account()));
do $$
declare
  name text;
begin
  foreach name in array array['customers', 'customer_versions', 'cards', 'objects',
      'object_versions', 'charges', 'authorizations',
      'operations', 'journal', 'balances'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_account on %I for select
      using (account_no = (select own_account()))', name);
    execute format('grant select on %I to tessera_reader', name);
  end loop;
end $$;
-- Nobody but the functions reads keys: row security without a policy.
alter table idempotency_keys enable row level security;
-- A view sees what its reader sees.
alter view charge_facts set (security_invoker = true);
alter view operation_facts set (security_invoker = true);
alter view claims set (security_invoker = true);
alter view postings set (security_invoker = true);
alter view entries set (security_invoker = true);
grant select on accounts, charge_facts, operation_facts to tessera_reader;

-- PostgreSQL lets everybody run every function, unless told otherwise.
revoke execute on all functions in schema public from public;
alter default privileges revoke execute on functions from public;
revoke create on schema public from public;
grant usage on schema public to tessera_reader;
grant execute on function own_account(), subject_of(journal), charge_state_after(smallint, integer),
  amount_at(integer, uuid, integer, integer, bigint),
  pending_of(bigint[]), document_at(integer, uuid, bigint), charge_at(integer, uuid, bigint),
  object_facts(integer, uuid, bigint), dispute_of(integer, uuid, bigint),
  operation_at(operations, bigint), posting_of(journal), postings_of(integer, uuid, bigint)
  to tessera_reader;

-- What an origin calls, and all that it can do to a ledger. As the owner, by the owner's names: a table that a
-- caller made under one of them is not meant.
do $$
declare
  called regprocedure;
begin
  for called in select p.oid::regprocedure from pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.proname in ('apply_batch', 'unfinished',
       'uncovered_heads', 'add_checkpoint', 'keep_key_periods', 'forget_card', 'unforgotten',
       'cards_destroyed', 'append_audit', 'keep_audit_months') loop
    execute format('alter function %s security definer set search_path = public, pg_temp', called);
    execute format('grant execute on function %s to tessera_origin', called);
  end loop;
end $$;
