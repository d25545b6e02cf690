// What no request can show in reasonable time, read off the sources: that no pattern backtracks, and what may
// run when packages are installed. How secrets are compared is in test/protocol/constant-time.test.ts.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const sources = ["protocol", "workers", "durable-objects", "origin"].flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${room}/${file}`),
);

/** Whether a repeated group repeats without end inside: what makes matching exponential. */
function nestsRepeats(pattern: string): boolean {
  const plain = pattern.replace(/\\./g, "x").replace(/\[[^\]]*\]/g, "x");
  const repeats = [false];
  for (let at = 0; at < plain.length; at++) {
    const sign = plain[at];
    const endless = /^(?:[*+]|\{\d+,\})/.test(plain.slice(at + 1));
    if (sign === "(") repeats.push(false);
    else if (sign === ")") {
      const inner = repeats.pop() ?? false;
      if (inner && endless) return true;
      if (inner || endless) repeats[repeats.length - 1] = true;
    } else if (endless) repeats[repeats.length - 1] = true;
  }
  return false;
}

describe("a pattern that input is matched with", () => {
  const patterns = sources.flatMap((file) =>
    [
      ...read(file).matchAll(
        /(?<=[=(,:?&|!\s])\/(?![/*\s])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+)\/[dgimsuvy]*/g,
      ),
    ].map(([, pattern = ""]) => ({ file, pattern })),
  );

  test("never repeats what repeats", () => {
    expect(patterns.length).toBeGreaterThan(40);
    expect(patterns.filter(({ pattern }) => nestsRepeats(pattern))).toEqual([]);
  });

  test("would be caught if it did", () => {
    for (const bad of ["(a+)+", "(?:a*)*b", "(x(?:[a-z]+,?)){2,}", "((ab)*c)+"]) {
      expect(nestsRepeats(bad), bad).toBe(true);
    }
    for (const good of ["(a+)", "(?:ab)+", "(?:a{2})+", "[a+]+"]) {
      expect(nestsRepeats(good), good).toBe(false);
    }
  });
});

test("a package is what the lock says, and runs nothing on installation unless it is allowed to", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<
      string,
      { integrity?: string; hasInstallScript?: boolean; optional?: boolean; cpu?: string[] }
    >;
  };
  const { allowScripts } = JSON.parse(read("package.json")) as { allowScripts: object };
  const installed = Object.entries(packages).filter(([path]) => path !== "");
  expect(installed.length).toBeGreaterThan(50);
  // The lock has no digests of some binaries that only other machines would install.
  const loose = installed.filter(
    ([, { integrity, optional, cpu }]) =>
      !integrity?.startsWith("sha512-") && !(optional === true && cpu !== undefined),
  );
  expect(loose.map(([path]) => path)).toEqual([]);
  const scripted = installed.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const names = scripted.map(([path]) => path.split("node_modules/").at(-1) ?? "");
  const allowed = [...Object.keys(allowScripts), "fsevents"];
  expect(
    names.filter((name) => !allowed.some((a) => name.startsWith(a.replace(/[-/]linux-.*/, "")))),
  ).toEqual([]);
});

test("the API reference brings its bundle and none of the packages it was made of", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { name?: string; dependencies?: object }>;
  };
  const at = "node_modules/@scalar/api-reference";
  const names = Object.keys(packages[at]?.dependencies ?? {});
  expect(names.length).toBeGreaterThan(20);
  const brought = names.filter((name) => {
    const installed = packages[`${at}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
    return installed !== undefined && installed.name !== "empty-npm-package";
  });
  expect(brought).toEqual([]);
});
