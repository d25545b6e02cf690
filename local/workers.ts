// Which Workers run: the whole system as one composite Worker, or (split) each deployable in a
// runtime of its own, as they are deployed. Either way the public one listens on the given port.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bindings } from "./bindings.ts";
import { writeDevVars, writeWorkerVars } from "./dev-vars.ts";
import { freePort } from "./port.ts";
import { startWorker, type Worker, type WorkerPlan } from "./wrangler.ts";

export type WorkersPlan = {
  home: string;
  repository: string;
  port: number;
  bindings: Bindings;
  log: (line: string) => void;
};

const HEALTH_PATH = "/healthz";
const COMPOSITE = "composite";

/** They find each other through the registry. */
const INNER = [
  { name: "testbank", folder: "workers/testbank" },
  { name: "vault", folder: "workers/vault" },
  { name: "origin-us", folder: "origin", environment: "us" },
  { name: "origin-eu", folder: "origin", environment: "eu" },
] as const;
/** Last: it calls the others. */
const PUBLIC = { name: "edge", folder: "workers/edge" } as const;

/** Settings that a deployment may lack, so that no wrangler.toml can require them. */
const OPTIONAL = {
  "workers/edge": ["DEMO_SECRET_KEY", "DEMO_PUBLISHABLE_KEY"],
  origin: ["REPLICA_URL_US_EU", "REPLICA_URL_EU_US", "SQL_ENDPOINT"],
  "workers/vault": [],
  "workers/testbank": ["NOTICE_URL"],
} as const;

/** Settings of Workers on one machine: webhooks may go to the machine itself. */
const LOCAL_VARS: Readonly<Record<string, Record<string, string>>> = {
  "workers/edge": { WEBHOOK_LOOPBACK: "allow" },
};

/** Empties the logs and names them, so that they can be followed from the first line. */
export function prepareLogs(mode: "composite" | "split", home: string): string[] {
  const names = mode === "split" ? [...INNER, PUBLIC].map(({ name }) => name) : [COMPOSITE];
  return names.map((name) => {
    const path = logPath(home, name);
    writeFileSync(path, "", { mode: 0o600 });
    return path;
  });
}

/** Adds to `workers` what has started, also when the rest fails to. */
export async function startComposite(plan: WorkersPlan, workers: Worker[]): Promise<void> {
  const { home, repository, port, bindings } = plan;
  const worker = await startWorker({
    name: "The Workers runtime",
    directory: repository,
    port,
    home,
    stateDirectory: join(home, "state"),
    envFile: writeDevVars(home, repository, bindings),
    logPath: logPath(home, COMPOSITE),
    healthPath: HEALTH_PATH,
  });
  workers.push(worker);
}

export async function startSplit(plan: WorkersPlan, workers: Worker[]): Promise<void> {
  const { home, repository, bindings, log } = plan;
  writeDevVars(home, repository, bindings);
  const start = async (deployable: Deployable) => {
    workers.push(await startWorker(await deployablePlan(plan, deployable)));
    log(`The Worker ${deployable.name} is up`);
  };
  await Promise.all(INNER.map(start));
  await start(PUBLIC);
}

/** Starts what the outside talks to once more, with other bindings. */
export async function restartPublic(
  mode: "composite" | "split",
  plan: WorkersPlan,
  workers: Worker[],
): Promise<void> {
  await workers.pop()?.stop();
  if (mode === "composite") return startComposite(plan, workers);
  writeDevVars(plan.home, plan.repository, plan.bindings);
  workers.push(await startWorker(await deployablePlan(plan, PUBLIC)));
}

type Deployable = (typeof INNER)[number] | typeof PUBLIC;

async function deployablePlan(plan: WorkersPlan, deployable: Deployable): Promise<WorkerPlan> {
  const { home, repository } = plan;
  const bindings: Bindings = { ...plan.bindings, NOTICE_URL: `http://127.0.0.1:${plan.port}` };
  const { name, folder } = deployable;
  const isPublic = deployable === PUBLIC;
  const optional = OPTIONAL[folder].map((key) => [key, bindings[key] ?? ""] as const);
  return {
    name: `The Worker ${name}`,
    directory: join(repository, folder),
    ...("environment" in deployable ? { environment: deployable.environment } : {}),
    port: isPublic ? plan.port : await freePort(),
    inspectorPort: await freePort(),
    home,
    stateDirectory: join(home, "split", name),
    envFile: writeWorkerVars(home, folder, bindings),
    // Command lines can be read by everybody on this machine: only what is of this machine.
    vars: {
      ...Object.fromEntries(optional.filter(([, value]) => !isForeign(value))),
      ...LOCAL_VARS[folder],
    },
    logPath: logPath(home, name),
    ...(isPublic ? { healthPath: HEALTH_PATH } : {}),
  };
}

function isForeign(value: string): boolean {
  return (
    value.startsWith("postgres") && !["127.0.0.1", "localhost"].includes(new URL(value).hostname)
  );
}

function logPath(home: string, name: string): string {
  return join(home, name === COMPOSITE ? "wrangler.log" : `wrangler-${name}.log`);
}
