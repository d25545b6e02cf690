// Everything that stands in for the world around the Workers: two regions of PostgreSQL, Neon's SQL
// endpoint in front of them, the tables, the copies, the secrets. It promises that several can run
// at once, each with a home of its own, that `stop` leaves no process behind, and that `failed`
// tells which part ended when none was asked to. DATABASE_URL_US and DATABASE_URL_EU put databases
// from elsewhere in the place of the embedded ones.

import { mkdirSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import pg from "pg";
import { type Bindings, bindings, type Databases } from "./bindings.ts";
import type { Child } from "./child.ts";
import { type EndpointProcess, startEndpointProcess } from "./endpoint-process.ts";
import { lockHome } from "./home-lock.ts";
import { migrate } from "./migrations.ts";
import {
  type Cluster,
  ensureDatabase,
  ORIGIN,
  ORIGIN_LOGIN,
  READER,
  type Region,
  startCluster,
} from "./postgres.ts";
import { findBinaries } from "./postgres-binaries.ts";
import { findPlace } from "./postgres-place.ts";
import { linkBetween, replicate } from "./replication.ts";
import { loadSecrets, type Secrets } from "./secrets.ts";
import { withSession } from "./session.ts";

export type PlatformOptions = {
  home: string;
  log?: (line: string) => void;
  /** Overrides DATABASE_URL_US and DATABASE_URL_EU of the environment. */
  databaseUrls?: Partial<Record<Region, string>>;
  migrationsDirectory?: string | undefined;
};

export type Platform = {
  bindings: Bindings;
  urls: Databases & { sqlEndpoint: string };
  clusters: Partial<Record<Region, Cluster>>;
  endpoint: EndpointProcess | undefined;
  /** One line that says which part ended unasked. Never resolves when `stop` came first. */
  failed: Promise<string>;
  stop(): Promise<void>;
};

const REGIONS = ["us", "eu"] as const;
const DATABASE = "tessera";

export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  mkdirSync(options.home, { recursive: true });
  const home = realpathSync(resolve(options.home));
  const unlock = lockHome(home);
  const running: Pick<Child, "stop">[] = [];
  const stop = async () => {
    // The endpoint first: it must not see its databases go.
    for (const part of running.splice(0).reverse()) await part.stop();
    unlock();
  };
  try {
    return await startParts({ ...options, home }, running, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: PlatformOptions,
  running: Pick<Child, "stop">[],
  stop: () => Promise<void>,
): Promise<Platform> {
  const { home, log = () => {} } = options;
  const secrets = await loadSecrets(home);
  const given = options.databaseUrls ?? urlsFromEnvironment();
  const { clusters, pair } = await startClusters(home, secrets, given, log);
  running.push(pair);
  const primaries = {
    us: await primary("us", given, clusters),
    eu: await primary("eu", given, clusters),
  };

  const usOfEu = await copyOf("eu", "us", primaries, clusters, options);
  const euOfUs = await copyOf("us", "eu", primaries, clusters, options);
  const originOf = (region: Region) =>
    clusters[region] === undefined
      ? undefined
      : loginUrl(primaries[region], ORIGIN_LOGIN, secrets.ORIGIN_PASSWORD);
  const databases: Databases = {
    ...primaries,
    originUs: originOf("us"),
    originEu: originOf("eu"),
    usOfEu,
    euOfUs,
  };

  const served = Object.values(databases).filter((url): url is string => url !== undefined);
  const endpoint = served.every(isNeon) ? undefined : await startEndpointProcess(home, served);
  if (endpoint !== undefined) running.push(endpoint);
  const sqlEndpoint = endpoint?.url ?? "";
  return {
    bindings: bindings(secrets, databases, sqlEndpoint),
    urls: { ...databases, sqlEndpoint },
    clusters,
    endpoint,
    failed: firstFailure(clusters, endpoint),
    stop,
  };
}

type Clusters = Partial<Record<Region, Cluster>>;
type Urls = Partial<Record<Region, string>>;

function urlsFromEnvironment(): Urls {
  const { DATABASE_URL_US: us, DATABASE_URL_EU: eu } = process.env;
  return { ...(us ? { us } : {}), ...(eu ? { eu } : {}) };
}

async function startClusters(
  home: string,
  { POSTGRES_PASSWORD: password, ORIGIN_PASSWORD: originPassword }: Secrets,
  given: Urls,
  log: (line: string) => void,
): Promise<{ clusters: Clusters; pair: Pick<Child, "stop"> }> {
  const regions = REGIONS.filter((region) => given[region] === undefined);
  if (regions.length === 0) return { clusters: {}, pair: { stop: async () => {} } };
  const { owner, directory } = findPlace(home);
  const bin = findBinaries(owner, directory);
  const started = await Promise.allSettled(
    regions.map((region) => startCluster({ region, directory, bin, owner, password })),
  );
  const clusters: Clusters = {};
  for (const result of started) {
    if (result.status === "fulfilled") clusters[result.value.region] = result.value;
  }
  const pair = {
    // Together: each sends the other what it still owes it.
    stop: async () => {
      await Promise.all(Object.values(clusters).map((cluster) => cluster.stop()));
    },
  };
  const failure = started.find((result) => result.status === "rejected");
  if (failure !== undefined) {
    await pair.stop();
    throw failure.reason;
  }
  for (const cluster of Object.values(clusters)) {
    await ensureLogins(cluster.url("postgres"), password, originPassword);
    log(`PostgreSQL ${cluster.region} answers on port ${cluster.port}`);
  }
  return { clusters, pair };
}

async function primary(region: Region, given: Urls, clusters: Clusters): Promise<string> {
  const cluster = clusters[region];
  if (cluster !== undefined) {
    await ensureDatabase(cluster.url("postgres"), DATABASE);
    return cluster.url(DATABASE);
  }
  const url = given[region];
  if (url === undefined) throw new Error(`No database for region ${region}.`);
  try {
    await withSession(url, async () => {});
  } catch (error) {
    const name = `DATABASE_URL_${region.toUpperCase()}`;
    throw new Error(
      `The database of ${name} cannot be reached (${error instanceof Error ? error.message : error}): ` +
        `correct ${name}, or leave it out for an embedded PostgreSQL.`,
    );
  }
  return url;
}

/** Returns the copy's connection string, or undefined where the databases do not allow a copy. */
async function copyOf(
  from: Region,
  to: Region,
  primaries: Record<Region, string>,
  clusters: Clusters,
  { migrationsDirectory, log = () => {} }: PlatformOptions,
): Promise<string | undefined> {
  const link = { ...linkBetween(from, to, primaries), migrationsDirectory };
  const cluster = clusters[to];
  const name = new URL(link.copyUrl).pathname.slice(1);
  const local = cluster !== undefined && clusters[from] !== undefined;
  try {
    if (!local) await requireLogicalWal(link.primaryUrl);
    await ensureDatabase(primaries[to], name);
    await replicate(link);
    if (clusters[from] === undefined) {
      log(
        `A copy of ${from} follows by the slot ${link.subscription} in that database: drop it there`,
      );
      log("  when Tessera is no longer started here, because it keeps the database's WAL");
    }
    return cluster?.url(name, READER) ?? link.copyUrl;
  } catch (error) {
    if (local) throw error;
    await migrate(link.primaryUrl, migrationsDirectory);
    log(`No copy of ${from} in ${to}: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

function requireLogicalWal(url: string): Promise<void> {
  return withSession(url, async (client) => {
    const { rows } = await client.query<{ wal_level: string }>("show wal_level");
    if (rows[0]?.wal_level !== "logical") throw new Error("its wal_level is not logical");
  });
}

/** Who logs in besides the owner. What they may do is the migrations' business. */
function ensureLogins(url: string, password: string, originPassword: string): Promise<void> {
  return withSession(url, async (client) => {
    const ensure = async (role: string, login: string) => {
      const { rowCount } = await client.query("select from pg_roles where rolname = $1", [role]);
      await client.query(`${rowCount === 0 ? "create" : "alter"} role ${role} ${login}`);
    };
    await ensure(READER, `login password ${pg.escapeLiteral(password)}`);
    // It read everything once; a copy that was written to would no longer be one.
    await client.query(`revoke pg_read_all_data from ${READER}`);
    await client.query(`alter role ${READER} set default_transaction_read_only = on`);
    await ensure(ORIGIN, "nologin");
    await ensure(ORIGIN_LOGIN, `login password ${pg.escapeLiteral(originPassword)}`);
    await client.query(`grant ${ORIGIN} to ${ORIGIN_LOGIN}`);
  });
}

function loginUrl(url: string, role: string, password: string): string {
  const login = new URL(url);
  login.username = role;
  login.password = password;
  return login.href;
}

function isNeon(url: string): boolean {
  return new URL(url).hostname.endsWith(".neon.tech");
}

function firstFailure(clusters: Clusters, endpoint: EndpointProcess | undefined): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const watch = (name: string, child: Pick<Child, "ended">, log: string) => {
    void child.ended.then(({ asked, code, signal }) => {
      const how = signal ?? (code === null ? "killed" : `exit code ${code}`);
      if (!asked) resolve(`${name} ended by itself (${how}); see ${log}`);
    });
  };
  for (const cluster of Object.values(clusters)) {
    watch(`PostgreSQL ${cluster.region}`, cluster, cluster.logPath);
  }
  if (endpoint !== undefined) watch("The SQL endpoint", endpoint, endpoint.logPath);
  return promise;
}
