// Runs a command of this repository with what it needs: `node local/run.mjs COMMAND ARGS…`. It
// promises a Node that wrangler and vitest accept (the running one, else one from npm, kept in
// `.local/node`) and the dependencies of package-lock.json, installs only what is missing, and is
// otherwise invisible: streams, signals and the exit code are the command's own.
//
// Runs on Node 18 and later, before anything is installed; so plain JavaScript and no imports.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** wrangler asks for it; type stripping and vitest are content with it, too. */
const NODE_VERSION_MIN = [22, 18];
const NODE_MAJOR = 24;
/** A slow line downloads Node in some minutes; whoever holds the lock longer has been killed. */
const LOCK_MS_MAX = 15 * 60 * 1000;
const LOCK_POLL_MS = 200;
const ORPHAN_POLL_MS = 1000;
/** npm tells what went wrong first, then how it is used. */
const COMPLAINT_LINES_MAX = 6;

/** What the user can do something about: one line, with the remedy. */
class Problem extends Error {}

async function main() {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined) throw new Problem("Usage: node local/run.mjs COMMAND ARGS…");
  const node = isRecent(process.versions.node) ? process.execPath : await ownNode();
  await installDependencies();
  run(node, command, args);
}

function isRecent(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorMin, minorMin] = NODE_VERSION_MIN;
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

async function ownNode() {
  const directory = join(root, ".local", "node");
  const find = () => candidates(directory).find(works);
  const known = find();
  if (known !== undefined) return known;
  return underLock(() => {
    const made = find();
    if (made !== undefined) return made;
    say(`Node ${process.versions.node} is too old: fetching Node ${NODE_MAJOR} into .local/node`);
    // The platform's package carries the program itself; `node` fetches it by an install script,
    // which npm may refuse to run.
    for (const name of [platformPackage(), "node"]) {
      const flags = [
        "--prefix",
        directory,
        "--no-save",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
      ];
      npm(["install", ...flags, `${name}@${NODE_MAJOR}`]);
      const node = find();
      if (node !== undefined) return node;
    }
    throw new Problem(
      `Node ${NODE_MAJOR} could not be fetched from npm: install Node ${NODE_MAJOR} (nodejs.org), or check the network.`,
    );
  });
}

function platformPackage() {
  const system = process.platform === "win32" ? "win" : process.platform;
  return `node-${system}-${process.arch}`;
}

function candidates(directory) {
  const program = process.platform === "win32" ? "node.exe" : "node";
  return [platformPackage(), "node"].map((name) =>
    join(directory, "node_modules", name, "bin", program),
  );
}

function works(node) {
  if (!existsSync(node)) return false;
  const { status, stdout } = spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8" });
  return status === 0 && isRecent(stdout.trim());
}

async function installDependencies() {
  if (areInstalled()) return;
  await underLock(() => {
    if (areInstalled()) return;
    say("Installing the dependencies (about a minute)");
    // Wrangler is a development dependency: NODE_ENV=production must not leave it out.
    const flags = ["--include=dev", "--include=optional", "--no-audit", "--no-fund"];
    const first = npm(["ci", ...flags]);
    // A lock that was written where some platform's packages were missing is refused by `ci`.
    const end = first.status === 0 ? first : npm(["install", "--no-save", ...flags]);
    if (end.status !== 0) {
      say(end.complaint);
      throw new Problem(
        "The dependencies could not be installed: check the network, then run `npm ci` to see more.",
      );
    }
    writeFileSync(stampPath(), lockHash());
  });
}

function areInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  if (existsSync(stampPath()) && readFileSync(stampPath(), "utf8") === lockHash()) return true;
  // Somebody ran npm by hand: that counts when it installed what the lock asks for.
  if (!isWhatLockAsks(installed)) return false;
  writeFileSync(stampPath(), lockHash());
  return true;
}

function isWhatLockAsks(installed) {
  const present = JSON.parse(readFileSync(installed, "utf8")).packages ?? {};
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages ?? {};
  return Object.entries(wanted).every(([path, { version, optional, peer, link }]) => {
    if (path === "" || link) return true;
    if (present[path] === undefined) return Boolean(optional || peer);
    return present[path].version === version;
  });
}

function stampPath() {
  return join(root, "node_modules", ".tessera-lock");
}

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function npm(args) {
  // Inside an npm script this is the npm that runs it; PATH may have none.
  const script = process.env.npm_execpath ?? "";
  const [program, head] =
    basename(script) === "npm-cli.js" ? [process.execPath, [script]] : ["npm", []];
  const { status, error, stderr } = spawnSync(program, [...head, ...args, "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (error?.code === "ENOENT") {
    throw new Problem("npm is not on the PATH: install Node.js (it brings npm), then try again.");
  }
  return { status, complaint: stderr.split("\n").slice(0, COMPLAINT_LINES_MAX).join("\n") };
}

/** Two starts at once must not write into the same folder. */
async function underLock(work) {
  const lock = join(root, ".local", "install.lock");
  mkdirSync(dirname(lock), { recursive: true });
  for (let announced = false; !takeLock(lock); ) {
    if (!announced) say("Waiting for another installation to end");
    announced = true;
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

function takeLock(lock) {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, "pid"), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (isStale(lock)) rmSync(lock, { recursive: true, force: true });
  return false;
}

function isStale(lock) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > LOCK_MS_MAX) return true;
    process.kill(Number(readFileSync(join(lock, "pid"), "utf8")), 0);
    return false;
  } catch (error) {
    // ENOENT: it was given back, or is being taken, at this moment.
    return error.code === "ESRCH";
  }
}

function run(node, command, args) {
  const path = [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH ?? ""];
  const child = spawn(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: path.join(delimiter), TESSERA_RUNNER: String(process.pid) },
  });
  const forward = (signal) => child.kill(signal);
  // Ctrl-C reaches the whole group by itself; a second SIGINT would mean "at once" to some.
  process.on("SIGINT", () => process.stdin.isTTY || forward("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, forward);
  if (process.env.npm_lifecycle_event !== undefined) watchAncestors(() => forward("SIGTERM"));
  child.on("error", (error) => {
    console.error(`${command} could not be run: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

/** An npm that is killed tells nobody: not its script's shell, and so not us. */
function watchAncestors(onGone) {
  const ancestors = () => `${process.ppid} ${parentOf(process.ppid)}`;
  const before = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === before) return;
    clearInterval(timer);
    onGone();
  }, ORPHAN_POLL_MS);
  timer.unref();
}

/** Empty where there is no /proc to tell. */
function parentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ")[1];
  } catch {
    return "";
  }
}

function say(line) {
  console.error(line);
}

main().catch((error) => {
  console.error(error instanceof Problem ? error.message : error);
  process.exitCode = 1;
});
