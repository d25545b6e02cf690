-- The audit log (PCI DSS 10.2 to 10.5): who opened which card, used which key, called which admin route, and
-- who was refused. Each object that keeps one writes its own stream and sends it on; a stream is a chain of
-- SHA-256 without a gap. No card data: tokens and ids only.

-- Where each stream stands, and where it begins since its oldest months were dropped.
create table audit_streams (
  stream text primary key check (stream ~ '^(vault|edge)/[a-z0-9-]{1,40}$'),
  seq bigint not null default 0 check (seq >= 0),
  head bytea not null check (length(head) = 32),
  dropped_seq bigint not null default 0 check (dropped_seq between 0 and seq),
  dropped_head bytea not null check (length(dropped_head) = 32)
);
create trigger audit_streams_for_ever before delete or truncate on audit_streams
  for each statement execute function refuse_change();

-- The accounts an entry speaks of: its `account`, and the owners (account and mode) in its `cards`.
create function audit_accounts(p_text text) returns text[] language sql immutable as $$
  select array(
    select p_text::json ->> 'account' where p_text::json ->> 'account' is not null
    union
    select split_part(owner, '/', 1) from json_object_keys(
      coalesce(p_text::json -> 'cards', '{}'::json)) as owner)
$$;

create table audit_entries (
  stream text not null,
  seq bigint not null check (seq > 0),
  -- By the clock of this database; the month an entry lies in. The chain does not cover it.
  kept_at timestamptz not null,
  -- JSON as the object wrote it, which is what the chain covers.
  entry text not null check (length(entry) <= 1000000),
  hash bytea not null check (length(hash) = 32),
  accounts text[] not null generated always as (audit_accounts(entry)) stored,
  primary key (stream, seq, kept_at)
) partition by range (kept_at);
create index audit_entries_accounts on audit_entries using gin (accounts);
create trigger audit_entries_append_only before update or delete on audit_entries
  for each row execute function refuse_change();

create function audit_genesis(p_stream text) returns bytea language sql immutable as $$
  select sha256(convert_to('tessera audit 1 ' || p_stream, 'UTF8'))
$$;

-- Makes the months that entries are kept in on `p_today` (UTC), the twelve before and two ahead, and drops
-- those that are over for twelve months (PCI DSS 10.5.1). To be run each day, any number of times.
create function keep_audit_months(p_today date) returns void language plpgsql
set lock_timeout = '100ms' as $$
declare
  kept constant integer := 12;
  this date := date_trunc('month', p_today)::date;
  first date;
  name text;
begin
  perform pg_advisory_xact_lock('audit_entries'::regclass::bigint);
  for n in -kept .. 2 loop
    first := (this + n * interval '1 month')::date;
    name := 'audit_entries_' || to_char(first, 'YYYYMM');
    continue when to_regclass(name) is not null;
    execute format('create table %I (like audit_entries including all)', name);
    execute format('create trigger %I before truncate on %I for each statement
      execute function refuse_change()', name || '_append_only', name);
    execute format('alter table audit_entries attach partition %I for values from (%L) to (%L)',
      name, first::timestamp at time zone 'UTC',
      (first + interval '1 month') at time zone 'UTC');
  end loop;
  for name in select inhrelid::regclass::text from pg_inherits
     where inhparent = 'audit_entries'::regclass
       and to_date(right(inhrelid::regclass::text, 6), 'YYYYMM') < this - kept * interval '1 month'
     order by 1 loop
    begin
      execute format('update audit_streams s set dropped_seq = d.seq, dropped_head = d.hash
        from (select distinct on (stream) stream, seq, hash from %I order by stream, seq desc) d
        where s.stream = d.stream and s.dropped_seq < d.seq', name);
      execute format('drop table %I', name);
    exception when lock_not_available then
      raise notice '% is in use: it goes another time', name;
    end;
  end loop;
end $$;
select keep_audit_months((now() at time zone 'UTC')::date);

-- Takes entries of a stream, in order, from the one after `p_after`, whose hash the sender holds as `p_before`;
-- `p_head` is the hash of the last. What is there already must be the same, so sending again is harmless. Null
-- when it is kept, else why not: `gap`, `forked` (another history than the one kept), `miscounted`.
create function append_audit(
  p_stream text, p_after bigint, p_before text, p_entries text[], p_head text
) returns text language plpgsql as $$
declare
  s audit_streams;
  link bytea := decode(p_before, 'hex');
  last bigint := p_after;
  said text;
  links bytea[] := '{}';
begin
  insert into audit_streams (stream, head, dropped_head)
  values (p_stream, audit_genesis(p_stream), audit_genesis(p_stream))
  on conflict (stream) do nothing;
  select * into s from audit_streams where stream = p_stream for update;
  if p_after > s.seq then return 'gap'; end if;
  if p_after = s.seq and link <> s.head then return 'forked'; end if;
  foreach said in array p_entries loop
    last := last + 1;
    link := chain_step(null, link, said);
    links := array_append(links, link);
    if last = s.seq and link <> s.head then return 'forked'; end if;
  end loop;
  if link <> decode(p_head, 'hex') then return 'miscounted'; end if;
  if last <= s.seq then
    return case when last = s.seq or exists (select from audit_entries e
      where e.stream = p_stream and e.seq = last and e.hash = link) then null else 'forked' end;
  end if;
  insert into audit_entries (stream, seq, kept_at, entry, hash)
  select p_stream, p_after + e.i, clock_timestamp(), e.entry, links[e.i]
    from unnest(p_entries) with ordinality as e(entry, i) where p_after + e.i > s.seq;
  update audit_streams set seq = last, head = link where stream = p_stream;
  return null;
end $$;
