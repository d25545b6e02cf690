// What must hold in a ledger, as queries that return the rows where it does not: nothing here trusts a
// projection, each is recomputed from the postings and events.

export type Check = {
  readonly name: string;
  /** Finds offending rows: `place` names one, `why` says what is wrong. */
  readonly sql: string;
};

export const CHECKS: readonly Check[] = [
  {
    name: "every balance is the sum of its entries",
    sql: `
      select coalesce(b.account_no, e.account_no) || '/' || coalesce(b.ledger_account, e.ledger_account)
               || '/' || coalesce(b.currency, e.currency) as place,
             'balance ' || coalesce(b.amount, 0) || ', entries ' || coalesce(e.amount, 0) as why
        from balances b
        full join (select account_no, ledger_account, currency, sum(amount) as amount
                     from entries group by 1, 2, 3) e using (account_no, ledger_account, currency)
       where coalesce(b.amount, 0) <> coalesce(e.amount, 0)`,
  },
  {
    name: "all balances of a currency sum to zero",
    sql: `
      select currency as place, 'sum ' || sum(amount) as why
        from balances group by currency having sum(amount) <> 0`,
  },
  {
    name: "each account's sequence runs from 1 to its last number without a gap",
    sql: `
      select 'account ' || a.id as place, 'sequence ' || a.seq || ', events ' || coalesce(e.n, 0)
               || ' from ' || coalesce(e.first, 0) || ' to ' || coalesce(e.last, 0) as why
        from accounts a
        left join (select account_no, count(*) as n, min(seq) as first, max(seq) as last
                     from events group by account_no) e on e.account_no = a.no
       where a.seq <> coalesce(e.n, 0) or (e.n > 0 and (e.first <> 1 or e.last <> a.seq))`,
  },
  {
    name: "each posting has its event, of a kind that moves money",
    sql: `
      select 'posting ' || p.account_no || '/' || p.seq as place,
             coalesce('event of type ' || e.type, 'no event') as why
        from postings p left join events e using (account_no, seq)
       where e.seq is null or e.type not in (2, 5, 6)`,
  },
  {
    name: "each event that says money moved has its posting, of that amount",
    sql: `
      select 'event ' || e.account_no || '/' || e.seq as place,
             coalesce('posting of ' || p.amount, 'no posting') as why
        from events e
        left join postings p using (account_no, seq)
        left join operations o on o.account_no = e.account_no and o.id = e.subject
       where (e.data->>'balance_seq')::bigint = e.seq
         and p.amount is distinct from coalesce(o.amount, (e.data->>'amount_captured')::bigint)`,
  },
  {
    name: "each charge stands where its last event left it",
    sql: `
      select 'charge ' || c.account_no || '/' || c.id as place,
             'is ' || c.state || ' ' || c.amount_captured || '/' || c.amount_refunded || ', last event says '
               || coalesce(e.data->>'state', 'nothing') as why
        from charges c
        cross join lateral (select data from events e where e.account_no = c.account_no
             and e.subject = c.id and e.type in (1, 2, 3, 5, 7) order by seq desc limit 1) e
       where (coalesce(e.data->>'state', 'opened') <> case
             when c.state in ('capturing', 'releasing') and exists (select from operations o
                    where o.account_no = c.account_no and o.charge = c.id and o.state = 'opened'
                      and o.kind = case c.state when 'capturing' then 'capture' else 'release' end)
               then 'authorized' else c.state end
           or coalesce((e.data->>'amount_captured')::integer, 0) <> c.amount_captured
           or coalesce((e.data->>'amount_refunded')::integer, 0) <> c.amount_refunded)`,
  },
  {
    name: "what is refunded of a charge is the sum of its refunds",
    sql: `
      select 'charge ' || c.account_no || '/' || c.id as place,
             'refunded ' || c.amount_refunded || ' reserved ' || c.amount_refunding || ', refunds '
               || coalesce(o.done, 0) || ' and ' || coalesce(o.open, 0) as why
        from charges c
        left join (select account_no, charge,
                     sum(amount) filter (where state = 'succeeded') as done,
                     sum(amount) filter (where state = 'opened' and kind = 'refund') as open
                     from operations where kind in ('refund', 'release') group by 1, 2) o
          on o.account_no = c.account_no and o.charge = c.id
       where c.amount_refunded <> coalesce(o.done, 0) or c.amount_refunding <> coalesce(o.open, 0)`,
  },
  {
    name: "what was captured is the amount that was authorized, or what its capture asked for",
    sql: `
      select 'charge ' || c.account_no || '/' || c.id as place,
             'captured ' || c.amount_captured || ' of ' || c.amount || ', capture asked for '
               || coalesce(o.amount::text, 'all of it') as why
        from charges c
        left join operations o on o.account_no = c.account_no and o.charge = c.id
             and o.kind = 'capture' and o.state = 'succeeded'
       where c.state = 'captured' and c.amount_captured <> coalesce(o.amount, c.amount)`,
  },
  {
    name: "each charge and operation has the key it was made with, ended if it has ended",
    sql: `
      select m.what || ' ' || m.account_no || '/' || m.id as place, 'state ' || m.state as why
        from (select 'charge' as what, account_no, id, key, state from charges
              union all select 'operation', account_no, id, key, state from operations) m
        left join idempotency_keys k on k.account_no = m.account_no and k.key = m.key
       where k.object is distinct from m.id
          or (m.state <> 'opened') <> (k.seq is not null or k.failure is not null)`,
  },
  {
    name: "each key and each event leads to what it tells of",
    sql: `
      select 'key ' || k.account_no || '/' || k.key as place, 'made ' || k.object || ', gone' as why
        from idempotency_keys k
       where k.object is not null
         and not exists (select from charges c where c.account_no = k.account_no and c.id = k.object)
         and not exists (select from operations o where o.account_no = k.account_no and o.id = k.object)
         and not exists (select from customers u where u.account_no = k.account_no and u.id = k.object)
      union all
      select 'event ' || e.account_no || '/' || e.seq, 'of type ' || e.type || ', its subject is gone'
        from events e join event_types t on t.code = e.type
       where not case t.subject
           when 'charge' then exists (select from charges c
             where c.account_no = e.account_no and c.id = e.subject)
           when 'operation' then exists (select from operations o
             where o.account_no = e.account_no and o.id = e.subject)
           else exists (select from customers u
             where u.account_no = e.account_no and u.id = e.subject) end`,
  },
];
