// Signed checkpoints, made by the origin's own code over Neon's endpoint: what they cover, and that somebody
// who rewrites the ledger with all its hashes, or cuts off its end, is named by verify all the same.

import { exportJWK, generateKeyPair } from "jose";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { type NeonEndpoint, startNeonEndpoint } from "../../local/neon-endpoint.ts";
import type { Finding } from "../../ops/examination.ts";
import { examine, verifyLedger } from "../../ops/verify.ts";
import { CHECKPOINT_MS, isCheckpointDue, makeCheckpoints } from "../../origin/checkpoint.ts";
import { connect as connectOverHttp, type Database } from "../../origin/database.ts";
import { digestOf, signCheckpoint, statementHash } from "../../protocol/checkpoint.ts";
import type { Scope } from "../../protocol/command.ts";
import { uuidOf } from "../../protocol/ids.ts";
import { importSigner, importVerifiers, type Signer } from "../../protocol/signature.ts";
import { type History, makeHistory, REWRITE } from "./history.ts";
import { charged, connect, type OwnLedger, openAccounts, ownLedger } from "./region.ts";

const bindings = inject("bindings");
const signingKey = bindings["LEDGER_SIGNING_KEY"] ?? "";

let keys: Map<string, CryptoKey>;
let own: OwnLedger;
let endpoint: NeonEndpoint;
let database: Database;
let client: pg.Client;
let history: History;
let others: Scope[];

/** A checkpoint of so long ago that the next one is due. */
const make = (headsMax?: number) =>
  makeCheckpoints(database, "us", signingKey, Date.now() - 2 * CHECKPOINT_MS, headsMax);

beforeAll(async () => {
  keys = await importVerifiers(bindings["LEDGER_VERIFY_KEYS"] ?? "");
  own = await ownLedger(bindings["DATABASE_URL_US"] ?? "");
  endpoint = await startNeonEndpoint({ connectionStrings: [own.url] });
  database = connectOverHttp(own.url, endpoint.url);
  client = await connect(own.url);
  history = await makeHistory(client);
  others = await openAccounts(client, 5);
});
afterAll(async () => {
  await client?.end();
  await endpoint?.stop();
  await own?.drop();
});

const count = async (sql: string): Promise<number> =>
  (await client.query<{ n: number }>(`select count(*)::integer as n from ${sql}`)).rows[0]?.n ?? 0;

/** Checks with the keys, in the region's name; gives what it noted as well. */
async function verified() {
  const notes: string[] = [];
  const note = (text: string) => {
    if (!text.endsWith("audit entries")) notes.push(text);
  };
  return { findings: await verifyLedger(own.url, { keys, region: "us", note }), notes };
}

describe("a checkpoint", () => {
  test("covers every account in which something has happened", async () => {
    expect(await make()).toEqual({ ok: true, value: 3 });
    const { findings, notes } = await verified();
    expect(findings).toEqual([]);
    expect(notes).toEqual([expect.stringMatching(/^the last checkpoint is 1:[\w-]{43} of 2/)]);
  });

  test("is not made when nothing has happened since", async () => {
    expect(await make()).toEqual({ ok: true, value: 0 });
    expect(await count("checkpoints")).toBe(1);
  });

  test("covers only what has happened since the one before, and says what is not covered", async () => {
    await charged(client, history.scope);
    expect((await verified()).notes).toContainEqual(expect.stringMatching(/^2 of \d+ entries/));
    expect(await make()).toEqual({ ok: true, value: 1 });
    const { findings, notes } = await verified();
    expect(findings).toEqual([]);
    expect(notes).toEqual([expect.stringMatching(/^the last checkpoint is 2:/)]);
  });

  test("is not made while the last one is younger than the interval", async () => {
    await charged(client, history.scope);
    expect(await makeCheckpoints(database, "us", signingKey, Date.now())).toMatchObject({
      value: 1,
    });
    await charged(client, history.scope);
    expect(await make()).toEqual({ ok: true, value: 0 });
    expect(await count("checkpoints")).toBe(3);
  });

  test("that is made by two workers at once is there once", async () => {
    await client.query("set session_replication_role = replica");
    await client.query("update checkpoints set made_at = made_at - interval '1 hour' where no = 3");
    const made = await Promise.all([make(), make(), make(), make()]);
    await client.query("update checkpoints set made_at = made_at + interval '1 hour' where no = 3");
    await client.query("set session_replication_role = origin");
    expect(made.every(({ ok }) => ok)).toBe(true);
    expect(await count("checkpoints")).toBe(4);
    expect((await verified()).findings).toEqual([]);
  });

  test("has so many heads at most, and the next ones cover the rest at once", async () => {
    for (const scope of others) await charged(client, scope);
    expect(await make(2)).toEqual({ ok: true, value: 5 });
    expect(await count("checkpoints")).toBe(7);
    const { findings, notes } = await verified();
    expect(findings).toEqual([]);
    expect(notes).toEqual([expect.stringMatching(/^the last checkpoint is 7:/)]);
  });

  test("is looked for once in each interval, for each region", () => {
    const at = Date.now();
    expect(isCheckpointDue("eu", at)).toBe(true);
    expect(isCheckpointDue("eu", at + CHECKPOINT_MS - 1)).toBe(false);
    expect(isCheckpointDue("us", at)).toBe(true);
    expect(isCheckpointDue("eu", at + CHECKPOINT_MS)).toBe(true);
  });

  test("that cannot reach its database says so", async () => {
    const nowhere = connectOverHttp(
      "postgresql://a:b@127.0.0.1:1/nowhere",
      "http://127.0.0.1:1/sql",
    );
    const made = await makeCheckpoints(nowhere, "us", signingKey, Date.now());
    connectOverHttp(own.url, endpoint.url);
    expect(made).toEqual({ ok: false, failure: "unreachable" });
  });
});

