// The composite and the floor Worker in one workerd, with nothing in front: both are bundled once by
// `wrangler deploy --dry-run` and started by Miniflare, each on a socket of workerd's own
// (`unsafeDirectSockets`). Every other way puts JavaScript between: `wrangler dev` and
// `createTestHarness` listen with a proxy Worker in a second workerd, and Miniflare's default port
// leads through its entry Worker. Measured with GET /healthz, 20 in flight, three times by turns:
// 6,000–9,000 a second here, 250–375 through `createTestHarness`. The demo shop's files are left out,
// because Miniflare answers for files with two Workers that would stand in front of every request.

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type * as MiniflareModule from "miniflare";

export type Runtime = {
  readonly composite: URL;
  readonly floor: URL;
  stop(): Promise<void>;
};

type Wrangler = Pick<typeof import("wrangler"), "unstable_getMiniflareWorkerOptions">;

const root = fileURLToPath(new URL("../..", import.meta.url));
const wranglerPath = fileURLToPath(import.meta.resolve("wrangler"));

const WORKERS = [
  { name: "tessera", config: join(root, "wrangler.toml") },
  { name: "tessera-bench", config: join(root, "test/bench/wrangler.toml") },
] as const;

/** Nothing asks the terminal or the network for anything, and nothing writes into the repository. */
const QUIET = {
  TESSERA_PREFLIGHT: "off",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
  WRANGLER_LOG: "none",
};

/** Starts both Workers; the objects keep their files under `home`. */
export async function startRuntime(
  home: string,
  bindings: Readonly<Record<string, string>>,
): Promise<Runtime> {
  Object.assign(process.env, QUIET);
  const { unstable_getMiniflareWorkerOptions: optionsOf } = (await import("wrangler")) as Wrangler;
  const { Miniflare, convertV4MiniflareOptions } = await miniflare();
  const directories = await Promise.all(
    WORKERS.map(({ name, config }) => bundle(config, home, name)),
  );
  const workers = WORKERS.map(({ name, config }, i) => {
    const { assets: _, modulesRules: __, ...options } = optionsOf(config).workerOptions;
    const isComposite = name === "tessera";
    const given = (options.bindings ?? {}) as Record<string, string>;
    const main = isComposite ? "index.js" : "floor.js";
    const directory = directories[i] ?? "";
    return {
      ...options,
      name,
      modulesRoot: directory,
      modules: [{ type: "ESModule" as const, path: join(directory, main) }],
      bindings: isComposite ? { ...given, ...bindings } : given,
      unsafeRegisterWorker: false,
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    };
  });
  const instance = new Miniflare(
    convertV4MiniflareOptions({
      workers,
      host: "127.0.0.1",
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      resourcePersistencePath: join(home, "objects"),
      logRequests: false,
    }),
  );
  await instance.ready;
  const [composite, floor] = await Promise.all(
    WORKERS.map(({ name }) => instance.unsafeGetDirectURL(name)),
  );
  if (composite === undefined || floor === undefined) throw new Error("workerd has no sockets");
  return { composite, floor, stop: () => instance.dispose() };
}

/** The Miniflare that this wrangler brings: the project itself does not depend on it. */
async function miniflare(): Promise<typeof MiniflareModule> {
  const path = createRequire(wranglerPath).resolve("miniflare");
  return (await import(pathToFileURL(path).href)) as typeof MiniflareModule;
}

async function bundle(config: string, home: string, name: string): Promise<string> {
  const directory = join(home, "bundles", name);
  mkdirSync(directory, { recursive: true });
  const cli = join(dirname(wranglerPath), "cli.js");
  const args = ["--no-warnings", cli, "deploy", "--dry-run", "--outdir", directory, "-c", config];
  await promisify(execFile)(process.execPath, args, { cwd: root });
  return directory;
}
