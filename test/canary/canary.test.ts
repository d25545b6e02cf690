// Drives every kind of request with canary card numbers, then searches all that was written: logs of the
// runtime, Durable Object files, both regions' PostgreSQL directories with their WAL and copies.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type KeySet, sealCard } from "../../checkout/public/seal.js";
import { passesLuhn } from "../../protocol/luhn.ts";
import { type Keys, Runtime } from "../runtime.ts";
import { needlesOf, searchFolders } from "./needles.ts";

/** Every canary number begins so; it is no test card and stands in no source. */
const HEAD = "453917356208";
/** The canaries' code: four digits, as on Amex, so that a search for it means something. */
const CVC = "8471";
const AMEX_HEAD = "37917356208";
const ROUNDS = 40;

let runtime: Runtime;
let merchant: Keys;
let keySet: KeySet;

function complete(head: string, i: number, length: number): string {
  const body =
    head +
    String(i)
      .padStart(length - head.length - 1, "0")
      .slice(-(length - head.length - 1));
  for (let digit = 0; digit < 10; digit++) if (passesLuhn(body + digit)) return body + digit;
  throw new Error("one of ten digits is right");
}

const visa = (i: number): string => complete(HEAD, i, 16);
const amex = (i: number): string => complete(AMEX_HEAD, i, 15);

const fields = (prefix: string, number: string, cvc: string): Record<string, string> => ({
  [`${prefix}[number]`]: number,
  [`${prefix}[exp_month]`]: "12",
  [`${prefix}[exp_year]`]: "2034",
  [`${prefix}[cvc]`]: cvc,
});

const answers: string[] = [];

async function post(
  path: string,
  form: Record<string, string>,
  key = merchant.secret,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: { id?: string } }> {
  const response = await fetch(runtime.url(path), {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/x-www-form-urlencoded",
      ...headers,
    },
    body: new URLSearchParams(form).toString(),
  });
  const text = await response.text();
  answers.push(JSON.stringify([...response.headers]), text);
  return { status: response.status, body: JSON.parse(text) as { id?: string } };
}

const seal = (card: Parameters<typeof sealCard>[0]["card"]): Promise<string> =>
  sealCard({ publishableKey: merchant.publishable, card, keySet });

async function drive(i: number): Promise<void> {
  const pan = visa(i);
  const money = { amount: String(500 + i), currency: "usd" };
  const good = await post("/v1/tokens", fields("card", amex(i), CVC), merchant.publishable);
  expect(good.status).toBe(200);
  const sealed = await seal({ number: pan, exp_month: "12", exp_year: "2034", cvc: "123" });
  expect((await post("/v1/tokens", { sealed_card: sealed })).status).toBe(200);
  expect((await post("/v1/tokens", { sealed_card: sealed })).status).toBe(400);
  const named = { number: amex(i), exp_month: "12", exp_year: "2034", cvc: CVC, name: pan };
  const refused = await post("/v1/tokens", { sealed_card: await seal(named) });
  expect(refused.status).toBe(400);
  await post("/v1/charges", { ...money, source: good.body.id ?? "" });
  await post("/v1/charges", {
    ...money,
    "source[object]": "card",
    ...fields("source", pan, "123"),
  });
  await post("/v1/customers", {
    name: "Canary",
    "source[object]": "card",
    ...fields("source", amex(i), CVC),
  });
  // Refused, each in its own way, with a whole number in it.
  const wrong = pan.slice(0, -1) + ((Number(pan.at(-1)) + 1) % 10);
  await post("/v1/tokens", fields("card", wrong, CVC));
  await post("/v1/tokens", { ...fields("card", pan, CVC), "card[exp_year]": "1999" });
  await post("/v1/tokens", { ...fields("card", pan, "12"), unknown: "1" });
  await post("/v1/tokens", fields("card", pan, CVC), "sk_test_nothing");
  await post("/v1/charges", { ...money, source: "tok_visa", description: `card ${pan}` });
  await post("/v1/charges", { ...money, source: "tok_visa", [`metadata[${pan}]`]: "x" });
  await post("/v1/customers", { name: pan.replace(/(.{4})(?=.)/g, "$1 ") });
  await post("/v1/charges", { ...money, source: "tok_visa" }, merchant.secret, {
    "idempotency-key": pan,
  });
  await post("/v1/charges", { ...money, source: pan });
  await post(`/v1/charges/${pan}/capture`, {});
  await post("/v1/nothing", fields("card", pan, CVC), pan);
  await fetch(runtime.url(`/v1/charges/${pan}?card=${pan}`), {
    headers: { authorization: `Bearer ${pan}` },
  });
  await fetch(runtime.url("/v1/tokens"), {
    method: "POST",
    headers: { authorization: `Bearer ${merchant.secret}`, "content-type": "application/json" },
    body: `{"card":{"number":"${pan}","cvc":"${CVC}"`,
  });
}

beforeAll(async () => {
  runtime = new Runtime(inject("bindings"));
  await runtime.start();
  merchant = await runtime.merchant();
  keySet = (await (await fetch(runtime.url("/v1/vault/keys"))).json()) as KeySet;
  for (let i = 0; i < ROUNDS; i++) await drive(i);
  runtime.kill();
  await new Promise((resume) => setTimeout(resume, 300));
});
afterAll(() => runtime?.remove());

