// One real PostgreSQL cluster of one region. It promises: fsync is on, the data survives `stop`,
// kill -9 and the next `start`; it listens on 127.0.0.1 only, with a password; nothing of it runs on
// after its starter has ended. A cluster that an earlier, killed starter left running is stopped
// before its data is touched.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Child, type ChildEnd, type StopStep, startChild } from "./child.ts";
import { freePort } from "./port.ts";
import { giveTo, type Owner } from "./postgres-place.ts";
import { commandLine, isAlive, isZombie, waitForEnd } from "./process-table.ts";
import { withSession } from "./session.ts";

export type Region = "us" | "eu";

export type ClusterPlan = {
  region: Region;
  /** Holds the cluster, its log and nothing of another region. */
  directory: string;
  bin: string;
  owner: Owner;
  password: string;
  /** A fixed port, for drills that stop a cluster and start it again where it was. */
  port?: number;
};

export type Cluster = {
  region: Region;
  port: number;
  pid: number;
  ended: Promise<ChildEnd>;
  logPath: string;
  /** The connection string of a database of this cluster. */
  url(database: string, user?: string): string;
  stop(steps?: readonly StopStep[]): Promise<void>;
};

export const SUPERUSER = "tessera";
/** Reads one account at a time and writes nothing: what connects to a copy of the other region. */
export const READER = "tessera_reader";
/** The rights of an origin, and what logs in with them (migrations/0012_walls.sql). */
export const ORIGIN = "tessera_origin";
export const ORIGIN_LOGIN = "tessera_origin_login";

/** Fast shutdown; should a client or a walsender hold it up, immediate shutdown, which recovers. */
export const STOP_FAST: readonly StopStep[] = [
  ["SIGINT", 8_000],
  ["SIGQUIT", 4_000],
  ["SIGKILL", 1_000],
];
/** What a power cut looks like: for drills. */
export const STOP_CRASH: readonly StopStep[] = [["SIGKILL", 1_000]];

/** Recovery after a crash replays at most some seconds of WAL; a slow disk is given more. */
const START_LIMIT_MS = 60_000;
const START_POLL_MS = 20;
const START_ATTEMPTS = 5;
const LOG_TAIL_LINES = 8;
const ORPHANS_END_MS = 500;

const SETTINGS = {
  listen_addresses: "127.0.0.1",
  // No socket file: its path may be too long, and nothing uses it.
  unix_socket_directories: "",
  wal_level: "logical",
  fsync: "on",
  // Two pools of the SQL endpoint, migrations, tests and replication fit in with room to spare.
  max_connections: "80",
  // A copy that stays away may cost this much disk, then it is built anew (see replication.ts).
  max_slot_wal_keep_size: "4GB",
  // A new copy is filled by a worker for each table: as many at once as there are to wait for.
  max_worker_processes: "24",
  max_logical_replication_workers: "16",
  max_sync_workers_per_subscription: "12",
  max_wal_senders: "32",
  max_replication_slots: "32",
  // A copy whose primary came back on another port should notice at once, not after 5 s.
  wal_retrieve_retry_interval: "200ms",
  // Short statements only: compiling them costs more than it saves.
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  // Errors are answers here; neither the statement nor the row belongs in a log.
  log_error_verbosity: "terse",
  log_min_error_statement: "panic",
  log_checkpoints: "off",
} as const;

export async function startCluster(plan: ClusterPlan): Promise<Cluster> {
  const data = join(plan.directory, plan.region);
  await stopStale(data);
  if (!existsSync(join(data, "PG_VERSION"))) await initialise(plan, data);
  const logPath = keepLog(plan);
  for (let attempt = 1; ; attempt += 1) {
    const port = plan.port ?? (await freePort());
    const child = await launch(plan, data, port, logPath);
    const cluster: Cluster = {
      region: plan.region,
      port,
      pid: child.pid,
      ended: child.ended,
      logPath,
      url: (database, user = SUPERUSER) =>
        `postgresql://${user}:${plan.password}@127.0.0.1:${port}/${database}`,
      stop: child.stop,
    };
    if (await answers(cluster, child)) return cluster;
    const tail = readFileSync(logPath, "utf8").trim().split("\n").slice(-LOG_TAIL_LINES).join("\n");
    // Between finding the port and listening on it somebody else may have taken it.
    const portTaken = tail.includes("Address already in use");
    if (!portTaken || plan.port !== undefined || attempt === START_ATTEMPTS) {
      throw new Error(`PostgreSQL ${plan.region} did not start (${logPath}):\n${tail}`);
    }
  }
}