describe("somebody with all rights", () => {
  beforeAll(async () => {
    await client.query("begin isolation level repeatable read");
    await client.query("set local session_replication_role = replica");
    await client.query("alter table checkpoints drop constraint checkpoints_statement_check");
    await client.query("savepoint untouched");
  });
  beforeEach(async () => {
    await client.query("rollback to untouched");
  });
  afterAll(() => client.query("rollback"));

  const found = async (options: Parameters<typeof examine>[1] = {}): Promise<string> =>
    places(await examine(client, { keys, region: "us", ...options }));
  const places = (findings: readonly Finding[]) =>
    findings.map(({ place, why }) => `${place}: ${why}`).join("\n");

  /** A charge made a cent cheaper everywhere, with links and heads to match. */
  async function rewrite(): Promise<void> {
    const id = uuidOf("ch", history.paid.id);
    const changes = await client.query(`
      update charges set amount = amount - 1 where id = '${id}';
      update authorizations set amount = amount - 1, amount_captured = amount_captured - 1
       where id = '${id}';
      update journal set amount = amount - 1 where subject = '${id}' and amount is not null;
      update journal set captured = captured - 1 where subject = '${id}' and captured is not null;
      update balances b set pending[2] = case b.ledger_account when 2 then b.pending[2] - 1 end,
          amount = b.amount + case b.ledger_account when 1 then 1 when 2 then -1 else 0 end
        from charges c where c.id = '${id}' and b.account_no = c.account_no and b.currency = 'usd'`);
    for (const { rowCount } of [changes].flat()) expect(rowCount).toBeGreaterThan(0);
    await client.query(REWRITE);
  }

  test("who rewrites a charge with all its hashes is contradicted by what was signed", async () => {
    await rewrite();
    expect(await found()).toContain(
      `journal ${history.scope.account} test entry 51 (operation.pending of`,
    );
    expect(await found()).toContain("it is not the journal that checkpoint 1 signed");
    // Nothing but what was signed contradicts it.
    await client.query("delete from checkpoint_heads; delete from checkpoints");
    expect(await found()).toBe("");
  });

  test("who rewrites the signed heads as well is contradicted by the signatures", async () => {
    await rewrite();
    await client.query(
      `update checkpoint_heads h set head = x.hash
         from (select j.account_no, j.seq, chain(chain_genesis(a.id, a.livemode, a.terms), text_of(j)
                 || coalesce(content_of(j), '')) over (partition by j.account_no order by j.seq) as hash
                 from journal j join accounts a on a.no = j.account_no) x
        where x.account_no = h.account_no and x.seq = h.seq`,
    );
    expect(await found()).toBe(
      "checkpoint 1: signs another digest than is stored\n" +
        "checkpoint 2: signs another digest than is stored\n" +
        "checkpoint 3: signs another digest than is stored\n" +
        "checkpoint 4: signs another digest than is stored",
    );
  });

  test.each([
    ["another key", "us", "is not signed by a key that may"],
    ["the key of another region", "eu", "signs another region"],
  ])("who signs anew with %s is found", async (whose, region, why) => {
    const signer: Signer =
      whose === "another key" ? await strangerLike() : await importSigner(signingKey);
    const { rows } = await client.query<{ account_no: number; seq: string; head: string }>(
      `select account_no, seq, encode(head, 'hex') as head from checkpoint_heads
        where checkpoint = 7 order by account_no`,
    );
    const last = await client.query<{ statement: string; made_at: Date }>(
      "select a.statement, b.made_at from checkpoints a, checkpoints b where a.no = 6 and b.no = 7",
    );
    const [row] = last.rows;
    if (row === undefined) throw new Error("there is no checkpoint 7");
    const statement = await signCheckpoint(
      {
        region: region as "us",
        no: 7,
        previous: await statementHash(row.statement),
        digest: await digestOf(rows.map((head) => ({ ...head, seq: Number(head.seq) }))),
        made_at: row.made_at.toISOString(),
      },
      signer,
    );
    await client.query("update checkpoints set statement = $1 where no = 7", [statement]);
    expect(await found()).toBe(`checkpoint 7: ${why}${region === "eu" ? " than is stored" : ""}`);
  });

  test("who removes a checkpoint leaves a gap", async () => {
    await client.query("delete from checkpoint_heads where checkpoint = 5");
    await client.query("delete from checkpoints where no = 5");
    expect(await found()).toBe("checkpoint 5: is missing");
  });

  test("who removes one and closes the gap is contradicted by the signatures", async () => {
    await client.query("delete from checkpoint_heads where checkpoint = 5");
    await client.query("delete from checkpoints where no = 5");
    await client.query(
      "update checkpoint_heads set checkpoint = checkpoint - 1 where checkpoint > 5",
    );
    await client.query("update checkpoints set no = no - 1 where no > 5");
    expect(await found()).toContain("checkpoint 5: signs another no, previous");
  });

  test("who cuts off the end of a journal is contradicted by the head that was signed there", async () => {
    await client.query(`delete from journal j using accounts a
       where a.id = '${history.scope.account}' and not a.livemode
         and j.account_no = a.no and j.seq = a.seq`);
    await client.query(REWRITE);
    expect(await found()).toMatch(/test entry \d+: checkpoint \d signed it, and it is gone/);
  });

  test("who takes everything back to a checkpoint before is found by whoever saw a later one", async () => {
    const notes: string[] = [];
    await examine(client, { keys, region: "us", note: (text) => notes.push(text) });
    const [, no, hash = ""] = /is (\d+):(\S+) of/.exec(notes.join()) ?? [];
    const seen = { no: Number(no), hash };
    expect(await found({ seen })).toBe("");
    await client.query("delete from checkpoint_heads where checkpoint = 7");
    await client.query("delete from checkpoints where no = 7");
    expect(await found()).toBe("");
    expect(await found({ seen })).toBe("checkpoint 7: is not the one that was seen before");
  });

  test.each([
    ["no", "no + 100"],
    ["made_at", "made_at + interval '1 ms'"],
    ["statement", "overlay(statement placing 'B' from 20)"],
    ["statement", "left(statement, -1) || chr(ascii(right(statement, 1)) + 1)"],
    ["statement", "overlay(statement placing 'AA' from length(statement) - 20)"],
    ["statement", "'x'"],
  ])("who changes a checkpoint's %s to %s is found", async (column, value) => {
    await client.query(`update checkpoints set ${column} = ${value} where no = 7`);
    expect(await found()).toMatch(/checkpoint 7: /);
  });

  test.each([
    ["checkpoint", "6"],
    ["account_no", "account_no + 100"],
    ["seq", "seq - 1"],
    ["head", "set_byte(head, 31, get_byte(head, 31) # 1)"],
  ])("who changes a head's %s is found", async (column, value) => {
    await client.query(`update checkpoint_heads set ${column} = ${value} where checkpoint = 7`);
    expect(await found()).toContain("checkpoint 7: signs another digest than is stored");
  });

  test("who leaves signatures unchecked is told so", async () => {
    const notes: string[] = [];
    expect(await examine(client, { note: (text) => notes.push(text) })).toEqual([]);
    expect(notes).toContain("LEDGER_VERIFY_KEYS is not set: no signature was checked");
  });
});

/** A key of nobody's under the name of ours. */
async function strangerLike(): Promise<Signer> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const { kid } = JSON.parse(signingKey) as { kid: string };
  return importSigner(JSON.stringify({ ...(await exportJWK(privateKey)), kid }));
}