/** The databases' own word on where their files are. */
async function dataDirectories(): Promise<string[]> {
  const found = [];
  for (const name of ["DATABASE_URL_US", "DATABASE_URL_EU"]) {
    const client = new pg.Client({ connectionString: inject("bindings")[name] });
    await client.connect();
    // What is only in shared buffers must reach the files to be found there.
    await client.query("checkpoint");
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    found.push(rows[0]?.data_directory ?? "");
    await client.end();
  }
  return found;
}

const needles = [...needlesOf(HEAD), ...needlesOf(AMEX_HEAD)];

describe("after every kind of request with a canary card", () => {
  test("no spelling of its number is in any log, Durable Object file or database file", async () => {
    const folders = [runtime.home, inject("home"), ...(await dataDirectories())];
    const { files, bytes, hits } = searchFolders([...new Set(folders)], needles);
    console.log(
      `searched ${files} files, ${(bytes / 2 ** 20).toFixed(0)} MiB, ${needles.length} spellings`,
    );
    expect(hits).toEqual([]);
    expect(files).toBeGreaterThan(1000);
  });

  test("no answer echoes it", () => {
    const everything = Buffer.from(answers.join("\n"));
    expect(needles.filter(({ bytes }) => everything.includes(bytes))).toEqual([]);
  });

  test("its security code is in no cell of any Durable Object or table, and in no file as a field", async () => {
    const asValue = new RegExp(`(^|[^0-9])${CVC}([^0-9]|$)`);
    const leaks: string[] = [];
    for (const [table, cell] of [...cellsOfObjects(), ...(await cellsOfLedgers())]) {
      if (asValue.test(cell)) leaks.push(`${table}: ${cell.slice(0, 80)}`);
    }
    expect(leaks).toEqual([]);
    const spelled = ['cvc":"', "cvc]=", "cvc%5D=", "cvc=", "cvc:"].map((head) => ({
      spelling: head,
      bytes: Buffer.from(`${head}${CVC}`),
    }));
    const { hits } = searchFolders([runtime.home, ...(await dataDirectories())], spelled);
    expect(hits).toEqual([]);
  });

  test("the sealed cards are there, so the search had something to miss", () => {
    const sealed = [...cellsOfObjects()].filter(([, cell]) => cell.startsWith("v1.1."));
    expect(sealed.length).toBeGreaterThanOrEqual(3 * ROUNDS);
  });
});

describe("the search itself", () => {
  test.each(needlesOf(HEAD))("finds a number planted as $spelling", ({ bytes }) => {
    const folder = mkdtempSync(join(tmpdir(), "tessera-plant-"));
    writeFileSync(
      join(folder, "leak"),
      Buffer.concat([Buffer.from("before"), bytes, Buffer.from("after")]),
    );
    expect(searchFolders([folder], needles).hits.length).toBeGreaterThan(0);
    rmSync(folder, { recursive: true });
  });

  test.each([0, 1, 2])("finds a whole number in base64 behind %i other bytes", (before) => {
    const folder = mkdtempSync(join(tmpdir(), "tessera-plant-"));
    const text = `${"x".repeat(before)}${visa(3)} and more`;
    writeFileSync(join(folder, "leak"), Buffer.from(text).toString("base64"));
    expect(searchFolders([folder], needles).hits.length).toBeGreaterThan(0);
    rmSync(folder, { recursive: true });
  });
});

function* cellsOfObjects(): Generator<[string, string]> {
  const folder = join(runtime.home, "state", "v3", "do");
  for (const name of readdirSync(folder)) {
    for (const file of readdirSync(join(folder, name)).filter((f) => f.endsWith(".sqlite"))) {
      const db = new DatabaseSync(join(folder, name, file));
      const tables = db.prepare("select name from sqlite_master where type = 'table'").all();
      for (const { name: table } of tables as { name: string }[]) {
        const rows = db.prepare(`select * from "${table}"`);
        rows.setReadBigInts(true);
        for (const row of rows.all()) {
          for (const cell of Object.values(row)) yield [`${name}.${table}`, textOf(cell)];
        }
      }
      db.close();
    }
  }
}

const textOf = (cell: unknown): string =>
  cell instanceof Uint8Array ? Buffer.from(cell).toString("latin1") : String(cell);

async function cellsOfLedgers(): Promise<[string, string][]> {
  const cells: [string, string][] = [];
  for (const name of ["DATABASE_URL_US", "DATABASE_URL_EU"]) {
    const client = new pg.Client({ connectionString: inject("bindings")[name] });
    await client.connect();
    const { rows } = await client.query<{ t: string }>(
      "select table_name as t from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    for (const { t } of rows) {
      const found = await client.query<{ cell: string }>(
        `select value as cell from "${t}" as r, lateral jsonb_each_text(to_jsonb(r)) where value is not null
           and to_jsonb(r)->>'account_no' = (select no::text from accounts where id = $1 and not livemode)`,
        [merchant.account],
      );
      cells.push(...found.rows.map(({ cell }): [string, string] => [t, cell]));
    }
    await client.end();
  }
  return cells;
}
