// `npm start`: the whole payment network on this machine. It promises one line for each step, one
// line that says what is wrong and what to do about it, and that Ctrl-C, a signal, or the end of any
// part ends every part.
//
// --split     each deployable Worker in a runtime of its own (npm run dev:split)
// --database  everything but the Workers, for a `wrangler dev` of your own (npm run database)

import { mkdirSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withDemo } from "./bindings.ts";
import { stopEveryChild } from "./child.ts";
import { type Keys, knownDemo, seedDemo } from "./demo.ts";
import { writeDevVars } from "./dev-vars.ts";
import { followLogs } from "./log-tail.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { isPortFree } from "./port.ts";
import { loadSecrets } from "./secrets.ts";
import {
  prepareLogs,
  restartPublic,
  startComposite,
  startSplit,
  type WorkersPlan,
} from "./workers.ts";
import { answers, CRASH_NOTICE, listens, type Worker } from "./wrangler.ts";

const repository = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const DEFAULT_PORT = 8787;
const WATCH_MS = 1_000;
/** wrangler takes some seconds to restart a workerd that crashed; what takes longer is for ever. */
const SILENCE_MS_MAX = 15_000;

/** Until there is a demo account; the Workers ask for the names. */
const NO_DEMO = { DEMO_SECRET_KEY: "", DEMO_PUBLISHABLE_KEY: "" };

const startedAt = performance.now();
const log = (line: string) => {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
  console.log(`${seconds} s  ${line}`);
};

type Mode = "composite" | "split" | "database";
type End = { code: number; message: string };
type Running = {
  platform?: Platform;
  workers: Worker[];
  stopFollowing?: () => void;
  /** wrangler has restarted workerd, and it has not answered since. */
  crashNoticed?: boolean;
};

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { split: { type: "boolean" }, database: { type: "boolean" } },
  });
  const mode = values.split ? "split" : values.database ? "database" : "composite";
  const running: Running = { workers: [] };
  const asked = untilAsked();
  const crashed = bringUp(mode, running).then(
    () => untilCrash(running),
    (error: unknown) => ({ code: 1, message: error instanceof Error ? error.message : `${error}` }),
  );
  const { code, message } = await Promise.race([asked, crashed]);
  log(message);
  await takeDown(running);
  return code;
}

/** Ctrl-C, a signal, or the end of the npm script that this is part of. */
function untilAsked(): Promise<End> {
  const { promise, resolve: onAsked } = Promise.withResolvers<End>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => onAsked({ code: 0, message: "Stopping" }));
  }
  const runner = process.ppid;
  if (process.env["TESSERA_RUNNER"] === String(runner)) {
    const timer = setInterval(() => {
      if (process.ppid !== runner) onAsked({ code: 1, message: "Stopping: the runner has ended" });
    }, WATCH_MS);
    timer.unref();
  }
  return promise;
}

async function bringUp(mode: Mode, running: Running): Promise<void> {
  const port = readPort();
  // The forms name their Durable Objects differently, so they must not share one ledger: a charge that
  // one form left open would be unknown to the other's bank.
  const ownHome = mode === "split" ? ".local/split" : ".local";
  const home = process.env["TESSERA_HOME"] ?? join(repository, ownHome);
  mkdirSync(home, { recursive: true });
  const plan = { home: realpathSync(resolve(home)), repository, port, log };
  if (mode !== "database" && !(await isPortFree(port))) {
    throw new Error(
      `Port ${port} is in use: stop what listens there, or choose another: PORT=${port + 1} npm start`,
    );
  }
  log(`Starting in ${plan.home}`);
  running.platform = await startPlatform({ home: plan.home, log });
  log("Both ledgers are migrated, each with a copy in the other region");
  const demo = knownDemo(plan.home);
  const bindings = demo ? withDemo(running.platform.bindings, demo) : running.platform.bindings;
  if (mode === "database") {
    const path = writeDevVars(plan.home, repository, { ...NO_DEMO, ...bindings });
    const state = join(plan.home, "state");
    const own = plan.home === join(repository, ".local");
    const flags = own ? "" : ` -- --env-file ${path} --persist-to ${state}`;
    log(`The databases are up. Now run \`npm run dev${flags}\` in another terminal.`);
    if (demo === undefined) log("There is no demo account yet: `npm start` makes one, once.");
    log("Ctrl-C stops them.");
    return;
  }
  await runWorkers(mode, { ...plan, bindings }, running);
}

