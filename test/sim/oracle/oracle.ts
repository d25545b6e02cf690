// The judge of a simulated run. It watches every transaction, every movement of money at the processor and
// every answer to a merchant, keeps its own account of what must be true, and throws at the first thing that
// is not. It shares with the judged only the tables and pure functions of protocol/, in copies no mutant
// reaches. Invariants are those of the design; what is held elsewhere is listed in INVARIANTS.

import type { Command, Scope, Verdict } from "../../../protocol/command.ts";
import type { ChargeFacts } from "../../../protocol/facts.ts";
import type { JournalEntry } from "../../../protocol/projection.ts";
import type { Result } from "../../../protocol/result.ts";
import type { Ask, Reply } from "../../../protocol/shard.ts";
import type { Order } from "../../../protocol/vault.ts";
import type { Booked } from "../processor.ts";
import type { Ledger } from "../specification/ledger.ts";
import type { Subject } from "../subject.ts";
import { audit } from "./audit.ts";
import { committed } from "./commits.ts";
import { fail } from "./invariants.ts";
import { booked, cardGone, moneyMoved, orderRepeated } from "./processor.ts";
import { keysDropped, read, seqAt, toldOf, versionAt } from "./reads.ts";
import { nothingSeen, type Seen } from "./seen.ts";
import { answered, executes, neverAnswered, ordered, sent, tokenMissing } from "./shard.ts";

export { INVARIANTS, type Invariant, Violation } from "./invariants.ts";
export { render, wordless } from "./rendering.ts";

/** What a simulated world tells its judge; what comes of it stands where each function is. */
export class Oracle {
  readonly #seen: Seen;

  constructor(subject: Subject) {
    this.#seen = nothingSeen(subject);
  }

  watch(ledger: Ledger): void {
    this.#seen.ledger = ledger;
  }

  bug(error: unknown): never {
    return fail("bug", error instanceof Error ? error.message : String(error));
  }

  // What the shard does.

  executes(ask: Ask, command: Command, others: number): void {
    executes(ask, command, others);
  }

  tokenMissing(text: string): void {
    tokenMissing(this.#seen, text);
  }

  sent(commands: readonly Command[]): void {
    sent(this.#seen, commands);
  }

  ordered(orders: readonly Order[]): void {
    ordered(this.#seen, orders);
  }

  neverAnswered(ask: Ask): void {
    neverAnswered(ask);
  }

  answered(ask: Ask, reply: Reply, others: number): void {
    answered(this.#seen, ask, reply, others);
  }

  // What the ledger does.

  committed(
    batch: { readonly epoch: number; readonly commands: readonly Command[] },
    applied: Result<readonly Verdict[], string>,
  ): void {
    committed(this.#seen, batch, applied);
  }

  // What the processor does.

  orderRepeated(first: Order, again: Order): void {
    orderRepeated(first, again);
  }

  booked(done: Booked): void {
    booked(this.#seen, done);
  }

  moneyMoved(
    order: Order,
    a: { amount: number; captured: number; refunded: number; voided: boolean },
  ): void {
    moneyMoved(order, a);
  }

  cardGone(key: string): void {
    cardGone(this.#seen, key);
  }

  // What is read.

  versionAt(scope: Scope, id: string, seq: number): ChargeFacts | undefined {
    return versionAt(this.#seen, scope, id, seq);
  }

  seqAt(scope: Scope, atMs: number): number {
    return seqAt(this.#seen, scope, atMs);
  }

  read(scope: Scope, id: string, facts: ChargeFacts | undefined, known: number): void {
    read(this.#seen, scope, id, facts, known);
  }

  toldOf(scope: Scope): number {
    return toldOf(this.#seen, scope);
  }

  keysDropped(): void {
    keysDropped(this.#seen);
  }

  // When all is over.

  conclude(
    book: ReadonlyMap<string, Booked>,
    deliver: (entries: readonly JournalEntry[]) => JournalEntry[],
  ): void {
    audit(this.#seen, book, deliver);
  }
}
