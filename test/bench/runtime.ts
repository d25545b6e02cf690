// The composite, the composite with an instant vault, and the floor Worker in one workerd, with nothing
// in front: the code is bundled once by `wrangler deploy --dry-run` and started by Miniflare, each Worker
// on a socket of workerd's own (`unsafeDirectSockets`). Every other way puts JavaScript between:
// `wrangler dev` and `createTestHarness` listen with a proxy Worker in a second workerd, and Miniflare's default port
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
  /** The same code with a vault that approves at once. */
  readonly instant: URL;
  readonly floor: URL;
  stop(): Promise<void>;
};

type Wrangler = Pick<typeof import("wrangler"), "unstable_getMiniflareWorkerOptions">;

const root = fileURLToPath(new URL("../..", import.meta.url));
const wranglerPath = fileURLToPath(import.meta.resolve("wrangler"));

const BUNDLES = {
  tessera: { name: "tessera", config: join(root, "wrangler.toml"), main: "index.js" },
  bench: {
    name: "tessera-bench",
    config: join(root, "test/bench/wrangler.toml"),
    main: "floor.js",
  },
} as const;

/** The composite again; its shards ask this vault, and the origins of the first. */
const INSTANT = "tessera-instant";
const INSTANT_VAULT = { name: "tessera-bench", entrypoint: "InstantVault" };

/** Nothing asks the terminal or the network for anything, and nothing writes into the repository. */
const QUIET = {
  TESSERA_PREFLIGHT: "off",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
  WRANGLER_LOG: "none",
};

/** Starts all three Workers; the objects keep their files under `home`. */
export async function startRuntime(
  home: string,
  bindings: Readonly<Record<string, string>>,
): Promise<Runtime> {
  Object.assign(process.env, QUIET);
  const { unstable_getMiniflareWorkerOptions: optionsOf } = (await import("wrangler")) as Wrangler;
  const { Miniflare, convertV4MiniflareOptions } = await miniflare();
  const made = async ({ name, config, main }: (typeof BUNDLES)[keyof typeof BUNDLES]) => {
    const directory = await bundle(config, home, name);
    const { assets: _, modulesRules: __, ...options } = optionsOf(config).workerOptions;
    const given = (options.bindings ?? {}) as object;
    const services = (options.serviceBindings ?? {}) as object;
    return {
      options: {
        ...options,
        modulesRoot: directory,
        modules: [{ type: "ESModule" as const, path: join(directory, main) }],
        unsafeRegisterWorker: false,
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
      given,
      services,
    };
  };
  const [tessera, bench] = await Promise.all([made(BUNDLES.tessera), made(BUNDLES.bench)]);
  const composite = {
    ...tessera.options,
    name: BUNDLES.tessera.name,
    bindings: { ...tessera.given, ...bindings },
  };
  const serviceBindings = { ...tessera.services, SHARD_VAULT: INSTANT_VAULT };
  const workers = [
    composite,
    { ...composite, name: INSTANT, serviceBindings },
    { ...bench.options, name: BUNDLES.bench.name },
  ];
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
  return {
    composite: await instance.unsafeGetDirectURL("tessera"),
    instant: await instance.unsafeGetDirectURL(INSTANT),
    floor: await instance.unsafeGetDirectURL("tessera-bench"),
    stop: () => instance.dispose(),
  };
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
