// Workers in processes of their own that can be killed apart and started again where they were: bundled
// once, as they are deployed, from their own wrangler.toml files. Each part listens on fixed ports of
// workerd's own; what the parts ask of each other goes through whatever stands at the address they are
// given, such as a chaos proxy.

import { execFile } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BINDINGS_OF_WORKER, type Bindings } from "../../local/bindings.ts";
import { type Child, startChild } from "../../local/child.ts";

export type Folder = keyof typeof BINDINGS_OF_WORKER;

/** A Worker as one part runs it. */
export type WorkerPlan = {
  /** As its wrangler.toml names it: what other Workers of the same part bind to. */
  readonly name: string;
  readonly folder: Folder;
  readonly environment?: string;
  /** Where it listens and with which entrypoint; undefined: other Workers of its part reach it. */
  readonly listen?: { readonly port: number; readonly entrypoint?: string };
  /** Bindings that lead out of this part, and the port of 127.0.0.1 they lead to. */
  readonly outward?: Readonly<Record<string, number>>;
  /** Settings over those of its wrangler.toml. */
  readonly vars?: Readonly<Record<string, string>>;
};

export type WorkerdPlan = {
  readonly name: string;
  readonly home: string;
  readonly bindings: Bindings;
  readonly workers: readonly WorkerPlan[];
};

type Wrangler = Pick<typeof import("wrangler"), "unstable_getMiniflareWorkerOptions">;

const root = fileURLToPath(new URL("../..", import.meta.url));
const host = fileURLToPath(new URL("./workerd-host.ts", import.meta.url));
const wranglerPath = fileURLToPath(import.meta.resolve("wrangler"));

/** Nothing asks the terminal or the network for anything, and nothing writes into the repository. */
const QUIET = {
  TESSERA_PREFLIGHT: "off",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
  WRANGLER_LOG: "none",
};
/** A loaded machine and a cold disk; ordinarily it is half a second. */
const START_MS_MAX = 60_000;
const POLL_MS = 20;

export class WorkerdProcess {
  readonly name: string;
  readonly #plan: WorkerdPlan;
  readonly #planPath: string;
  #child: Child | undefined;

  private constructor(plan: WorkerdPlan, planPath: string) {
    this.name = plan.name;
    this.#plan = plan;
    this.#planPath = planPath;
  }

  /** Bundles what it runs, and does not start it yet. */
  static async prepare(plan: WorkerdPlan): Promise<WorkerdProcess> {
    const workers: object[] = [];
    for (const worker of plan.workers) workers.push(await optionsOf(worker, plan));
    const planPath = join(plan.home, `${plan.name}.json`);
    const objects = join(plan.home, "objects", plan.name);
    // It holds secrets.
    writeFileSync(planPath, JSON.stringify({ workers, objects }), { mode: 0o600 });
    return new WorkerdProcess(plan, planPath);
  }

  get logPath(): string {
    return join(this.#plan.home, `${this.name}.log`);
  }

  /** Resolves when all of its ports are open. */
  async start(): Promise<void> {
    const log = openSync(this.logPath, "a", 0o600);
    const child = await startChild({
      command: process.execPath,
      args: ["--no-warnings", host, this.#planPath],
      stop: [["SIGKILL", 1_000]],
      output: log,
      cwd: root,
      env: QUIET,
    }).finally(() => closeSync(log));
    this.#child = child;
    let over = false;
    void child.ended.then(() => {
      over = true;
      if (this.#child === child) this.#child = undefined;
    });
    const deadline = performance.now() + START_MS_MAX;
    for (const { listen } of this.#plan.workers) {
      while (listen !== undefined && !(await isOpen(listen.port))) {
        if (over) throw new Error(`${this.name} ended while starting; see ${this.logPath}`);
        if (performance.now() > deadline) throw new Error(`${this.name} does not listen`);
        await sleep(POLL_MS);
      }
    }
  }

  isUp(): boolean {
    return this.#child !== undefined;
  }

  /** It has been waited for until its ports were open. */
  async answers(): Promise<boolean> {
    return this.isUp();
  }

  /** SIGKILL to workerd and its host at once: nothing gets to say goodbye. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    process.kill(-child.pid, "SIGKILL");
    await child.ended;
  }
}

async function optionsOf(worker: WorkerPlan, { home, bindings }: WorkerdPlan): Promise<object> {
  Object.assign(process.env, QUIET);
  const { unstable_getMiniflareWorkerOptions: read } = (await import("wrangler")) as Wrangler;
  const config = join(root, worker.folder, "wrangler.toml");
  // The demo shop's files are left out: Miniflare would put two Workers in front of every request.
  const {
    assets: _,
    modulesRules: __,
    ...options
  } = read(config, worker.environment).workerOptions;
  const directory = await bundle(config, join(home, "bundles", worker.name), worker.environment);
  const outward = Object.entries(worker.outward ?? {}).map(([name, port]) => [
    name,
    { external: { address: `127.0.0.1:${port}`, http: {} } },
  ]);
  return {
    ...options,
    name: worker.name,
    modulesRoot: directory,
    modules: [{ type: "ESModule", path: join(directory, "index.js") }],
    bindings: {
      ...(options.bindings as Record<string, string>),
      ...Object.fromEntries(BINDINGS_OF_WORKER[worker.folder].map((n) => [n, bindings[n] ?? ""])),
      ...worker.vars,
    },
    serviceBindings: {
      ...(options.serviceBindings as Record<string, object>),
      ...Object.fromEntries(outward),
    },
    unsafeRegisterWorker: false,
    ...(worker.listen === undefined
      ? {}
      : { unsafeDirectSockets: [{ host: "127.0.0.1", ...worker.listen }] }),
  };
}

async function bundle(config: string, directory: string, environment?: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const cli = join(dirname(wranglerPath), "cli.js");
  const env = environment === undefined ? [] : ["--env", environment];
  const args = ["deploy", "--dry-run", "--outdir", directory, "-c", config, ...env];
  await promisify(execFile)(process.execPath, ["--no-warnings", cli, ...args], { cwd: root });
  return directory;
}

function isOpen(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: "127.0.0.1" });
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
