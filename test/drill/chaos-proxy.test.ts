// Each fault of the chaos proxy does what it says, seen from both sides: what the asker hears, and
// what the other side has executed.

import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ChaosProxy, FAULTS, startChaosProxy, type Weather } from "./chaos-proxy.ts";

/** Executes each line it is sent and answers it in two pieces; `executed` is what it did. */
let executed: string[];
let server: Server;
let sockets: Set<Socket>;
let proxy: ChaosProxy;
/** What the proxy draws: which fault, then its share; by turns. */
let numbers: number[];

const ANSWER_PAUSE_MS = 30;

beforeEach(async () => {
  executed = [];
  sockets = new Set();
  numbers = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("end", () => socket.end());
    socket.on("data", (piece) => {
      const question = piece.toString().trim();
      executed.push(question);
      socket.write(`first of ${question}. `);
      setTimeout(() => socket.writable && socket.write(`rest of ${question}.\n`), ANSWER_PAUSE_MS);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const to = typeof address === "object" && address !== null ? address.port : 0;
  proxy = await startChaosProxy({ to, draws: () => numbers.shift() ?? 0 });
});

afterEach(async () => {
  await proxy.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((done) => server.close(done));
});

type Heard = {
  text: string;
  /** How the connection ended: not at all, cleanly, or by a reset. */
  end: "open" | "clean" | "reset";
};

/** A connection, and what its owner has heard so far. */
function ask() {
  const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
  const heard: Heard = { text: "", end: "open" };
  socket.on("data", (piece) => {
    heard.text += piece.toString();
  });
  socket.on("end", () => {
    heard.end = "clean";
  });
  socket.on("error", () => {
    heard.end = "reset";
  });
  return { socket, heard, say: (text: string) => socket.write(`${text}\n`) };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 3_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("it did not happen");
    await sleep(5);
  }
}

const WHOLE = "first of a. rest of a.\n";
const always = (fault: keyof Weather): Weather => ({ [fault]: 1 });

test("in calm weather it passes every byte both ways, and both ends", async () => {
  const one = ask();
  one.say("a");
  await until(() => one.heard.text === WHOLE);
  one.socket.end();
  await until(() => one.heard.end === "clean");
  expect(executed).toEqual(["a"]);
  expect(Object.values(proxy.counts())).toEqual(FAULTS.map(() => 0));
});

test("a server that is not there is a reset", async () => {
  server.close();
  for (const socket of sockets) socket.destroy();
  const one = ask();
  await until(() => one.heard.end !== "open");
  expect(one.heard).toEqual({ text: "", end: "reset" });
});

describe("the fault", () => {
  test("delay brings the question late and the answer whole", async () => {
    proxy.storm(always("delay"));
    numbers = [0, 0.5];
    const one = ask();
    const from = performance.now();
    one.say("a");
    await sleep(200);
    expect(executed).toEqual([]);
    await until(() => one.heard.text === WHOLE);
    expect(performance.now() - from).toBeGreaterThan(390);
  });

  test("jitter brings the answer late and whole", async () => {
    proxy.storm(always("jitter"));
    numbers = [0, 0.12];
    const one = ask();
    const from = performance.now();
    one.say("a");
    await until(() => executed.length === 1);
    expect(one.heard.text).toBe("");
    await until(() => one.heard.text === WHOLE);
    // 0.12 of the spread of 7.3 is 0.876 of 120 ms for the first piece, 0.752 for the second.
    expect(performance.now() - from).toBeGreaterThan(190);
  });

  test("cut_question resets both, and nothing was executed", async () => {
    proxy.storm(always("cut_question"));
    const one = ask();
    one.say("a");
    await until(() => one.heard.end === "reset");
    await until(() => sockets.size === 0);
    expect(executed).toEqual([]);
    expect(one.heard.text).toBe("");
  });

  test("cut_answer resets both after it was executed, and nobody hears of it", async () => {
    proxy.storm(always("cut_answer"));
    const one = ask();
    one.say("a");
    await until(() => one.heard.end === "reset");
    await until(() => sockets.size === 0);
    expect(executed).toEqual(["a"]);
    expect(one.heard.text).toBe("");
  });

  test("truncate gives a beginning of the answer and a clean end", async () => {
    proxy.storm(always("truncate"));
    numbers = [0, 0.5];
    const one = ask();
    one.say("a");
    await until(() => one.heard.end !== "open");
    expect(one.heard).toEqual({ text: "first ", end: "clean" });
    expect(executed).toEqual(["a"]);
  });

  test("half_close gives a clean end instead of the answer, and leaves the asker's half open", async () => {
    proxy.storm(always("half_close"));
    const one = ask();
    one.say("a");
    await until(() => one.heard.end !== "open");
    expect(one.heard).toEqual({ text: "", end: "clean" });
    one.say("b");
    await until(() => executed.length === 2);
    expect(executed).toEqual(["a", "b"]);
    expect(one.heard.text).toBe("");
    proxy.calm();
    await until(() => sockets.size === 0);
    // Who has heard an end learns of the reset when it speaks.
    await until(() => one.heard.end === "reset" || !one.say("c"));
    expect(executed).toEqual(["a", "b"]);
  });

  test.each([
    ["the question", 0.2, []],
    ["the answer", 0.8, ["a"]],
  ])("black_hole swallows %s and says nothing, until it is calm", async (_, share, done) => {
    proxy.storm(always("black_hole"));
    numbers = [0, share];
    const one = ask();
    one.say("a");
    await sleep(150);
    expect(one.heard).toEqual({ text: "", end: "open" });
    expect(executed).toEqual(done);
    // What it holds it keeps, whatever the weather has in store for others.
    proxy.storm({});
    one.say("b");
    await sleep(150);
    expect(one.heard).toEqual({ text: "", end: "open" });
    proxy.calm();
    await until(() => one.heard.end === "reset");
    expect(one.heard.text).toBe("");
  });
});

test("each question of a connection meets a fate of its own, and each fault is counted", async () => {
  proxy.storm({ delay: 0.5, cut_answer: 0.1 });
  numbers = [0.99, 0, 0.2, 0.01, 0.55, 0];
  const one = ask();
  for (const question of ["a", "b"]) {
    one.say(question);
    await until(() => one.heard.text.endsWith(`rest of ${question}.\n`));
  }
  one.say("c");
  await until(() => one.heard.end === "reset");
  expect(executed).toEqual(["a", "b", "c"]);
  expect(proxy.counts()).toMatchObject({ delay: 1, cut_answer: 1, cut_question: 0 });
  expect(proxy.questions()).toBe(3);
});

test("calm weather leaves connections alone that no fault holds", async () => {
  proxy.storm({});
  const one = ask();
  one.say("a");
  await until(() => one.heard.text === WHOLE);
  proxy.calm();
  one.say("a");
  await until(() => one.heard.text === WHOLE + WHOLE);
  expect(one.heard.end).toBe("open");
});
