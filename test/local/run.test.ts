// local/run.mjs in a repository of its own, with an npm that only writes down what it was asked.

import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Home, makeHome } from "./scratch.ts";

const runner = fileURLToPath(new URL("../../local/run.mjs", import.meta.url));
const NPM = `
  import { appendFileSync, copyFileSync, mkdirSync } from "node:fs";
  import { setTimeout } from "node:timers/promises";
  appendFileSync("npm.log", process.argv.slice(2, 3) + "\\n");
  if (process.env.NPM_BREAKS === "always" || process.env.NPM_BREAKS === process.argv[2]) {
    console.error("npm error no route to the registry");
    process.exit(1);
  }
  await setTimeout(200);
  mkdirSync("node_modules", { recursive: true });
  copyFileSync("package-lock.json", "node_modules/.package-lock.json");`;

let repository: Home;

beforeEach(() => {
  repository = makeHome();
  const { path } = repository;
  mkdirSync(join(path, "local"));
  copyFileSync(runner, join(path, "local/run.mjs"));
  writeFileSync(join(path, "package.json"), '{"type":"module"}');
  writeFileSync(join(path, "npm-cli.js"), NPM);
  writeLock("1.0.0");
});

afterEach(() => repository.remove());

function writeLock(version: string): void {
  const packages = { "": {}, "node_modules/thing": { version } };
  writeFileSync(join(repository.path, "package-lock.json"), JSON.stringify({ packages }));
}

function npmCalls(): string[] {
  const path = join(repository.path, "npm.log");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(repository.path, "local/run.mjs"), ...args], {
    env: { ...process.env, npm_execpath: join(repository.path, "npm-cli.js"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

type End = { code: number | null; out: string; err: string };

function end(child: ChildProcess): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk;
  });
  child.on("close", (code) => resolve({ code, out, err }));
  return promise;
}

const run = (args: string[], env?: Record<string, string>) => end(start(args, env));

test("installs once, and again only when the lock has changed", async () => {
  expect(await run(["node", "-p", "1"])).toMatchObject({ code: 0, out: "1\n" });
  expect(await run(["node", "-p", "2"])).toEqual({ code: 0, out: "2\n", err: "" });
  expect(npmCalls()).toEqual(["ci"]);
  writeLock("2.0.0");
  await run(["node", "-p", "3"]);
  expect(npmCalls()).toEqual(["ci", "ci"]);
});

test("is content with what npm installed by hand", async () => {
  mkdirSync(join(repository.path, "node_modules"));
  const installed = join(repository.path, "node_modules/.package-lock.json");
  copyFileSync(join(repository.path, "package-lock.json"), installed);
  await run(["node", "-p", "1"]);
  expect(npmCalls()).toEqual([]);
});

test("two at once install once", async () => {
  const ends = await Promise.all([run(["node", "-p", "1"]), run(["node", "-p", "1"])]);
  expect(ends).toMatchObject([{ code: 0 }, { code: 0 }]);
  expect(npmCalls()).toEqual(["ci"]);
});

test("a lock left by a killed installation is no obstacle", async () => {
  mkdirSync(join(repository.path, ".local/install.lock"), { recursive: true });
  writeFileSync(join(repository.path, ".local/install.lock/pid"), "2147483646");
  expect(await run(["node", "-p", "1"])).toMatchObject({ code: 0 });
});

test("a lock file that npm ci refuses is installed from all the same", async () => {
  expect(await run(["node", "-p", "1"], { NPM_BREAKS: "ci" })).toMatchObject({ code: 0 });
  expect(npmCalls()).toEqual(["ci", "install"]);
});

test("says what to do when npm fails, and does not run the command", async () => {
  const { code, out, err } = await run(["node", "-p", "1"], { NPM_BREAKS: "always" });
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/no route to the registry(.|\n)*could not be installed: check the network/);
});

test("says how it is used when there is no command", async () => {
  expect(await run([])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^Usage: node local/),
  });
});

test("a command gets its own tools first, and the repository as its place", async () => {
  const script = "console.log(process.env.PATH, process.cwd())";
  const { out } = await run(["node", "-e", script]);
  const { path } = repository;
  expect(out).toBe(
    `${dirname(process.execPath)}:${join(path, "node_modules/.bin")}:${process.env["PATH"]} ${path}\n`,
  );
});

test.each([
  ["an exit code", "process.exit(7)", 7],
  ["a signal", "process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 9999)", 137],
])("%s of the command is its own", async (_, script, code) => {
  expect(await run(["node", "-e", script])).toMatchObject({ code });
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s reaches the command", async (signal) => {
  const script = `process.on("${signal}", () => { console.log("got it"); process.exit(3); });
    console.log("ready"); setInterval(() => {}, 9999);`;
  const child = start(["node", "-e", script]);
  const ended = end(child);
  child.stdout?.once("data", () => child.kill(signal));
  expect(await ended).toMatchObject({ code: 3, out: "ready\ngot it\n" });
});
