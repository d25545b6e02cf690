// The judge of a simulated run. It watches every transaction, every movement of money at the processor and
// every answer to a merchant, keeps its own account of what must be true, and throws at the first thing that
// is not. It shares with the judged only the tables and pure functions of protocol/, in copies no mutant
// reaches. Invariants are those of the design; what is held elsewhere is listed in INVARIANTS.

import { endOfFacts } from "../../durable-objects/end.ts";
import { closedCharge, openedCharge } from "../../protocol/charge.ts";
import type {
  CloseCharge,
  CloseOperation,
  Command,
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
  Scope,
  Verdict,
} from "../../protocol/command.ts";
import type { ChargeFacts, Facts, OperationFacts } from "../../protocol/facts.ts";
import { type Failure, isRetryable, wireOf } from "../../protocol/failure.ts";
import type { ChargeId } from "../../protocol/ids.ts";
import { objectOf } from "../../protocol/object.ts";
import {
  type Intents,
  type JournalEntry,
  newProjection,
  type Projection,
  project,
} from "../../protocol/projection.ts";
import type { Result } from "../../protocol/result.ts";
import type { Ask, ChargeAsk, End, Reply } from "../../protocol/shard.ts";
import { type KeptTerms, termsOf } from "../../protocol/terms.ts";
import type { Order } from "../../protocol/vault.ts";
import type { Booked } from "./processor.ts";
import type { Account, Ledger } from "./specification/ledger.ts";
import type { Subject } from "./subject.ts";

/** Each invariant in a word, and where it is held when it is not held here. */
export const INVARIANTS = {
  I1: "at most one effect at the processor for an account's key",
  I2: "each order and each success stands on exactly one row of the ledger",
  I3: "what was acknowledged is in the ledger, whatever crashed",
  I4: "every definite answer for a key is the same bytes",
  I5: "no answer contradicts what is read later",
  I6: "a reuse of a key that is refused changes nothing",
  I7: "in use, or locked, is only said while something is under way",
  I8: "when the faults stop, everything ends in time",
  I9: "debits equal credits, in each posting and in all",
  I10: "the journal is never altered (its hash chain: test/ledger)",
  I11: "refunds ≤ captured ≤ authorized, here and at the processor",
  I12: "one entry for each change of state, none without",
  I13: "an account's sequence has no gap and follows the commits",
  I14: "who follows the journal arrives at the same state, duplicates and disorder or not",
  I15: "replaying the journal rebuilds what the ledger keeps",
  I16: "no balance falls below its floor (a CHECK of the ledger: test/ledger)",
  I17: "nothing of one account is shown to or changed by another",
  I18: "no card number leaves the vault (test/canary)",
  I19: "only declared moves happen",
  I20: "no clock opens a lock that somebody holds",
  fence: "what was fenced off changes nothing",
  bug: "nothing held to be impossible happens",
} as const;
export type Invariant = keyof typeof INVARIANTS;

export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

const fail = (invariant: Invariant, message: string): never => {
  throw new Violation(invariant, message);
};

/** What is told of a charge once its customer is deleted; merchants here put words into metadata only. */
export const wordless = (rendered: string): string =>
  rendered.replace(/"metadata":\{[^{}]*\}/, '"metadata":{}');

/** An answer as a merchant sees it: status and body. */
export const render = (end: End, scope: Scope): string => {
  if (end.ok) return `200 ${JSON.stringify(objectOf(end.facts, scope))}`;
  const { status, ...error } = wireOf(end.failure);
  return `${status} ${JSON.stringify(error)}`;
};

type Keyed = OpenCharge | OpenOperation | SaveCustomer | SaveObject;

/** What a key was first used for, and how that ended. */
type Claimed = {
  readonly command: Keyed;
  /** What every later request must hear; undefined until it has ended. */
  end: string | undefined;
  /** The number of the entry that tells of the end. */
  seq: number;
  /** What it may hear as well: its customer was erased meanwhile. */
  erased: string | undefined;
};

type Version = { readonly seq: number; readonly facts: ChargeFacts };

/** One account in one mode, as the oracle has seen it come to be. */
type Watched = {
  readonly scope: Scope;
  readonly claims: Map<string, Claimed>;
  readonly projection: Projection;
  /** Entries as they were when they were committed. */
  readonly journal: string[];
  readonly charges: Map<string, Version[]>;
  readonly operations: Map<string, { readonly command: OpenOperation; facts: OperationFacts }>;
  /** The versions of each object. */
  readonly objects: Map<string, number[]>;
  readonly intents: Intents;
};