/** Makes the database unless it is there. */
export function ensureDatabase(serverUrl: string, name: string): Promise<void> {
  return withSession(serverUrl, async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  });
}

async function initialise(plan: ClusterPlan, data: string): Promise<void> {
  // Under another name first: an interrupted initdb must not look like a cluster.
  const unfinished = `${data}.unfinished`;
  const passwordFile = `${data}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  giveTo(plan.owner, unfinished);
  writeFileSync(passwordFile, `${plan.password}\n`, { mode: 0o600 });
  giveTo(plan.owner, passwordFile);
  try {
    await runInitdb(plan, unfinished, passwordFile);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(unfinished, data);
}

async function runInitdb(plan: ClusterPlan, data: string, passwordFile: string): Promise<void> {
  const logPath = join(plan.directory, `${plan.region}.initdb.log`);
  const log = openSync(logPath, "w", 0o600);
  const child = await startChild({
    command: join(plan.bin, "initdb"),
    args: [
      `--pgdata=${data}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--no-locale",
    ],
    stop: STOP_CRASH,
    output: log,
    cwd: "/",
    env: { LC_ALL: "C" },
    owner: plan.owner,
  }).finally(() => closeSync(log));
  const { code } = await child.ended;
  if (code !== 0) {
    throw new Error(`initdb of ${plan.region} failed: ${readFileSync(logPath, "utf8").trim()}`);
  }
  rmSync(logPath);
}

function launch(plan: ClusterPlan, data: string, port: number, logPath: string): Promise<Child> {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const log = openSync(logPath, "a", 0o600);
  const child = startChild({
    command: join(plan.bin, "postgres"),
    args: ["-D", data, "-p", String(port), ...settings],
    stop: STOP_FAST,
    output: log,
    cwd: "/",
    env: { LC_ALL: "C", PGDATA: undefined, PGPORT: undefined },
    owner: plan.owner,
  });
  return child.finally(() => closeSync(log));
}

/** False when the server ended before it answered. */
async function answers(cluster: Cluster, child: Child): Promise<boolean> {
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + START_LIMIT_MS;
  while (!over) {
    try {
      // The port may have been taken by a stranger: only our own cluster knows the password.
      await withSession(cluster.url("postgres"), async () => {});
      return true;
    } catch {
      if (performance.now() > deadline) {
        await cluster.stop();
        return false;
      }
      await sleep(START_POLL_MS);
    }
  }
  return false;
}

/** The log of the run before is kept: it tells why that run ended. */
function keepLog(plan: ClusterPlan): string {
  const logPath = join(plan.directory, `${plan.region}.log`);
  if (existsSync(logPath)) renameSync(logPath, `${logPath}.1`);
  writeFileSync(logPath, "", { mode: 0o600 });
  return logPath;
}

async function stopStale(data: string): Promise<void> {
  const pidFile = join(data, "postmaster.pid");
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (isZombie(pid)) {
    // It has ended, but PostgreSQL would take it for alive. Its own children are about to notice.
    await sleep(ORPHANS_END_MS);
    rmSync(pidFile, { force: true });
    return;
  }
  // Ids are reused: only a process that names our data directory is our postmaster.
  if (!commandLine(pid).includes(data)) return;
  for (const [signal, patienceMs] of STOP_FAST) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    if (await waitForEnd(pid, patienceMs)) return;
  }
}
