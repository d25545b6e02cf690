// One regional ledger service: signed HTTP in, SQL out. It calls nobody back. A request that is not
// signed for this region, path and body is refused before its body is parsed. By the clock it moves payouts,
// signs where the ledger stands and keeps the periods of its keys.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { AuditShipment } from "../protocol/audit.ts";
import type { BatchParameters } from "../protocol/batch.ts";
import type { ForgetAsk, Owed } from "../protocol/forgetting.ts";
import type { Read, ReadSeveral } from "../protocol/query.ts";
import { importVerifiers, SIGNATURE_HEADER, verify } from "../protocol/signature.ts";
import { REGIONS, type Region } from "../protocol/slot.ts";
import { appendAudit } from "./audit.ts";
import { readBody } from "./body.ts";
import { isCheckpointDue, makeCheckpoints } from "./checkpoint.ts";
import { connect, type Database, type DatabaseFailure, failureOf, query } from "./database.ts";
import { type OriginEnv, primaryUrl, replicaUrl } from "./environment.ts";
import { forgetCard, settleForgotten } from "./forgetting.ts";
import { applyBatch, findUnfinished } from "./ledger.ts";
import { Nonces } from "./nonces.ts";
import { movePayouts } from "./payouts.ts";
import { read, readSeveral } from "./reading.ts";

const STATUS: Record<DatabaseFailure, number> = { fenced: 409, conflict: 422, unreachable: 503 };

const KEEP_KEY_PERIODS = "select keep_key_periods((now() at time zone 'UTC')::date)";

const KEEP_AUDIT_MONTHS = "select keep_audit_months((now() at time zone 'UTC')::date)";

const nonces = new Nonces();
const verifiers = new Map<string, Promise<Map<string, CryptoKey>>>();

/** The signed HTTP interface of a region: `/batch`, `/read`, `/unfinished`, `/forget`, `/destroyed`,
 * `/audit/edge` and `/audit/vault`, and `/healthz`. */
export class Origin extends WorkerEntrypoint<OriginEnv, { region?: Region }> {
  override async fetch(request: Request): Promise<Response> {
    const region = this.env.REGION ?? this.ctx.props.region;
    if (region === undefined || !REGIONS.includes(region)) {
      return problem(500, "region_unknown");
    }
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return this.#health(region);
    if (request.method !== "POST") return problem(404, "route_unknown");
    const body = await readBody(request);
    if (!body.ok) return problem(...body.failure);
    const now = Date.now();
    const verified = await verify(
      { method: "POST", path: pathname, body: body.value, audience: region },
      request.headers.get(SIGNATURE_HEADER) ?? undefined,
      // The vault may add to its own audit streams and do nothing else here.
      await keysOf(
        pathname === "/audit/vault" ? this.env.VAULT_VERIFY_KEYS : this.env.EDGE_VERIFY_KEYS,
      ),
      Math.floor(now / 1000),
    );
    if (!verified.ok || !nonces.admit(verified.value.nonce, now)) return problem(401, "refused");
    return this.#route(pathname, body.value, region);
  }

  /** Each minute, so that a quiet ledger is signed as well; the periods' call is harmless as often. */
  override async scheduled(): Promise<void> {
    const region = this.env.REGION;
    const url = region && primaryUrl(this.env, region);
    if (region === undefined || url === undefined) return;
    const database = connect(url, this.env.SQL_ENDPOINT);
    await this.#tick(database, region);
    await query(database, KEEP_KEY_PERIODS, []);
    await query(database, KEEP_AUDIT_MONTHS, []);
  }

  /** Payouts first, so that what they did is signed with the rest. */
  async #tick(database: Database, region: Region): Promise<void> {
    const moved = await movePayouts(database, new Date());
    if (!moved.ok) console.warn(`${region}: payouts were not moved: ${moved.failure}`);
    const { LEDGER_SIGNING_KEY } = this.env;
    const made = await makeCheckpoints(database, region, LEDGER_SIGNING_KEY, Date.now());
    if (!made.ok) console.warn(`${region}: no checkpoint was made: ${made.failure}`);
  }

  async #route(path: string, body: string, region: Region): Promise<Response> {
    const ask: unknown = JSON.parse(body);
    switch (path) {
      case "/batch":
        if (!Array.isArray(ask)) return problem(400, "batch_malformed");
        return this.#onPrimary(region, async (db) => {
          const verdicts = await applyBatch(db, ask as unknown as BatchParameters);
          if (!verdicts.ok) return settle(verdicts);
          if (isCheckpointDue(region, Date.now())) {
            this.ctx.waitUntil(this.#tick(db, region));
          }
          return new Response(verdicts.value, { headers: { "content-type": "application/json" } });
        });
      case "/unfinished": {
        const { slot, since } = ask as { slot: number; since: string };
        return this.#onPrimary(region, async (db) => settle(await findUnfinished(db, slot, since)));
      }
      case "/forget":
        return this.#onPrimary(region, async (db) =>
          settle(await forgetCard(db, ask as ForgetAsk & { epoch: number })),
        );
      case "/destroyed":
        return this.#onPrimary(region, async (db) =>
          settle(await settleForgotten(db, ask as Owed)),
        );
      case "/audit/vault":
      case "/audit/edge": {
        const room = path === "/audit/vault" ? "vault" : "edge";
        return this.#onPrimary(region, async (db) =>
          settle(await appendAudit(db, room, ask as AuditShipment)),
        );
      }
      case "/read":
        return this.#read(region, ask as Read | ReadSeveral);
      default:
        return problem(404, "route_unknown");
    }
  }

  async #read(region: Region, ask: Read | ReadSeveral): Promise<Response> {
    const home = ask.home === region;
    const url = home ? primaryUrl(this.env, region) : replicaUrl(this.env, region, ask.home);
    if (url === undefined || (!home && ask.min_seq === null)) {
      return Response.json({ kind: "stale" });
    }
    try {
      const database = connect(url, this.env.SQL_ENDPOINT);
      const from = home ? "primary" : "replica";
      return Response.json(
        "queries" in ask ? await readSeveral(database, ask, from) : await read(database, ask, from),
      );
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      const code = (cause as { code?: string }).code ?? "";
      return problem(STATUS[failureOf(cause, code)], failureOf(cause, code));
    }
  }

  async #health(region: Region): Promise<Response> {
    return this.#onPrimary(region, async (db) => settle(await query(db, "select 1 as up", [])));
  }

  async #onPrimary(
    region: Region,
    work: (database: Database) => Promise<Response>,
  ): Promise<Response> {
    const url = primaryUrl(this.env, region);
    return url === undefined
      ? problem(503, "unreachable")
      : work(connect(url, this.env.SQL_ENDPOINT));
  }
}

export default Origin;

function settle<T>(
  result: { ok: true; value: T } | { ok: false; failure: DatabaseFailure },
): Response {
  return result.ok ? Response.json(result.value) : problem(STATUS[result.failure], result.failure);
}

const problem = (status: number, error: string): Response => Response.json({ error }, { status });

function keysOf(json: string): Promise<Map<string, CryptoKey>> {
  const known = verifiers.get(json);
  if (known !== undefined) return known;
  const keys = importVerifiers(json);
  verifiers.set(json, keys);
  return keys;
}