const KEY_FREE = new Set<Failure["kind"]>([
  "account_unknown",
  "idempotency_mismatch",
  "object_locked",
  "internal",
]);

export class Oracle {
  readonly #subject: Subject;
  #ledger: Ledger | undefined;
  readonly #accounts = new Map<string, Watched>();
  /** Whose each charge and operation is, by id. */
  readonly #owners = new Map<string, Watched>();
  readonly #sent = new Map<string, OpenCharge | OpenOperation>();
  /** Approved effects at the processor, by account and key. */
  readonly #effects = new Map<string, string>();
  /** What the processor calls each approved effect, by charge or operation. */
  readonly #refs = new Map<string, string | null>();
  /** Charges whose money is there at once. */
  readonly #instant = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #missing = new Set<string>();
  /** Customers whose deletion was committed. */
  readonly #deleted = new Set<string>();
  /** The last entry of each account that anybody was told of. */
  readonly #told = new Map<string, number>();

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  watch(ledger: Ledger): void {
    this.#ledger = ledger;
  }

  bug(error: unknown): never {
    return fail("bug", error instanceof Error ? error.message : String(error));
  }

  // What the shard does.

  /** A request leaves for the ledger while `others` of the same key wait at the same object. */
  executes(ask: Ask, command: Command, others: number): void {
    if (others > 0) fail("I20", `${nameOfAsk(ask)} is executed twice at once`);
    const [asked, sent]: [object, object] = [ask, command];
    for (const [field, value] of Object.entries(asked)) {
      if (field === "kind" || field === "source" || field === "change") continue;
      if (JSON.stringify(value) !== JSON.stringify((sent as Record<string, unknown>)[field])) {
        fail("I2", `${nameOfAsk(ask)} is sent with another ${field}`);
      }
    }
    if (ask.kind === "charge" && command.kind === "open_charge") checkSource(ask, command);
  }

  tokenMissing(text: string): void {
    this.#missing.add(text);
  }

