// Checks the signed checkpoints: each has its signature, names the one before it, and its digest is that of
// the heads stored with it. That the journals are at those heads is for the check of chains.

import { createHash, hash, KeyObject, verify } from "node:crypto";
import { CHECKPOINT_TYPE, type Checkpoint, headLine } from "../protocol/checkpoint.ts";
import { type Check, type Examination, eachRow, type Report } from "./examination.ts";

// Sorted: each checkpoint, then its heads in the order in which they were signed.
const ROWS = `
  select c.no, 0::integer as account_no, c.statement as text, c.made_at::timestamptz(3) as made_at,
         null::bigint as seq
    from checkpoints c
  union all
  select h.checkpoint, h.account_no, encode(h.head, 'hex'), null, h.seq from checkpoint_heads h
   order by no, account_no`;

type Row = readonly [
  no: number,
  account_no: number,
  text: string,
  made_at: Date | null,
  seq: string | null,
];

/** A stored checkpoint while its heads pass by. */
type Stored = {
  readonly no: number;
  readonly statement: string;
  readonly madeAt: Date;
  readonly digest: ReturnType<typeof createHash>;
};

export const CHECKPOINT_CHECK: Check = {
  name: "each checkpoint is signed, follows the one before, and signs the heads stored with it",
  run: async (examination, report) => {
    const keys = new Map<string, KeyObject>();
    for (const [kid, key] of examination.keys ?? []) keys.set(kid, KeyObject.from(key));
    let stored: Stored | undefined;
    let last: { no: number; hash: string; madeAt: Date } | undefined;
    let seen = examination.seen === undefined;
    const end = () => {
      if (stored === undefined) return;
      const { no, statement, madeAt } = stored;
      const expected = {
        region: examination.region,
        no: (last?.no ?? 0) + 1,
        previous: last?.hash ?? null,
        digest: stored.digest.digest("base64url"),
        made_at: madeAt.toISOString(),
      };
      check(stored, expected, examination.keys === undefined ? undefined : keys, report);
      last = { no, hash: hash("sha256", statement, "base64url"), madeAt };
      seen ||= no === examination.seen?.no && last.hash === examination.seen.hash;
    };
    await eachRow<Row>(examination.client, ROWS, ([no, account_no, text, madeAt, seq]) => {
      if (madeAt !== null) {
        end();
        stored = { no, statement: text, madeAt, digest: createHash("sha256") };
      } else if (stored?.no === no) {
        stored.digest.update(headLine({ account_no, seq: Number(seq), head: text }));
      } else report(`checkpoint ${no}`, "is gone, and its heads are left");
    });
    end();
    if (!seen) report(`checkpoint ${examination.seen?.no}`, "is not the one that was seen before");
    tell(examination, last);
  },
};

type Expected = Omit<Checkpoint, "region"> & { readonly region: Checkpoint["region"] | undefined };

function check(
  { no, statement }: Stored,
  expected: Expected,
  keys: ReadonlyMap<string, KeyObject> | undefined,
  report: Report,
): void {
  const place = `checkpoint ${no}`;
  if (no !== expected.no) report(`checkpoint ${expected.no}`, "is missing");
  const signed = readStatement(statement, keys);
  if (signed === undefined) {
    report(place, "is not signed by a key that may");
    return;
  }
  const wrong = (["region", "no", "previous", "digest", "made_at"] as const).filter((name) => {
    const unknown = name === "region" && expected.region === undefined;
    // A gap is told once, as the checkpoint that is missing.
    const is = name === "no" ? no : expected[name];
    return !unknown && signed[name] !== is && !(name === "previous" && no !== expected.no);
  });
  if (wrong.length > 0) report(place, `signs another ${wrong.join(", ")} than is stored`);
}

/** What a compact JWS says, if a known key has signed it; without keys, what it says. */
function readStatement(
  statement: string,
  keys: ReadonlyMap<string, KeyObject> | undefined,
): Partial<Checkpoint> | undefined {
  const [head = "", payload = "", signature = ""] = statement.split(".");
  try {
    const { alg, typ, kid } = JSON.parse(decode(head)) as Record<string, string>;
    if (alg !== "EdDSA" || typ !== CHECKPOINT_TYPE) return undefined;
    if (keys !== undefined) {
      const key = keys.get(kid ?? "");
      const signed = Buffer.from(`${head}.${payload}`);
      const bytes = Buffer.from(signature, "base64url");
      // The last character has bits to spare, which would read the same in several ways.
      if (bytes.toString("base64url") !== signature) return undefined;
      if (key === undefined || !verify(null, signed, key, bytes)) return undefined;
    }
    return JSON.parse(decode(payload)) as Partial<Checkpoint>;
  } catch {
    // What is no JWS was not signed.
    return undefined;
  }
}

const decode = (part: string): string => Buffer.from(part, "base64url").toString();

function tell(
  examination: Examination,
  last: { no: number; hash: string; madeAt: Date } | undefined,
): void {
  examination.note(
    last === undefined
      ? "no checkpoint has been made"
      : `the last checkpoint is ${last.no}:${last.hash} of ${last.madeAt.toISOString()}`,
  );
  if (examination.keys === undefined) {
    examination.note("LEDGER_VERIFY_KEYS is not set: no signature was checked");
  }
}
