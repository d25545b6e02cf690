// Recomputes the hash chain of every account from its genesis, over what stands in the tables now, and names
// the first entry that its links disagree with. PostgreSQL renders the rows as text; hashing and comparing
// happen here, where a function changed in the database cannot vouch for itself, and where it is quicker: a
// million entries took 14 s, and with the database's own functions 459 s on the same machine. The lists
// of columns are those of migrations/0003_chain.sql, and a ledger that was not touched holds them equal.
// Signed heads (checkpoints) are met on the way, so that a journal rewritten with all its links is named too.

import { hash } from "node:crypto";
import type pg from "pg";
import type { AccountId } from "../protocol/ids.ts";
import { slotOf } from "../protocol/slot.ts";
import { type Check, type Examination, eachRow, type Report, SHOWN_MAX } from "./examination.ts";
import { entryName, placeOf } from "./names.ts";

const COLUMNS = `j.seq, j.type, j.subject, j.debit, j.credit, j.amount, j.currency, j.captured,
  j.refunded, j.request, (extract(epoch from j.created_at) * 1000000)::bigint`;
const ENTRY = `case when j.fee is null and j.available_on is null then row(${COLUMNS})::text
  else row(${COLUMNS}, j.fee, j.available_on - '1970-01-01'::date)::text end`;
const CHARGE = `row(c.id, c.amount, c.currency, c.capture, c.key, c.operation, c.mac, c.request,
  c.order_id, c.attempt_number, c.token, c.card_id, c.customer, c.brand, c.last4, c.exp_month,
  c.exp_year, c.fingerprint, c.funding, c.country, c.statement_descriptor)::text
  || case num_nonnulls(c.intent, c.intent_seq, c.intent_attempt, c.card_form, c.authentication)
       when 0 then '' else row(c.intent, c.intent_seq, c.intent_attempt, c.card_form, c.authentication)::text end
  || case num_nonnulls(c.statement_descriptor_suffix, c.transfer_group)
       when 0 then '' else row(c.statement_descriptor_suffix, c.transfer_group)::text end`;
const AUTHORIZATION = `row(a.id, a.amount, a.seq, a.network_code, a.risk_level, a.cvc_check,
  a.address_line1_check, a.address_zip_check, a.funding, a.country, a.processor_ref, a.decline)::text
  || case when a.available_now then 'now' else '' end`;
const OPERATION = `row(o.id, o.charge, o.kind, o.amount, o.currency, o.key, o.operation, o.mac,
  o.request, o.reason)::text || case when o.intent is null then '' else row(o.intent)::text end`;

const [ACCOUNT, JOURNAL, HEAD] = [0, 1, 2] as const;
/** Before any number an entry could have been given. */
const FIRST = -(2n ** 63n);

/** What the processor said of an operation, as `word_of` has it. */
const wordOf = (o: string): string =>
  `case when ${o}.id is not null then row(${o}.processor_ref, ${o}.pending, ${o}.decline)::text end`;

// One stream, sorted: of each account its row, then its entries, each followed by a head signed there.
const ROWS = `
  select a.no as account_no, '${FIRST}'::bigint as seq, ${ACCOUNT} as sort, a.seq as at, a.head as hash,
         a.livemode as livemode, a.slot as slot, a.id || coalesce(' ' || a.terms::text, '') as text
    from accounts a
  union all
  select j.account_no, j.seq, ${JOURNAL}, null, j.link, null, null,
         ${ENTRY} || coalesce(case
           when j.type = 1 then case when c.id is not null then ${CHARGE} end
           when j.type in (2, 3) then case when a.id is not null then ${AUTHORIZATION} end
           when j.type = 4 then case when o.id is not null then ${OPERATION} end
           when j.type in (5, 13) then ${wordOf("p")}
           when j.type in (6, 8, 9, 14) then ${wordOf("o")} end, '')
    from journal j
    left join charges c on j.type = 1 and c.account_no = j.account_no and c.id = j.subject
    left join authorizations a
      on j.type in (2, 3) and a.account_no = j.account_no and a.id = j.subject
    left join operations o
      on j.type in (4, 6, 8, 9, 14) and o.account_no = j.account_no and o.id = j.subject
    left join operations p on j.type in (5, 13) and p.account_no = j.account_no and p.charge = j.subject
      and p.kind = case j.type when 5 then 'capture' else 'increment' end and p.seq = j.seq
  union all
  select h.account_no, h.seq, ${HEAD}, h.checkpoint, h.head, null, null, null
    from checkpoint_heads h
  order by account_no, seq, sort`;

type Row = readonly [
  account_no: number,
  seq: string,
  sort: typeof ACCOUNT | typeof JOURNAL | typeof HEAD,
  at: string | null,
  hash: Buffer,
  livemode: boolean | null,
  slot: number | null,
  text: string | null,
];

/** One account while its rows pass by. */
type Walk = {
  readonly no: number;
  readonly id: string;
  readonly livemode: boolean;
  /** What its row says of its end. */
  readonly last: number;
  readonly head: Buffer;
  seq: number;
  hash: Buffer;
  /** The last signed head on the way. */
  signed: number;
  broken: boolean;
};

