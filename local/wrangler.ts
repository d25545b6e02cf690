// One `wrangler dev` process. It promises that the Worker answers when the promise resolves, that
// nothing asks the terminal or the network for anything, and that what the Worker reports (warnings
// and errors, not every request) goes to the given log.

import { closeSync, openSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { BINDING_NAMES, type Bindings } from "./bindings.ts";
import { type Child, startChild } from "./child.ts";

export type WorkerPlan = {
  /** What to call it in front of people. */
  name: string;
  directory: string;
  environment?: string;
  port: number;
  /** Undefined leaves the choice to wrangler, which prefers the well-known one. */
  inspectorPort?: number;
  home: string;
  stateDirectory: string;
  envFile: string;
  /** Bindings that its wrangler.toml neither names nor requires. */
  vars?: Bindings;
  logPath: string;
  /** Undefined: it has no URL of its own, and counts as ready when its port is open. */
  healthPath?: string | undefined;
};

export type Worker = Child & Pick<WorkerPlan, "name" | "port" | "logPath" | "healthPath">;

/** A cold disk and a first bundle; a broken Worker is reported by wrangler long before. */
const START_MS_MAX = 90_000;
const POLL_MS = 100;
const HEALTH_MS_MAX = 5_000;

/** wrangler says this when it restarts workerd; not every restart ends well. */
export const CRASH_NOTICE = "The Workers runtime crashed";

const cli = join(
  dirname(fileURLToPath(import.meta.resolve("wrangler/package.json"))),
  "wrangler-dist/cli.js",
);

export async function startWorker(plan: WorkerPlan): Promise<Worker> {
  const log = openSync(plan.logPath, "a", 0o600);
  const child = await startChild({
    command: process.execPath,
    args: ["--no-warnings", cli, "dev", ...flags(plan)],
    stop: [
      ["SIGINT", 5_000],
      ["SIGTERM", 3_000],
      ["SIGKILL", 1_000],
    ],
    output: log,
    cwd: plan.directory,
    env: environment(plan),
  }).finally(() => closeSync(log));
  await untilUp(plan, child);
  const { name, port, logPath, healthPath } = plan;
  return { ...child, name, port, logPath, healthPath };
}

function flags(plan: WorkerPlan): string[] {
  const { environment, port, inspectorPort, stateDirectory, envFile, vars = {} } = plan;
  return [
    ...["--port", String(port)],
    ...(inspectorPort === undefined ? [] : ["--inspector-port", String(inspectorPort)]),
    ...(environment === undefined ? [] : ["--env", environment]),
    ...["--persist-to", stateDirectory],
    ...["--env-file", envFile],
    "--show-interactive-dev-session=false",
    ...["--log-level", "warn"],
    ...Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
  ];
}

function environment({ home }: WorkerPlan): Record<string, string | undefined> {
  return {
    // A variable of the same name in the shell would win over the env file.
    ...Object.fromEntries(BINDING_NAMES.map((name) => [name, undefined])),
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    // Its debug log would repeat everything in a folder that nobody looks into.
    WRANGLER_WRITE_LOGS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // Its traces keep whole URLs, and somebody may have put a card number into one.
    X_LOCAL_OBSERVABILITY: "false",
    // It looks at the repository's own .dev.vars, which this home may not use.
    TESSERA_PREFLIGHT: "off",
    // Workers of this home find each other, and nobody else's.
    WRANGLER_REGISTRY_PATH: join(home, "registry"),
  };
}

async function untilUp(plan: WorkerPlan, child: Child): Promise<void> {
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + START_MS_MAX;
  while (!(await answers(plan))) {
    const late = performance.now() > deadline;
    if (!over && !late) {
      await sleep(POLL_MS);
      continue;
    }
    await child.stop();
    const reason = late ? `did not answer within ${START_MS_MAX / 1000} s` : "ended while starting";
    throw new Error(`${plan.name} ${reason}; see ${plan.logPath}`);
  }
}

/** Does its work, as far as one can tell from outside. */
export async function answers({
  port,
  healthPath,
}: Pick<Worker, "port" | "healthPath">): Promise<boolean> {
  if (!(await listens({ port }))) return false;
  if (healthPath === undefined) return true;
  try {
    const signal = AbortSignal.timeout(HEALTH_MS_MAX);
    const { ok } = await fetch(`http://localhost:${port}${healthPath}`, { signal });
    return ok;
  } catch {
    return false;
  }
}

/** Is there at all: a Worker that stands at a breakpoint listens, but does not answer. */
export function listens({ port }: Pick<Worker, "port">): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: "localhost" });
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
