// Which ledgers an operator's command is about: those of the environment, or those of the Tessera that runs
// on this machine. What the environment says goes before what the machine says, name by name.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { REGIONS, type Region } from "../protocol/slot.ts";

export type Settings = Readonly<Record<string, string | undefined>>;

export function settings(): Settings {
  const { TESSERA_HOME } = process.env;
  const home = TESSERA_HOME ?? join(fileURLToPath(new URL("..", import.meta.url)), ".local");
  const path = join(home, "dev.vars");
  return { ...(existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {}), ...process.env };
}

export type Primary = { readonly region: Region; readonly url: string };

export function primaries(given: Settings): Primary[] {
  return REGIONS.flatMap((region) => {
    const name = region.toUpperCase();
    // Those of the shell go before those of this machine, which tell the owner's apart from the origin's.
    const own = process.env[`DATABASE_URL_${name}`] || given[`OWNER_URL_${name}`];
    const [url] = (own || given[`DATABASE_URL_${name}`] || "").split(" ");
    return url ? [{ region, url }] : [];
  });
}

/** The copies, by connections that may write to them: as who owns the primary beside them. */
export function copies(given: Settings): string[] {
  return primaries(given).flatMap(({ region, url }) => {
    const other = REGIONS.filter((name) => name !== region);
    return other.flatMap((home) => {
      const copy = given[`REPLICA_URL_${region.toUpperCase()}_${home.toUpperCase()}`];
      if (!copy) return [];
      const [reading, writing] = [new URL(copy), new URL(url)];
      if (reading.host !== writing.host) return [copy];
      writing.pathname = reading.pathname;
      return [writing.href];
    });
  });
}

export const NO_DATABASES =
  "Set DATABASE_URL_US and DATABASE_URL_EU, or run `npm run database` first.";

/** One line on a database that did not answer as it should. */
export function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  return `cannot be read: ${reason}. Locally, run \`npm run database\` first.`;
}
