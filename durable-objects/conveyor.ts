// Groups commands into batches without waiting: while the lanes are taken the next batch fills. Idle,
// a command leaves at once; busy, one commit carries many. Two commands that exclude each other never
// travel at the same time and nobody overtakes its elder; a command that cannot be committed never takes
// its neighbours with it.

import { type Command, exclusions } from "../protocol/command.ts";
import type { SendFailure } from "./machine.ts";

/** Commands in one batch: some 30 ms of SQL, ordinarily 0.5 MiB of JSON; what is larger is sent in halves. */
export const BATCH_COMMANDS_MAX = 400;

/** A command on its way, and whom its verdict concerns. */
export type Item<O> = {
  readonly command: Command;
  readonly owner: O;
  readonly names: readonly string[];
};

export type Batch = { readonly number: number; readonly commands: readonly Command[] };

export class Conveyor<O> {
  readonly #lanes: number;
  #waiting: Item<O>[] = [];
  /** Halves of batches that conflicted; they leave before anybody else. */
  readonly #halves: Item<O>[][] = [];
  readonly #travelling = new Map<number, Item<O>[]>();
  /** Names of those that travel, or would if a lane were free for their half. */
  readonly #names = new Set<string>();
  #lastNumber = 0;

  /** `lanes` is how many batches may be in flight at once. */
  constructor(lanes: number) {
    this.#lanes = lanes;
  }

  /** Commands that wait for their first batch. */
  get backlog(): number {
    return this.#waiting.length;
  }

  push(command: Command, owner: O): void {
    this.#waiting.push({ command, owner, names: exclusions(command) });
  }

  /** The next batch that may leave now, or undefined when no lane is free or nobody may go. */
  next(): Batch | undefined {
    if (this.#travelling.size >= this.#lanes) return undefined;
    const items = this.#halves.pop() ?? this.#gather();
    if (items.length === 0) return undefined;
    const number = ++this.#lastNumber;
    this.#travelling.set(number, items);
    return { number, commands: items.map(({ command }) => command) };
  }

  /**
   * Takes note that a batch was answered, and gives back those whose answer it is, in the order of its
   * commands. Nobody is when the batch is not in flight, or conflicted and travels on in two halves.
   */
  arrive(number: number, failure: SendFailure | undefined): readonly Item<O>[] {
    const items = this.#travelling.get(number);
    if (items === undefined) return [];
    this.#travelling.delete(number);
    if (failure === "conflict" && items.length > 1) {
      const middle = Math.ceil(items.length / 2);
      this.#halves.push(items.slice(middle), items.slice(0, middle));
      return [];
    }
    for (const { names } of items) for (const name of names) this.#names.delete(name);
    return items;
  }

  #gather(): Item<O>[] {
    const batch: Item<O>[] = [];
    const left: Item<O>[] = [];
    // Names of those left behind count as well, so that nobody overtakes its elder.
    const held = new Set<string>();
    let i = 0;
    for (; i < this.#waiting.length && batch.length < BATCH_COMMANDS_MAX; i++) {
      const item = this.#waiting[i] as Item<O>;
      if (item.names.some((name) => this.#names.has(name) || held.has(name))) {
        left.push(item);
        for (const name of item.names) held.add(name);
      } else {
        batch.push(item);
        for (const name of item.names) this.#names.add(name);
      }
    }
    for (; i < this.#waiting.length; i++) left.push(this.#waiting[i] as Item<O>);
    this.#waiting = left;
    return batch;
  }
}
