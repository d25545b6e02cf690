// Drives an opened charge, capture or refund to its end: asks the vault for the effect, then closes it
// at the ledger. May be run again at any moment by anyone: the processor's key is derived from the id,
// and only one close moves the state, so every driver arrives at the same end.

import type { CloseCharge, CloseOperation, Scope, Verdict } from "../protocol/command.ts";
import type { ChargeFacts, Facts, OperationFacts } from "../protocol/facts.ts";
import type { Failure } from "../protocol/failure.ts";
import { assert, type Result } from "../protocol/result.ts";
import type { End } from "../protocol/shard.ts";
import type { VaultVerbs } from "../protocol/vault.ts";
import type { SendFailure } from "./conveyor.ts";

/** The one attempt a charge has at a processor; routing over several will count it up. */
const ATTEMPT = 1;
/** A close that was not committed is sent again; after this many the alarm takes over. */
const CLOSE_TRIES_MAX = 3;
const CLOSE_PAUSE_MS = 250;

const UNKNOWN: End = {
  ok: false,
  failure: { kind: "unavailable", what: "The card processor has not answered yet." },
};
const UNCLOSED: End = {
  ok: false,
  failure: { kind: "unavailable", what: "The ledger of this account's region cannot be reached." },
};

type Vault = Pick<VaultVerbs, "authorize" | "follow">;
type Commit = (command: CloseCharge | CloseOperation) => Promise<Result<Verdict, SendFailure>>;

export class Drive {
  readonly #vault: Vault;
  readonly #commit: Commit;
  readonly #driving = new Map<string, Promise<End>>();

  constructor(vault: Vault, commit: Commit) {
    this.#vault = vault;
    this.#commit = commit;
  }

  /** Takes something opened to its end. Two who drive the same thing here go together. */
  finish(scope: Scope, facts: Facts): Promise<End> {
    const running = this.#driving.get(facts.id);
    if (running !== undefined) return running;
    const drive = this.#run({ account: scope.account, livemode: scope.livemode }, facts).finally(
      () => this.#driving.delete(facts.id),
    );
    this.#driving.set(facts.id, drive);
    return drive;
  }

  /** How something that has ended is told: a failed charge is a declined card. */
  endOf(facts: Facts): End {
    if (facts.kind !== "charge" || facts.state !== "failed") return { ok: true, facts };
    return { ok: false, failure: declineOf(facts) };
  }

  #run(scope: Scope, facts: Facts): Promise<End> {
    assert(
      facts.kind === "charge" || facts.kind === "operation",
      "only charges and operations have two phases",
    );
    return facts.kind === "charge" ? this.#charge(scope, facts) : this.#operation(scope, facts);
  }

  async #charge(scope: Scope, charge: ChargeFacts): Promise<End> {
    const { id, token, amount, currency, capture } = charge;
    const key = `${id}.authorize.${ATTEMPT}`;
    const effect = await certain(
      this.#vault.authorize(scope, { token, amount, currency, capture, key }),
    );
    if (effect.kind === "unknown") return UNKNOWN;
    return this.#close({
      ...scope,
      kind: "close_charge",
      id,
      approved: effect.kind === "approved",
      processor_ref: effect.ref,
      outcome: effect.outcome,
      card: effect.card,
    });
  }

  async #operation(scope: Scope, operation: OperationFacts): Promise<End> {
    const { id, charge, amount, authorization } = operation;
    assert(authorization !== null, "only an authorized charge is captured, refunded or released");
    const verb = VERBS[operation.operation];
    const key = `${id}.${verb}.${ATTEMPT}`;
    const effect = await certain(this.#vault.follow(scope, { authorization, verb, amount, key }));
    if (effect.kind === "unknown") return UNKNOWN;
    return this.#close({
      ...scope,
      kind: "close_operation",
      id,
      charge,
      approved: effect.kind === "approved",
      processor_ref: effect.kind === "approved" ? effect.ref : null,
    });
  }

  async #close(command: CloseCharge | CloseOperation): Promise<End> {
    for (let tried = 1; tried <= CLOSE_TRIES_MAX; tried++) {
      const answer = await this.#commit(command);
      if (answer.ok) return this.#endOfVerdict(answer.value);
      await new Promise((resume) => setTimeout(resume, CLOSE_PAUSE_MS * tried));
    }
    return UNCLOSED;
  }

  #endOfVerdict(verdict: Verdict): End {
    if (verdict.outcome === "refused") return { ok: false, failure: verdict.failure };
    if (verdict.outcome !== "known") return this.endOf(verdict.facts);
    const { end } = verdict.answer;
    return end.kind === "failure" ? { ok: false, failure: end.failure } : this.endOf(end.facts);
  }
}

/** A vault that was cut off in the middle may have asked the processor or not. */
async function certain<E>(effect: Promise<E>): Promise<E | { readonly kind: "unknown" }> {
  try {
    return await effect;
  } catch (error) {
    console.error("vault cut off", error instanceof Error ? error.name : typeof error);
    return { kind: "unknown" };
  }
}

const VERBS = { capture: "captures", refund: "refunds", release: "voids" } as const;

function declineOf(charge: ChargeFacts): Failure {
  const decline = charge.outcome?.decline;
  assert(decline !== undefined, "a failed charge has a decline");
  return {
    kind: "card_declined",
    code: decline.code,
    message: decline.message,
    charge: charge.id,
    ...(decline.decline_code === undefined ? {} : { declineCode: decline.decline_code }),
  };
}
