// The two books that cannot both be wrong in the same way: the ledgers of both regions, read by plain SQL,
// and the bank's own, read as its operator would.

import { setTimeout as sleep } from "node:timers/promises";
import { withSession } from "../../local/session.ts";
import { idOf } from "../../protocol/ids.ts";

export type LedgerCharge = {
  readonly id: string;
  readonly account: string;
  readonly key: string;
  readonly state:
    | "opened"
    | "failed"
    | "authorized"
    | "capturing"
    | "captured"
    | "incrementing"
    | "releasing"
    | "released";
  readonly amount: number;
  readonly captured: number;
  readonly refunded: number;
  /** What open refunds hold. */
  readonly refunding: number;
};

export type LedgerOperation = {
  readonly id: string;
  readonly account: string;
  readonly key: string;
  readonly charge: string;
  readonly kind: "capture" | "refund" | "release" | "increment";
  readonly state: "opened" | "succeeded" | "failed";
  readonly amount: number;
};

export type Ledger = {
  readonly charges: readonly LedgerCharge[];
  readonly operations: readonly LedgerOperation[];
};

/** One authorization as the bank booked it. */
export type BankRow = {
  readonly id: string;
  /** Names the charge, before the first dot. */
  readonly reference: string | null;
  readonly amount: number;
  readonly status: string;
  readonly captured: number;
  readonly refunded: number;
  readonly voided: boolean;
};

const PAGE_ROWS = 1_000;
const ANSWER_MS_MAX = 10_000;

const CHARGES = `
  select f.id, a.id as account, f.key, f.state, f.amount, f.amount_captured as captured,
         f.amount_refunded as refunded, coalesce(x.amount_refunding, 0) as refunding
    from charge_facts f join accounts a on a.no = f.account_no
    left join authorizations x on x.account_no = f.account_no and x.id = f.id`;

const OPERATIONS = `
  select o.id, a.id as account, o.key, o.charge, o.kind, o.state, o.amount
    from operations o join accounts a on a.no = o.account_no`;

/** What a crash may leave between its two phases; nothing of it may stay. */
const UNFINISHED = `
  select c.id from charges c
   where not exists (select from authorizations x where x.account_no = c.account_no and x.id = c.id)
  union all
  select o.id from operations o where o.state = 'opened'`;

/** The orders for which cards were opened. An entry without a key's version says that the card was not there. */
const OPENED = `
  select card ->> 1 as "order"
    from (select entry::json -> 'cards' as cards from audit_entries
           where entry::json ->> 'action' = 'card.opened') e,
         json_each(cards) as owner, json_array_elements(owner.value) as card
   where card ->> 2 is not null`;

/** Boxes send their entries on after ten seconds, and again ten seconds later when that fails. */
const SHIPPED_MS_MAX = 60_000;
const SHIPPED_POLL_MS = 1_000;

/** The orders that both regions' audit logs name; waits for those of the bank while they may be on their way. */
export async function readOpened(
  urls: readonly string[],
  bank: readonly BankRow[],
): Promise<Set<string>> {
  const fromMs = performance.now();
  for (;;) {
    const opened = new Set<string>();
    for (const url of urls) {
      await withSession(url, async (client) => {
        for (const { order } of (await client.query<{ order: string }>(OPENED)).rows) {
          opened.add(order);
        }
      });
    }
    const isComplete = bank.every(({ reference }) => reference !== null && opened.has(reference));
    if (isComplete || performance.now() - fromMs > SHIPPED_MS_MAX) return opened;
    await sleep(SHIPPED_POLL_MS);
  }
}

/** Both regions' rows as one ledger. */
export async function readLedger(urls: readonly string[]): Promise<Ledger> {
  const charges: LedgerCharge[] = [];
  const operations: LedgerOperation[] = [];
  for (const url of urls) {
    await withSession(url, async (client) => {
      for (const row of (await client.query<LedgerCharge>(CHARGES)).rows) {
        charges.push({ ...row, id: idOf("ch", row.id) });
      }
      for (const row of (await client.query<LedgerOperation>(OPERATIONS)).rows) {
        const id = idOf(row.kind === "capture" ? "op" : "re", row.id);
        operations.push({ ...row, id, charge: idOf("ch", row.charge) });
      }
    });
  }
  return { charges, operations };
}

/** Which charges and operations are open in both regions. */
export async function unfinishedIn(urls: readonly string[]): Promise<Set<string>> {
  const open = new Set<string>();
  for (const url of urls) {
    await withSession(url, async (client) => {
      for (const { id } of (await client.query<{ id: string }>(UNFINISHED)).rows) open.add(id);
    });
  }
  return open;
}

export async function readBank(url: string, key: string): Promise<BankRow[]> {
  const rows: BankRow[] = [];
  for (;;) {
    const after = rows.at(-1)?.id;
    const query = `limit=${PAGE_ROWS}${after === undefined ? "" : `&after=${after}`}`;
    const response = await fetch(`${url}/book/authorizations?${query}`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (!response.ok) throw new Error(`The bank's book cannot be read: ${response.status}`);
    const page = (await response.json()) as { data: BankRow[]; has_more: boolean };
    rows.push(...page.data);
    if (!page.has_more) return rows;
  }
}
