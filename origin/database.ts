// One fetch = one statement = one transaction, over Neon's HTTP endpoint. Tells apart what a caller can
// do something about: fenced off, a conflict of one row, a database that cannot be reached.

import { NeonDbError, type NeonQueryFunction, neon, neonConfig } from "@neondatabase/serverless";
import { ok, type Result, refuse } from "../protocol/result.ts";
import { admitBy, fetchAdmitted, loginsIn } from "./credentials.ts";

export type Database = NeonQueryFunction<false, true>;

export type DatabaseFailure =
  /** The caller's epoch is not the region's. */
  | "fenced"
  /** One command's data spoiled the whole batch: send them apart. */
  | "conflict"
  /** Nothing is known to have been done, or not done. */
  | "unreachable";

const SQLSTATE_FENCED = "TS001";
// Data that PostgreSQL cannot hold (22) or a constraint forbids (23): one row's fault, not the batch's.
const CONFLICT_CLASS = /^2[23]/;
// Serialization failure and deadlock: the transaction was rolled back, so it may run again at once.
const RERUN = new Set(["40001", "40P01"]);
const RERUNS_MAX = 3;

const connections = new Map<string, Database>();

/**
 * The connection of a setting, which is one connection string or several (credentials.ts); `endpoint`
 * replaces Neon's own where it is given.
 */
export function connect(setting: string, endpoint: string | undefined): Database {
  if (endpoint) neonConfig.fetchEndpoint = endpoint;
  const known = connections.get(setting);
  if (known !== undefined) return known;
  const [first, ...others] = loginsIn(setting);
  if (others.length > 0) {
    admitBy(first, () => [first, ...others]);
    neonConfig.fetchFunction = fetchAdmitted;
  }
  const made = neon(first, { fullResults: true });
  connections.set(setting, made);
  return made;
}

/** Runs one statement; what a database can be expected to refuse is a value. */
export async function query<T>(
  database: Database,
  text: string,
  params: readonly unknown[],
): Promise<Result<T[], DatabaseFailure>> {
  for (let run = 1; ; run++) {
    try {
      const { rows } = await database.query(text, [...params]);
      return ok(rows as T[]);
    } catch (error) {
      const code = error instanceof NeonDbError ? (error.code ?? "") : "";
      if (RERUN.has(code) && run < RERUNS_MAX) continue;
      return refuse(failureOf(error, code));
    }
  }
}

/** Which failure an error thrown by the driver stands for; rethrows what only a bug can cause. */
export function failureOf(error: unknown, code: string): DatabaseFailure {
  if (code === SQLSTATE_FENCED) return "fenced";
  if (CONFLICT_CLASS.test(code)) return "conflict";
  // 28 our login was not admitted, 08 connection, 53 out of resources (disk full), 57 shutting down, 58 system error, 25006 read-only;
  // no code at all means that the endpoint did not answer as a database.
  if (code === "" || /^(08|28|53|57|58)/.test(code) || code === "25006" || RERUN.has(code)) {
    return "unreachable";
  }
  throw error;
}