async function runWorkers(
  mode: "composite" | "split",
  plan: WorkersPlan,
  running: Running,
): Promise<void> {
  const { home, port } = plan;
  running.stopFollowing = followLogs(prepareLogs(mode, home), (line) => {
    if (line.includes(CRASH_NOTICE)) running.crashNoticed = true;
    console.log(`         ${line}`);
  });
  const bindings = { ...NO_DEMO, ...plan.bindings };
  const start = mode === "split" ? startSplit : startComposite;
  await start({ ...plan, bindings }, running.workers);
  log(`Tessera answers on http://localhost:${port}`);
  const keys = await seedDemo(home, `http://localhost:${port}`, await loadSecrets(home));
  if (bindings.DEMO_SECRET_KEY !== keys.demo.secret) {
    // The demo's keys are made by the Workers and wanted by the Workers: known only now, the first
    // time. This is the one place that would go if they could be known before.
    log("Made the demo account; starting once more with its keys");
    const demoBindings = withDemo(bindings, keys.demo);
    await restartPublic(mode, { ...plan, bindings: demoBindings }, running.workers);
  }
  for (const line of whatToTry(keys, home)) console.log(line);
}

function whatToTry({ url, demo }: Keys, home: string): string[] {
  const card = ["number]=4242424242424242", "exp_month]=12", "exp_year]=2034", "cvc]=123"];
  const fields = card.map((field) => `-d "card[${field}"`).join(" ");
  return [
    "",
    `Tessera runs. The demo shop: ${url}/`,
    `Its dashboard: ${url}/dashboard    The API reference: ${url}/docs`,
    "",
    "A card becomes a token, and the token a charge:",
    "",
    `  TOKEN=$(curl -s ${url}/v1/tokens -u ${demo.publishable}: \\`,
    `    ${fields} \\`,
    `    | grep -o 'tok_[0-9A-Za-z]*' | head -1)`,
    `  curl -s ${url}/v1/charges -u ${demo.secret}: \\`,
    "    -d amount=2000 -d currency=usd -d source=$TOKEN",
    "",
    "Events come to a server of yours, signed, with:",
    "",
    "  npm run listen -- http://localhost:3000/hook",
    "",
    `The keys are in ${join(home, "keys.json")}. Ctrl-C stops everything.`,
    "",
  ];
}

function readPort(): number {
  const port = Number(process.env["PORT"] || DEFAULT_PORT);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`PORT=${process.env["PORT"]} is not a port: PORT=${DEFAULT_PORT} npm start`);
}

function untilCrash(running: Running): Promise<End> {
  const { platform, workers } = running;
  const { promise, resolve: onCrash } = Promise.withResolvers<End>();
  const crash = (message: string) => onCrash({ code: 1, message });
  void platform?.failed.then(crash);
  for (const worker of workers) {
    void worker.ended.then(({ asked }) => {
      if (!asked) crash(`${worker.name} ended by itself; see ${worker.logPath}`);
    });
    watch(worker, running, () => crash(`${worker.name} no longer answers; see ${worker.logPath}`));
  }
  return promise;
}

function watch(worker: Worker, running: Running, onSilence: () => void): void {
  let answeredAt = performance.now();
  const timer = setInterval(async () => {
    const look = running.crashNoticed ? answers : listens;
    if (await look(worker)) {
      answeredAt = performance.now();
      if (look === answers) running.crashNoticed = false;
    } else if (performance.now() - answeredAt > SILENCE_MS_MAX) {
      onSilence();
    }
  }, WATCH_MS);
  timer.unref();
}

/** Also what was still starting, in the order that nothing loses what it uses. */
async function takeDown({ platform, stopFollowing }: Running): Promise<void> {
  await stopEveryChild();
  stopFollowing?.();
  if (platform === undefined) return;
  await platform.stop();
  log("Everything is stopped");
}

process.exit(await main());
