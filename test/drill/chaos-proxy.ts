// A TCP proxy that does to connections what networks do on a bad day. It knows no protocol: what one side
// sends until the other speaks is a question, what comes back is its answer. For each question it draws
// one fault, or none, from a seeded source; in calm weather it passes everything on as it is.

import { connect, createServer, type Socket } from "node:net";

/** What becomes of one question and its answer. */
export const FAULTS = [
  /** The question is passed on late. */
  "delay",
  /** Each piece of the answer is passed on late, by another while. */
  "jitter",
  /** Both sides are reset before the question was passed on: it was never executed. */
  "cut_question",
  /** Both sides are reset when the answer's first byte came: it was executed, and nobody hears of it. */
  "cut_answer",
  /** The asker gets a beginning of the answer and a clean end of the stream. */
  "truncate",
  /** The asker gets a clean end instead of an answer; its own half stays open. */
  "half_close",
  /** The question or its answer is swallowed and the connection stays, until the weather calms. */
  "black_hole",
] as const;

export type Fault = (typeof FAULTS)[number];

/** How likely each fault is for one question; their sum is at most 1. */
export type Weather = Readonly<Partial<Record<Fault, number>>>;

export type Draws = () => number;

export type ChaosProxy = {
  readonly port: number;
  /** From now on questions meet these faults. */
  storm(weather: Weather): void;
  /** From now on everything passes; what hangs in a black hole is reset, as by a peer that forgot it. */
  calm(): void;
  /** Faults injected so far. */
  counts(): Readonly<Record<Fault, number>>;
  /** Questions seen so far. */
  questions(): number;
  close(): Promise<void>;
};

export type ChaosProxyPlan = {
  /** Where to: a port of 127.0.0.1. */
  readonly to: number;
  /** A fixed port of its own; 0 takes any. */
  readonly port?: number;
  /** Numbers in [0, 1): the same numbers meet the same questions with the same faults. */
  readonly draws: Draws;
};

/** Long enough to reorder what was sent on different connections, short against every deadline. */
const DELAY_MS_MAX = 800;
const JITTER_MS_MAX = 120;

/** No whole number, so that pieces that follow each other are late by unlike whiles. */
const JITTER_SPREAD = 7.3;

const NO_FAULTS: Record<Fault, number> = {
  delay: 0,
  jitter: 0,
  cut_question: 0,
  cut_answer: 0,
  truncate: 0,
  half_close: 0,
  black_hole: 0,
};

/** What was drawn for one question; every question takes as many draws, whatever they decide. */
type Fate = { readonly fault: Fault | undefined; readonly share: number };

export async function startChaosProxy({
  to,
  port = 0,
  draws,
}: ChaosProxyPlan): Promise<ChaosProxy> {
  const counts = { ...NO_FAULTS };
  const lines = new Set<Line>();
  let weather: Weather | undefined;
  let questions = 0;

  function fate(): Fate {
    questions++;
    if (weather === undefined) return { fault: undefined, share: 0 };
    const [which, share] = [draws(), draws()];
    let sum = 0;
    const fault = FAULTS.find((name) => {
      sum += weather?.[name] ?? 0;
      return which < sum;
    });
    if (fault !== undefined) counts[fault]++;
    return { fault, share };
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (asker) => {
    const line = new Line(asker, to, fate);
    lines.add(line);
    line.over.then(() => lines.delete(line));
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address === "object" && address !== null) resolve(address.port);
  });
  const listening = await promise;
  return {
    port: listening,
    storm: (next) => {
      weather = next;
    },
    calm: () => {
      weather = undefined;
      for (const line of lines) if (line.isStuck) line.reset();
    },
    counts: () => ({ ...counts }),
    questions: () => questions,
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      for (const line of lines) line.reset();
      await closed;
    },
  };
}

/** One connection and its continuation. What is under way is small, so nothing is held back for size. */
class Line {
  /** Resolves when both sides are gone. */
  readonly over: Promise<void>;
  readonly #asker: Socket;
  readonly #answerer: Socket;
  readonly #draw: () => Fate;
  #fate: Fate = { fault: undefined, share: 0 };
  #asking = false;
  /** Nothing of the answer to the present question has come yet. */
  #awaiting = false;
  #pieces = 0;

  constructor(asker: Socket, to: number, draw: () => Fate) {
    this.#asker = asker;
    this.#answerer = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    this.#draw = draw;
    asker.on("data", (piece) => this.#question(piece));
    this.#answerer.on("data", (piece) => this.#answer(piece));
    asker.on("end", () => this.#answerer.end());
    this.#answerer.on("end", () => {
      if (!this.isStuck) asker.end();
    });
    const closed: Promise<void>[] = [];
    for (const [socket, other] of [
      [asker, this.#answerer],
      [this.#answerer, asker],
    ] as const) {
      // A reset is passed on as one; "close" follows by itself.
      socket.on("error", () => {
        if (!this.isStuck || socket === asker) resetOne(other);
      });
      closed.push(new Promise((done) => socket.once("close", () => done())));
      socket.once("close", () => {
        if (!this.isStuck || socket === asker) other.destroySoon();
      });
    }
    this.over = Promise.all(closed).then(() => {});
  }

  /** Held by a fault that only calm weather ends. */
  get isStuck(): boolean {
    return this.#fate.fault === "black_hole" || this.#fate.fault === "half_close";
  }

  reset(): void {
    resetOne(this.#asker);
    resetOne(this.#answerer);
  }

  #question(piece: Buffer): void {
    if (!this.#asking) {
      this.#asking = true;
      // What is stuck stays so: a connection that a network has lost does not come back.
      if (!this.isStuck) this.#fate = this.#draw();
      this.#awaiting = true;
      if (this.#fate.fault === "cut_question") {
        this.reset();
        return;
      }
      if (this.#fate.fault === "delay") {
        this.#asker.pause();
        setTimeout(() => {
          this.#send(this.#answerer, piece);
          this.#asker.resume();
        }, this.#fate.share * DELAY_MS_MAX);
        return;
      }
    }
    const swallowed = this.#fate.fault === "black_hole" && this.#fate.share < 0.5;
    if (!swallowed) this.#send(this.#answerer, piece);
  }

  #answer(piece: Buffer): void {
    const isFirst = this.#awaiting;
    this.#awaiting = false;
    this.#asking = false;
    switch (this.#fate.fault) {
      case "cut_answer":
        this.reset();
        return;
      case "truncate":
        if (isFirst)
          this.#asker.end(piece.subarray(0, Math.floor(this.#fate.share * piece.length)));
        this.#answerer.destroy();
        return;
      case "half_close":
        if (isFirst) this.#asker.end();
        return;
      case "black_hole":
        return;
      case "jitter":
        this.#answerer.pause();
        setTimeout(() => {
          this.#send(this.#asker, piece);
          this.#answerer.resume();
        }, this.#nextJitterMs());
        return;
      default:
        this.#send(this.#asker, piece);
    }
  }

  // Of the one draw each piece takes another part, so that the pieces' number costs no draws.
  #nextJitterMs(): number {
    this.#pieces++;
    return ((this.#fate.share * this.#pieces * JITTER_SPREAD) % 1) * JITTER_MS_MAX;
  }

  #send(socket: Socket, piece: Buffer): void {
    if (socket.writable) socket.write(piece);
  }
}

/** A socket that is just saying its end cannot be reset: it would be left behind, neither open nor closed. */
function resetOne(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
