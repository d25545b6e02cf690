// Answers a shard remembers so that a retry costs no SQL. The ledger remembers all of them.

import type { ChargeFacts, Facts } from "../protocol/facts.ts";
import type { CustomerId, TokenId } from "../protocol/ids.ts";
import { cardIdOfToken } from "../protocol/object.ts";
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

  /** Lets go of what was said of a customer who is deleted: nothing of the person stays here. */
  forgetCustomer(id: CustomerId): void {
    this.#forgetAll(
      (facts) =>
        (facts.kind === "customer" && facts.id === id) ||
        ((facts.kind === "charge" || facts.kind === "object") && facts.customer === id),
    );
  }

  /**
   * Lets go of what was said of a token that is forgotten, of charges made with it, of what it became, and of its
   * account's intents (`whose` begins their names): which of them held its words the ledger knows.
   */
  forgetToken(token: TokenId, whose: string): void {
    const card = cardIdOfToken(token);
    this.#forgetAll((facts, name) => {
      switch (facts.kind) {
        case "charge":
          return facts.token === token;
        case "object":
          return (
            facts.token === token ||
            facts.charge?.token === token ||
            (facts.type.endsWith("_intent") && name.startsWith(`${whose}/`))
          );
        case "customer":
          return facts.card?.id === card;
        default:
          return false;
      }
    });
  }

  #forgetAll(isOf: (facts: Facts, name: string) => boolean): void {
    for (const [name, { finished }] of this.#answers) {
      const { end } = finished.reply;
      const facts = end.ok ? end.facts : end.charge;
      if (facts !== undefined && isOf(facts, name)) this.#forget(name);
    }
  }

  #forget(name: string): void {
    this.#bytes -= this.#answers.get(name)?.bytes ?? 0;
    this.#answers.delete(name);
  }
}

// Near enough: the texts whose length a merchant decides, two bytes a character.
function sizeOf({ end }: Reply): number {
  const facts = end.ok ? end.facts : end.charge;
  if (facts === undefined) return FIXED_BYTES;
  if (facts.kind === "customer" || facts.kind === "object") {
    return FIXED_BYTES + 2 * JSON.stringify(facts.document).length;
  }
  if (facts.kind === "account") return FIXED_BYTES;
  let characters = facts.kind === "charge" ? wordsOf(facts) : 0;
  for (const [key, value] of Object.entries(facts.metadata))
    characters += key.length + value.length;
  return FIXED_BYTES + 2 * characters;
}

const wordsOf = ({ description, intent }: ChargeFacts): number =>
  (description?.length ?? 0) + (intent === null ? 0 : JSON.stringify(intent.document).length);
