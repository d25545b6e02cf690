// What a test file has written to temporary places, most of all the storage of its Durable Objects, lies in the folder of
// its run: it goes when the run ends, and nobody who tidies the machine's own folder takes it from a running system,
// which would find its cards and the bank's book gone at its next deployment.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";

const folder = join(inject("home"), "tmp");
mkdirSync(folder, { recursive: true });
process.env["TMPDIR"] = folder;
