// A disk of limited size under one database cluster, so that it can be filled and freed while the
// cluster runs: a file with a file system of its own, or memory where there are no loop devices. Both
// take root; without it the reason is told instead, and the drill says that it skipped this fault.

import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { giveTo, type Owner } from "../../local/postgres-place.ts";

export type SmallDisk = {
  /** What it is made of. */
  readonly kind: string;
  /** Takes every free byte. */
  fill(): void;
  /** Gives them back. */
  free(): void;
  /** How often the cluster has complained, in its present log, that there was no room. */
  complaints(): number;
  /** Takes the disk away, with everything on it. */
  remove(): void;
};

/** A cluster, its WAL and the rows of some ten thousand charges take half of it. */
const DISK_BYTES = 768 * 1024 * 1024;
const COMPLAINT = "No space left on device";
const PIECE_BYTES = 1024 * 1024;
const SMALLEST_PIECE_BYTES = 512;

/** Moves the data directory of a stopped cluster onto a small disk; or says why that cannot be done. */
export function moveToSmallDisk(data: string, owner: Owner, log: string): SmallDisk | string {
  if (process.getuid?.() !== 0) return "only root may mount a file system";
  const mount = `${data}.disk`;
  const image = `${data}.image`;
  mkdirSync(mount, { recursive: true });
  const remove = () => {
    // Lazily: a process that is just ending may still hold a file on it.
    run("umount", "--lazy", mount);
    rmSync(image, { force: true });
  };
  const kind = mountImage(image, mount) ?? mountMemory(mount);
  if (kind === undefined) {
    remove();
    return "neither a loop device nor a tmpfs could be mounted";
  }
  giveTo(owner, mount);
  const moved = join(mount, "data");
  if (!run("cp", "--archive", data, moved)) {
    remove();
    return "the cluster could not be copied";
  }
  renameSync(data, `${data}.moved`);
  symlinkSync(moved, data);
  rmSync(`${data}.moved`, { recursive: true });
  const ballast = join(mount, "ballast");
  return {
    kind,
    fill: () => fill(ballast),
    free: () => rmSync(ballast, { force: true }),
    complaints: () => readFileSync(log, "utf8").split(COMPLAINT).length - 1,
    remove,
  };
}

function mountImage(image: string, mount: string): string | undefined {
  closeSync(openSync(image, "w", 0o600));
  truncateSync(image, DISK_BYTES);
  // No blocks are kept back for root, who is not the one that runs out of them.
  const made = run("mkfs.ext4", "-q", "-F", "-m", "0", image);
  return made && run("mount", "-o", "loop", image, mount) ? "ext4" : undefined;
}

function mountMemory(mount: string): string | undefined {
  const made = run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", mount);
  return made ? "tmpfs" : undefined;
}

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

function fill(path: string): void {
  const file = openSync(path, "w", 0o600);
  const zeros = Buffer.alloc(PIECE_BYTES);
  try {
    for (let size = PIECE_BYTES; size >= SMALLEST_PIECE_BYTES; ) {
      try {
        writeSync(file, zeros, 0, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        size /= 2;
      }
    }
  } finally {
    closeSync(file);
  }
}
