// Answers a shard remembers so that a retry costs no SQL. The ledger remembers all of them.

import type { Reply } from "../protocol/shard.ts";

export type Finished = {
  readonly mac: string;
  readonly operation: string;
  readonly reply: Reply;
};

/** About 2 KiB each: 20 MiB of an object's 128 MiB. */
const KEPT_MAX = 10_000;

export class FinishedAnswers {
  readonly #answers = new Map<string, Finished>();

  get(name: string): Finished | undefined {
    return this.#answers.get(name);
  }

  /** Remembers an answer and, when full, lets go of the one remembered longest ago. */
  set(name: string, answer: Finished): void {
    if (this.#answers.size >= KEPT_MAX) {
      const [oldest] = this.#answers.keys();
      if (oldest !== undefined) this.#answers.delete(oldest);
    }
    this.#answers.set(name, answer);
  }
}
