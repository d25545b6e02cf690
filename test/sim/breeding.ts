// Mutants made flesh: a copy of the sources with one planted bug, loaded in place of the real ones.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Mutant } from "./mutants.ts";
import type { Subject } from "./subject.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** All that the machine and the ledger are made of. */
const SOURCES = ["durable-objects", "protocol", "test/sim/specification"];

/** The source with the bug planted; throws when its place is not there any more, or is there twice. */
export function plant({ name, file, find, replace }: Mutant): string {
  const source = readFileSync(join(ROOT, file), "utf8");
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`"${name}": its place is ${places} times in ${file}`);
  return source.replace(find, () => replace);
}

export async function breed(mutant: Mutant): Promise<Subject> {
  const home = mkdtempSync(join(tmpdir(), "tessera-mutant-"));
  try {
    for (const source of SOURCES) {
      mkdirSync(dirname(join(home, source)), { recursive: true });
      cpSync(join(ROOT, source), join(home, source), { recursive: true });
    }
    writeFileSync(join(home, "package.json"), '{ "type": "module" }');
    writeFileSync(join(home, mutant.file), plant(mutant));
    const load = (file: string): Promise<unknown> => import(pathToFileURL(join(home, file)).href);
    return {
      machine: (await load("durable-objects/machine.ts")) as Subject["machine"],
      ledger: (await load("test/sim/specification/ledger.ts")) as Subject["ledger"],
    };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
