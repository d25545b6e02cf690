// The README's first payment, run as it stands there.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type System, startSystem } from "./system.ts";

// Not the synchronous one: this process carries the Workers' own requests to the database.
const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The n-th block of the README in this language. */
const block = (language: string, n: number): string =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))][n]?.[1] ?? "";

let system: System;
let folder: string;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  const { account, secret, publishable } = await system.merchant();
  folder = mkdtempSync(join(tmpdir(), "tessera-readme-"));
  mkdirSync(join(folder, ".local"));
  const url = system.url.href.replace(/\/$/, "");
  const keys = {
    url,
    platform: { secret: system.platform },
    demo: { account, secret, publishable },
  };
  writeFileSync(join(folder, ".local/keys.json"), JSON.stringify(keys, null, 2));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});
afterAll(async () => {
  await system?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the README's payment with the SDK goes through", async () => {
  writeFileSync(join(folder, "pay.mjs"), block("js", 0));
  const { stdout } = await run(process.execPath, ["pay.mjs"], { cwd: folder });
  expect(stdout).toMatch(/^ch_\w+ succeeded 4242\n$/);
});

test("the README's payment with curl goes through", async () => {
  const script = block("sh", 2).replaceAll(
    "http://localhost:8787",
    system.url.href.replace(/\/$/, ""),
  );
  const { stdout } = await run("sh", ["-c", script], { cwd: folder });
  expect(JSON.parse(stdout)).toMatchObject({
    object: "charge",
    status: "succeeded",
    amount: 2000,
  });
});

test("every npm command the README names exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name]) => name ?? "");
  expect(named.filter((name) => !(name in scripts) && name !== "install")).toEqual([]);
});