/** The first entry of a journal that is wrong. */
type Fault = { readonly seq: number; readonly why: string };

const PROGRESS_ROWS = 10_000;
/** 128 bits of each hash are kept with its entry. */
const LINK_BYTES = 16;
const HASH_BYTES = 32;

export const CHAIN_CHECK: Check = {
  name: "each journal is the chain of hashes that its links, its head and the checkpoints tell of",
  run: async (examination, report) => {
    const faults = await walkAll(examination, report);
    // Only those that are shown are worth a query for their names.
    for (const [i, { walk, seq, why }] of faults.entries()) {
      const named = i < SHOWN_MAX;
      const place = named
        ? await entryName(examination.client, walk, seq)
        : placeOf("journal", walk);
      report(place, why);
    }
  },
};

async function walkAll(
  examination: Examination,
  report: Report,
): Promise<(Fault & { readonly walk: Walk })[]> {
  const { client } = examination;
  const total = await entriesOf(client);
  const faults: (Fault & { readonly walk: Walk })[] = [];
  let entries = 0;
  let unsigned = 0;
  let orphan: number | undefined;
  let walk: Walk | undefined;
  const judge = (at: Walk, fault: Fault | undefined) => {
    if (fault === undefined) return;
    at.broken = true;
    faults.push({ ...fault, walk: at });
  };
  const end = () => {
    if (walk === undefined || walk.broken) return;
    unsigned += walk.seq - walk.signed;
    judge(walk, takeEnd(walk));
  };
  await eachRow<Row>(client, ROWS, (row) => {
    const [no, , sort] = row;
    if (sort === JOURNAL && ++entries % PROGRESS_ROWS === 0) examination.progress(entries / total);
    if (sort === ACCOUNT) {
      end();
      walk = begin(row, report);
    } else if (walk?.no !== no) {
      if (orphan !== no)
        report(`account number ${no}`, "has a journal, but there is no such account");
      orphan = no;
    } else if (!walk.broken) {
      judge(walk, sort === JOURNAL ? takeEntry(walk, row) : takeHead(walk, row));
    }
  });
  end();
  if (unsigned > 0) examination.note(`${unsigned} of ${total} entries are in no checkpoint yet`);
  return faults;
}

/** How many entries there are, by the accounts' own word. */
async function entriesOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ entries: string }>(
    "select coalesce(sum(seq), 0) as entries from accounts",
  );
  return Number(rows[0]?.entries ?? 0);
}

function begin([no, , , at, head, livemode, slot, text]: Row, report: Report): Walk {
  // The account's id, and after a blank its terms where they are not the usual ones.
  const [id = "", ...terms] = (text ?? "").split(" ");
  const owner = { no, id, livemode: livemode ?? false };
  if (slotOf(owner.id as AccountId) !== slot) {
    report(placeOf("account", owner), `is kept in slot ${slot}, which is not its own`);
  }
  const agreed = [owner.id, owner.livemode ? "live" : "test", ...terms].join(" ");
  const genesis = `tessera journal 1 ${agreed}`;
  const first = hash("sha256", genesis, "buffer");
  return { ...owner, last: Number(at), head, seq: 0, hash: first, signed: 0, broken: false };
}

function takeEntry(walk: Walk, [, number, , , link, , , text]: Row): Fault | undefined {
  const seq = Number(number);
  if (seq <= walk.seq) return { seq, why: "no entry has such a number" };
  if (seq > walk.seq + 1) return { seq: walk.seq + 1, why: "is missing" };
  walk.hash = step(walk.hash, text ?? "");
  walk.seq = seq;
  return walk.hash.compare(link, 0, LINK_BYTES, 0, LINK_BYTES) === 0
    ? undefined
    : { seq, why: "its link is not the hash of what it and its subject say" };
}

let scratch = Buffer.alloc(4096);

/** SHA-256 over the hash before and the entry's text. */
function step(before: Buffer, text: string): Buffer {
  // No character takes more than three bytes for each of its UTF-16 units.
  const most = HASH_BYTES + 3 * text.length;
  if (scratch.length < most) scratch = Buffer.alloc(2 * most);
  before.copy(scratch);
  const length = HASH_BYTES + scratch.write(text, HASH_BYTES);
  return hash("sha256", scratch.subarray(0, length), "buffer");
}

function takeHead(walk: Walk, [, number, , checkpoint, head]: Row): Fault | undefined {
  const seq = Number(number);
  if (walk.seq !== seq) return { seq, why: `checkpoint ${checkpoint} signed it, and it is gone` };
  walk.signed = seq;
  return walk.hash.equals(head)
    ? undefined
    : { seq, why: `up to here it is not the journal that checkpoint ${checkpoint} signed` };
}

function takeEnd({ seq, last, head, hash }: Walk): Fault | undefined {
  if (seq < last) return { seq: seq + 1, why: `is missing: the account counts ${last} entries` };
  if (seq > last) return { seq: last + 1, why: `is too many: the account counts ${last} entries` };
  return hash.equals(head)
    ? undefined
    : { seq, why: "the account's head is not the hash of this last entry" };
}
