// The load generator: a closed loop of keep-alive HTTP/1.1 sockets in a thread of its own, each with
// one request in flight. It parses no more of an answer than where it ends, and counts every answer
// that is not a 200 with the expected text in it. What is in flight at the end is waited for, so that
// `good` is exactly the number of requests the system has answered.

import { connect, type Socket } from "node:net";
import { parentPort } from "node:worker_threads";

export type Target = {
  /** The request up to its idempotency key, and what follows the key. */
  readonly before: string;
  readonly after: string;
};

export type Job = {
  readonly port: number;
  readonly inFlight: number;
  /** Taken in turn by all sockets. */
  readonly targets: readonly Target[];
  /** Begins every key; a number follows when each request needs a key of its own. */
  readonly keys: string;
  readonly numbered: boolean;
  /** Text that a right answer contains. */
  readonly expected: string;
  /** Stop after this long, or after so many requests. */
  readonly durationMs?: number;
  readonly requestsMax?: number;
};

export type JobResult = {
  /** Right answers, from the first request to the last. */
  readonly good: number;
  readonly bad: number;
  readonly firstBad?: string;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** A socket that hears nothing for so long has lost its answer. */
const SILENCE_MS_MAX = 30_000;
const BAD_CHARACTERS_MAX = 400;
const HEAD_END = "\r\n\r\n";

class Run {
  readonly #job: Job;
  readonly #latenciesMs: number[] = [];
  #sent = 0;
  #bad = 0;
  #firstBad: string | undefined;
  #stopAtMs = Number.POSITIVE_INFINITY;

  constructor(job: Job) {
    this.#job = job;
  }

  async perform(): Promise<JobResult> {
    const sockets = await Promise.all(
      Array.from({ length: this.#job.inFlight }, () => open(this.#job.port)),
    );
    const startMs = performance.now();
    this.#stopAtMs = startMs + (this.#job.durationMs ?? Number.POSITIVE_INFINITY);
    await Promise.all(sockets.map((socket) => this.#drive(socket)));
    const elapsedMs = performance.now() - startMs;
    const sorted = Float64Array.from(this.#latenciesMs).sort();
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return {
      good: sorted.length,
      bad: this.#bad,
      ...(this.#firstBad === undefined ? {} : { firstBad: this.#firstBad }),
      elapsedMs,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }

  /** The next request, or undefined when it is time to stop. */
  #next(): string | undefined {
    const { targets, keys, numbered, requestsMax = Number.POSITIVE_INFINITY } = this.#job;
    if (this.#sent >= requestsMax || performance.now() >= this.#stopAtMs) return undefined;
    const number = this.#sent++;
    const target = targets[number % targets.length];
    if (target === undefined) return undefined;
    return `${target.before}${keys}${numbered ? number : ""}${target.after}`;
  }

  #drive(socket: Socket): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let received = "";
    let sentAtMs = 0;
    const send = () => {
      const request = this.#next();
      if (request === undefined) {
        socket.destroy();
        return;
      }
      sentAtMs = performance.now();
      socket.write(request, "latin1");
    };
    const lost = (why: string) => {
      this.#count(why);
      socket.destroy();
    };
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      const length = lengthOf(received);
      if (length === "unknown") return lost(`no content-length: ${received}`);
      if (length === undefined || received.length < length) return;
      if (received.startsWith("HTTP/1.1 200 ") && received.includes(this.#job.expected)) {
        this.#latenciesMs.push(performance.now() - sentAtMs);
      } else {
        this.#count(received);
      }
      received = "";
      send();
    });
    socket.setTimeout(SILENCE_MS_MAX, () => lost("no answer"));
    socket.on("error", (error) => this.#count(String(error)));
    socket.on("end", () => lost("the connection was closed"));
    socket.on("close", () => resolve());
    send();
    return promise;
  }

  #count(answer: string): void {
    this.#bad++;
    this.#firstBad ??= answer.slice(0, BAD_CHARACTERS_MAX);
  }
}

/** Where the answer at the beginning of this text ends; undefined while its head is not complete. */
function lengthOf(text: string): number | "unknown" | undefined {
  const head = text.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1];
  return length === undefined ? "unknown" : head + HEAD_END.length + Number(length);
}

function open(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.once("connect", () => {
    socket.off("error", reject);
    resolve(socket);
  });
  socket.once("error", reject);
  return promise;
}

parentPort?.on("message", async (job: Job) => {
  try {
    parentPort?.postMessage({ result: await new Run(job).perform() });
  } catch (error) {
    parentPort?.postMessage({ error: String(error) });
  }
});
