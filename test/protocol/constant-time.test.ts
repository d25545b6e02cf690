// Comparison of secrets, and a search of the sources for any that goes another way. The search knows secrets
// by the names they are given: what is called otherwise escapes it, so reviewers look as well.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { digestOfSecret, equalBytes } from "../../protocol/constant-time.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("two MACs", () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => at);

  test("are the same when every byte is", () => {
    expect(equalBytes(bytes, bytes.slice())).toBe(true);
    expect(equalBytes(new Uint8Array(), new Uint8Array())).toBe(true);
  });

  test("differ by any one bit", () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = bytes.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(equalBytes(bytes, other), `bit ${bit}`).toBe(false);
    }
  });

  test("differ by length", () => {
    expect(equalBytes(bytes, bytes.slice(0, 31))).toBe(false);
    expect(equalBytes(new Uint8Array(), bytes)).toBe(false);
  });
});

test("a secret's digest is SHA-256 (FIPS 180-4, the example of one block)", async () => {
  expect(Buffer.from(await digestOfSecret("abc")).toString("hex")).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

describe("in the Workers' sources", () => {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((file) => /^(protocol|workers|durable-objects|origin)\/.*\.ts$/.test(file))
    .filter((file) => file !== "protocol/constant-time.ts");

  /** Part of a name, in camel or snake case: `requestMac`, `PROCESSOR_KEY`, not `machine` or `stage`. */
  const SECRET =
    /(?:mac|hmac|tag)(?![a-z])|secret|password|digest|nonce|signature|fingerprint|_KEY\b/i;
  const COMPARISON =
    /([\w$.?![\]"]+(?:\([^()]*\))?)\)*\s*[=!]==?\s*\(*(?:await\s+)?([\w$.?![\]"]+(?:\([^()]*\))?)/g;
  const SEARCH = /\.(?:localeCompare|startsWith|endsWith|includes|indexOf)\(([^()]*)\)/g;
  const LITERAL = /"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`/g;
  /** What is no secret on either side: nothing, a literal, a number. */
  const OPEN = /^(?:undefined|null|""|[0-9]+)$/;

  function compares(line: string): boolean {
    const code = line.replace(LITERAL, '""');
    const compared = [...code.matchAll(COMPARISON)].some(
      ([, left = "", right = ""]) =>
        !OPEN.test(left) && !OPEN.test(right) && (SECRET.test(left) || SECRET.test(right)),
    );
    return compared || [...code.matchAll(SEARCH)].some(([, sought = ""]) => SECRET.test(sought));
  }

  /** Comparisons of such names that give nothing away, and why. */
  const HARMLESS: Readonly<Record<string, string>> = {
    "if (imported?.secret !== secret) imported = { secret, keys: importMacKeys(secret) };":
      "two settings of our own, to see whether one was changed; no caller's word is in it",
    "if (sealing?.secret !== secret) sealing = { secret, keys: new SealingKeys(secret) };":
      "the same in the vault",
    "return ok(print.value === card.fingerprint ? null : print.value);":
      "two fingerprints of one card, both made here",
    "if (iv?.length !== IV_BYTES || sealed === undefined || tag?.length !== TAG_BYTES) return CLOSED;":
      "lengths of public parts",
    "if (imported?.secret !== secret) imported = { secret, key: importKey(secret) };":
      "the same at the bank",
    "if (first.mac === ask.mac && first.operation === ask.operation) return first.reply;":
      "both MACs are made here over what the same merchant sent: nobody can present one",
    "const isSame = first.operation === operation && macs.includes(first.mac);":
      "the same, where the ledger remembers nothing of the request",
    "const isReplay = [fingerprint, ...others].includes(stored.fingerprint);":
      "both are made at the bank over what the same caller sent",
    'if (claims["d"] !== (await digest(request.body))) return refuse("body_swapped");':
      "a digest without a key, of a body the caller has, from claims that are already verified",
  };

  test("the search finds what it is for", () => {
    for (const line of [
      'if (mac === expected) return "ok";',
      "return a.mac !== b.mac;",
      "if (presented === env.API_KEY_SECRET) return ok(1);",
      "const same = expected == (await tag(head, key));",
      "return a !== b || password != other;",
      "if (stored.fingerprint === order.fingerprint) return;",
      "if (secrets.includes(secret)) return;",
      "return digest(a) === digest(b);",
    ]) {
      expect(compares(line), line).toBe(true);
    }
    for (const line of [
      "if (secret === undefined) return;",
      'if (access === "secret") return;',
      "const stage = undefined; if (stage === next) return;",
    ]) {
      expect(compares(line), line).toBe(false);
    }
  });

  test("no secret is compared but in constant time", () => {
    const found = files.flatMap((file) =>
      readFileSync(join(root, file), "utf8")
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => !line.startsWith("//") && !line.startsWith("*") && compares(line))
        .filter((line) => !(line in HARMLESS))
        .map((line) => `${file}: ${line}`),
    );
    expect(found).toEqual([]);
  });

  test("what is excused is still there", () => {
    const all = files.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
    expect(Object.keys(HARMLESS).filter((line) => !all.includes(line))).toEqual([]);
  });

  test("nobody else calls timingSafeEqual", () => {
    const callers = files.filter((file) =>
      readFileSync(join(root, file), "utf8").includes("timingSafeEqual"),
    );
    expect(callers).toEqual([]);
  });
});
