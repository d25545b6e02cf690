// Runs an example of the README as a merchant would, against a merchant of the system under test.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
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

/** Starts a shop of `examples/node`; its output goes on into `lines`. */
export async function startShop(program: string, env: Record<string, string>) {
  const shop = spawn(process.execPath, [`examples/node/${program}`], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const output = createInterface(shop.stdout);
  const [first] = (await once(output, "line")) as [string];
  output.on("line", (line) => lines.push(line));
  return { url: /http:\S+/.exec(first)?.[0] ?? "", lines, close: () => shop.kill() };
}

export type Shop = Awaited<ReturnType<typeof startShop>>;
