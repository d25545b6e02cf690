// The benchmark runs: every way in, every experiment, for a fraction of a second each. Nothing here says
// how fast anything is.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Run } from "./run.ts";

const ONLY = [
  ...[
    "inside.hot",
    "inside.alone",
    "inside.bank",
    "inside.tokenize",
    "inside.replay",
    "http.charge",
  ],
  ...["ledger.charge", "ledger.close", "storm", "batch", "growth"],
];
const RUN_MS_MAX = 240_000;

test(
  "the benchmark runs, and every ledger agrees with its answers",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "tessera-bench-test-"));
    try {
      const json = join(directory, "run.json");
      const { code, text } = await bench([
        ...["--only", ONLY.join(","), "--json", json, "--seconds", "0.05", "--repeat", "1"],
        ...["--concurrency", "4", "--growth", "2000", "--merchants", "20"],
      ]);
      expect(code, text).toBe(0);
      const run = JSON.parse(readFileSync(json, "utf8")) as Run;
      expect(run.faults).toEqual([]);
      expect(run.measured.filter(({ good }) => good === 0)).toEqual([]);
      for (const row of ONLY.filter((name) => name.includes("."))) {
        expect(run.measured.map((one) => one.row)).toContain(row);
      }
      expect(run.audits.map(({ ledger }) => ledger)).toEqual([
        "system",
        "ledger alone",
        "long history",
      ]);
      expect(run.storms?.map(({ rows, calls }) => ({ rows, calls }))).toEqual([
        { rows: 1, calls: 2 },
      ]);
      // Counted, not timed: these hold on any machine.
      const { batch } = run;
      expect(batch && batch.fsyncs / batch.charges).toBeLessThanOrEqual(0.025);
      expect(batch && batch.walBytes / batch.charges).toBeLessThanOrEqual(1500);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  RUN_MS_MAX,
);

function bench(args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const path = fileURLToPath(new URL("./index.ts", import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (some: string) => {
      text += some;
    });
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}
