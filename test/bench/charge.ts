// One charge of the ledger without anything in front: what a checkout asks for, with a fresh token and a
// random key, opened and then closed.

import { randomBytes, randomUUID } from "node:crypto";
import type { OpenCharge, Scope, Verdict } from "../../protocol/command.ts";
import type { RequestId } from "../../protocol/ids.ts";
import { closing, opening, wordOf } from "../ledger/region.ts";
import type { Ledger, Pushed } from "./ledger.ts";

const isVerdict = (pushed: Pushed): pushed is Verdict => typeof pushed === "object";
/** Undefined when the verdict is the one that was hoped for, else what it was. */
export const unless = (pushed: Pushed, outcome: Verdict["outcome"]): string | undefined => {
  if (!isVerdict(pushed)) return pushed ?? "no verdict came back";
  return pushed.outcome === outcome ? undefined : wordOf(pushed);
};

/** A charge as a checkout asks for it. */
export function freshOpening(scope: Scope): OpenCharge {
  const request: RequestId = `req_${randomBytes(8).toString("hex")}`;
  return opening(scope, { key: randomUUID(), mac: randomBytes(16).toString("hex"), request });
}

/** Both phases of a charge, the second when the first is committed. */
export async function charge(ledger: Ledger, scope: Scope): Promise<string | undefined> {
  const open = freshOpening(scope);
  const opened = unless(await ledger.belt.push(open), "charge_opened");
  return opened ?? (await close(ledger, open));
}

export const close = async (ledger: Ledger, open: OpenCharge): Promise<string | undefined> =>
  unless(await ledger.belt.push(closing(scopeOf(open), open.id)), "charge_closed");

export const scopeOf = ({ account, livemode }: Scope): Scope => ({ account, livemode });
