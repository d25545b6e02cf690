// Holds the `transit` provider against a real server: starts an OpenBao or a Vault in development mode on a free
// port, enables transit, and runs test/vault/key-providers.test.ts with it. The server is `bao` or `vault` on the
// PATH, or the binary that BAO names; where there is none and `go` is at hand, it is built from the Go module proxy:
//   node test/vault/openbao.mjs
// OpenBao is asked for first. Where a proxy does not have it, Vault 1.14, the last under the MPL, is built instead,
// with released versions of the modules that its own go.mod takes from beside it.

import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCES = [
  { module: "github.com/openbao/openbao/v2", version: "latest" },
  {
    module: "github.com/hashicorp/vault",
    version: "v1.14.2",
  },
];
const TOKEN = "root";
const LOOKS_MAX = 100;
const LOOK_MS = 100;

function run(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    ...options,
  });
  return status === 0 ? stdout : undefined;
}

function find() {
  if (process.env.BAO) return process.env.BAO;
  return ["bao", "vault"].find((name) => run(name, ["version"]) !== undefined) ?? build();
}

function build() {
  for (const { module, version } of SOURCES) {
    const told = run("go", ["mod", "download", "-json", `${module}@${version}`]);
    if (told === undefined) continue;
    const work = mkdtempSync(join(tmpdir(), "tessera-transit-"));
    const source = join(work, "source");
    cpSync(JSON.parse(told).Dir, source, { recursive: true });
    run("chmod", ["-R", "u+w", source]);
    // The module proxy has no neighbours of a module.
    for (const [, name] of readFileSync(join(source, "go.mod"), "utf8").matchAll(
      /^replace (\S+) => \.\//gm,
    )) {
      run("go", ["mod", "edit", `-dropreplace=${name}`], { cwd: source });
    }
    dropStubs(source);
    const binary = join(work, "server");
    console.log(`building ${module}; this takes minutes`);
    if (
      run("go", ["build", "-mod=mod", "-trimpath", "-o", binary, "."], { cwd: source }) !==
      undefined
    ) {
      return binary;
    }
  }
  return undefined;
}

// Routes of the enterprise edition, which the open one answers by "unsupported": with the released sdk they
// end the server at its start.
function dropStubs(source) {
  const path = join(source, "vault/logical_system_helpers.go");
  if (!existsSync(path)) return;
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replaceAll("logical.CreateOperation, ", ""));
}

async function freePort() {
  const server = createServer();
  await new Promise((resume) => server.listen(0, "127.0.0.1", resume));
  const { port } = server.address();
  await new Promise((resume) => server.close(resume));
  return port;
}

const binary = find();
if (binary === undefined || (binary.includes("/") && !existsSync(binary))) {
  console.error("There is no bao, no vault, and none could be built: skipped.");
  process.exit(1);
}
const port = await freePort();
const address = `http://127.0.0.1:${port}`;
const flags = ["-dev", "-dev-no-store-token", `-dev-root-token-id=${TOKEN}`];
const server = spawn(binary, ["server", ...flags, `-dev-listen-address=127.0.0.1:${port}`], {
  stdio: "ignore",
});
const ask = (path, init = {}) =>
  fetch(`${address}/v1/${path}`, { ...init, headers: { "x-vault-token": TOKEN } });

try {
  let isUp = false;
  for (let looks = 0; looks < LOOKS_MAX && !isUp; looks++) {
    isUp = await ask("sys/health").then(
      ({ ok }) => ok,
      () => false,
    );
    if (!isUp) await new Promise((resume) => setTimeout(resume, LOOK_MS));
  }
  if (!isUp) throw new Error("the server does not answer");
  const { version } = await (await ask("sys/health")).json();
  await ask("sys/mounts/transit", { method: "POST", body: JSON.stringify({ type: "transit" }) });
  // With that sdk a Vault built here drops the first question to a new engine, and answers all others.
  await ask("transit/keys/first", { method: "POST", body: "{}" }).catch(() => {});
  console.log(`the server is version ${version}`);
  const tests = spawnSync("npx", ["vitest", "run", "test/vault/key-providers.test.ts"], {
    stdio: "inherit",
    env: { ...process.env, VAULT_ADDR: address, VAULT_TOKEN: TOKEN },
  });
  process.exitCode = tests.status ?? 1;
} finally {
  server.kill();
}
