// Recomputes the chain of every audit stream from the texts of its entries, and names the first entry that is
// altered, missing or too many. Hashing happens here, where a function changed in the database cannot vouch for
// itself. A stream whose oldest months were dropped begins where `audit_streams` says; of what was cut off
// further, only a copy of the head kept elsewhere would tell: the object that writes a stream holds one, and
// its next entries do not fit a history that was written anew.

import { hash } from "node:crypto";
import { type Check, eachRow, type Report } from "./examination.ts";

const ROWS = `
  select s.stream, 0::bigint as seq, s.seq as last, s.dropped_seq, s.dropped_head, s.head, null as entry
    from audit_streams s
  union all
  select e.stream, e.seq, null, null, null, e.hash, e.entry from audit_entries e
  order by stream, seq`;

type Row = readonly [
  stream: string,
  seq: string,
  last: string | null,
  droppedSeq: string | null,
  droppedHead: Buffer | null,
  hash: Buffer,
  entry: string | null,
];

/** One stream while its entries pass by. */
type Walk = {
  readonly stream: string;
  readonly last: number;
  readonly head: Buffer;
  seq: number;
  hash: Buffer;
  broken: boolean;
};

export const AUDIT_CHECK: Check = {
  name: "each audit stream is a chain of hashes without a gap that ends at its head",
  run: async ({ client, note }, report) => {
    let walk: Walk | undefined;
    let entries = 0;
    const end = () => {
      if (walk !== undefined && !walk.broken) takeEnd(walk, report);
    };
    await eachRow<Row>(client, ROWS, (row) => {
      const [stream, , last] = row;
      if (last !== null) {
        end();
        walk = begin(row);
        return;
      }
      entries++;
      if (walk?.stream !== stream)
        report(`audit ${stream}`, "has entries, but there is no such stream");
      else if (!walk.broken) takeEntry(walk, row, report);
    });
    end();
    note(`${entries} audit entries`);
  },
};

function begin([stream, , last, droppedSeq, droppedHead, head]: Row): Walk {
  const seq = Number(droppedSeq);
  const genesis = hash("sha256", `tessera audit 1 ${stream}`, "buffer");
  const start = seq === 0 ? genesis : (droppedHead ?? genesis);
  return { stream, last: Number(last), head, seq, hash: start, broken: false };
}

function takeEntry(walk: Walk, [, number, , , , link, entry]: Row, report: Report): void {
  const seq = Number(number);
  if (seq <= walk.seq) {
    fault(walk, seq, "is there twice, or was dropped", report);
    return;
  }
  if (seq > walk.seq + 1) {
    fault(walk, walk.seq + 1, "is missing", report);
    return;
  }
  const bytes = Buffer.concat([walk.hash, Buffer.from(entry ?? "")]);
  walk.hash = hash("sha256", bytes, "buffer");
  walk.seq = seq;
  if (!walk.hash.equals(link)) fault(walk, seq, "its hash is not that of what it says", report);
}

function takeEnd(walk: Walk, report: Report): void {
  if (walk.seq < walk.last) fault(walk, walk.seq + 1, "is missing", report);
  else if (walk.seq > walk.last) fault(walk, walk.last + 1, "is too many", report);
  else if (!walk.hash.equals(walk.head))
    fault(walk, walk.seq, "is not the head of its stream", report);
}

function fault(walk: Walk, seq: number, why: string, report: Report): void {
  walk.broken = true;
  report(`audit ${walk.stream} entry ${seq}`, why);
}