  sent(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.kind === "open_charge" || command.kind === "open_operation") {
        this.#sent.set(command.id, command);
      }
    }
  }

  /** Orders leave for the vault: each stands on something the ledger has opened. */
  ordered(orders: readonly Order[]): void {
    for (const order of orders) {
      const id = idOf(order.key);
      const owner = this.#owners.get(id);
      if (owner === undefined)
        fail("I2", `${order.key} is ordered, and the ledger has not opened it`);
      else if (owner.scope.account !== order.account || owner.scope.livemode !== order.livemode) {
        fail("I17", `${order.key} is ordered for another account`);
      }
    }
  }

  neverAnswered(ask: Ask): void {
    fail("I8", `${nameOfAsk(ask)} is never answered`);
  }

  answered(ask: Ask, reply: Reply, others: number): void {
    if (ask.kind === "account") return;
    const { end } = reply;
    if (!end.ok && isRetryable(end.failure)) {
      if (end.failure.kind === "idempotency_in_use" && others === 0) {
        fail("I7", `${nameOfAsk(ask)} is in use, and nobody uses it`);
      }
      if (end.failure.kind === "internal" && !isPoison(ask)) {
        fail("bug", `${nameOfAsk(ask)} is told internal`);
      }
      return;
    }
    const watched = this.#accounts.get(nameOf(ask));
    const claimed = watched?.claims.get(ask.key);
    if (!end.ok && this.#isKeyFree(ask, end.failure, watched, claimed)) return;
    if (watched === undefined || claimed === undefined || claimed.end === undefined) {
      fail("I3", `${nameOfAsk(ask)} is told an end that is not in the ledger`);
      return;
    }
    const { command } = claimed;
    if (command.mac !== ask.mac || command.operation !== ask.operation) {
      fail("I6", `${nameOfAsk(ask)} is told the end of another request`);
    }
    if (end.ok) this.#checkOwner(ask, end.facts);
    const rendered = render(end, ask);
    if (
      rendered !== claimed.end &&
      rendered !== claimed.erased &&
      !this.#isErased(rendered, claimed.end)
    ) {
      fail("I4", `${nameOfAsk(ask)} is told ${rendered} and not ${claimed.end}`);
    }
    this.#told.set(nameOf(ask), Math.max(this.toldOf(ask), claimed.seq));
    if (reply.request !== command.request || (ask.request !== command.request && !reply.replayed)) {
      fail("I4", `${nameOfAsk(ask)} is not told whose answer it hears`);
    }
  }

  /** Whether a text is another without its words about a person, whose customer is deleted. */
  #isErased(text: string, whole: string): boolean {
    return text === wordless(whole) && [...this.#deleted].some((id) => whole.includes(id));
  }

  #isKeyFree(
    ask: Exclude<Ask, { kind: "account" }>,
    failure: Failure,
    watched: Watched | undefined,
    claimed: Claimed | undefined,
  ): boolean {
    if (failure.kind === "account_unknown") {
      if (watched !== undefined) fail("I5", `${nameOfAsk(ask)} is told its account is unknown`);
      return true;
    }
    if (failure.kind === "idempotency_mismatch") {
      const { mac, operation } = claimed?.command ?? ask;
      if (mac === ask.mac && operation === ask.operation) {
        fail("I6", `${nameOfAsk(ask)} is told that its key was used for another request`);
      }
      return true;
    }
    if (failure.kind !== "resource_missing" || failure.object !== "token") return false;
    if (!this.#missing.has(failure.id)) fail("I5", `${failure.id} is called missing, and is there`);
    return true;
  }

  #checkOwner(scope: Scope, facts: Facts): void {
    if (facts.kind !== "charge" && facts.kind !== "operation") return;
    const owner = this.#owners.get(facts.id);
    if (owner?.scope.account !== scope.account || owner.scope.livemode !== scope.livemode) {
      fail("I17", `${facts.id} is shown to another account`);
    }
  }

  // What the ledger does.

  committed(
    { epoch, commands }: { readonly epoch: number; readonly commands: readonly Command[] },
    applied: Result<readonly Verdict[], string>,
  ): void {
    const ledger = this.#ledger;
    if (ledger === undefined) throw new Error("the oracle watches a ledger");
    if (applied.ok) {
      if (epoch !== ledger.epoch) fail("fence", `a batch of epoch ${epoch} was committed`);
      // In the order in which the ledger takes the kinds, so that entries meet their intents.
      for (let i = 0; i < commands.length; i++) {
        this.#note(commands[i] as Command, applied.value[i]);
      }
    }
    for (const account of ledger.accounts.values()) this.#follow(account);
    if (!applied.ok) return;
    for (let i = 0; i < commands.length; i++) {
      this.#conclude(commands[i] as Command, applied.value[i] as Verdict);
    }
  }

  /** Takes note of what was opened, and of the key that did it. */
  #note(command: Command, verdict: Verdict | undefined): void {
    if (verdict === undefined) {
      fail("I2", `the ledger has no word on ${command.kind}`);
      return;
    }
    if (command.kind === "create_account") {
      for (const livemode of [false, true])
        this.#watch({ account: command.id, livemode }, command.terms);
      return;
    }
    const watched = this.#accounts.get(nameOf(command));
    if (watched === undefined) return;
    if (verdict.outcome === "refused" && verdict.failure.kind === "internal") {
      fail("bug", `${command.kind} of ${command.id}, which was never opened`);
    }
    if (!("key" in command)) return;
    const claims =
      verdict.outcome === "refused"
        ? !KEY_FREE.has(verdict.failure.kind)
        : verdict.outcome !== "known";
    if (!claims) {
      if (verdict.outcome === "known") this.#checkKnown(watched, command);
      return;
    }
    if (watched.claims.has(command.key)) fail("I1", `${command.key} is claimed a second time`);
    const claimed: Claimed = { command, end: undefined, seq: verdict.seq, erased: undefined };
    watched.claims.set(command.key, claimed);
    if (verdict.outcome === "refused") {
      claimed.end = render({ ok: false, failure: verdict.failure }, watched.scope);
    } else if (command.kind === "open_charge" && verdict.outcome === "charge_opened") {
      const { customer } = command;
      if (customer !== undefined && watched.projection.customers.get(customer) !== false) {
        fail("I19", `${command.id} is paid by a customer who is deleted`);
      }
      const facts = openedCharge(command, verdict.paid_with);
      watched.charges.set(command.id, [{ seq: verdict.seq, facts }]);
      this.#owners.set(command.id, watched);
    } else if (command.kind === "open_operation" && verdict.outcome === "operation_opened") {
      this.#checkPlan(watched, command, verdict.facts);
      watched.operations.set(command.id, { command, facts: verdict.facts });
      this.#owners.set(command.id, watched);
    }
  }

  /** An intent is charged once: whatever was tried before has failed, and it stands as it was decided on. */
  #checkIntent(watched: Watched, { id, intent }: OpenCharge): void {
    if (intent === undefined) return;
    for (const [other, versions] of watched.charges) {
      if (other === id || versions[0]?.facts.intent?.id !== intent.id) continue;
      const state = watched.projection.charges.get(other)?.state;
      if (state !== "failed") fail("I1", `${id} pays what ${other} pays, which is ${state}`);
    }
    const { seq, deleted } = watched.projection.objects.get(intent.id) ?? {};
    if (seq !== intent.seq || deleted === true) {
      fail("I19", `${id} was decided on version ${intent.seq} of ${intent.id}, which is at ${seq}`);
    }
  }

  #checkKnown(watched: Watched, command: Keyed): void {
    const first = watched.claims.get(command.key)?.command;
    if (first?.mac !== command.mac || first.operation !== command.operation) {
      fail("I6", `${command.key} is known to a request that did not use it`);
    }
  }

  #checkPlan(watched: Watched, command: OpenOperation, facts: OperationFacts): void {
    const charge = watched.projection.charges.get(command.charge);
    const intent = watched.charges.get(command.charge)?.[0]?.facts;
    if (charge === undefined || intent === undefined) {
      fail("I17", `${command.id} is of a charge that this account does not have`);
      return;
    }
    const left = charge.captured - charge.refunded - charge.refunding;
    const held = intent.amount + charge.raised;
    if (command.increments === true) {
      const more = (command.amount ?? 0) - held;
      if (facts.operation !== "increment" || facts.amount !== more || more <= 0) {
        fail("I11", `${command.id} was opened as ${facts.operation} of ${facts.amount}`);
      }
      return;
    }
    const wanted = command.capture || charge.state === "authorized" ? held : left;
    const ofKind = command.capture
      ? "capture"
      : charge.state === "authorized"
        ? "release"
        : "refund";
    if (facts.operation !== ofKind || facts.amount !== (command.amount ?? wanted)) {
      fail("I11", `${command.id} was opened as ${facts.operation} of ${facts.amount}`);
    }
  }

  /** Takes in what the journal gained, and compares all it tells of with the ledger's rows. */
  #follow(account: Account): void {
    const watched = this.#accounts.get(nameOf(account.scope));
    if (watched === undefined) return;
    const { journal, projection } = watched;
    if (account.journal.length === journal.length) {
      if (account.seq !== journal.length) fail("I13", "a number was given to no entry");
      return;
    }
    const touched = new Set<string>();
    for (let i = journal.length; i < account.journal.length; i++) {
      const entry = account.journal[i] as JournalEntry;
      if (entry.seq !== i + 1) fail("I13", `entry ${entry.seq} is in place ${i + 1}`);
      const taken = project(projection, entry, watched.intents);
      if (!taken.ok) fail(invariantOf(taken.failure), `entry ${entry.seq}: ${taken.failure}`);
      journal.push(JSON.stringify(entry));
      touched.add(entry.subject);
    }
    for (const subject of touched) this.#compare(account, watched, subject);
    if (account.seq !== journal.length) fail("I13", "a number was given to no entry");
  }

  #compare(account: Account, watched: Watched, subject: string): void {
    const operation = watched.operations.get(subject)?.command;
    const chargeId = operation?.charge ?? subject;
    const charge = watched.projection.charges.get(chargeId);
    const row = account.authorizations.get(chargeId as ChargeId);
    if (charge !== undefined) {
      const said = row === undefined ? "opened 0 0 0 0 null" : rowText(row);
      const { state, raised, captured, refunded, refunding, balanceSeq } = charge;
      const told = `${state} ${raised} ${captured} ${refunded} ${refunding} ${balanceSeq}`;
      if (said !== told) fail("I15", `${chargeId} is ${said} and its journal says ${told}`);
      if (refunded + refunding > Math.max(captured, state === "released" ? refunded : 0)) {
        fail("I11", `${chargeId} has refunds of ${refunded} + ${refunding} of ${captured}`);
      }
    }
    const kept = account.operations.get(subject);
    const told = watched.projection.operations.get(subject);
    if (kept?.state !== told?.state) {
      fail("I15", `${subject} is ${kept?.state} and its journal says ${told?.state}`);
    }
  }

  /** What each verdict means for the keys, once the journal is in. */
  #conclude(command: Command, verdict: Verdict): void {
    const watched = this.#accounts.get(nameOf(command));
    if (watched === undefined || command.kind === "create_account") return;
    switch (command.kind) {
      case "close_charge":
        this.#concludeCharge(watched, command, verdict);
        break;
      case "close_operation":
        this.#concludeOperation(watched, command, verdict);
        break;
      case "open_operation":
        this.#checkLocked(watched, command, verdict);
        break;
      case "save_customer":
        this.#concludeCustomer(watched, command, verdict);
        break;
      case "save_object":
        this.#concludeObject(watched, command, verdict);
        break;
      case "open_charge":
        if (verdict.outcome === "charge_opened") this.#checkIntent(watched, command);
        break;
    }
  }

  /** A change was decided on the version before it, by somebody who knew of every charge. */
  #concludeObject(watched: Watched, command: SaveObject, verdict: Verdict): void {
    if (verdict.outcome !== "done") return;
    const claimed = watched.claims.get(command.key);
    if (claimed !== undefined) {
      claimed.end = render({ ok: true, facts: verdict.facts }, watched.scope);
    }
    const versions = watched.objects.get(command.id) ?? [];
    if (!command.made && versions.at(-1) !== command.expects) {
      fail("I19", `${command.id} was changed on version ${command.expects}, at ${versions.at(-1)}`);
    }
    watched.objects.set(command.id, [...versions, verdict.seq]);
    const charges = [...watched.charges.values()].filter(
      ([first]) => first?.facts.intent?.id === command.id && first.seq < verdict.seq,
    );
    if (command.attempts !== undefined && charges.length > command.attempts) {
      fail("I19", `${command.id} was changed by who has not heard of its latest charge`);
    }
  }

  #concludeCharge(watched: Watched, command: CloseCharge, verdict: Verdict): void {
    if (verdict.outcome !== "charge_closed") return;
    const versions = watched.charges.get(command.id);
    const opened = versions?.[0];
    if (versions?.length !== 1 || opened === undefined) {
      fail("I19", `${command.id} is closed twice`);
      return;
    }
    const facts = closedCharge(opened.facts, command, verdict.seq);
    versions.push({ seq: verdict.seq, facts });
    const claimed = watched.claims.get(keyOf(watched, command.id));
    if (claimed === undefined) return;
    claimed.end = render(endOfFacts(facts), watched.scope);
    claimed.seq = verdict.seq;
  }

  #concludeOperation(watched: Watched, command: CloseOperation, verdict: Verdict): void {
    const operation = watched.operations.get(command.id);
    const told = watched.projection.operations.get(command.id);
    const ref = this.#refs.get(command.id);
    if (verdict.outcome === "done" && command.approved && command.processor_ref !== ref) {
      fail("I3", `${command.id} names ${command.processor_ref}, the processor says ${ref}`);
    }
    if (verdict.outcome === "known" || operation === undefined || told?.seq == null) return;
    const { facts } = operation;
    const claimed = watched.claims.get(operation.command.key);
    if (claimed?.end !== undefined) fail("I19", `${command.id} ends twice`);
    operation.facts = {
      ...facts,
      state: told.state,
      balance_seq: told.balanceSeq,
      authorization: null,
    };
    const charge = this.#newVersion(watched, facts.charge, verdict.seq);
    if (claimed === undefined) return;
    claimed.seq = verdict.seq;
    const ofCharge = facts.operation === "capture" || facts.operation === "increment";
    const ended: End =
      facts.operation !== "refund" && told.state === "failed"
        ? { ok: false, failure: refusalOf(operation.facts, command) }
        : { ok: true, facts: ofCharge ? charge : operation.facts };
    claimed.end = render(ended, watched.scope);
  }

  #newVersion(watched: Watched, id: string, seq: number): ChargeFacts {
    const versions = watched.charges.get(id);
    const last = versions?.at(-1);
    const told = watched.projection.charges.get(id);
    if (versions === undefined || last === undefined || told === undefined) {
      throw new Error("an operation is of a charge");
    }
    const facts: ChargeFacts = {
      ...last.facts,
      state: told.state,
      amount: (versions[0]?.facts.amount ?? 0) + told.raised,
      amount_captured: told.captured,
      amount_refunded: told.refunded,
      balance_seq: told.balanceSeq,
    };
    versions.push({ seq, facts });
    return facts;
  }

  #checkLocked(watched: Watched, command: OpenOperation, verdict: Verdict): void {
    if (verdict.outcome === "operation_opened") {
      this.#newVersion(watched, command.charge, verdict.seq);
    }
    if (verdict.outcome !== "refused" || verdict.failure.kind !== "object_locked") return;
    const charge = watched.projection.charges.get(command.charge);
    const isBusy =
      charge !== undefined &&
      (charge.state === "opened" ||
        charge.state === "incrementing" ||
        charge.state === "capturing" ||
        charge.state === "releasing" ||
        charge.refunding > 0);
    if (!isBusy) fail("I7", `${command.charge} is called locked, and nothing is under way`);
  }

  #concludeCustomer(watched: Watched, command: SaveCustomer, verdict: Verdict): void {
    if (verdict.outcome !== "done") return;
    const claimed = watched.claims.get(command.key);
    if (claimed === undefined) return;
    claimed.end = render({ ok: true, facts: verdict.facts }, watched.scope);
    if (!command.removed) return;
    this.#deleted.add(command.id);
    for (const other of watched.claims.values()) {
      if (other.command.kind === "save_customer" && other.command.id === command.id) {
        other.erased = claimed.end;
      }
    }
  }

  // What the processor does.

  orderRepeated(first: Order, again: Order): void {
    if (JSON.stringify(first) !== JSON.stringify(again)) {
      fail("I1", `${again.key} is asked of the processor with other words`);
    }
  }

  booked({ order, effect }: Booked): void {
    const command = this.#sent.get(idOf(order.key));
    const owner = this.#owners.get(idOf(order.key));
    if (command === undefined || owner === undefined) {
      fail("I2", `${order.key} is booked, and the ledger has not opened it`);
      return;
    }
    if (this.#gone.has(order.key)) fail("I5", `${order.key} is booked after its card was gone`);
    if (effect.kind !== "approved") return;
    const name = `${nameOf(command)}/${command.key}`;
    const before = this.#effects.get(name);
    if (before !== undefined) fail("I1", `${name} has effects ${before} and ${order.key}`);
    this.#effects.set(name, order.key);
    this.#refs.set(idOf(order.key), effect.ref);
    if (effect.available_now === true) this.#instant.add(idOf(order.key));
  }

  moneyMoved(
    order: Order,
    a: { amount: number; captured: number; refunded: number; voided: boolean },
  ): void {
    const wrong =
      a.captured > a.amount ||
      a.refunded > a.captured ||
      (a.voided && order.verb !== "authorize") ||
      ((order.verb === "void" || order.verb === "increment") && a.captured > 0);
    if (wrong) fail("I11", `${order.key} takes or gives too much: ${JSON.stringify(a)}`);
  }

  cardGone(key: string): void {
    this.#gone.add(key);
  }

  // What is read.

  /** A charge as it was when its account's journal had this length. */
  versionAt(scope: Scope, id: string, seq: number): ChargeFacts | undefined {
    const versions = this.#accounts.get(nameOf(scope))?.charges.get(id) ?? [];
    let found: ChargeFacts | undefined;
    for (const version of versions) if (version.seq <= seq) found = version.facts;
    return found;
  }

  /** The last number of the account's journal that was committed by then. */
  seqAt(scope: Scope, atMs: number): number {
    const account = this.#ledger?.accounts.get(nameOf(scope));
    let seq = account?.journal.length ?? 0;
    while (seq > 0 && (account?.journal[seq - 1]?.createdMs ?? 0) > atMs) seq--;
    return seq;
  }

  /** A read that began when `known` was the last entry anybody had heard of. */
  read(scope: Scope, id: string, facts: ChargeFacts | undefined, known: number): void {
    const least = this.versionAt(scope, id, known);
    if (least === undefined) return;
    if (facts === undefined) {
      fail("I5", `${id} was told of and is not there`);
      return;
    }
    const versions = this.#accounts.get(nameOf(scope))?.charges.get(id) ?? [];
    const text = render({ ok: true, facts }, scope);
    const at = versions.findLastIndex((v) => {
      const whole = render({ ok: true, facts: v.facts }, scope);
      return whole === text || this.#isErased(text, whole);
    });
    const from = versions.findIndex((v) => v.facts === least);
    if (at < from) fail("I5", `${id} reads as ${facts.state}, behind what was told before`);
  }

  /** The last entry of the account that anybody was told of; what is read later must include it. */
  toldOf(scope: Scope): number {
    return this.#told.get(nameOf(scope)) ?? 0;
  }

  /** The keys of customers and refusals were dropped. */
  keysDropped(): void {
    for (const { claims, projection } of this.#accounts.values()) {
      for (const [key, { command }] of claims) {
        const { id } = command;
        if (!projection.charges.has(id) && !projection.operations.has(id)) claims.delete(key);
      }
    }
  }

  // When all is over.

  /** What must be true when nothing fails any more and nothing is under way. */
  conclude(
    book: ReadonlyMap<string, Booked>,
    deliver: (entries: readonly JournalEntry[]) => JournalEntry[],
  ): void {
    const ledger = this.#ledger;
    if (ledger === undefined) return;
    let total = 0;
    for (const account of ledger.accounts.values()) {
      const watched = this.#accounts.get(nameOf(account.scope));
      if (watched === undefined) continue;
      this.#concludeBalances(account, watched);
      this.#concludeJournal(account, watched, deliver);
      for (const sum of account.balances.values()) total += sum;
      for (const { state } of watched.projection.operations.values()) {
        if (state === "opened") fail("I8", "an operation never ended");
      }
      for (const [id, { state }] of watched.projection.charges) {
        if (["opened", "incrementing", "capturing", "releasing"].includes(state)) {
          fail("I8", `${id} is ${state} for ever`);
        }
      }
      this.#concludeBook(account, watched, book);
    }
    if (total !== 0) fail("I9", `the whole ledger sums to ${total}`);
  }

  #concludeBalances(account: Account, { projection }: Watched): void {
    for (const [name, sum] of projection.freed) {
      if (account.pending.get(name) !== sum) {
        fail("I15", `${account.pending.get(name)} comes free of ${name}, its postings say ${sum}`);
      }
    }
    for (const [name, sum] of projection.balances) {
      if (account.balances.get(name) !== sum) {
        fail("I15", `${name} is ${account.balances.get(name)} and its postings sum to ${sum}`);
      }
    }
    const sums = new Map<string, number>();
    for (const [name, sum] of account.balances) {
      const currency = name.slice(name.indexOf("/") + 1);
      sums.set(currency, (sums.get(currency) ?? 0) + sum);
    }
    for (const [currency, sum] of sums) if (sum !== 0) fail("I9", `${currency} sums to ${sum}`);
  }

  #concludeJournal(
    account: Account,
    watched: Watched,
    deliver: (entries: readonly JournalEntry[]) => JournalEntry[],
  ): void {
    const { journal } = account;
    if (journal.length !== watched.journal.length) fail("I10", "the journal lost entries");
    watched.journal.forEach((text, i) => {
      if (JSON.stringify(journal[i]) !== text) fail("I10", `entry ${i + 1} was altered`);
    });
    const follower = newProjection();
    const early = new Map<number, JournalEntry>();
    for (const entry of deliver(journal)) {
      if (entry.seq > follower.seq) early.set(entry.seq, entry);
      for (;;) {
        const next = early.get(follower.seq + 1);
        if (next === undefined) break;
        early.delete(next.seq);
        const taken = project(follower, next, watched.intents);
        if (!taken.ok) fail("I14", taken.failure);
      }
    }
    if (textOf(follower) !== textOf(watched.projection))
      fail("I14", "a follower arrives elsewhere");
  }

  /** What the processor did and what the ledger says it did are the same. */
  #concludeBook(account: Account, watched: Watched, book: ReadonlyMap<string, Booked>): void {
    for (const [id, versions] of watched.charges) {
      const booked = book.get(`${id}.authorize.1`);
      const closed = versions[1]?.facts;
      const row = this.#subject.ledger.chargeFacts(account, id as ChargeId);
      if (row === undefined) fail("I3", `${id} is lost`);
      const approved = closed !== undefined && closed.state !== "failed";
      if ((booked?.effect.kind === "approved") !== approved) {
        fail("I3", `${id} is ${closed?.state} and the processor says ${booked?.effect.kind}`);
      }
      if (approved && booked?.effect.ref !== row?.processor_ref) {
        fail("I3", `${id} does not name what the processor did`);
      }
      const last = versions.at(-1)?.facts;
      if (last !== undefined && row !== undefined) {
        const scope = watched.scope;
        const [a, b] = [
          render({ ok: true, facts: last }, scope),
          render({ ok: true, facts: row }, scope),
        ];
        if (a !== b && !this.#isErased(b, a)) fail("I15", `${id} is ${b} and should be ${a}`);
      }
    }
    for (const [id, { facts }] of watched.operations) {
      const verb = facts.operation === "release" ? "void" : facts.operation;
      const approved = book.get(`${id}.${verb}.1`)?.effect.kind === "approved";
      if (approved !== (facts.state === "succeeded")) {
        fail("I3", `${id} is ${facts.state} and the processor says ${approved ? "yes" : "no"}`);
      }
    }
  }

  #watch(scope: Scope, terms: KeptTerms | undefined): void {
    if (this.#accounts.has(nameOf(scope))) return;
    const charges = new Map<string, Version[]>();
    const operations: Watched["operations"] = new Map();
    this.#accounts.set(nameOf(scope), {
      scope,
      claims: new Map(),
      projection: newProjection(),
      journal: [],
      charges,
      operations,
      objects: new Map(),
      intents: {
        terms: termsOf(terms),
        charge: (id) => {
          const facts = charges.get(id)?.[0]?.facts;
          return facts && { ...facts, availableNow: this.#instant.has(id) };
        },
        operation: (id) => operations.get(id)?.facts,
      },
    });
  }
}

