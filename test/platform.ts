// Starts what all test files share: two regions of real PostgreSQL behind Neon's endpoint.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startPlatform } from "../local/platform.ts";
import { withAllRights } from "./rights.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Everything the Workers need to be told. */
    bindings: Record<string, string>;
    /** Where the databases keep their files. */
    home: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), "tessera-test-"));
  const platform = await startPlatform({ home });
  project.provide("bindings", withAllRights(platform.bindings));
  project.provide("home", home);
  return async () => {
    await platform.stop();
    rmSync(home, { recursive: true, force: true });
  };
}
