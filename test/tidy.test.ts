// The house rules that a machine can hold: who may import whom, which packages stand where, how long a
// file may be, which words are not used, and that root and split configurations name the same bindings.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => /\.(ts|mjs|js|sql)$/.test(file));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** The room a file stands in. */
const roomOf = (file: string): string =>
  /^(workers\/(?:edge|vault|testbank|[a-z]+\.ts)|[^/]+)/.exec(file)?.[0] ?? "";

/** Rooms, and single files, that each room may import. */
const LAW: Record<string, readonly string[]> = {
  protocol: ["protocol"],
  "durable-objects": ["protocol", "durable-objects"],
  "workers/edge": [
    "protocol",
    "workers/edge",
    "durable-objects/audit-log.ts",
    "durable-objects/lane.ts",
    "durable-objects/shard.ts",
    "durable-objects/stream.ts",
    "durable-objects/origin-client.ts",
  ],
  "workers/vault": [
    "protocol",
    "workers/vault",
    "durable-objects/card-box.ts",
    "durable-objects/card-limiter.ts",
  ],
  "workers/testbank": ["protocol", "workers/testbank"],
  "workers/environment.ts": ["durable-objects/shard.ts", "workers/edge", "workers/vault", "origin"],
  "workers/index.ts": ["workers/edge", "workers/vault", "workers/testbank", "origin"],
  origin: ["protocol", "origin"],
  checkout: ["protocol", "checkout"],
  examples: [],
  local: ["protocol", "local"],
  ops: ["protocol", "ops"],
};

/** Packages by the rooms that may use them; what is not named is used in local/ and test/ only. */
const PACKAGES: Record<string, readonly string[]> = {
  hono: ["workers/edge"],
  zod: ["workers/edge", "workers/testbank"],
  jose: ["protocol", "local", "ops"],
  stripe: ["examples"],
  "drizzle-orm": ["origin"],
  "@neondatabase/serverless": ["origin"],
  "cloudflare:workers": [
    "workers/edge",
    "workers/vault",
    "workers/testbank",
    "origin",
    "durable-objects",
  ],
};

const FREE = new Set(["test", "vitest.config.ts"]);

function importsOf(file: string): string[] {
  const found = read(file).matchAll(/^\s*(?:import|export)\s[^"';]*?from\s+"([^"]+)"/gms);
  return [...found].map(([, name]) => name ?? "");
}

describe("the dependency law", () => {
  const governed = files.filter((file) => !FREE.has(roomOf(file)) && /\.(ts|mjs|js)$/.test(file));

  test("knows every room", () => {
    expect([...new Set(governed.map(roomOf))].filter((room) => !(room in LAW))).toEqual([]);
  });

  test("holds for every import within the repository", () => {
    const broken = governed.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith("."))
        .map((name) => normalize(join(dirname(file), name)))
        .filter((target) => !LAW[roomOf(file)]?.some((allowed) => target.startsWith(allowed)))
        .map((target) => `${file} → ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("holds for every package", () => {
    const broken = governed.flatMap((file) =>
      importsOf(file)
        .filter((name) => !name.startsWith("."))
        .filter((name) => {
          const room = roomOf(file);
          const tools = room === "local" || room === "ops";
          if (name.startsWith("node:")) return !tools && room !== "examples";
          const known = Object.keys(PACKAGES).find((p) => name === p || name.startsWith(`${p}/`));
          return known === undefined ? !tools : !PACKAGES[known]?.includes(room);
        })
        .map((name) => `${file} → ${name}`),
    );
    expect(broken).toEqual([]);
  });
});

describe("every file", () => {
  const LINES_MAX = 400;
  const sources = files.filter((file) => !FREE.has(roomOf(file)));

  test(`has at most ${LINES_MAX} lines`, () => {
    const long = sources.filter((file) => read(file).split("\n").length > LINES_MAX);
    expect(long).toEqual([]);
  });

  test("is a kebab-case noun and not a drawer for the rest", () => {
    const names = sources.map(
      (file) =>
        file
          .split("/")
          .at(-1)
          ?.replace(/(\.d)?\.\w+$/, "") ?? "",
    );
    expect(names.filter((name) => !/^(\d{4}_)?[a-z0-9]+([-_][a-z0-9]+)*$/.test(name))).toEqual([]);
    expect(
      names.filter((name) => /^(utils?|helpers?|common|shared|misc|manager|service)s?$/.test(name)),
    ).toEqual([]);
  });

  test("leaves nothing unfinished and nothing printed by accident", () => {
    const marks = /\b(TODO|FIXME|XXX)\b|@ts-ignore|@ts-expect-error/;
    expect(sources.filter((file) => marks.test(read(file)))).toEqual([]);
    const workers = sources.filter((file) =>
      /^(workers|durable-objects|origin|protocol)\//.test(file),
    );
    expect(workers.filter((file) => /console\.(log|debug|info)/.test(read(file)))).toEqual([]);
  });

  test("exposes a card number in the vault's two places only", () => {
    const exposing = sources.filter((file) => /\.expose\(\)/.test(read(file)));
    expect(exposing.sort()).toEqual(["workers/vault/index.ts", "workers/vault/processor.ts"]);
  });

  test("calls the vault by its own binding: the edge by VAULT, the shard by SHARD_VAULT", () => {
    const naming = (name: RegExp) => sources.filter((file) => name.test(read(file)));
    expect(
      naming(/\bSHARD_VAULT\b/)
        .filter((file) => file.endsWith(".ts"))
        .sort(),
    ).toEqual([
      "durable-objects/forgetting.ts",
      "durable-objects/shard.ts",
      "workers/edge/environment.ts",
    ]);
    expect(
      naming(/\benv\.VAULT\b/)
        .map(roomOf)
        .filter((room) => room !== "workers/edge"),
    ).toEqual([]);
  });

  test("reads no clock in protocol", () => {
    const clocks = files.filter(
      (f) => f.startsWith("protocol/") && /Date\.now|new Date\(|Math\.random/.test(read(f)),
    );
    expect(clocks).toEqual([]);
  });
});

describe("the composite and the split configurations", () => {
  const namesIn = (path: string): string[] => {
    const text = read(path);
    const bindings = [...text.matchAll(/^\s*(?:binding|name) = "([A-Z_]+)"/gm)];
    const classes = [...text.matchAll(/^\[exports\.(\w+)\]/gm)];
    return [...bindings, ...classes].map(([, name]) => name ?? "").sort();
  };

  /** The bank calls the edge as a stranger does, by a URL, but on one machine by a binding (decision 27). */
  const COMPOSITE_ONLY = ["NOTICES"];

  test("name the same bindings and classes", () => {
    const split = ["workers/edge", "workers/vault", "workers/testbank", "origin"].flatMap((room) =>
      namesIn(`${room}/wrangler.toml`),
    );
    expect([...new Set([...split, ...COMPOSITE_ONLY])].sort()).toEqual(
      [...new Set(namesIn("wrangler.toml"))].sort(),
    );
  });
});
