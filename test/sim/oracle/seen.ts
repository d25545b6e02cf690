// The oracle's own account of a run: each merchant as the oracle has seen them come to be, and what it knows
// of shards, the processor and answers beside.

import type {
  OpenCharge,
  OpenOperation,
  SaveCustomer,
  SaveObject,
  Scope,
} from "../../../protocol/command.ts";
import type { ChargeFacts, OperationFacts } from "../../../protocol/facts.ts";
import { type Intents, newProjection, type Projection } from "../../../protocol/projection.ts";
import type { Ask } from "../../../protocol/shard.ts";
import { type KeptTerms, termsOf } from "../../../protocol/terms.ts";
import type { Ledger } from "../specification/ledger.ts";
import type { Subject } from "../subject.ts";

export type Keyed = OpenCharge | OpenOperation | SaveCustomer | SaveObject;

/** What a key was first used for, and how that ended. */
export type Claimed = {
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
export type Watched = {
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

/** All that the oracle has seen of a run, and what it made of it. */
export type Seen = {
  readonly subject: Subject;
  ledger: Ledger | undefined;
  readonly accounts: Map<string, Watched>;
  /** Whose each charge and operation is, by id. */
  readonly owners: Map<string, Watched>;
  readonly sent: Map<string, OpenCharge | OpenOperation>;
  /** Approved effects at the processor, by account and key. */
  readonly effects: Map<string, string>;
  /** What the processor calls each approved effect, by charge or operation. */
  readonly refs: Map<string, string | null>;
  /** Charges whose money is there at once. */
  readonly instant: Set<string>;
  readonly gone: Set<string>;
  readonly missing: Set<string>;
  /** Customers whose deletion was committed. */
  readonly deleted: Set<string>;
  /** The last entry of each account that anybody was told of. */
  readonly told: Map<string, number>;
};

export const nothingSeen = (subject: Subject): Seen => ({
  subject,
  ledger: undefined,
  accounts: new Map(),
  owners: new Map(),
  sent: new Map(),
  effects: new Map(),
  refs: new Map(),
  instant: new Set(),
  gone: new Set(),
  missing: new Set(),
  deleted: new Set(),
  told: new Map(),
});

export function watchAccount(seen: Seen, scope: Scope, terms: KeptTerms | undefined): void {
  if (seen.accounts.has(nameOf(scope))) return;
  const charges = new Map<string, Version[]>();
  const operations: Watched["operations"] = new Map();
  seen.accounts.set(nameOf(scope), {
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
        return facts && { ...facts, availableNow: seen.instant.has(id) };
      },
      operation: (id) => operations.get(id)?.facts,
    },
  });
}

export const nameOf = (scope: Scope): string =>
  `${scope.account}/${scope.livemode ? "live" : "test"}`;

export const nameOfAsk = (ask: Ask): string =>
  ask.kind === "account" ? "an account" : `${ask.kind} ${ask.key} of ${nameOf(ask)}`;

/** The charge or operation behind a processor's key. */
export const idOf = (key: string): string => key.slice(0, key.indexOf("."));

export const keyOf = (watched: Watched, chargeId: string): string => {
  for (const [key, { command }] of watched.claims) if (command.id === chargeId) return key;
  return "";
};
