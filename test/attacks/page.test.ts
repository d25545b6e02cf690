// docs/attacks.md against the tests it names: every row is shown by a test or says why not, and every test
// of this folder has its row.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const rows = read("docs/attacks.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (?:Attack|-)/.test(line))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()));

/** The tests a row names: `file › name`, or `file` for all of it. */
const named = rows.map(([attack = "", , shown = ""]) => ({
  attack,
  shown,
  tests: [...shown.matchAll(/`([^`›]+?)(?: › ([^`]+))?`/g)].map(([, file = "", name = ""]) => ({
    file: `test/${file}.test.ts`,
    name,
  })),
}));

test("every row names a test, or says why it needs none", () => {
  expect(rows.length).toBeGreaterThan(25);
  const silent = named.filter(
    ({ shown, tests }) => tests.length === 0 && !/^(?:Not built|Not ours): \S/.test(shown),
  );
  expect(silent.map(({ attack }) => attack)).toEqual([]);
});

test("every test that is named exists", () => {
  const missing = named.flatMap(({ attack, tests }) =>
    tests
      .filter(
        ({ file, name }) =>
          !read(file).includes(name.replaceAll('"', '\\"')) && !read(file).includes(name),
      )
      .map(({ file, name }) => `${attack}: ${file} › ${name}`),
  );
  expect(missing).toEqual([]);
});

test("every test of this folder has its row", () => {
  const told = new Set(named.flatMap(({ tests }) => tests.map(({ file }) => file)));
  const here = readdirSync(join(root, "test/attacks"))
    .filter((file) => file.endsWith(".test.ts") && file !== "page.test.ts")
    .map((file) => `test/attacks/${file}`);
  expect(here.filter((file) => !told.has(file))).toEqual([]);
});
