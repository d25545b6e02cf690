// One origin as it is deployed, alone on a ledger of its own: what it does by its clock and after a batch,
// besides answering.

import { fileURLToPath } from "node:url";
import type pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestHarness, type TestHarness } from "wrangler";
import { type NeonEndpoint, startNeonEndpoint } from "../../local/neon-endpoint.ts";
import { verifyLedger } from "../../ops/verify.ts";
import { parametersOf } from "../../protocol/batch.ts";
import { importSigner, importVerifiers, SIGNATURE_HEADER, sign } from "../../protocol/signature.ts";
import {
  charged,
  connect,
  EPOCH,
  type OwnLedger,
  openAccount,
  opening,
  ownLedger,
} from "../ledger/region.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bindings = inject("bindings");

let own: OwnLedger;
let endpoint: NeonEndpoint;
let client: pg.Client;
let harness: TestHarness;

beforeAll(async () => {
  own = await ownLedger(bindings["DATABASE_URL_US"] ?? "");
  endpoint = await startNeonEndpoint({ connectionStrings: [own.url] });
  client = await connect(own.url);
  harness = createTestHarness({
    root,
    workers: [
      {
        configPath: "origin/wrangler.toml",
        env: "us",
        secrets: {
          EDGE_VERIFY_KEYS: bindings["EDGE_VERIFY_KEYS"] ?? "",
          LEDGER_SIGNING_KEY: bindings["LEDGER_SIGNING_KEY"] ?? "",
          DATABASE_URL_US: own.url,
        },
        vars: { REGION: "us", SQL_ENDPOINT: endpoint.url },
      },
    ],
  });
  await harness.listen();
});
afterAll(async () => {
  await harness?.close();
  await client?.end();
  await endpoint?.stop();
  await own?.drop();
});

const count = async (table: string): Promise<number> =>
  (await client.query<{ n: number }>(`select count(*)::integer as n from ${table}`)).rows[0]?.n ??
  0;

test("by its clock it signs a quiet ledger, once, and makes the periods of keys", async () => {
  await charged(client, await openAccount(client));
  const { rows } = await client.query<{ name: string }>(
    `select max(inhrelid::regclass::text) as name from pg_inherits
      where inhparent = 'idempotency_keys'::regclass`,
  );
  const [last] = rows;
  await client.query(`drop table ${last?.name}`);
  const origin = harness.getWorker("tessera-origin-us");
  const clock = { cron: "* * * * *", scheduledTime: new Date() };
  expect(await origin.scheduled(clock)).toMatchObject({ outcome: "ok" });
  await origin.scheduled(clock);
  expect(await count("checkpoints")).toBe(1);
  expect(await count("checkpoint_heads")).toBe(1);
  const made = await client.query("select to_regclass($1) is not null as there", [last?.name]);
  expect(made.rows).toEqual([{ there: true }]);
});

test("after a batch it signs when the last checkpoint is old enough, outside the answer's path", async () => {
  await client.query("set session_replication_role = replica");
  await client.query("truncate checkpoints, checkpoint_heads");
  const body = JSON.stringify(parametersOf(EPOCH, [opening(await openAccount(client))]));
  const request = { method: "POST", path: "/batch", body, audience: "us" };
  const signer = await importSigner(bindings["EDGE_SIGNING_KEY"] ?? "");
  const signature = await sign(request, signer, Math.floor(Date.now() / 1000), "nonce-1");
  const answer = await harness.getWorker("tessera-origin-us").fetch("http://origin/batch", {
    method: "POST",
    body,
    headers: { [SIGNATURE_HEADER]: signature },
  });
  expect(answer.status).toBe(200);
  await expect.poll(() => count("checkpoints"), { timeout: 10_000 }).toBe(1);
  const keys = await importVerifiers(bindings["LEDGER_VERIFY_KEYS"] ?? "");
  const notes: string[] = [];
  const note = (text: string) => void notes.push(text);
  expect(await verifyLedger(own.url, { keys, region: "us", note })).toEqual([]);
  expect(notes.filter((text) => !text.endsWith("audit entries"))).toEqual([
    expect.stringMatching(/^the last checkpoint is 1:/),
  ]);
});
