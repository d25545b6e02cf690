// The edge's audit log, one object for each region: calls with the platform key, and callers who were refused.
// Those are counted by minute, key prefix and network, one entry each, so that an attacker cannot fill it.

import { DurableObject } from "cloudflare:workers";
import type { AuditEntry } from "../protocol/audit.ts";
import { assert } from "../protocol/result.ts";
import { REGIONS } from "../protocol/slot.ts";
import { AuditTrail } from "./audit-trail.ts";
import type { OriginBindings } from "./origin-client.ts";

const MINUTE_MS = 60_000;
/** Kinds of refused callers told apart in one minute, some 200 bytes each; the others are one together. */
const KINDS_PER_MINUTE_MAX = 500;
const OTHERS = "others";

/** Refused callers of one kind since they were last told of. */
export type RefusedCallers = {
  readonly result: string;
  readonly key_prefix: string;
  readonly ip_prefix: string;
  readonly count: number;
};

type Row = RefusedCallers & { minute: number };

const SCHEMA = `
  create table if not exists refused (
    minute integer not null,
    result text not null,
    key_prefix text not null,
    ip_prefix text not null,
    count integer not null,
    primary key (minute, result, key_prefix, ip_prefix)
  ) without rowid`;

export class AuditLog extends DurableObject<OriginBindings> {
  readonly #trail: AuditTrail;

  constructor(state: DurableObjectState, env: OriginBindings) {
    super(state, env);
    const region = REGIONS.find((known) => known === state.id.name);
    assert(region !== undefined, "an audit log is named after its region");
    state.storage.sql.exec(SCHEMA);
    this.#trail = new AuditTrail(state.storage, {
      room: "edge",
      object: region,
      region,
      origins: env,
      signingKey: env.EDGE_SIGNING_KEY,
    });
  }

  /** Keeps an entry; the answer waits until it is durable. */
  record(entry: AuditEntry): void {
    this.#trail.record(entry);
  }

  /** Counts refused callers; they become entries when the minute is over. */
  async count(callers: readonly RefusedCallers[]): Promise<void> {
    const { sql } = this.ctx.storage;
    const minute = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    for (const caller of callers) {
      const { kinds } = sql
        .exec<{ kinds: number }>("select count(*) as kinds from refused where minute = ?", minute)
        .one();
      const { result, key_prefix, ip_prefix } =
        kinds < KINDS_PER_MINUTE_MAX
          ? caller
          : { result: caller.result, key_prefix: OTHERS, ip_prefix: OTHERS };
      sql.exec(
        `insert into refused (minute, result, key_prefix, ip_prefix, count) values (?, ?, ?, ?, ?)
         on conflict do update set count = count + excluded.count`,
        ...[minute, result, key_prefix, ip_prefix, caller.count],
      );
    }
    if ((await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(minute + MINUTE_MS);
    }
  }

  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage;
    const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const over = sql.exec<Row>("select * from refused where minute < ? order by minute", now);
    for (const row of over.toArray()) {
      this.#trail.record({ action: "auth.failed", actor: "unknown", ...row });
    }
    sql.exec("delete from refused where minute < ?", now);
    await this.#trail.ship();
    const [left] = sql.exec("select 1 from refused limit 1").toArray();
    if (left !== undefined && (await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(now + MINUTE_MS);
    }
  }
}
