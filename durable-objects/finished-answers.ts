// Answers a shard remembers so that a retry costs no SQL. The ledger remembers all of them.

import type { Facts } from "../protocol/facts.ts";
import type { Reply } from "../protocol/shard.ts";

export type Finished = {
  readonly mac: string;
  readonly operation: string;
  readonly reply: Reply;
};

/** A quarter of what an object may hold; some 20,000 ordinary answers. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** What an answer takes besides the texts its merchant chose. */
const FIXED_BYTES = 1_500;

export class FinishedAnswers {
  readonly #answers = new Map<string, { readonly finished: Finished; readonly bytes: number }>();
  // One walk for all time: from its start, each would step over all that was let go of before.
  readonly #oldestFirst = this.#answers.keys();
  #bytes = 0;

  get(name: string): Finished | undefined {
    return this.#answers.get(name)?.finished;
  }

  /** Remembers an answer and, when full, lets go of those remembered longest ago. */
  set(name: string, finished: Finished): void {
    const bytes = name.length + sizeOf(finished.reply);
    this.#bytes += bytes - (this.#answers.get(name)?.bytes ?? 0);
    this.#answers.set(name, { finished, bytes });
    while (this.#bytes > KEPT_BYTES_MAX) {
      const { value: oldest } = this.#oldestFirst.next();
      if (oldest === undefined) return;
      this.#forget(oldest);
    }
  }

  /**
   * Lets go of all that was said to an account (`whose` begins its answers' names), of whom something was forgotten:
   * which answers hold words about that person the ledger knows, and it answers without them.
   */
  forgetAll(whose: string): void {
    for (const name of this.#answers.keys()) if (name.startsWith(`${whose}/`)) this.#forget(name);
  }

  #forget(name: string): void {
    this.#bytes -= this.#answers.get(name)?.bytes ?? 0;
    this.#answers.delete(name);
  }
}

// Near enough: the texts whose length a merchant decides, two bytes a character.
function sizeOf({ end }: Reply): number {
  const facts = end.ok ? end.facts : end.charge;
  return facts === undefined ? FIXED_BYTES : FIXED_BYTES + 2 * charactersOf(facts);
}

function charactersOf(facts: Facts): number {
  switch (facts.kind) {
    case "account":
      return 0;
    case "customer":
      return lengthOf(facts.document);
    case "object": {
      const of = [facts.charge, facts.operation].filter((inner) => inner !== null);
      return of.reduce((sum, inner) => sum + charactersOf(inner), lengthOf(facts.document));
    }
    case "operation":
      return lengthOf(facts.metadata) + lengthOf(facts.changes);
    case "charge": {
      const { description, metadata, shipping, changes, intent } = facts;
      const said = [metadata, shipping, changes, intent?.document];
      return said.reduce((sum: number, part) => sum + lengthOf(part), description?.length ?? 0);
    }
  }
}

/** Most charges have none of these, and are not to pay for the others. */
function lengthOf(part: object | null | undefined): number {
  for (const _ in part) return JSON.stringify(part).length;
  return 0;
}
