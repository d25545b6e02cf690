// Whether the ledger agrees with what the load generator heard, after everything was measured: each
// charge that was answered is captured, none is left open, and all balances together are nothing.

import { withSession } from "../../local/session.ts";
import { PAYABLE } from "../../protocol/ledger-account.ts";

export type Audit = {
  readonly answered: number;
  readonly captured: number;
  readonly unfinished: number;
  /** Sum of all balances, of all postings' legs, and of what merchants are owed. */
  readonly balance: number;
  readonly owed: number;
  readonly events: number;
  readonly faults: readonly string[];
};

const LOOK = `
  select (select count(*) from authorizations where state = 'captured')::float8 as captured,
         (select count(*) from charges c where not exists (select from authorizations a
           where a.account_no = c.account_no and a.id = c.id and a.state = 'captured'))::float8
           as unfinished,
         (select coalesce(sum(amount), 0) from balances)::float8 as balance,
         (select coalesce(sum(amount), 0) from balances where ledger_account = ${PAYABLE})::float8
           as owed,
         (select coalesce(sum(amount), 0) from entries)::float8 as entries,
         (select count(*) from postings)::float8 as postings,
         (select count(*) from journal where type in (1, 2))::float8 as events,
         (select count(*) from accounts a where a.seq <>
           (select count(*) from journal j where j.account_no = a.no))::float8 as gaps`;

type Look = Record<
  "captured" | "unfinished" | "balance" | "owed" | "entries" | "postings" | "events" | "gaps",
  number
>;

export async function auditLedger(
  url: string,
  answered: number,
  amountMinor: number,
): Promise<Audit> {
  const { rows } = await withSession(url, (client) => client.query<Look>(LOOK));
  const [look] = rows;
  if (look === undefined) throw new Error("The ledger does not answer");
  const { captured, unfinished, balance, owed, entries, postings, events, gaps } = look;
  const claims: readonly (readonly [boolean, string])[] = [
    [captured === answered, `${answered} charges were answered, ${captured} are captured`],
    [unfinished === 0, `${unfinished} charges have not ended`],
    [balance === 0, `the balances sum to ${balance}`],
    [entries === 0, `the entries sum to ${entries}`],
    [owed === captured * amountMinor, `merchants are owed ${owed} for ${captured} charges`],
    [postings === captured, `${postings} postings tell of ${captured} charges`],
    [events === 2 * captured, `${events} events tell of ${captured} charges`],
    [gaps === 0, `${gaps} accounts have a gap in their sequence`],
  ];
  const faults = claims.filter(([holds]) => !holds).map(([, fault]) => fault);
  return { answered, captured, unfinished, balance, owed, events, faults };
}
