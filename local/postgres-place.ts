// Who owns the clusters, and where they lie. PostgreSQL refuses to run as root, so under root it
// runs as the OS user `postgres`, and everything it touches must be within that user's reach. Clusters
// lie in `<home>/postgres`; where a private directory (such as /root) bars the way they lie in a
// place under /var/tmp that is tied to the home: it is emptied when the home has been deleted.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { randomId } from "./secrets.ts";

/** Undefined means: whoever runs this process. */
export type Owner = { uid: number; gid: number } | undefined;

export type Place = { owner: Owner; directory: string };

const OS_USER = "postgres";

export function findPlace(home: string): Place {
  const owner = findOwner();
  const inHome = join(home, "postgres");
  mkdirSync(inHome, { recursive: true });
  if (owner === undefined) return { owner, directory: inHome };
  // The home itself is ours to open: what is secret in it has 0600 of its own.
  if (canEnter(owner, dirname(home))) chmodSync(home, 0o711);
  chmodSync(inHome, 0o711);
  if (canEnter(owner, inHome)) return { owner, directory: inHome };
  return { owner, directory: outsideHome(home, inHome, owner) };
}

export function giveTo(owner: Owner, path: string): void {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

function findOwner(): Owner {
  if (process.getuid?.() !== 0) return undefined;
  const known = lookUp();
  if (known !== undefined) return known;
  for (const command of [
    ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/sh", OS_USER],
    ["adduser", "-S", "-D", "-H", OS_USER],
  ]) {
    spawnSync(command[0] ?? "", command.slice(1));
    const made = lookUp();
    if (made !== undefined) return made;
  }
  throw new Error(
    `PostgreSQL does not run as root and the OS user "${OS_USER}" could not be made: ` +
      `run \`useradd ${OS_USER}\`, or start as an ordinary user.`,
  );
}

function lookUp(): Owner {
  const [uid, gid] = ["-u", "-g"].map((flag) => {
    const run = spawnSync("id", [flag, OS_USER], { encoding: "utf8" });
    return run.status === 0 ? Number(run.stdout) : undefined;
  });
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function canEnter(owner: Owner, directory: string): boolean {
  const script = 'cd "$1"';
  return spawnSync("/bin/sh", ["-c", script, "sh", directory], { ...owner, cwd: "/" }).status === 0;
}

function outsideHome(home: string, inHome: string, owner: Owner): string {
  const name = createHash("sha256").update(home).digest("hex").slice(0, 16);
  const directory = `/var/tmp/tessera-${name}`;
  const markInHome = join(inHome, "place");
  const markOutside = join(directory, "place");
  const known = existsSync(markInHome) ? readFileSync(markInHome, "utf8") : undefined;
  const belongs = existsSync(markOutside) && readFileSync(markOutside, "utf8") === known;
  if (!belongs) {
    // What lies there belonged to a home that has been deleted since.
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { mode: 0o700 });
    giveTo(owner, directory);
    const mark = randomId();
    writeFileSync(markOutside, mark);
    writeFileSync(markInHome, mark);
  }
  return directory;
}
