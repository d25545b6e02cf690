// What a check of a ledger is given and what it finds. All checks of one run see the same snapshot, and none
// holds more in memory than the rows of one charge or one page.

import pg from "pg";
import type { Region } from "../protocol/slot.ts";

/** One row that is not as it must be. */
export type Finding = { readonly check: string; readonly place: string; readonly why: string };

export type Examination = {
  /** In a repeatable-read transaction that writes nothing. */
  readonly client: pg.Client;
  /** The public keys that may have signed checkpoints; undefined when none are known. */
  readonly keys: ReadonlyMap<string, CryptoKey> | undefined;
  /** Whose ledger it should be; undefined when that is not known. */
  readonly region: Region | undefined;
  /** A checkpoint that was seen before and must still be there. */
  readonly seen: SeenCheckpoint | undefined;
  /** Says something that is no fault but that a reader should know. */
  note(text: string): void;
  /** How much of the running check is done, 0 to 1. */
  progress(share: number): void;
};

export type SeenCheckpoint = { readonly no: number; readonly hash: string };

/** Tells of an offending row: `place` names it, `why` says what is wrong. */
export type Report = (place: string, why: string) => void;

export type Check = {
  readonly name: string;
  run(examination: Examination, report: Report): Promise<void>;
};

/** Offending rows shown of each check; one is enough to start looking. */
export const SHOWN_MAX = 5;

/**
 * Hands each row of a query to `take` as it comes, as an array of its columns. Rows are taken faster than
 * they are kept: the connection waits while `take` runs.
 */
export function eachRow<Row extends readonly unknown[]>(
  client: pg.Client,
  text: string,
  take: (row: Row) => void,
  values: unknown[] = [],
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const config: pg.QueryArrayConfig<unknown[]> = { text, values, rowMode: "array" };
  const query = new pg.Query<unknown[], unknown[]>(config);
  let failure: unknown;
  query.on("row", (row) => {
    if (failure !== undefined) return;
    try {
      take(row as unknown as Row);
    } catch (error) {
      failure = error;
    }
  });
  query.on("error", reject);
  query.on("end", () => (failure === undefined ? resolve() : reject(failure)));
  client.query(query);
  return promise;
}
