// What can be learnt about a process that is not our child: whether it lives, when it started, and
// which command it runs. Reads /proc where there is one and asks `ps` elsewhere.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 25;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !isZombie(pid);
}

/** It has ended and only waits for its parent to look; under a container's init, often for ever. */
export function isZombie(pid: number): boolean {
  return processState(pid) === "Z";
}

export function commandLine(pid: number): string {
  if (!existsSync("/proc/self/cmdline")) return ps(pid, "command");
  return readOrEmpty(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
}

/** A text that differs between two processes that had the same id one after the other. */
export function birthMark(pid: number): string {
  if (!existsSync("/proc/self/stat")) return ps(pid, "lstart");
  // Fields are counted after the command's closing bracket: the command may hold spaces.
  const fields = readOrEmpty(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  return fields[19] ?? "";
}

/** True when the process has ended within the time. */
export async function waitForEnd(pid: number, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function processState(pid: number): string {
  if (!existsSync("/proc/self/stat")) return ps(pid, "state").slice(0, 1);
  return readOrEmpty(`/proc/${pid}/stat`).split(") ").at(-1)?.slice(0, 1) ?? "";
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function ps(pid: number, column: string): string {
  return (
    spawnSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8" }).stdout?.trim() ??
    ""
  );
}
