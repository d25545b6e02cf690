// The real system in real processes, each of which can be killed apart. A chaos proxy stands in every
// way between two of them, and before the edge:
//
//   client ─▶ edge, shards, vault ─▶ origins ─▶ SQL endpoint ─▶ PostgreSQL us, eu
//                       └──▶ bank

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "../../local/child.ts";
import { type EndpointProcess, startEndpointProcess } from "../../local/endpoint-process.ts";
import { startPlatform } from "../../local/platform.ts";
import { freePort } from "../../local/port.ts";
import { type Cluster, type Region, startCluster } from "../../local/postgres.ts";
import { findBinaries } from "../../local/postgres-binaries.ts";
import { findPlace, type Place } from "../../local/postgres-place.ts";
import { loadSecrets } from "../../local/secrets.ts";
import { withSession } from "../../local/session.ts";
import { type ChaosProxy, startChaosProxy } from "./chaos-proxy.ts";
import { moveToSmallDisk, type SmallDisk } from "./small-disk.ts";
import { WorkerdProcess } from "./workerd-process.ts";

export const VICTIMS = [
  "edge",
  "origins",
  "endpoint",
  "postgres us",
  "postgres eu",
  "bank",
] as const;
export type Victim = (typeof VICTIMS)[number];

/** One process, or a few that live and die together. */
export type Part = {
  /** kill -9; resolves when nothing of it runs any more. */
  kill(): Promise<void>;
  /** Starts it where it was; resolves when it answers. */
  start(): Promise<void>;
  /** False once it was killed, or ended by itself. */
  isUp(): boolean;
  /** Whether it does its work: a database that recovers from a crash is up and does not. */
  answers(): Promise<boolean>;
};

export const LINKS = [
  "client→edge",
  "edge→origin us",
  "edge→origin eu",
  "origin→endpoint",
  "endpoint→postgres us",
  "endpoint→postgres eu",
  "vault→bank",
] as const;
export type Link = (typeof LINKS)[number];

export type Network = {
  /** Where merchants call. */
  readonly url: string;
  /** Where the bank's book is read, past the proxies. */
  readonly bankUrl: string;
  readonly bindings: Readonly<Record<string, string>>;
  /** The ledgers, past the proxies. */
  readonly ledgers: Readonly<Record<Region, string>>;
  readonly parts: Readonly<Record<Victim, Part>>;
  readonly links: Readonly<Record<Link, ChaosProxy>>;
  /** The disk under the ledger of us; or why there is none. */
  readonly disk: SmallDisk | string;
  stop(): Promise<void>;
};

const REGIONS = ["us", "eu"] as const;
/** A server that was killed may leave memory and ports behind for a moment. */
const STARTS_MAX = 20;
const START_PAUSE_MS = 250;
/** WAL is recycled within the small disk, and begins anew often enough that a full disk is met there. */
const WAL_SETTINGS = ["max_wal_size = '128MB'", "min_wal_size = '32MB'"];

