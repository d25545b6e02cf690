// `npm run forgotten -- --customer cus_…` or `--token tok_…`: looks for a subject in every place where something
// of it could be, says what is there, and exits with 1 while anything can still be opened or read.
//
// The places: the ledgers and their copies (DATABASE_URL_*, REPLICA_URL_*), and the card boxes, by their files
// (--state <folder>, or those of the Tessera on this machine) or by the API (--url and --key: a secret key of
// the merchant). At least one way to the card boxes is needed for a proof.

import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { effectiveAt } from "../protocol/forgetting.ts";
import { idOf, uuidOf } from "../protocol/ids.ts";
import { copies, primaries, reasonOf, settings } from "./databases.ts";

export type Subject = { readonly customer: string } | { readonly token: string };

/** What one place holds; `open` when something of the subject can still be opened or read there. */
export type Place = { readonly where: string; readonly what: string; readonly open: boolean };

export type Found = {
  readonly places: readonly Place[];
  /** The tokens of the subject that the ledger knows of. */
  readonly tokens: readonly string[];
  /** When the last of them was forgotten; undefined when none was. */
  readonly forgottenAt: Date | undefined;
};

/** Each parameter has a type in each query, also where it is not asked for; `tokens` are all of the subject's. */
const SUBJECT =
  "with subject as (select $1::uuid as token, $2::uuid as customer, $3::uuid[] as tokens)";
const TOKENS = `
  select t.token, t.forgotten_at, t.destroyed_at from forgotten_tokens t, subject s
   where t.token = s.token or t.customer = s.customer
  union all
  select d.token, null, null from cards d, subject s where d.token = s.token or d.customer = s.customer
  union all
  select o.token, null, null from objects o, subject s
   where o.token is not null and not o.deleted
     and (o.token = s.token or o.customer = s.customer or o.former = s.customer)`;

/** Rows of each table that still tell of the subject. */
const ROWS: readonly (readonly [table: string, what: string, sql: string])[] = [
  [
    "customers",
    "not deleted",
    "select from customers u, subject s where u.id = s.customer and not deleted",
  ],
  [
    "customer_versions",
    "versions",
    "select from customer_versions v, subject s where v.customer = s.customer",
  ],
  [
    "customer_versions",
    "words about a card",
    // A card's id is the number of its token.
    "select from customer_versions v, subject s where v.card_id = s.token and v.card is not null",
  ],
  [
    "object_versions",
    "payment methods, and words about a person in what was done with them",
    `select from accounts a cross join subject s
       cross join lateral objects_of(a.no, s.customer, s.tokens) as m(id)
       join objects o on o.account_no = a.no and o.id = m.id
       join object_versions v on v.account_no = a.no and v.id = m.id
      where o.token is not null or jsonb_strip_nulls(v.document) ?| words()`,
  ],
  [
    "cards",
    "cards",
    "select from cards d, subject s where d.customer = s.customer or d.token = s.token",
  ],
  [
    "charges",
    "charges with words about a person",
    `select from accounts a cross join subject s
       cross join lateral charges_of(a.no, s.customer, s.tokens) m
       join charges c on c.account_no = a.no and c.id = m.id
      where num_nonnulls(c.card_name, c.address_line1, c.address_zip, c.description, c.receipt_email,
          c.shipping, nullif(c.metadata::text, '{}')) > 0`,
  ],
  [
    "operations",
    "captures and refunds with words about a person",
    `select from accounts a cross join subject s
       cross join lateral charges_of(a.no, s.customer, s.tokens) m
       join operations o on o.account_no = a.no and o.charge = m.id
      where nullif(o.metadata::text, '{}') is not null`,
  ],
];

/** Looks into one ledger or copy of one. */
export async function findInLedger(url: string, subject: Subject): Promise<Found> {
  const { host, pathname } = new URL(url);
  const where = `ledger ${host}${pathname}`;
  const ids = [
    "token" in subject ? (uuidOf("tok", subject.token) ?? null) : null,
    "customer" in subject ? (uuidOf("cus", subject.customer) ?? null) : null,
  ];
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const places: Place[] = [];
    const { rows } = await client.query<Tombstone>(`${SUBJECT} ${TOKENS}`, [...ids, []]);
    const [asked] = ids;
    // Also one that was only spent.
    const tokens = [...(asked == null ? [] : [asked]), ...rows.map(({ token }) => token)];
    for (const [table, what, sql] of ROWS) {
      const { rowCount } = await client.query(`${SUBJECT} ${sql}`, [...ids, tokens]);
      const count = rowCount ?? 0;
      places.push({ where: `${where} ${table}`, what: `${count} ${what}`, open: count > 0 });
    }
    for (const { token, forgotten_at, destroyed_at } of rows) {
      if (forgotten_at === null) continue;
      places.push({
        where: `${where} forgotten_tokens`,
        what: `${idOf("tok", token)} forgotten ${forgotten_at.toISOString()}, ${
          destroyed_at === null ? "its card still to be destroyed" : "its card destroyed"
        }`,
        open: destroyed_at === null,
      });
    }
    const times = rows.flatMap(({ forgotten_at }) => forgotten_at ?? []);
    const forgottenAt = times.sort((a, b) => b.getTime() - a.getTime())[0];
    return { places, tokens: rows.map(({ token }) => idOf("tok", token)), forgottenAt };
  } finally {
    await client.end();
  }
}

