// The watcher between the starter and one child process. It promises that the child never outlives
// the starter: their only tie is an IPC channel, and when that closes (also by kill -9 of the
// starter) the child is asked to stop, then made to. The child runs in a process group of its own,
// so that Ctrl-C in the terminal reaches the starter alone and the shutdown keeps its order.
//
// Plain JavaScript and one argument (JSON): { command, args, cwd?, uid?, gid?, stop: [[signal, ms]] }.

import { spawn } from "node:child_process";

const order = JSON.parse(process.argv[2] ?? "{}");
const child = spawn(order.command, order.args, {
  cwd: order.cwd,
  detached: true,
  stdio: ["ignore", "inherit", "inherit"],
  ...(order.uid === undefined ? {} : { uid: order.uid, gid: order.gid }),
});
let stopping = false;

child.on("spawn", () => tell({ pid: child.pid }));
child.on("error", (error) => leave({ error: error.message }));
child.on("exit", (code, signal) => {
  killGroup();
  leave({ code, signal });
});
process.on("disconnect", () => stop(order.stop));
process.on("message", (message) => stop(message?.stop ?? order.stop));
process.on("SIGTERM", () => stop(order.stop));
for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => {});

/** Each signal is given its time to work before the next, harsher one. */
function stop(signals) {
  if (stopping) return;
  stopping = true;
  let delayMs = 0;
  for (const [signal, patienceMs] of signals) {
    setTimeout(() => child.kill(signal), delayMs);
    delayMs += patienceMs;
  }
  setTimeout(killGroup, delayMs);
}

/** What the child started itself and left behind must go too. */
function killGroup() {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is empty: nothing was left behind.
  }
}

function tell(message) {
  if (process.connected) process.send(message, () => {});
}

function leave(end) {
  if (!process.connected) process.exit(0);
  process.send({ end }, () => process.exit(0));
}
