// Bugs planted in the specification of the ledger, which the real one is held to elsewhere.

import type { Mutant } from "./mutants.ts";

const LEDGER = "test/sim/specification/ledger.ts";
const LEDGER_ACCOUNT = "test/sim/specification/account.ts";
const LEDGER_CHARGES = "test/sim/specification/charges.ts";
const LEDGER_KEYS = "test/sim/specification/keys.ts";
const LEDGER_MONEY = "test/sim/specification/money.ts";
const LEDGER_OBJECTS = "test/sim/specification/objects.ts";
const LEDGER_OPERATIONS = "test/sim/specification/operations.ts";
const LEDGER_TRANSACTION = "test/sim/specification/transaction.ts";

export const LEDGER_MUTANTS: readonly Mutant[] = [
  // Keys, charges, operations and the journal.
  {
    name: "refunds under way reserve nothing",
    file: LEDGER_OPERATIONS,
    find: "if (wanted > refundable - amount_refunding || wanted === 0)",
    replace: "if (wanted === 0)",
    why: "two refunds of 60 on a charge of 100 both succeed",
  },
  {
    name: "refunds that end stay reserved",
    file: LEDGER_OPERATIONS,
    find: `before.amount_refunding - (kind === "refund" ? amount : 0)`,
    replace: "before.amount_refunding",
    why: "what a failed refund reserved can never be refunded",
  },
  {
    name: "captures are not bounded",
    file: LEDGER_OPERATIONS,
    find: "if (wanted > charge.amount) return",
    replace: "if (wanted > charge.amount * 9) return",
    why: "more is captured than was authorized",
  },
  {
    name: "a charge that is busy can be changed",
    file: LEDGER_OPERATIONS,
    find: `if (state === "capturing" || state === "releasing" || state === "incrementing") {`,
    replace: `if (state === "releasing" || state === "incrementing") {`,
    why: "a capture meets a capture under way",
  },
  {
    name: "the ledger compares no parameters",
    file: LEDGER_KEYS,
    find: "if (use.claim.mac !== command.mac || use.claim.operation !== command.operation) {",
    replace: "if (use.claim.operation !== command.operation) {",
    why: "another instance lets a key's second user hear the first one's answer",
  },
  {
    name: "the ledger compares no routes",
    file: LEDGER_KEYS,
    find: "if (use.claim.mac !== command.mac || use.claim.operation !== command.operation) {",
    replace: "if (use.claim.mac !== command.mac) {",
    why: "a customer is made known as a charge",
  },
  {
    name: "the ledger forgets the keys of charges",
    file: LEDGER_KEYS,
    find: "const chargeId = account.chargeOfKey.get(key);",
    replace: `const chargeId = account.chargeOfKey.get(\`\${key}?\`);`,
    why: "a retry that meets another instance opens a second charge",
  },
  {
    name: "keys of charges are dropped with the others",
    file: LEDGER_KEYS,
    find: "  for (const { keys } of ledger.accounts.values()) {",
    replace: `  for (const { keys, chargeOfKey } of ledger.accounts.values()) {
    chargeOfKey.clear();`,
    why: "a retry after a month charges again",
  },
  {
    name: "a locked charge claims the key",
    file: LEDGER_OPERATIONS,
    find: `if (plan.kind === "object_locked") {`,
    replace: `if (plan.kind === "charge_failed") {`,
    why: "a refund that met another can never be made under its key",
  },
  {
    name: "a charge is closed by whoever comes last",
    file: LEDGER_CHARGES,
    find: `  if (account.authorizations.has(command.id)) {
    return { outcome: "known", answer: chargeAnswer(account, charge), seq: account.seq };
  }
  const seq = nextNumber(phase, account);
  const closed = closedCharge(charge.opened, command, seq);
  phase.writes.push(() => {
    const { state, amount_captured, amount_refunded, balance_seq } = closed;
    insert(`,
    replace: `  const seq = nextNumber(phase, account);
  const closed = closedCharge(charge.opened, command, seq);
  phase.writes.push(() => {
    const { state, amount_captured, amount_refunded, balance_seq } = closed;
    change(`,
    why: "the second close moves what has ended",
  },
  {
    name: "a replay tells how the charge stands now",
    file: LEDGER_KEYS,
    find: `{ kind: "facts", facts: authorization.closed }`,
    replace: `{ kind: "facts", facts: chargeFacts(account, command.id) ?? opened }`,
    why: "after a refund the same key hears other bytes",
  },
  {
    name: "a refund takes one number",
    file: LEDGER_OPERATIONS,
    find: "const last = refunds ? nextNumber(phase, account) : seq;",
    replace: "const last = seq;",
    why: "two entries have one place in the sequence",
  },
  {
    name: "a number is taken for nothing",
    file: LEDGER_CHARGES,
    find: "  const closed = closedCharge(charge.opened, command, seq);",
    replace: `  nextNumber(phase, account);
  const closed = closedCharge(charge.opened, command, seq);`,
    why: "whoever follows the sequence waits for ever for an entry that never comes",
  },
  {
    name: "a refund is posted as a sale",
    file: LEDGER_MONEY,
    find: `  debit: "merchant",
  credit: "processor",`,
    replace: `  debit: "processor",
  credit: "merchant",`,
    why: "the merchant is owed more after each refund",
  },
  {
    name: "a release is posted",
    file: LEDGER_OPERATIONS,
    find: `const posts = command.approved && (kind === "capture" || kind === "refund");`,
    replace: `const posts = command.approved && kind !== "increment";`,
    why: "money that was never taken is given back in the books",
  },
  {
    name: "one leg of a posting",
    file: LEDGER_TRANSACTION,
    find: `    [\`\${debit}/\${currency}\`, -amount],\n`,
    replace: "",
    why: "debits and credits differ",
  },
  {
    name: "a fee is nobody's",
    file: LEDGER_TRANSACTION,
    find: `          [\`fees/\${currency}\`, fee],\n`,
    replace: "",
    why: "debits and credits differ where a fee is paid",
  },
  {
    name: "a fee is rounded down",
    file: LEDGER_MONEY,
    find: "    fee: feeOf(terms, amount, currency),",
    replace:
      "    fee: Math.floor((amount * terms.fee_bps) / 10_000) + (terms.fee_fixed[currency] ?? 0),",
    why: "the merchant pays another fee than he agreed to",
  },
  {
    name: "an entry is missing",
    file: LEDGER_OPERATIONS,
    find: "if (refunds) tell(phase, account, { seq: last, type: 7, ...ofCharge });",
    replace: "",
    why: "a change of the charge is told to nobody",
  },
  {
    name: "the journal is rewritten",
    file: LEDGER_TRANSACTION,
    find: "  phase.undo.push(() => account.journal.pop());",
    replace: `  phase.undo.push(() => account.journal.pop());
  const first = account.journal[0];
  if (first !== undefined) account.journal[0] = { ...first, createdMs: phase.nowMs };`,
    why: "what was written is altered",
  },
  {
    name: "a batch that conflicts is half done",
    file: LEDGER,
    find: "for (const restore of undo.reverse()) restore();",
    replace: "undo.length = 0;",
    why: "what came before the conflict stays, and nobody is told",
  },
  {
    name: "the fence is open",
    file: LEDGER,
    find: `if (batch.epoch !== ledger.epoch) return refuse("fenced");`,
    replace: "",
    why: "a region that was failed over is still written by the old world",
  },
  {
    name: "any account's charge",
    file: LEDGER_ACCOUNT,
    find: "  ledger.accounts.get(nameOf(scope));",
    replace: "  ledger.accounts.get(nameOf({ ...scope, livemode: false }));",
    why: "live mode writes the ledger of test mode",
  },
  {
    name: "the unfinished are charges only",
    file: LEDGER,
    find: `if (operation.state !== "opened") continue;`,
    replace: `if (operation.state !== "succeeded" || operation.seq !== -1) continue;`,
    why: "a refund that a crash left open is never driven",
  },
  {
    name: "an order's attempt is not unique",
    file: LEDGER_CHARGES,
    find: `if (account.chargeOfAttempt.has(attempt)) return { kind: "order_attempt_taken" };`,
    replace: "",
    why: "nobody tells the second attempt why the database refuses it",
  },
  // Objects and intents.
  {
    name: "an intent is charged whatever was charged before",
    file: LEDGER_CHARGES,
    find: `if (attemptsAt(account, id) >= attempt) return false;`,
    replace: ``,
    why: "two confirmations that race both charge",
  },
  {
    name: "an attempt does not wait for the one before",
    file: LEDGER_CHARGES,
    find: `account.authorizations.get(before)?.state === "failed"`,
    replace: `true`,
    why: "a second attempt is made while the first may still succeed",
  },
  {
    name: "an intent is charged as it was",
    file: LEDGER_CHARGES,
    find: `if (object?.seq !== seq || object.deleted) return false;`,
    replace: `if (object === undefined) return false;`,
    why: "an intent that was canceled meanwhile is charged",
  },
  {
    name: "a change is made on any version",
    file: LEDGER_OBJECTS,
    find: `if (!made && object?.seq !== expects) return { kind: "object_locked" };`,
    replace: ``,
    why: "a decision on what is no longer so takes effect",
  },
  {
    name: "a change does not ask for charges",
    file: LEDGER_OBJECTS,
    find: `if (attempts !== undefined && attemptsAt(account, id) > attempts)`,
    replace: `if (attempts !== undefined && attemptsAt(account, id) > 1e9)`,
    why: "an intent is canceled while it is being charged",
  },
  // More than was held first.
  {
    name: "a declined increment adds all the same",
    file: LEDGER_OPERATIONS,
    find: `raised: before.raised + (approved && kind === "increment" ? amount : 0),`,
    replace: `raised: before.raised + (kind === "increment" ? amount : 0),`,
    why: "more may be captured than the processor holds",
  },
  {
    name: "an increment adds what is to be held in all",
    file: LEDGER_OPERATIONS,
    find: `return { operation: "increment", amount: more };`,
    replace: `return { operation: "increment", amount: amount ?? more };`,
    why: "the processor is asked for more than was asked for",
  },
  {
    name: "what is captured is not held back by an increment",
    file: LEDGER_OPERATIONS,
    find: `if (state === "capturing" || state === "releasing" || state === "incrementing") {`,
    replace: `if (state === "capturing" || state === "releasing") {`,
    why: "a capture and an increment are under way at once",
  },
];
