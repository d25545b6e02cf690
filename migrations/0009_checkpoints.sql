-- Checkpoints: what the hash chains had reached, signed at intervals with a key that is not in the database.
-- Whoever rewrites the journal with all its hashes contradicts the heads below, and whoever rewrites those
-- contradicts a signature. A copy of the newest one kept elsewhere shows what was cut off at the end.

create table checkpoints (
  no integer primary key check (no > 0),
  made_at timestamptz not null,
  -- A compact JWS over region, number, the statement before, the digest of the heads and the time.
  statement text not null check (length(statement) <= 1000)
);

-- The heads that had moved since the checkpoint before.
create table checkpoint_heads (
  checkpoint integer not null,
  account_no integer not null,
  seq bigint not null check (seq > 0),
  head bytea not null check (length(head) = 32),
  primary key (account_no, seq)
);

create trigger checkpoints_append_only before update or delete or truncate on checkpoints
  for each statement execute function refuse_change();
create trigger checkpoint_heads_append_only before update or delete or truncate on checkpoint_heads
  for each statement execute function refuse_change();

-- The last checkpoint, and the next heads that it or one before does not cover, in the order of accounts
-- from `p_after` on, at most `p_limit`; none while the last checkpoint is younger than `p_age`.
create function uncovered_heads(p_age interval, p_after integer, p_limit integer)
returns table (no integer, statement text, heads json) language sql stable as $$
  with newest as (
    select c.no, c.made_at, c.statement from checkpoints c order by c.no desc limit 1
  )
  select n.no, n.statement, coalesce(m.heads, '[]')
    from (select 1) as always
    left join newest n on true
    left join lateral (
      select json_agg(json_build_object('account_no', a.no, 'seq', a.seq, 'head', encode(a.head, 'hex'))
               order by a.no) as heads
        from (select a.no, a.seq, a.head from accounts a
               where a.no > p_after and a.seq > 0
                 and (n.made_at is null or n.made_at <= now() - p_age)
                 and not exists (select from checkpoint_heads h
                   where h.account_no = a.no and h.seq = a.seq offset 0)
               order by a.no limit p_limit) a) m on true
$$;

-- One checkpoint with its heads. Its number is taken when another worker was quicker: SQLSTATE 23505.
create function add_checkpoint(p_no integer, p_made_at timestamptz, p_statement text, p_heads json)
returns void language sql as $$
  insert into checkpoints (no, made_at, statement) values (p_no, p_made_at, p_statement);
  insert into checkpoint_heads (checkpoint, account_no, seq, head)
  select p_no, h.account_no, h.seq, decode(h.head, 'hex')
    from json_to_recordset(p_heads) as h(account_no integer, seq bigint, head text);
$$;
