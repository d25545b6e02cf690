// The cardholder proves himself to the bank: a question before a card is charged or kept, and what he answered.
// Each challenge is answered once; what was proved serves the card that it was asked about: a payment's that
// payment, a setup's every later one.

import { type Answer, answered, UNKNOWN_AUTHENTICATION } from "./answer.ts";
import type { Decline, Proof } from "./authorization.ts";
import type { Keyed } from "./operations.ts";

export type Purpose = "payment" | "setup" | "payment_and_setup";

/** Which card, without saying which: a keyed hash of its number, and those under other versions of the key. */
export interface CardPrint {
  readonly print: string;
  readonly others: readonly string[];
}

export interface AuthenticateOrder extends Keyed {
  readonly amount: number;
  readonly currency: string;
  readonly purpose: Purpose;
  readonly card: CardPrint;
  /** What was proved when the card was set up, if anything. */
  readonly setUp: string | null;
  readonly declined: Decline | null;
  /** Whether there is a challenge, without and with what was proved before. */
  readonly challenge: { readonly plain: boolean; readonly setUp: boolean };
}

export interface AnswerOrder extends Keyed {
  readonly authentication: string;
  readonly passed: boolean;
}

export const AUTHENTICATION_SCHEMA = `
  CREATE TABLE IF NOT EXISTS authentications (
    id TEXT PRIMARY KEY,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('payment', 'setup', 'payment_and_setup')),
    card TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('challenge', 'succeeded', 'failed')),
    used_by TEXT,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

type Row = {
  amount_minor: number;
  currency: string;
  purpose: Purpose;
  card: string;
  status: string;
  used_by: string | null;
};

/** Asks whether the cardholder must prove himself. */
export function authenticate(
  sql: SqlStorage,
  order: AuthenticateOrder,
  id: string,
  nowMs: number,
): Answer {
  const { amount, currency, purpose, card, declined } = order;
  if (declined !== null) {
    return answered({ object: "authentication", status: "declined", decline: declined });
  }
  const known = order.setUp === null ? undefined : find(sql, order.setUp);
  const isSetUp = known !== undefined && known.purpose !== "payment" && proves(known, card);
  if (!(isSetUp ? order.challenge.setUp : order.challenge.plain)) {
    return answered({ object: "authentication", status: "not_required" });
  }
  sql.exec(
    `INSERT INTO authentications (id, amount_minor, currency, purpose, card, status, created_at)
     VALUES (?, ?, ?, ?, ?, 'challenge', ?)`,
    id,
    amount,
    currency,
    purpose,
    card.print,
    nowMs,
  );
  return answered({ id, object: "authentication", status: "challenge" });
}

/** Takes the cardholder's answer; a second one hears the first. */
export function answer(sql: SqlStorage, { authentication: id, passed }: AnswerOrder): Answer {
  const row = find(sql, id);
  if (row === undefined) return UNKNOWN_AUTHENTICATION;
  const status =
    row.status === "challenge" ? (passed ? "succeeded" : "failed") : (row.status as string);
  sql.exec("UPDATE authentications SET status = ? WHERE id = ?", status, id);
  return answered({ id, object: "authentication", status });
}

/** What was proved for this payment by this card; a payment's proof is used up by it. */
export function proofOf(
  sql: SqlStorage,
  id: string,
  of: { readonly key: string; readonly amount: number; readonly currency: string; card: CardPrint },
): Proof | undefined {
  const row = find(sql, id);
  if (row === undefined || !proves(row, of.card)) return undefined;
  if (row.purpose === "setup") return "setup";
  const isThis =
    row.amount_minor === of.amount && row.currency === of.currency && row.used_by === null;
  if (!isThis) return row.purpose === "payment" ? undefined : "setup";
  sql.exec("UPDATE authentications SET used_by = ? WHERE id = ?", of.key, id);
  return "payment";
}

const proves = (row: Row, { print, others }: CardPrint): boolean =>
  row.status === "succeeded" && [print, ...others].includes(row.card);

function find(sql: SqlStorage, id: string): Row | undefined {
  return sql
    .exec<Row>(
      `SELECT amount_minor, currency, purpose, card, status, used_by
         FROM authentications WHERE id = ?`,
      id,
    )
    .toArray()[0];
}
