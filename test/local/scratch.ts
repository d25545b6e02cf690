// A throw-away home and one real cluster in it, for the tests of this folder.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, startCluster } from "../../local/postgres.ts";
import { findBinaries } from "../../local/postgres-binaries.ts";
import { findPlace } from "../../local/postgres-place.ts";

export type Home = { path: string; remove(): void };

export function makeHome(): Home {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "tessera-test-")));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function startScratchCluster(home: string, port?: number): Promise<Cluster> {
  const { owner, directory } = findPlace(home);
  const bin = findBinaries(owner, directory);
  const fixedPort = port === undefined ? {} : { port };
  return startCluster({ region: "us", directory, bin, owner, password: "scratch", ...fixedPort });
}

/** Writes migrations into a folder of their own and names it. */
export function writeMigrations(home: Home, files: Record<string, string>): string {
  const directory = mkdtempSync(join(home.path, "migrations-"));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  return directory;
}
