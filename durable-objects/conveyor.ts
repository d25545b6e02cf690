// Groups commands into batches without waiting: while one batch is in flight the next one fills. Idle,
// a command leaves at once; busy, one commit carries many. Two commands that exclude each other never
// share a batch, and a command that cannot be committed never takes its neighbours with it.

import { type Result, refuse } from "../protocol/result.ts";

/** Commands in one batch: some 30 ms of SQL, ordinarily 0.5 MiB of JSON; what is larger is sent in halves. */
export const BATCH_COMMANDS_MAX = 400;

export type SendFailure = "fenced" | "conflict" | "unreachable";

type Waiting<C, V> = {
  readonly command: C;
  readonly names: readonly string[];
  readonly settle: (answer: Result<V, SendFailure>) => void;
};

export class Conveyor<C, V> {
  #waiting: Waiting<C, V>[] = [];
  #moving = false;
  readonly #send: (commands: C[]) => Promise<Result<V[], SendFailure>>;
  readonly #namesOf: (command: C) => readonly string[];

  constructor(
    send: (commands: C[]) => Promise<Result<V[], SendFailure>>,
    namesOf: (command: C) => readonly string[],
  ) {
    this.#send = send;
    this.#namesOf = namesOf;
  }

  /** Commands that wait for the next batch. */
  get backlog(): number {
    return this.#waiting.length;
  }

  /** The verdict on one command, once its batch is committed. */
  push(command: C): Promise<Result<V, SendFailure>> {
    const answer = new Promise<Result<V, SendFailure>>((settle) => {
      this.#waiting.push({ command, names: this.#namesOf(command), settle });
    });
    if (!this.#moving) void this.#move();
    return answer;
  }

  async #move(): Promise<void> {
    this.#moving = true;
    // One turn of the event loop lets those who came together leave together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#dispatch(this.#nextBatch());
    this.#moving = false;
  }

  #nextBatch(): Waiting<C, V>[] {
    const batch: Waiting<C, V>[] = [];
    const left: Waiting<C, V>[] = [];
    const taken = new Set<string>();
    for (const item of this.#waiting) {
      const excluded = item.names.some((name) => taken.has(name));
      if (excluded || batch.length >= BATCH_COMMANDS_MAX) left.push(item);
      else batch.push(item);
      // Names of those left behind are taken too, so that nobody overtakes its elder.
      for (const name of item.names) taken.add(name);
    }
    this.#waiting = left;
    return batch;
  }

  async #dispatch(batch: Waiting<C, V>[]): Promise<void> {
    const answer = await this.#attempt(batch);
    if (answer.ok) {
      batch.forEach((item, i) => {
        item.settle({ ok: true, value: answer.value[i] as V });
      });
      return;
    }
    if (answer.failure === "conflict" && batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await this.#dispatch(batch.slice(0, middle));
      await this.#dispatch(batch.slice(middle));
      return;
    }
    for (const item of batch) item.settle(answer);
  }

  async #attempt(batch: Waiting<C, V>[]): Promise<Result<V[], SendFailure>> {
    try {
      return await this.#send(batch.map(({ command }) => command));
    } catch {
      // A cut connection says nothing of the commit, as a refused one does.
      return refuse("unreachable");
    }
  }
}
