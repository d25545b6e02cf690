// The program of one process of Workers: reads what to run from the file named by its argument and runs
// it in a workerd of its own, on fixed ports, with nothing in front. It ends by being killed.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as MiniflareModule from "miniflare";

/** Miniflare's own words for a Worker and its bindings; see workerd-process.ts, which writes them. */
type HostPlan = { readonly workers: object[]; readonly objects: string };

// The one that wrangler brings: the project itself does not depend on it.
const wrangler = fileURLToPath(import.meta.resolve("wrangler"));
const miniflare = pathToFileURL(createRequire(wrangler).resolve("miniflare")).href;
const { Miniflare, convertV4MiniflareOptions } = (await import(
  miniflare
)) as typeof MiniflareModule;

const { workers, objects } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as HostPlan;
const options = {
  workers,
  host: "127.0.0.1",
  port: 0,
  cf: false,
  telemetry: { enabled: false },
  resourcePersistencePath: objects,
  logRequests: false,
};
const instance = new Miniflare(
  convertV4MiniflareOptions(options as Parameters<typeof convertV4MiniflareOptions>[0]),
);
await instance.ready;
