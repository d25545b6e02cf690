// What the bank tells without being asked: things that happen some time after they were ordered. Each is
// filed in the transaction of what leads to it, happens when its time has come (happenings.ts), and is told by
// a signed notice until that is acknowledged: at least once, further and further apart, for three days.

import { NOTICE_SIGNATURE_HEADER, NOTICES_PATH, signNotice } from "../../protocol/notice.ts";
import { type HappeningKind, happen } from "./happenings.ts";
import { pauseAfter, TRIES_MAX } from "./notice-times.ts";

export interface NoticeEnv {
  readonly NOTICE_KEY: string;
  /** The Worker that takes notices, where one is bound. */
  readonly NOTICES?: Fetcher;
  /** Where notices go otherwise: the public origin of the edge. */
  readonly NOTICE_URL?: string;
  /** How long after an order something happens, in milliseconds. */
  readonly TESTBANK_NOTICE_DELAY_MS?: string;
}

export interface NoticeRow {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly tries: number;
  readonly state: "waiting" | "told" | "acknowledged" | "given_up" | "void";
}

type Filed = {
  id: string;
  kind: HappeningKind;
  subject: string;
  body: string | null;
  tries: number;
};

const SENT_AT_ONCE = 50;
const ANSWER_MS_MAX = 10_000;

export const NOTICES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS notices (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_at INTEGER,
    body TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting'
      CHECK (state IN ('waiting', 'told', 'acknowledged', 'given_up', 'void')),
    CHECK ((due_at IS NULL) = (state IN ('acknowledged', 'given_up', 'void')))
  ) STRICT;
  CREATE INDEX IF NOT EXISTS notices_due ON notices (due_at) WHERE due_at IS NOT NULL;
`;

/** Files something that is to happen; in the transaction of its cause. */
export type File = (kind: HappeningKind, subject: string) => void;

export const filing =
  (sql: SqlStorage, delayMs: number, nowMs: number): File =>
  (kind, subject) => {
    const id = `ntc_${crypto.randomUUID().replaceAll("-", "")}`;
    sql.exec(
      "INSERT INTO notices (id, kind, subject, due_at) VALUES (?, ?, ?, ?)",
      id,
      kind,
      subject,
      nowMs + delayMs,
    );
  };

/** When the next notice is due; undefined when none is. */
export const nextDue = (sql: SqlStorage): number | undefined =>
  sql.exec<{ due: number | null }>("SELECT MIN(due_at) AS due FROM notices").one().due ?? undefined;

/** All that were filed, the newest first. */
export const listed = (sql: SqlStorage, limit: number): NoticeRow[] =>
  sql
    .exec<Record<keyof NoticeRow, string | number>>(
      "SELECT id, kind, subject, tries, state FROM notices ORDER BY sequence DESC LIMIT ?",
      limit,
    )
    .toArray() as unknown as NoticeRow[];

/** Lets happen what is due, and tells it. */
export async function tellDue(
  storage: DurableObjectStorage,
  env: NoticeEnv,
  nowMs: number,
): Promise<void> {
  const { sql } = storage;
  const due = sql
    .exec<Filed>(
      `SELECT id, kind, subject, body, tries FROM notices WHERE due_at <= ? ORDER BY due_at, sequence LIMIT ?`,
      nowMs,
      SENT_AT_ONCE,
    )
    .toArray();
  const told = due.flatMap((filed) => {
    const body = filed.body ?? storage.transactionSync(() => begin(sql, filed, nowMs));
    return body === undefined ? [] : [{ ...filed, body }];
  });
  // On disk before it is told: what was told once is the same at each delivery.
  await storage.sync();
  await Promise.all(
    told.map(async (notice) => {
      const acknowledged = await send(env, notice);
      note(sql, notice, acknowledged, Date.now());
    }),
  );
}

function begin(sql: SqlStorage, { id, kind, subject }: Filed, nowMs: number): string | undefined {
  const notice = happen(sql, kind, subject, nowMs);
  if (notice === undefined) {
    sql.exec("UPDATE notices SET state = 'void', due_at = NULL WHERE id = ?", id);
    return undefined;
  }
  const body = JSON.stringify({ id, kind, created: Math.floor(nowMs / 1000), ...notice });
  sql.exec("UPDATE notices SET state = 'told', body = ? WHERE id = ?", body, id);
  return body;
}

function note(
  sql: SqlStorage,
  { id, kind, tries }: Filed,
  acknowledged: boolean,
  nowMs: number,
): void {
  const tried = tries + 1;
  const state = acknowledged ? "acknowledged" : tried >= TRIES_MAX ? "given_up" : "told";
  if (state === "given_up") console.error("notice was given up", id, kind);
  const due = state === "told" ? nowMs + pauseAfter(tried) : null;
  sql.exec(
    "UPDATE notices SET state = ?, due_at = ?, tries = ? WHERE id = ?",
    state,
    due,
    tried,
    id,
  );
}

async function send(
  env: NoticeEnv,
  { id, kind, body }: Pick<Filed, "id" | "kind"> & { readonly body: string },
): Promise<boolean> {
  const to = env.NOTICES ?? (env.NOTICE_URL ? globalThis : undefined);
  if (to === undefined) {
    console.error("notice has nowhere to go, NOTICE_URL is not set", id, kind);
    return false;
  }
  const origin = env.NOTICE_URL || "https://edge";
  try {
    const response = await to.fetch(new URL(NOTICES_PATH, origin).href, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        [NOTICE_SIGNATURE_HEADER]: await signNotice(
          env.NOTICE_KEY,
          body,
          Math.floor(Date.now() / 1000),
        ),
      },
      body,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Refused, cut or timed out: told again later.
    return false;
  }
}
