// What the oracle holds reads to: nothing that was told of is unsaid later.

import type { Scope } from "../../../protocol/command.ts";
import type { ChargeFacts } from "../../../protocol/facts.ts";
import { fail } from "./invariants.ts";
import { isErased, render } from "./rendering.ts";
import { nameOf, type Seen } from "./seen.ts";

/** A charge as it was when its account's journal had this length. */
export function versionAt(
  seen: Seen,
  scope: Scope,
  id: string,
  seq: number,
): ChargeFacts | undefined {
  const versions = seen.accounts.get(nameOf(scope))?.charges.get(id) ?? [];
  let found: ChargeFacts | undefined;
  for (const version of versions) if (version.seq <= seq) found = version.facts;
  return found;
}

/** The last number of the account's journal that was committed by then. */
export function seqAt(seen: Seen, scope: Scope, atMs: number): number {
  const account = seen.ledger?.accounts.get(nameOf(scope));
  let seq = account?.journal.length ?? 0;
  while (seq > 0 && (account?.journal[seq - 1]?.createdMs ?? 0) > atMs) seq--;
  return seq;
}

/** A read that began when `known` was the last entry anybody had heard of. */
export function read(
  seen: Seen,
  scope: Scope,
  id: string,
  facts: ChargeFacts | undefined,
  known: number,
): void {
  const least = versionAt(seen, scope, id, known);
  if (least === undefined) return;
  if (facts === undefined) {
    fail("I5", `${id} was told of and is not there`);
    return;
  }
  const versions = seen.accounts.get(nameOf(scope))?.charges.get(id) ?? [];
  const text = render({ ok: true, facts }, scope);
  const at = versions.findLastIndex((v) => {
    const whole = render({ ok: true, facts: v.facts }, scope);
    return whole === text || isErased(seen, text, whole);
  });
  const from = versions.findIndex((v) => v.facts === least);
  if (at < from) fail("I5", `${id} reads as ${facts.state}, behind what was told before`);
}

/** The last entry of the account that anybody was told of; what is read later must include it. */
export function toldOf(seen: Seen, scope: Scope): number {
  return seen.told.get(nameOf(scope)) ?? 0;
}

/** The keys of customers and refusals were dropped. */
export function keysDropped(seen: Seen): void {
  for (const { claims, projection } of seen.accounts.values()) {
    for (const [key, { command }] of claims) {
      const { id } = command;
      if (!projection.charges.has(id) && !projection.operations.has(id)) claims.delete(key);
    }
  }
}