type Tombstone = { token: string; forgotten_at: Date | null; destroyed_at: Date | null };

/** Looks into the files of the card boxes under a folder of Durable Object files. */
export function findInBoxes(state: string, tokens: readonly string[]): Place[] {
  const files = globSync("**/*CardBox/*.sqlite", { cwd: state });
  const marks = tokens.map(() => "?").join(",");
  let sealed = 0;
  let tombstones = 0;
  for (const file of files) {
    const db = new DatabaseSync(join(state, file), { readOnly: true });
    try {
      const tables = db.prepare("select name from sqlite_master where name = 'cards'").all();
      if (tables.length === 0) continue;
      const count = (table: string): number => {
        const text = `select count(*) as n from ${table} where token in (${marks})`;
        return Number(db.prepare(text).get(...tokens)?.["n"] ?? 0);
      };
      sealed += count("cards");
      tombstones += count("forgotten");
    } finally {
      db.close();
    }
  }
  const what = `${sealed} sealed cards, ${tombstones} tombstones, in ${files.length} files`;
  return [{ where: `card boxes ${state}`, what, open: sealed > 0 }];
}

/** Asks the vault for each token, through the API. */
export async function askApi(
  url: string,
  key: string,
  tokens: readonly string[],
): Promise<Place[]> {
  return Promise.all(
    tokens.map(async (token) => {
      const answer = await fetch(new URL(`/v1/tokens/${token}`, url), {
        headers: { authorization: `Bearer ${key}` },
      });
      const what = `${token} answers ${answer.status}`;
      return { where: `vault ${new URL(url).host}`, what, open: answer.status !== 404 };
    }),
  );
}

/** The options, or none of them when they cannot be understood. */
function given() {
  const text = { type: "string" } as const;
  const options = { customer: text, token: text, state: text, url: text, key: text };
  try {
    return parseArgs({ options }).values;
  } catch {
    return {};
  }
}

async function main(): Promise<void> {
  const values = given();
  const subject = subjectOf(values);
  if (subject === undefined) {
    console.error("Name one subject: --customer cus_… or --token tok_…");
    process.exitCode = 2;
    return;
  }
  const set = settings();
  const urls = [...primaries(set).map(({ url }) => url), ...copies(set)];
  const places: Place[] = [];
  const tokens = new Set("token" in subject ? [subject.token] : []);
  let last: Date | undefined;
  for (const url of urls) {
    try {
      const found = await findInLedger(url, subject);
      places.push(...found.places);
      for (const token of found.tokens) tokens.add(token);
      if (found.forgottenAt !== undefined && (last === undefined || found.forgottenAt > last)) {
        last = found.forgottenAt;
      }
    } catch (error) {
      places.push({ where: new URL(url).host, what: reasonOf(error), open: true });
    }
  }
  const home = set["TESSERA_HOME"] ?? fileURLToPath(new URL("../.local", import.meta.url));
  const state = values.state ?? join(home, "state");
  if (values.url && values.key) places.push(...(await askApi(values.url, values.key, [...tokens])));
  else if (existsSync(state)) places.push(...findInBoxes(state, [...tokens]));
  else {
    const what = "not looked into: give --state, or --url and --key";
    places.push({ where: "card boxes", what, open: true });
  }
  for (const { where, what, open } of places)
    console.log(`${open ? "OPEN" : "ok  "} ${where}: ${what}`);
  tell(places, last);
}

function subjectOf(values: { customer?: string; token?: string }): Subject | undefined {
  const { customer, token } = values;
  if (customer !== undefined && token === undefined) {
    return uuidOf("cus", customer) === undefined ? undefined : { customer };
  }
  if (token === undefined || customer !== undefined) return undefined;
  return uuidOf("tok", token) === undefined ? undefined : { token };
}

function tell(places: readonly Place[], forgottenAt: Date | undefined): void {
  if (places.some(({ open }) => open)) {
    console.log("Something of it can still be opened or read.");
    process.exitCode = 1;
    return;
  }
  console.log("Nothing of it can be opened or read in any of these places.");
  if (forgottenAt === undefined) return;
  const until = new Date(effectiveAt(Math.ceil(forgottenAt.getTime() / 1000)) * 1000);
  console.log(
    until.getTime() < Date.now()
      ? `No history of a store reaches back to before ${forgottenAt.toISOString()} any more.`
      : `Until ${until.toISOString()} whoever holds the Cloudflare account can take a card box, and whoever ` +
          "holds the Neon project a ledger, back to before it was forgotten; with the key that wrapped the " +
          "card, that copy could be opened, unless that key was destroyed too.",
  );
}

if (import.meta.main) await main();
