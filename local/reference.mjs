// Puts the script of the API reference where the edge serves it: Scalar's bundle, from node_modules into
// checkout/public/docs/. Every wrangler runs this first (it is the build command of the composite and of
// the edge), so a start, a test and a deployment have it alike, and none of them asks the network.
//
// Runs before anything is known to be installed; so plain JavaScript, and a missing package is only said.

import { copyFileSync, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const from = here("../node_modules/@scalar/api-reference/dist/browser/standalone.js");
const to = here("../checkout/public/docs/scalar.js");

export function placeReference() {
  if (!existsSync(from)) {
    console.error("The API reference will be empty: run `npm ci` first.");
    return;
  }
  if (existsSync(to) && isCopy()) return;
  // Two wranglers may start at once: whole or not at all.
  const unfinished = `${to}.${process.pid}`;
  try {
    copyFileSync(from, unfinished);
    renameSync(unfinished, to);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function isCopy() {
  const [source, copy] = [statSync(from), statSync(to)];
  return source.size === copy.size && source.mtimeMs <= copy.mtimeMs;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) placeReference();
