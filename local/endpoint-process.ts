// Runs the SQL endpoint as a process of its own: it gets an event loop to itself, and drills can
// kill it. Its output, of which there is none unless it fails, goes to `<home>/endpoint.log`.

import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./child.ts";

export type EndpointProcess = Child & { url: string; logPath: string };

const START_MS_MAX = 10_000;
const START_POLL_MS = 20;

const program = fileURLToPath(new URL("./neon-endpoint.ts", import.meta.url));

export async function startEndpointProcess(
  home: string,
  connectionStrings: readonly string[],
  port = 0,
): Promise<EndpointProcess> {
  const logPath = join(home, "endpoint.log");
  const log = openSync(logPath, "w", 0o600);
  const child = await startChild({
    command: process.execPath,
    args: [program, "--port", String(port)],
    stop: [
      ["SIGTERM", 2_000],
      ["SIGKILL", 1_000],
    ],
    output: log,
    env: { TESSERA_DATABASES: JSON.stringify(connectionStrings) },
  }).finally(() => closeSync(log));
  const url = await firstUrl(child, logPath);
  return { ...child, url, logPath };
}

async function firstUrl(child: Child, logPath: string): Promise<string> {
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + START_MS_MAX;
  while (!over && performance.now() < deadline) {
    const url = /^http:\S+$/m.exec(readFileSync(logPath, "utf8"))?.[0];
    if (url !== undefined) return url;
    await sleep(START_POLL_MS);
  }
  await child.stop();
  throw new Error(`The SQL endpoint did not start: ${readFileSync(logPath, "utf8").trim()}`);
}
