// Making a merchant: once, in both modes.

import type { CreateAccount, Verdict } from "../../../protocol/command.ts";
import type { AccountFacts } from "../../../protocol/facts.ts";
import { termsOf } from "../../../protocol/terms.ts";
import { accountOf, nameOf, newAccount } from "./account.ts";
import { insert, type Phase } from "./transaction.ts";

export function createAccount(phase: Phase, command: CreateAccount): Verdict {
  const { id, slot } = command;
  const facts: AccountFacts = {
    kind: "account",
    id,
    created: Math.floor(phase.nowMs / 1000),
    name: command.name ?? null,
    email: command.email ?? null,
    terms: termsOf(command.terms),
  };
  const known = accountOf(phase.ledger, { account: id, livemode: false });
  if (known !== undefined)
    return { outcome: "done", seq: known.seq, facts: known.facts, forgotten: [] };
  phase.writes.push(() => {
    for (const livemode of [false, true]) {
      const scope = { account: id, livemode };
      insert(phase, phase.ledger.accounts, nameOf(scope), newAccount(scope, slot, facts));
    }
  });
  return { outcome: "done", seq: 0, facts, forgotten: [] };
}
