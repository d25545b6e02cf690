// Writes the bindings where `wrangler dev` reads them: `<home>/dev.vars`, and for the home in this
// repository also the `.dev.vars` beside each wrangler.toml. The files hold secrets (0600) and are
// never committed.

import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BINDINGS_OF_WORKER, type Bindings } from "./bindings.ts";

/** Returns the path of the file with everything. */
export function writeDevVars(home: string, repository: string, bindings: Bindings): string {
  const path = join(home, "dev.vars");
  writeFile(path, bindings, "env-file");
  if (home !== join(repository, ".local")) return path;
  writeFile(join(repository, ".dev.vars"), bindings, "dev-vars");
  for (const [worker, names] of Object.entries(BINDINGS_OF_WORKER)) {
    if (existsSync(join(repository, worker))) {
      writeFile(join(repository, worker, ".dev.vars"), pick(bindings, names), "dev-vars");
    }
  }
  return path;
}

/** The dev vars of one Worker of the split form, for a home elsewhere. */
export function writeWorkerVars(
  home: string,
  worker: keyof typeof BINDINGS_OF_WORKER,
  bindings: Bindings,
): string {
  const path = join(home, "vars", `${worker.replace("/", "-")}.vars`);
  writeFile(path, pick(bindings, BINDINGS_OF_WORKER[worker]), "env-file");
  return path;
}

function pick(bindings: Bindings, names: readonly string[]): Bindings {
  return Object.fromEntries(names.map((name) => [name, bindings[name] ?? ""]));
}

/** wrangler reads `--env-file` and `.dev.vars` by different rules. */
type Form = "env-file" | "dev-vars";

function writeFile(path: string, bindings: Bindings, form: Form): void {
  mkdirSync(dirname(path), { recursive: true });
  const lines = Object.entries(bindings).map(
    ([name, value]) => `${name}=${quote(name, value, form)}`,
  );
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, `${lines.join("\n")}\n`, { mode: 0o600 });
  renameSync(unfinished, path);
}

/** JSON needs single quotes: between them a `.dev.vars` is taken as it is. */
function quote(name: string, value: string, form: Form): string {
  if (/['\n]/.test(value)) throw new Error(`${name} holds a quote or a line break.`);
  // An env file has its variables expanded, also between single quotes.
  return form === "env-file" ? `'${value.replaceAll("$", "\\$")}'` : `'${value}'`;
}
