// docs/attacks.md and docs/pci.md against the tests they name: every row is shown by a test or says why not,
// every test that is named is there, and every attack that is tried has its row.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** The rows of a page's tables and the tests each names: `file › name`, or `file` for all of it. */
function rowsOf(page: string) {
  const lines = read(page).split("\n");
  return lines
    .filter((line, at) => line.startsWith("| ") && !lines[at + 1]?.startsWith("| -"))
    .filter((line) => !line.startsWith("| -"))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()))
    .map((cells) => {
      const [row = "", shown = ""] = [cells[0], cells.at(-1)];
      const named = [...shown.matchAll(/`([^`›]+?)(?: › ([^`]+))?`/g)];
      return {
        row,
        shown,
        tests: named.map(([, file = "", name = ""]) => ({ file: `test/${file}.test.ts`, name })),
      };
    });
}

const PAGES = [
  { page: "docs/attacks.md", rowsMin: 30 },
  { page: "docs/pci.md", rowsMin: 25 },
];

describe.each(PAGES)("$page", ({ page, rowsMin }) => {
  const rows = rowsOf(page);

  test("names a test in every row, or says why none is needed", () => {
    expect(rows.length).toBeGreaterThanOrEqual(rowsMin);
    const silent = rows.filter(
      ({ shown, tests }) => tests.length === 0 && !/^(?:Not built|Not ours): \S/.test(shown),
    );
    expect(silent.map(({ row }) => row)).toEqual([]);
  });

  test("names only tests that are there", () => {
    const missing = rows.flatMap(({ row, tests }) =>
      tests
        .filter(({ file, name }) => {
          const text = read(file);
          return !text.includes(name) && !text.includes(name.replaceAll('"', '\\"'));
        })
        .map(({ file, name }) => `${row}: ${file} › ${name}`),
    );
    expect(missing).toEqual([]);
  });
});

test("every test of an attack has its row", () => {
  const told = new Set(
    rowsOf("docs/attacks.md").flatMap(({ tests }) => tests.map(({ file }) => file)),
  );
  const here = readdirSync(join(root, "test/attacks"))
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `test/attacks/${file}`);
  expect(here.filter((file) => !told.has(file))).toEqual([]);
});
