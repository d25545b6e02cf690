// A child process on a leash (see leash.mjs). It promises that the child ends when this process
// ends, however that happens, and that `ended` resolves exactly once with what became of it.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A signal, and how many milliseconds it may take before the next one is sent. */
export type StopStep = readonly [signal: NodeJS.Signals, patienceMs: number];

export type ChildOrder = {
  command: string;
  args: readonly string[];
  stop: readonly StopStep[];
  /** A file descriptor for both output streams of the child. */
  output: number;
  cwd?: string;
  env?: Record<string, string | undefined>;
  /** Run as this user: only root may ask for it. */
  owner?: { uid: number; gid: number } | undefined;
};

export type ChildEnd = { code: number | null; signal: string | null; asked: boolean };

export type Child = {
  pid: number;
  ended: Promise<ChildEnd>;
  stop(steps?: readonly StopStep[]): Promise<void>;
};

type LeashMessage = {
  pid?: number;
  end?: { code?: number | null; signal?: string | null; error?: string };
};

/** In the order of their start. */
const living = new Set<Child>();

const leashPath = fileURLToPath(new URL("./leash.mjs", import.meta.url));

export async function startChild(order: ChildOrder): Promise<Child> {
  const { command, args, stop, cwd, owner } = order;
  const leash = spawn(
    process.execPath,
    [leashPath, JSON.stringify({ command, args, stop, cwd, ...owner })],
    {
      detached: true,
      stdio: ["ignore", order.output, order.output, "ipc"],
      env: { ...process.env, ...order.env },
    },
  );
  let asked = false;
  let toldEnd = false;
  const { promise: started, resolve: onStart, reject: onFailure } = Promise.withResolvers<number>();
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<ChildEnd>();
  leash.on("message", (message: LeashMessage) => {
    if (message.pid !== undefined) onStart(message.pid);
    if (message.end === undefined) return;
    toldEnd = true;
    if (message.end.error !== undefined) onFailure(new Error(message.end.error));
    onEnd({ code: message.end.code ?? null, signal: message.end.signal ?? null, asked });
  });
  leash.on("error", onFailure);
  leash.on("exit", () => {
    onFailure(new Error(`${command} did not start`));
    onEnd({ code: null, signal: null, asked });
  });
  const pid = await started;
  // Nobody holds it any more, should the leash itself have been killed.
  leash.on("exit", () => toldEnd || killGroup(pid));
  const child: Child = {
    pid,
    ended,
    async stop(steps = stop) {
      asked = true;
      if (leash.connected) leash.send({ stop: steps });
      await ended;
    },
  };
  living.add(child);
  void ended.then(() => living.delete(child));
  return child;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended as well.
  }
}

/** For a starter that gives up half-way: the youngest first, as it may use the older ones. */
export async function stopEveryChild(): Promise<void> {
  for (const child of [...living].reverse()) await child.stop();
}