const nameOf = (scope: Scope): string => `${scope.account}/${scope.livemode ? "live" : "test"}`;

const nameOfAsk = (ask: Ask): string =>
  ask.kind === "account" ? "an account" : `${ask.kind} ${ask.key} of ${nameOf(ask)}`;

function checkSource(ask: ChargeAsk, { token, card_id }: OpenCharge): void {
  const { source } = ask;
  const isMeant =
    source.kind === "customer"
      ? card_id === source.card_id && token === undefined
      : source.kind === "tokenized"
        ? token === source.token
        : source.kind === "payment_method"
          ? token === source.token && card_id === source.id
          : token === source.text || !/^tok_.{22}$/.test(source.text);
  if (!isMeant) fail("I2", `${nameOfAsk(ask)} is sent with another card`);
}

/** What no database would take; it stands for all that one cannot, such as a NUL in a text. */
const isPoison = (ask: Ask): boolean => ask.kind === "charge" && ask.amount === 0;

/** The charge or operation behind a processor's key. */
const idOf = (key: string): string => key.slice(0, key.indexOf("."));

const keyOf = (watched: Watched, chargeId: string): string => {
  for (const [key, { command }] of watched.claims) if (command.id === chargeId) return key;
  return "";
};

/** What is told of an operation that the processor did not do. */
const refusalOf = ({ operation, charge }: OperationFacts, { decline }: CloseOperation): Failure => {
  if (decline === undefined) return { kind: "processor_refused", operation };
  const { code, decline_code, message, network_code } = decline;
  return {
    kind: "card_declined",
    charge,
    code,
    message,
    ...(decline_code === undefined ? {} : { declineCode: decline_code }),
    ...(network_code === undefined ? {} : { networkDeclineCode: network_code }),
  };
};

const rowText = (row: {
  state: string;
  raised: number;
  amount_captured: number;
  amount_refunded: number;
  amount_refunding: number;
  balance_seq: number | null;
}): string =>
  `${row.state} ${row.raised} ${row.amount_captured} ${row.amount_refunded} ${row.amount_refunding} ${row.balance_seq}`;

const textOf = ({
  seq,
  charges,
  operations,
  customers,
  objects,
  balances,
  freed,
}: Projection): string =>
  JSON.stringify([
    seq,
    ...[charges, operations, customers, objects, balances, freed].map((map) => [...map]),
  ]);

/** Which invariant an entry breaks that cannot follow. */
function invariantOf(why: string): Invariant {
  if (/more is refunded/.test(why)) return "I11";
  if (/money|posting/.test(why)) return "I9";
  if (/cannot|not refunded|end again|open already/.test(why)) return "I19";
  return "I12";
}
