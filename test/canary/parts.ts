// The system in processes of its own that can be killed apart: edge with vault, origins, bank, SQL endpoint,
// PostgreSQL of both regions. What they write lies in one home, and WAL is kept whole.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EndpointProcess, startEndpointProcess } from "../../local/endpoint-process.ts";
import type { Platform } from "../../local/platform.ts";
import { freePort } from "../../local/port.ts";
import { startCluster } from "../../local/postgres.ts";
import { findBinaries } from "../../local/postgres-binaries.ts";
import { findPlace } from "../../local/postgres-place.ts";
import { loadSecrets } from "../../local/secrets.ts";
import { withSession } from "../../local/session.ts";
import { WorkerdProcess } from "../drill/workerd-process.ts";

export const VICTIMS = [
  "edge",
  "postgres us",
  "origins",
  "bank",
  "postgres eu",
  "endpoint",
] as const;
export type Victim = (typeof VICTIMS)[number];

export type Parts = {
  /** Where merchants call, on 127.0.0.1. */
  readonly port: number;
  /** Tells the bank how to fail; an empty object ends it. False when the bank cannot be reached. */
  setFaults(switches: Readonly<Record<string, number>>): Promise<boolean>;
  /** kill -9, then starts it where it was. */
  crash(victim: Victim, pauseMs: number): Promise<void>;
  /** kill -9 of everything but the databases. */
  end(): Promise<void>;
};

const REGIONS = ["us", "eu"] as const;
/** A server that was killed may leave memory and ports behind for a moment. */
const STARTS_MAX = 20;
const START_PAUSE_MS = 250;
/** More than a run writes: nothing that was logged before is overwritten. */
const WAL_KEPT = "200GB";

/** Has both clusters keep all WAL from now on. */
export async function keepWal(platform: Platform): Promise<void> {
  for (const region of REGIONS) {
    await withSession(platform.urls[region], async (client) => {
      await client.query(`alter system set wal_keep_size = '${WAL_KEPT}'`);
      await client.query("select pg_reload_conf()");
    });
  }
}

/** The home is the platform's; what the parts write lies in a folder of it. */
export async function startParts(
  platformHome: string,
  platform: Platform,
  vars: Readonly<Record<string, string>>,
): Promise<Parts> {
  const home = join(platformHome, "parts");
  mkdirSync(home);
  const listen = {
    edge: await freePort(),
    us: await freePort(),
    eu: await freePort(),
    bank: await freePort(),
    endpoint: await freePort(),
  };
  const bindings = { ...platform.bindings };
  bindings["NOTICE_URL"] = `http://127.0.0.1:${listen.edge}`;
  bindings["SQL_ENDPOINT"] = `http://127.0.0.1:${listen.endpoint}/sql`;
  const databases = Object.values(bindings).filter((value) => value.startsWith("postgres"));
  const [bank, origins, edge] = await Promise.all([
    WorkerdProcess.prepare({
      name: "bank",
      home,
      bindings,
      workers: [
        { name: "tessera-testbank", folder: "workers/testbank", listen: { port: listen.bank } },
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
          outward: { ORIGIN_US: listen.us, ORIGIN_EU: listen.eu },
          vars,
        },
        {
          name: "tessera-vault",
          folder: "workers/vault",
          outward: { PROCESSOR: listen.bank, ORIGIN_US: listen.us, ORIGIN_EU: listen.eu },
          vars,
        },
      ],
    }),
  ]);
  const workers = { bank, origins, edge };
  let endpoint: EndpointProcess | undefined;
  const startEndpoint = async () => {
    endpoint = await startEndpointProcess(home, databases, listen.endpoint);
  };
  await startEndpoint();
  for (const one of [bank, origins, edge]) await one.start();
  return {
    port: listen.edge,
    setFaults: (switches) => setFaults(listen.bank, bindings["PROCESSOR_KEY"] ?? "", switches),
    crash: async (victim, pauseMs) => {
      switch (victim) {
        case "bank":
        case "origins":
        case "edge":
          await workers[victim].kill();
          await sleep(pauseMs);
          return patiently(() => workers[victim].start());
        case "endpoint":
          if (endpoint !== undefined) await kill(endpoint);
          await sleep(pauseMs);
          return patiently(startEndpoint);
        case "postgres us":
        case "postgres eu":
          return crashRegion(
            platform,
            platformHome,
            victim === "postgres us" ? "us" : "eu",
            pauseMs,
          );
      }
    },
    end: async () => {
      for (const one of Object.values(workers)) await one.kill();
      if (endpoint !== undefined) await kill(endpoint);
    },
  };
}

async function crashRegion(
  platform: Platform,
  home: string,
  region: (typeof REGIONS)[number],
  pauseMs: number,
): Promise<void> {
  const cluster = platform.clusters[region];
  if (cluster === undefined) throw new Error(`There is no cluster ${region}`);
  await kill(cluster);
  await sleep(pauseMs);
  const place = findPlace(home);
  const bin = findBinaries(place.owner, place.directory);
  const { POSTGRES_PASSWORD: password } = await loadSecrets(home);
  const plan = { region, ...place, bin, password, port: cluster.port };
  await patiently(async () => {
    platform.clusters[region] = await startCluster(plan);
  });
}

async function kill({ pid, ended }: { pid: number; ended: Promise<unknown> }): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Nothing is left of it.
  }
  await ended;
}

async function patiently(start: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await start();
    } catch (error) {
      if (tried === STARTS_MAX) throw error;
      await sleep(START_PAUSE_MS);
    }
  }
}

async function setFaults(
  port: number,
  key: string,
  switches: Readonly<Record<string, number>>,
): Promise<boolean> {
  const none = Object.keys(switches).length === 0;
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/faults`, {
      method: none ? "DELETE" : "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(none ? {} : { body: JSON.stringify(switches) }),
    });
    return answer.ok;
  } catch {
    return false;
  }
}
