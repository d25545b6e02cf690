// What wrangler is told, and that no Worker is told what another one keeps to itself.

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BINDINGS_OF_WORKER, bindings } from "../../local/bindings.ts";
import { writeDevVars } from "../../local/dev-vars.ts";
import { loadSecrets } from "../../local/secrets.ts";
import { type Home, makeHome } from "./scratch.ts";

let repository: Home;
let given: Record<string, string>;

beforeEach(async () => {
  repository = makeHome();
  for (const worker of Object.keys(BINDINGS_OF_WORKER)) {
    mkdirSync(join(repository.path, worker), { recursive: true });
  }
  const secrets = await loadSecrets(join(repository.path, ".local"));
  const databases = { us: "postgresql://u:p$HOME@h/d?a=b#c", eu: "postgresql://u:p@h/e" };
  given = bindings(secrets, databases, "http://127.0.0.1:1/sql");
  writeDevVars(join(repository.path, ".local"), repository.path, given);
});

afterEach(() => repository.remove());

const read = (path: string) => readFileSync(join(repository.path, path), "utf8");

test("every value reaches wrangler as it is", () => {
  expect(parseEnv(read(".dev.vars"))).toEqual(given);
});

test("in an env file, whose variables are expanded, dollars are escaped", () => {
  expect(read(".local/dev.vars")).toContain("u:p\\$HOME@h");
});

test("a value that cannot be quoted is refused", () => {
  const home = join(repository.path, ".local");
  const write = () => writeDevVars(home, repository.path, { NAME: "it's" });
  expect(write).toThrow("NAME holds a quote");
});

test("only their owner can read the files", () => {
  for (const path of [".dev.vars", ".local/dev.vars", "workers/vault/.dev.vars"]) {
    expect(statSync(join(repository.path, path)).mode & 0o777).toBe(0o600);
  }
});

test.each([
  ["CARD_ROOT_KEY", ["workers/vault"]],
  ["FINGERPRINT_ROOT_KEY", ["workers/vault"]],
  ["EDGE_SIGNING_KEY", ["workers/edge"]],
  ["API_KEY_SECRET", ["workers/edge"]],
  ["DATABASE_URL_US", ["origin"]],
  ["PROCESSOR_KEY", ["workers/vault", "workers/testbank"]],
])("%s is told to nobody but %s", (name, workers) => {
  const told = Object.keys(BINDINGS_OF_WORKER).filter(
    (worker) => name in parseEnv(read(`${worker}/.dev.vars`)),
  );
  expect(told.toSorted()).toEqual(workers.toSorted());
});

test("the database password of this machine is in no Worker's bindings by name", () => {
  expect(given).not.toHaveProperty("POSTGRES_PASSWORD");
});

test("a home elsewhere does not touch the repository's .dev.vars", () => {
  const before = read(".dev.vars");
  writeFileSync(join(repository.path, "untouched"), before);
  writeDevVars(join(repository.path, "elsewhere"), repository.path, { ...given, SQL_ENDPOINT: "" });
  expect(read(".dev.vars")).toBe(before);
});
