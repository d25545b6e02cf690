// `npm run keys:page`: writes docs/keys.md from the registry; with --check only says whether it would change.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { KEYS, type RegisteredKey, stepsOf } from "./key-registry.ts";

export const KEYS_PAGE = fileURLToPath(new URL("../docs/keys.md", import.meta.url));

/** The page as the registry has it. */
export function keysPage(keys: readonly RegisteredKey[] = KEYS): string {
  return `${[
    "# Keys",
    "",
    "Made by `npm run keys:page` from `ops/key-registry.ts`; change that list, not this page. It is the inventory that PCI DSS",
    "4.0.1 asks for in 3.6.1.1 (keys that protect stored account data) and 12.3.3 (all cryptography in use, to be looked",
    "through once a year). No key of a test is one of production: `npm run secrets` makes a fresh set each time, and local",
    "ones are made on the machine and stay there.",
    "",
    ...keys.flatMap(section),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function section(key: RegisteredKey): string[] {
  const { name, algorithm, strengthBits, use, holders, custodian, cryptoperiodDays } = key;
  const needed = key.neededBy === undefined ? [] : [`- Needed by: ${key.neededBy}`];
  const steps = stepsOf(key);
  return [
    `## \`${name}\``,
    "",
    `- Use: ${use}`,
    ...needed,
    `- Algorithm: ${algorithm}${strengthBits === 0 ? "" : `; strength ${strengthBits} bits`}`,
    `- Held by: ${holders.join(", ")}; custodian: ${custodian}`,
    `- Cryptoperiod: ${cryptoperiodDays === undefined ? "of the key it follows" : `${cryptoperiodDays} days`}`,
    `- Last rotation: ${key.rotatedOn ?? "not recorded here"}`,
    ...(steps.length === 1
      ? [`- Rotation: ${steps[0]}`]
      : ["- Rotation:", ...steps.map((step, at) => `  ${at + 1}. ${step}`)]),
    "",
  ];
}

if (import.meta.main) {
  const page = keysPage();
  const same = readFileSync(KEYS_PAGE, { encoding: "utf8", flag: "a+" }) === page;
  if (process.argv.includes("--check")) process.exitCode = same ? 0 : 1;
  else if (!same) writeFileSync(KEYS_PAGE, page);
  console.log(same ? "docs/keys.md is up to date" : "docs/keys.md was not what the registry says");
}
