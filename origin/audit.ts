// Keeps the audit entries that the other rooms send, each room in streams of its own name.

import type { AuditReceipt, AuditRoom, AuditShipment } from "../protocol/audit.ts";
import { ok, type Result, refuse } from "../protocol/result.ts";
import { type Database, type DatabaseFailure, query } from "./database.ts";

const APPEND = "select append_audit($1, $2::bigint, $3, $4::text[], $5) as refused";

/** Appends a shipment in one transaction; what is kept already is not kept twice. */
export async function appendAudit(
  database: Database,
  room: AuditRoom,
  { stream, after, before, entries, head }: AuditShipment,
): Promise<Result<AuditReceipt, DatabaseFailure>> {
  if (!stream.startsWith(`${room}/`)) return refuse("conflict");
  const parameters = [stream, after, before, entries, head];
  const answered = await query<{ refused: Exclude<AuditReceipt["result"], "kept"> | null }>(
    database,
    APPEND,
    parameters,
  );
  if (!answered.ok) return answered;
  return ok({ result: answered.value[0]?.refused ?? "kept" });
}
