// kill -9 of the Workers runtime at random moments under load, then a restart on the same files: every
// key ends in one charge, the bank's book says the same as the ledger, and the ledger verifies.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { idOf } from "../../protocol/ids.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { type Keys, Runtime } from "../runtime.ts";
import { ledger } from "../system.ts";

/** How often the runtime is killed; each takes a restart of about three seconds. */
const KILLS = Number(process.env["TESSERA_KILLS"] ?? 20);
const MERCHANTS = 4;
const IN_FLIGHT = 16;
const seed = Number(process.env["TESSERA_SEED"] ?? Date.now() % 1_000_000);

// Mulberry32: enough for choosing moments, and one seed replays them.
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const bindings = () => inject("bindings");
let runtime: Runtime;

type Charge = { id: string; status: string; amount: number };
type Attempt = { key: string; merchant: number; amount: number; answered: Charge | undefined };

async function charge(by: Keys, { key, amount }: Attempt): Promise<Charge | undefined> {
  const response = await fetch(runtime.url("/v1/charges"), {
    method: "POST",
    headers: {
      authorization: `Bearer ${by.secret}`,
      "content-type": "application/x-www-form-urlencoded",
      "idempotency-key": key,
    },
    body: new URLSearchParams({ amount: String(amount), currency: "usd", source: "tok_visa" }),
    signal: AbortSignal.timeout(20_000),
  }).catch(() => undefined);
  if (response?.status !== 200) return undefined;
  return (await response.json().catch(() => undefined)) as Charge | undefined;
}

beforeAll(async () => {
  runtime = new Runtime(bindings());
  await runtime.start();
});
afterAll(() => runtime?.remove());

/** The bank's book as it lies on disk, read by nobody's code but SQLite's. */
function bankBook(): { reference: string; status: string; captured_minor: number }[] {
  const folder = join(runtime.home, "state", "v3", "do");
  for (const name of readdirSync(folder)) {
    if (!name.endsWith("Bank")) continue;
    for (const file of readdirSync(join(folder, name))) {
      if (!file.endsWith(".sqlite") || file.includes("metadata")) continue;
      const db = new DatabaseSync(join(folder, name, file));
      const rows = db.prepare("select reference, status, captured_minor from authorizations").all();
      db.close();
      return rows as { reference: string; status: string; captured_minor: number }[];
    }
  }
  throw new Error("the bank has no book");
}

test(`a runtime killed ${KILLS} times under load charges each key exactly once (seed ${seed})`, async () => {
  const merchants: Keys[] = [];
  for (let i = 0; i < MERCHANTS; i++) merchants.push(await runtime.merchant());
  const attempts: Attempt[] = [];
  const cut = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    let killed = false;
    const load = Array.from({ length: IN_FLIGHT }, async (_, lane) => {
      while (!killed) {
        const merchant = lane % MERCHANTS;
        const attempt: Attempt = {
          key: `round-${round}-lane-${lane}-${attempts.length}`,
          merchant,
          amount: 100 + Math.floor(random() * 10_000),
          answered: undefined,
        };
        attempts.push(attempt);
        attempt.answered = await charge(merchants[merchant] as Keys, attempt);
      }
    });
    await new Promise((resume) => setTimeout(resume, 150 + random() * 900));
    runtime.kill();
    killed = true;
    await Promise.all(load);
    for (const row of (await ledgerRows(merchants)).filter(isOpen)) cut.add(row.id);
    await runtime.start();
  }
  // Half of the unanswered keys are asked again by their merchants; the alarm must end the others.
  const unanswered = attempts.filter((a) => a.answered === undefined);
  for (const [i, attempt] of unanswered.entries()) {
    if (i % 2 === 0) continue;
    const merchant = merchants[attempt.merchant] as Keys;
    for (let tried = 0; attempt.answered === undefined && tried < 50; tried++) {
      attempt.answered = await charge(merchant, attempt);
      if (attempt.answered === undefined) await new Promise((r) => setTimeout(r, 200));
    }
    expect(attempt.answered, attempt.key).toBeDefined();
  }
  const rows = await settledLedger(merchants);
  runtime.kill();
  await new Promise((resume) => setTimeout(resume, 300));
  const captures = new Map<string, number[]>();
  for (const line of bankBook()) {
    const id = line.reference.split(".")[0] ?? "";
    captures.set(id, [...(captures.get(id) ?? []), line.captured_minor]);
  }
  const byKey = new Map(rows.map((row) => [row.key, row]));
  expect(byKey.size).toBe(rows.length);
  for (const { key, answered } of attempts) {
    if (answered === undefined) continue;
    // An acknowledged charge is never lost, and is the one in the ledger.
    expect(byKey.get(key)?.id, key).toBe(answered.id);
  }
  for (const { id, state, amount } of rows) {
    expect(state).toBe("captured");
    // One authorization at the bank, of the same amount: neither doubled nor lost.
    expect(captures.get(id), id).toEqual([amount]);
  }
  expect(captures.size).toBe(rows.length);
  for (const region of ["US", "EU"]) {
    expect(await verifyLedger(bindings()[`DATABASE_URL_${region}`] ?? "")).toEqual([]);
  }
  // A run that never cut a charge in two would prove nothing.
  expect(cut.size).toBeGreaterThan(0);
  console.log(
    `${KILLS} kills, ${cut.size} charges cut between open and close, ${attempts.length} keys, ${rows.length} charges, ` +
      `${unanswered.length} unanswered at first, bank ${captures.size}, seed ${seed}`,
  );
}, 900_000);

type Row = { id: string; key: string; state: string; amount: number };

async function ledgerRows(merchants: Keys[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { account } of merchants) {
    const db = await ledger(bindings(), homeOf(slotOf(account)));
    const found = await db.query<Row>(
      `select c.id, c.key, c.state, c.amount from charge_facts c join accounts a on a.no = c.account_no
        where a.id = $1`,
      [account],
    );
    await db.end();
    rows.push(...found.rows.map((row) => ({ ...row, id: idOf("ch", row.id) })));
  }
  return rows;
}

const isOpen = (row: Row): boolean => row.state === "opened";

/** The ledger's charges once none is left open; the shards' alarms get ten seconds for it. */
async function settledLedger(merchants: Keys[]): Promise<Row[]> {
  for (let tried = 0; ; tried++) {
    const rows = await ledgerRows(merchants);
    if (!rows.some(isOpen)) return rows;
    if (tried > 20) throw new Error(`left open: ${JSON.stringify(rows.filter(isOpen))}`);
    await new Promise((resume) => setTimeout(resume, 500));
  }
}
