// The registry of keys against its page and against the [secrets] of every Worker: none is forgotten, none
// is made up, and each lies with whom the registry says.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { KEYS, keyNamed, NO_KEYS, stepsOf } from "../../ops/key-registry.ts";
import { KEYS_PAGE, keysPage } from "../../ops/keys-page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The secrets that each Worker's wrangler.toml requires, in any of its environments. */
const required = globSync(["workers/*/wrangler.toml", "origin/wrangler.toml"], { cwd: root }).map(
  (path) => {
    const text = readFileSync(join(root, path), "utf8");
    const names = [...text.matchAll(/required = \[([^\]]*)\]/g)].flatMap(([, list = ""]) =>
      [...list.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name),
    );
    return { worker: path.split("/").at(-2) ?? "", names: [...new Set(names)] };
  },
);

test("docs/keys.md is what the registry makes (`npm run keys:page`)", () => {
  expect(readFileSync(KEYS_PAGE, "utf8")).toBe(keysPage());
});

describe("each secret", () => {
  test("of a Worker is a key of the registry that this Worker holds, or named as none", () => {
    expect(required.length).toBeGreaterThan(3);
    const strays = required.flatMap(({ worker, names }) =>
      names
        .filter((name) => !NO_KEYS.includes(name))
        .filter((name) => !keyNamed(name)?.holders.some((holder) => holder === worker))
        .map((name) => `${name} of ${worker}`),
    );
    expect(strays).toEqual([]);
  });

  test("of the composite is in the registry, or named as none", () => {
    const text = readFileSync(join(root, "wrangler.toml"), "utf8");
    const list = /required = \[([^\]]*)\]/.exec(text)?.[1] ?? "";
    const names = [...list.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => keyNamed(name) === undefined)).toEqual(NO_KEYS);
  });
});

test("each setting of a Worker that is named like a secret is in the registry, also an optional one", () => {
  const sources = globSync(["{workers,durable-objects,origin}/**/*.ts"], { cwd: root });
  const named = sources.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/readonly ([A-Z][A-Z_]+)\??: string/g)]
      .map(([, name = ""]) => name)
      .filter((name) => /(?:SECRET|KEY|KEYS|TOKEN|SECRET_ID|PASSWORD)$/.test(name)),
  );
  const names = [...new Set(named)];
  expect(names).toEqual(expect.arrayContaining(["CHALLENGE_SECRET", "TRANSIT_TOKEN"]));
  expect(names.length).toBeGreaterThan(12);
  expect(names.filter((name) => keyNamed(name) === undefined)).toEqual([]);
});

describe("each key", () => {
  test("that a Worker holds is required there, or is of one machine, a copy or something optional only", () => {
    const optional = /^(DEMO_|REPLICA_)/;
    for (const { name, holders, neededBy } of KEYS.filter(({ name }) => /^[A-Z_]+$/.test(name))) {
      for (const holder of holders) {
        const worker = required.find((one) => one.worker === holder);
        if (worker === undefined || optional.test(name) || neededBy !== undefined) continue;
        expect(worker.names, `${name} of ${holder}`).toContain(name);
      }
    }
  });

  test("is named once", () => {
    const names = KEYS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("has at least 112 bits (NIST SP 800-131A) or is public, and a period of its own or another's", () => {
    for (const { name, strengthBits, rotation, cryptoperiodDays, algorithm } of KEYS) {
      expect(strengthBits >= 112 || algorithm.endsWith("public"), name).toBe(true);
      expect(cryptoperiodDays === undefined, name).toBe(rotation.kind === "follows");
      // NIST SP 800-57 Part 1 Rev. 5, table 1: none of these kinds may be used longer than two years.
      expect(cryptoperiodDays ?? 1, name).toBeLessThanOrEqual(730);
    }
  });

  test("has steps, and what it follows or is checked with is there", () => {
    for (const key of KEYS) {
      expect(stepsOf(key).length, key.name).toBeGreaterThan(0);
      const { rotation } = key;
      const other = rotation.kind === "follows" ? rotation.of : undefined;
      const verifiers = rotation.kind === "pair" ? rotation.verifiers : undefined;
      for (const name of [other, verifiers]) {
        if (name !== undefined) expect(keyNamed(name), `${name} of ${key.name}`).toBeDefined();
      }
    }
  });

  test("that was rotated has a day", () => {
    for (const { name, rotatedOn } of KEYS) {
      if (rotatedOn !== undefined) expect(rotatedOn, name).toMatch(/^20\d\d-[01]\d-[0-3]\d$/);
    }
  });
});
