// Children end with their starter, in whichever way that ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { isAlive, waitForEnd } from "../../local/process-table.ts";

const STARTER = `
  import { startChild } from "${new URL("../../local/child.ts", import.meta.url).href}";
  const child = await startChild({
    command: process.execPath,
    args: ["-e", process.argv[1]],
    stop: [["SIGINT", 300], ["SIGKILL", 100]],
    output: 1,
  });
  console.log(child.pid);
  process.on("SIGTERM", () => child.stop().then(() => process.exit(0)));
  const { code, signal, asked } = await child.ended;
  console.log(JSON.stringify({ code, signal, asked }));
  setInterval(() => {}, 9999);`;
const PATIENT = "setInterval(() => {}, 9999)";
const DEAF = `process.on("SIGINT", () => {}); ${PATIENT}`;

const starters: ChildProcess[] = [];
afterEach(() => {
  for (const starter of starters.splice(0)) starter.kill("SIGKILL");
});

async function startStarter(program: string): Promise<{ starter: ChildProcess; pid: number }> {
  const flags = ["--input-type=module", "-e", STARTER, program];
  const starter = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  starters.push(starter);
  const [line] = (await once(starter.stdout, "data")) as [Buffer];
  return { starter, pid: Number(line) };
}

test.each([
  ["a child", PATIENT],
  ["a child that ignores the first signal", DEAF],
])("%s ends when its starter is killed with SIGKILL", async (_, program) => {
  const { starter, pid } = await startStarter(program);
  expect(isAlive(pid)).toBe(true);
  starter.kill("SIGKILL");
  expect(await waitForEnd(pid, 3_000)).toBe(true);
});

test("a grandchild that the child leaves behind ends, too", async () => {
  const script = `const { spawn } = require("node:child_process");
    const left = spawn(process.execPath, ["-e", ${JSON.stringify(DEAF)}]);
    console.log(left.pid); ${PATIENT}`;
  const { starter, pid } = await startStarter(script);
  const [line] = (await once(starter.stdout ?? process.stdin, "data")) as [Buffer];
  const grandchild = Math.max(...String(line).trim().split("\n").map(Number));
  expect(grandchild).not.toBe(pid);
  starter.kill("SIGTERM");
  expect(await waitForEnd(pid, 3_000)).toBe(true);
  expect(await waitForEnd(grandchild, 3_000)).toBe(true);
});

test("the starter learns how its child ended", async () => {
  const { starter, pid } = await startStarter(PATIENT);
  process.kill(pid, "SIGKILL");
  const [line] = (await once(starter.stdout ?? process.stdin, "data")) as [Buffer];
  expect(JSON.parse(String(line))).toEqual({ code: null, signal: "SIGKILL", asked: false });
});

const start = fileURLToPath(new URL("../../local/start.ts", import.meta.url));

function npmStart(home: string, args: string[], env: Record<string, string>): ChildProcess {
  const { DATABASE_URL_US: _, DATABASE_URL_EU: __, ...inherited } = process.env;
  const starter = spawn(process.execPath, [start, ...args], {
    env: { ...inherited, TESSERA_HOME: home, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  starters.push(starter);
  return starter;
}

test("a taken port is told in one line before anything is started", async () => {
  const home = mkdtempSync(join(tmpdir(), "tessera-test-"));
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const starter = npmStart(home, [], { PORT: String(port) });
  let out = "";
  starter.stdout?.on("data", (chunk) => {
    out += chunk;
  });
  const [code] = await once(starter, "close");
  server.close();
  rmSync(home, { recursive: true });
  expect(code).toBe(1);
  expect(out).toMatch(new RegExp(`^ *0\\.\\d s  Port ${port} is in use: .*PORT=\\d+ npm start\n$`));
});

test.each(["SIGTERM", "SIGKILL"] as const)(
  "%s leaves no database behind",
  async (signal) => {
    const home = mkdtempSync(join(tmpdir(), "tessera-test-"));
    const starter = npmStart(home, ["--database"], {});
    let out = "";
    starter.stdout?.on("data", (chunk) => {
      out += chunk;
    });
    await expect.poll(() => out, { timeout: 20_000 }).toMatch(/The databases are up/);
    const ports = [...out.matchAll(/answers on port (\d+)/g)].map(([, port]) => Number(port));
    expect(ports).toHaveLength(2);
    starter.kill(signal);
    const [code] = await once(starter, "close");
    expect(code).toBe(signal === "SIGTERM" ? 0 : null);
    const limit = { timeout: signal === "SIGTERM" ? 1 : 5_000 };
    for (const port of ports) await expect.poll(() => isFree(port), limit).toBe(true);
    rmSync(home, { recursive: true });
  },
  30_000,
);

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  const [result] = await Promise.race([
    once(server, "listening").then(() => [true]),
    once(server, "error").then(() => [false]),
  ]);
  server.close();
  return result === true;
}
