// `npm run deploy`: the deployable Workers in the order in which their bindings must exist, edge
// last. The composite at the root is never deployed. Flags go to wrangler, e.g. --dry-run.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const PARTS = [
  { folder: "workers/testbank", flags: [] },
  { folder: "origin", flags: ["--env", "us"] },
  { folder: "origin", flags: ["--env", "eu"] },
  { folder: "workers/vault", flags: [] },
  { folder: "workers/edge", flags: [] },
] as const;

for (const { folder, flags } of PARTS) {
  console.log(`\n${[folder, ...flags].join(" ")}`);
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/wrangler/bin/wrangler.js"),
      "deploy",
      ...["-c", join(root, folder, "wrangler.toml")],
      ...flags,
      ...process.argv.slice(2),
    ],
    { stdio: "inherit", cwd: join(root, folder) },
  );
  if (status !== 0) {
    console.error(`${folder} was not deployed; what came before it was.`);
    process.exit(status ?? 1);
  }
}
