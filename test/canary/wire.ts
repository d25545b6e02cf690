// A caller that may break off or talk nonsense: it writes the bytes it is given to a keep-alive socket and
// reads back whatever comes, whole, so that it can be searched.

import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export type Answer = {
  /** 0 when no whole answer came. */
  readonly status: number;
  /** Everything that was received, head and body. */
  readonly bytes: Buffer;
};

export type Sending = {
  readonly bytes: Buffer;
  /** Write no more than this many bytes, then close. */
  readonly cutAt?: number;
  /** Close so long after writing, whatever has come by then. */
  readonly leaveMs?: number;
};

const HEAD_END = "\r\n\r\n";
const NOTHING = Buffer.alloc(0);
/** A caller waits no longer than this. */
const ANSWER_MS_MAX = 20_000;

export class Caller {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Undefined when nobody listens, so that nothing was sent. */
  async send({ bytes, cutAt, leaveMs }: Sending): Promise<Answer | undefined> {
    const socket = await this.#open();
    if (socket === undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    let received: Buffer = NOTHING;
    let timer: NodeJS.Timeout | undefined;
    const end = (status: number, keep: boolean) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // What comes late belongs to nobody.
      socket.on("error", () => {});
      if (!keep) this.close();
      resolve({ status, bytes: received });
    };
    socket.on("data", (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const status = statusOf(received);
      if (status !== undefined) end(status.status, status.keep);
    });
    socket.on("error", () => end(0, false));
    socket.on("close", () => end(0, false));
    timer = setTimeout(() => end(0, false), leaveMs ?? ANSWER_MS_MAX);
    if (cutAt === undefined) socket.write(bytes);
    else socket.write(bytes.subarray(0, cutAt), () => end(0, false));
    return promise;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Promise<Socket | undefined> {
    if (this.#socket !== undefined && !this.#socket.destroyed) {
      return Promise.resolve(this.#socket);
    }
    const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => {
      socket.removeAllListeners();
      this.#socket = socket;
      resolve(socket);
    });
    socket.once("error", () => resolve(undefined));
    return promise;
  }
}

/** The status of a whole answer; undefined while it is not whole. */
function statusOf(received: Buffer): { status: number; keep: boolean } | undefined {
  const head = received.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const text = received.toString("latin1", 0, head);
  const status = Number(text.slice(9, 12));
  const body = received.length - head - HEAD_END.length;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  const chunked = /\r\ntransfer-encoding: *chunked/i.test(text);
  const whole = chunked
    ? received.toString("latin1", received.length - 5) === "0\r\n\r\n"
    : body >= Number(length ?? 0);
  if (!whole) return undefined;
  // What the runtime itself cannot read it answers and then hangs up.
  return { status, keep: !/\r\nconnection: *close/i.test(text) && status !== 413 };
}

/** A cold system on a busy machine may say "later" for a while. */
const ASKED_MAX = 100;
const ASK_PAUSE_MS = 500;

/** The JSON object of a good answer, asked for again on a fresh connection when there is none. */
export async function ask(port: number, bytes: Buffer): Promise<string> {
  let status = 0;
  let said = "nothing";
  for (let asked = 0; asked < ASKED_MAX; asked++) {
    const caller = new Caller(port);
    const answer = await caller.send({ bytes });
    caller.close();
    status = answer?.status ?? 0;
    const text = answer?.bytes.toString("utf8") ?? "";
    // A short answer has one chunk at most, whose size stands before the object.
    if (status === 200) return text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
    said = /"message": "([^"]*)"/.exec(text)?.[1] ?? said;
    await sleep(ASK_PAUSE_MS);
  }
  throw new Error(`Asked ${ASKED_MAX} times, and the last answer was ${status}: ${said}`);
}
