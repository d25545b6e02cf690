// kill -9 of the Workers runtime at random moments while payment intents are made, confirmed and canceled, then a
// restart on the same files: each key asked again has one intent, one charge and one answer, and the bank's book
// says the same.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { generator, seedOf } from "../ledger/region.ts";
import { type Keys, Runtime } from "../runtime.ts";

/** How often the runtime is killed; each takes a restart of about three seconds. */
const KILLS = Number(process.env["TESSERA_KILLS"] ?? 8);
const MERCHANTS = 3;
const IN_FLIGHT = 12;
const TRIES_MAX = 150;
const seed = seedOf();
const random = generator(seed);

let runtime: Runtime;
beforeAll(async () => {
  runtime = new Runtime(inject("bindings"));
  await runtime.start();
});
afterAll(() => runtime?.remove());

type Intent = {
  id: string;
  status: string;
  amount: number;
  latest_charge: string | null;
  amount_received: number;
};
type Ask = {
  readonly by: Keys;
  readonly path: string;
  readonly form: Record<string, string>;
  readonly key: string;
  answer: string | undefined;
};

async function post(ask: Ask): Promise<{ status: number; text: string } | undefined> {
  const response = await fetch(runtime.url(ask.path), {
    method: "POST",
    headers: {
      authorization: `Bearer ${ask.by.secret}`,
      "content-type": "application/x-www-form-urlencoded",
      "idempotency-key": ask.key,
    },
    body: new URLSearchParams(ask.form),
    signal: AbortSignal.timeout(20_000),
  }).catch(() => undefined);
  const text = await response?.text().catch(() => undefined);
  return response === undefined || text === undefined
    ? undefined
    : { status: response.status, text };
}

async function once(ask: Ask): Promise<void> {
  const said = await post(ask);
  if (said?.status === 200) ask.answer = said.text;
}

async function untilAnswered(ask: Ask): Promise<Intent> {
  for (let tried = 0; ask.answer === undefined; tried++) {
    if (tried > TRIES_MAX) throw new Error(`${ask.path} ${ask.key} has no end`);
    const said = await post(ask);
    if (said?.status === 200) ask.answer = said.text;
    else if (said !== undefined && said.status < 409)
      throw new Error(`${said.status} ${said.text}`);
    else await new Promise((resume) => setTimeout(resume, 200));
  }
  return JSON.parse(ask.answer) as Intent;
}

/** The bank's book as it lies on disk, read by nobody's code but SQLite's. */
function bankBook(): { reference: string; captured_minor: number; voided: number }[] {
  const folder = join(runtime.home, "state", "v3", "do");
  for (const name of readdirSync(folder)) {
    if (!name.endsWith("Bank")) continue;
    for (const file of readdirSync(join(folder, name))) {
      if (!file.endsWith(".sqlite") || file.includes("metadata")) continue;
      const db = new DatabaseSync(join(folder, name, file));
      const rows = db.prepare("select reference, captured_minor, voided from authorizations").all();
      db.close();
      return rows as { reference: string; captured_minor: number; voided: number }[];
    }
  }
  throw new Error("the bank has no book");
}

const KINDS = ["at once", "confirm", "capture", "cancel"] as const;

test(`a runtime killed ${KILLS} times pays each intent exactly once (seed ${seed})`, async () => {
  const merchants: Keys[] = [];
  for (let i = 0; i < MERCHANTS; i++) merchants.push(await runtime.merchant());
  const asks: (Ask & { readonly kind: (typeof KINDS)[number]; readonly of?: Intent })[] = [];
  let number = 0;
  const askOf = (by: Keys, path: string, form: Record<string, string>): Ask => ({
    by,
    path: `/v1/payment_intents${path}`,
    form,
    key: `ask-${++number}`,
    answer: undefined,
  });
  const amount = () => String(100 + Math.floor(random() * 10_000));
  const card = { payment_method: "pm_card_visa" };
  for (let round = 0; round < KILLS; round++) {
    let killed = false;
    const load = Array.from({ length: IN_FLIGHT }, async (_, lane) => {
      const by = merchants[lane % MERCHANTS] as Keys;
      while (!killed) {
        const kind = KINDS[Math.floor(random() * KINDS.length)] ?? "confirm";
        const made = { amount: amount(), currency: "usd" };
        const hold = { ...card, confirm: "true", capture_method: "manual" };
        const first = askOf(by, "", {
          ...made,
          ...(kind === "at once" ? { ...card, confirm: "true" } : kind === "confirm" ? {} : hold),
        });
        asks.push({ ...first, kind: "at once" });
        const entry = asks.at(-1);
        if (entry === undefined) return;
        await once(entry);
        if (entry.answer === undefined || kind === "at once") continue;
        const intent = JSON.parse(entry.answer) as Intent;
        const next = askOf(by, `/${intent.id}/${kind}`, kind === "confirm" ? card : {});
        const then = { ...next, kind, of: intent };
        asks.push(then);
        await once(then);
      }
    });
    await new Promise((resume) => setTimeout(resume, 300 + random() * 1_200));
    runtime.kill();
    killed = true;
    await Promise.all(load);
    await runtime.start();
  }
  const cut = asks.filter(({ answer }) => answer === undefined);
  for (const ask of asks) {
    const told = ask.answer;
    const intent = await untilAnswered(ask);
    // Whoever was answered before the crash hears the same bytes after it.
    if (told !== undefined) {
      const again = await post({ ...ask });
      expect(again, ask.key).toMatchObject({ status: 200, text: told });
    }
    if (ask.of !== undefined) expect(intent.id).toBe(ask.of.id);
  }
  const ids = asks
    .filter(({ of }) => of === undefined)
    .map(({ answer }) => JSON.parse(answer ?? "{}"));
  expect(new Set(ids.map(({ id }) => id)).size).toBe(ids.length);
  const ends = new Map<string, Intent>();
  for (const { by, answer } of asks) {
    const { id } = JSON.parse(answer ?? "{}") as Intent;
    if (ends.has(id)) continue;
    const response = await fetch(runtime.url(`/v1/payment_intents/${id}`), {
      headers: { authorization: `Bearer ${by.secret}` },
    });
    ends.set(id, (await response.json()) as Intent);
  }
  runtime.kill();
  await new Promise((resume) => setTimeout(resume, 300));
  const booked = Map.groupBy(bankBook(), ({ reference }) => reference.split(".")[0] ?? "");
  let charges = 0;
  for (const intent of ends.values()) {
    if (intent.latest_charge === null) continue;
    charges++;
    const rows = booked.get(intent.latest_charge) ?? [];
    expect(rows, intent.id).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      captured_minor: intent.amount_received,
      voided: intent.status === "canceled" ? 1 : 0,
    });
  }
  // Nothing was charged that no intent knows of.
  expect(booked.size).toBe(charges);
  for (const region of ["US", "EU"]) {
    expect(await verifyLedger(inject("bindings")[`DATABASE_URL_${region}`] ?? "")).toEqual([]);
  }
  // A run that never cut a request in two would prove nothing.
  expect(cut.length).toBeGreaterThan(0);
  console.log(
    `${KILLS} kills, ${asks.length} requests, ${cut.length} unanswered at first, ${ends.size} intents, ` +
      `${charges} charges, bank ${booked.size}, seed ${seed}`,
  );
}, 900_000);
