// Runs an example of the README as a merchant would, against a merchant of the system under test.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Merchant, System } from "../system.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

// Not the synchronous one: this process carries the Workers' own requests to the database.
export const run = promisify(execFile);

/** What an example is told: where Tessera is, and the merchant's keys. */
export const environmentOf = (system: System, merchant: Merchant): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  TESSERA_URL: system.url.origin,
  TESSERA_SECRET_KEY: merchant.secret,
  TESSERA_PUBLISHABLE_KEY: merchant.publishable,
});
