// examples/python: the program, in an environment of its own with the library from PyPI. Where there is no
// Python, or PyPI cannot be reached, the test says that it was skipped and why.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type System, startSystem } from "../system.ts";
import { environmentOf, root, run } from "./example.ts";

const INSTALL_MS_MAX = 90_000;

let system: System;
let folder: string;
let python: string;
let missing: string | undefined;

async function prepare(): Promise<void> {
  python = join(folder, "bin/python");
  const steps: [what: string, program: string, args: string[]][] = [
    ["python3 cannot make an environment", "python3", ["-m", "venv", folder]],
    [
      "PyPI does not give the library",
      python,
      ["-m", "pip", "install", "--quiet", "-r", join(root, "examples/python/requirements.txt")],
    ],
  ];
  for (const [what, program, args] of steps) {
    try {
      await run(program, args, { timeout: INSTALL_MS_MAX });
    } catch {
      missing = what;
      return;
    }
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tessera-python-"));
  await prepare();
  if (missing === undefined) system = await startSystem(inject("bindings"));
  else console.warn(`examples/python skipped: ${missing}`);
});
afterAll(async () => {
  await system?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the program pays, is declined, and gives a part back", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const env = environmentOf(system, await system.merchant());
  const { stdout } = await run(python, ["examples/python/pay.py"], { cwd: root, env });
  const [paid, ...rest] = stdout.trimEnd().split("\n");
  expect(paid).toMatch(/^paid ch_\w+ succeeded 4242$/);
  expect(rest).toEqual([
    "again the same",
    "declined insufficient_funds Your card has insufficient funds.",
    "refunded 500 succeeded",
    "left 1500",
  ]);
});
