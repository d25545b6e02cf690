// What a replay reads of a ledger, as one stream of rows that is cheap to sort and to send.

export const [ACCOUNT, BALANCE, CHARGE, OPERATION, CUSTOMER, OBJECT, ENTRY] = [
  0, 1, 2, 3, 4, 5, 6,
] as const;
/** Operations by the number that stands for them in the column `type`. */
export const KINDS = ["capture", "refund", "release", "increment"] as const;

// One stream, sorted by account and by the thing an entry is about: a charge, with all that is done to it,
// or a customer. The account itself and its balances come first, under the nil uuid.
export const ROWS = `
  select a.no as account_no, '00000000-0000-0000-0000-000000000000'::uuid as thing,
         ${ACCOUNT} as sort, a.seq, a.id as text, null::uuid as subject, null::bigint as amount,
         null::text as currency, null::integer as captured, null::integer as refunded,
         null::bigint as refunding, null::bigint as balance_seq, null::smallint as type,
         null::smallint as debit, null::smallint as credit, a.livemode as flag, null::bigint as fee,
         null::integer as day, null::integer as free_day, a.terms::text as more
    from accounts a
  union all
  select b.account_no, '00000000-0000-0000-0000-000000000000', ${BALANCE}, null, null, null,
         b.amount, b.currency, null, null, null, null, null, b.ledger_account, null, null, null, null,
         null, to_json(b.pending)::text
    from balances b
  union all
  select coalesce(c.account_no, x.account_no), coalesce(c.id, x.id), ${CHARGE}, x.seq, x.state, c.id,
         c.amount, c.currency, x.amount_captured, x.amount_refunded, x.amount_refunding,
         x.balance_seq, null, null, null, c.capture, x.raised, null, null,
         case when x.available_now then 'now' end
    from charges c full join authorizations x on x.account_no = c.account_no and x.id = c.id
  union all
  select o.account_no, o.charge, ${OPERATION}, o.seq, o.state, o.id, o.amount, o.currency, null, null,
         o.reversed_seq, o.balance_seq, array_position(array['${KINDS.join("','")}'], o.kind) - 1, null,
         null, null, null, null, null, null
    from operations o
  union all
  select u.account_no, u.id, ${CUSTOMER}, u.seq, null, u.id, null, null, null, null, null, null, null,
         null, null, u.deleted, null, null, null, null
    from customers u
  union all
  select o.account_no, case o.type when 'refund' then coalesce(o.parent, o.id) else o.id end,
         ${OBJECT}, o.seq, o.type, o.id, null, null, null, null, null, null, null,
         null, null, o.deleted, null, null, null, null
    from objects o
  union all
  select j.account_no, coalesce(o.charge, j.subject), ${ENTRY}, j.seq, null, j.subject, j.amount,
         j.currency, j.captured, j.refunded, null, null, j.type, j.debit, j.credit, null, j.fee,
         (j.created_at at time zone 'UTC')::date - '1970-01-01'::date,
         j.available_on - '1970-01-01'::date, null
    from journal j
    left join operations o
      on j.type in (4, 6, 8, 9, 14, 81) and o.account_no = j.account_no and o.id = j.subject
   order by account_no, thing, sort, seq`;

export type Row = readonly [
  account_no: number,
  thing: string,
  sort: number,
  seq: string | null,
  text: string | null,
  subject: string | null,
  amount: string | null,
  currency: string | null,
  captured: number | null,
  refunded: number | null,
  /** What open refunds of a charge may take; of a refund, the entry that took it back. */
  refunding: string | null,
  balance_seq: string | null,
  type: number | null,
  debit: number | null,
  credit: number | null,
  flag: boolean | null,
  /** Of a charge, what its increments have added. */
  fee: string | null,
  day: number | null,
  free_day: number | null,
  more: string | null,
];