export async function startNetwork(
  drawsOf: (link: Link) => () => number,
  say: (step: string) => void,
): Promise<Network> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "tessera-drill-")));
  const stops: (() => Promise<void> | void)[] = [
    () => rmSync(home, { recursive: true, force: true }),
  ];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    return { ...(await startParts(home, drawsOf, say, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  home: string,
  drawsOf: (link: Link) => () => number,
  say: (step: string) => void,
  stops: (() => Promise<void> | void)[],
): Promise<Omit<Network, "stop">> {
  say("starting PostgreSQL");
  const platform = await startPlatform({ home, databaseUrls: {} });
  stops.push(platform.stop);
  const place = findPlace(home);
  const bin = findBinaries(place.owner, place.directory);
  const { POSTGRES_PASSWORD: password } = await loadSecrets(home);
  const clusterOf = (region: Region): Cluster => {
    const cluster = platform.clusters[region];
    if (cluster === undefined) throw new Error(`There is no cluster ${region}`);
    return cluster;
  };
  const ports = { us: clusterOf("us").port, eu: clusterOf("eu").port };
  const up = new Set<Victim>();
  /** Notes that a part runs, and when it does not any more. */
  const watch = (name: Victim, { ended }: Pick<Child, "ended">) => {
    up.add(name);
    void ended.then(() => up.delete(name));
  };
  const startRegion = async (region: Region) => {
    const plan = { region, ...place, bin, password, port: ports[region] };
    const cluster = await patiently(() => startCluster(plan));
    platform.clusters[region] = cluster;
    watch(`postgres ${region}`, cluster);
  };
  const disk = await smallDisk(clusterOf("us"), place);
  if (typeof disk !== "string") stops.splice(1, 0, disk.remove);
  await startRegion("us");
  watch("postgres eu", clusterOf("eu"));

  const links = {} as Record<Link, ChaosProxy>;
  const link = async (name: Link, to: number) => {
    const proxy = await startChaosProxy({ to, draws: drawsOf(name) });
    links[name] = proxy;
    stops.push(proxy.close);
    return proxy.port;
  };
  const listen = {
    edge: await freePort(),
    us: await freePort(),
    eu: await freePort(),
    bank: await freePort(),
  };
  await platform.endpoint?.stop();
  const bindings = { ...platform.bindings };
  for (const region of REGIONS) {
    const through = await link(`endpoint→postgres ${region}`, ports[region]);
    for (const [name, value] of Object.entries(bindings)) {
      bindings[name] = value.replace(`127.0.0.1:${ports[region]}/`, `127.0.0.1:${through}/`);
    }
  }
  const databases = Object.values(bindings).filter((value) => value.startsWith("postgres"));
  const endpointPort = await freePort();
  let endpoint: EndpointProcess | undefined;
  bindings["SQL_ENDPOINT"] = `http://127.0.0.1:${await link("origin→endpoint", endpointPort)}/sql`;

  const toOrigins = {
    ORIGIN_US: await link("edge→origin us", listen.us),
    ORIGIN_EU: await link("edge→origin eu", listen.eu),
  };

  say("bundling the Workers");
  const [bank, origins, edge] = await Promise.all([
    WorkerdProcess.prepare({
      name: "bank",
      home,
      bindings,
      workers: [
        {
          name: "tessera-testbank",
          folder: "workers/testbank",
          listen: { port: listen.bank },
        },
      ],
    }),
    WorkerdProcess.prepare({
      name: "origins",
      home,
      bindings,
      workers: REGIONS.map((region) => ({
        name: `tessera-origin-${region}`,
        folder: "origin" as const,
        environment: region,
        listen: { port: listen[region], entrypoint: "Origin" },
      })),
    }),
    WorkerdProcess.prepare({
      name: "edge",
      home,
      bindings,
      workers: [
        {
          name: "tessera-edge",
          folder: "workers/edge",
          listen: { port: listen.edge },
          outward: toOrigins,
        },
        {
          name: "tessera-vault",
          folder: "workers/vault",
          outward: { ...toOrigins, PROCESSOR: await link("vault→bank", listen.bank) },
        },
      ],
    }),
  ]);

  const region = (name: Region): Part => ({
    kill: async () => {
      const cluster = clusterOf(name);
      kill(cluster.pid);
      await cluster.ended;
    },
    start: () => startRegion(name),
    isUp: () => up.has(`postgres ${name}`),
    answers: () =>
      withSession(platform.urls[name], async (client) => {
        await client.query("select from accounts limit 1");
      }).then(
        () => true,
        () => false,
      ),
  });
  const parts: Record<Victim, Part> = {
    edge,
    origins,
    bank,
    endpoint: {
      kill: async () => {
        if (endpoint === undefined) return;
        kill(endpoint.pid);
        await endpoint.ended;
      },
      start: async () => {
        endpoint = await startEndpointProcess(home, databases, endpointPort);
        watch("endpoint", endpoint);
      },
      isUp: () => up.has("endpoint"),
      answers: async () => up.has("endpoint"),
    },
    "postgres us": region("us"),
    "postgres eu": region("eu"),
  };
  say("starting the Workers");
  for (const name of ["endpoint", "bank", "origins", "edge"] as const) {
    stops.push(() => parts[name].kill());
    await parts[name].start();
  }
  const front = await link("client→edge", listen.edge);
  return {
    url: `http://127.0.0.1:${front}`,
    bankUrl: `http://127.0.0.1:${listen.bank}`,
    bindings,
    ledgers: { us: platform.urls.us, eu: platform.urls.eu },
    parts,
    links,
    disk,
  };
}

/** Moves the stopped cluster; it is started again by the caller. */
async function smallDisk(cluster: Cluster, place: Place): Promise<SmallDisk | string> {
  await withSession(cluster.url("postgres"), async (client) => {
    for (const setting of WAL_SETTINGS) await client.query(`alter system set ${setting}`);
  });
  await cluster.stop();
  return moveToSmallDisk(join(place.directory, cluster.region), place.owner, cluster.logPath);
}

async function patiently<T>(start: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await start();
    } catch (error) {
      if (tried === STARTS_MAX) throw error;
      await sleep(START_PAUSE_MS);
    }
  }
}

/** SIGKILL to a process that leads a group of its own; it may have ended by itself just now. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Nothing is left of it.
  }
}
