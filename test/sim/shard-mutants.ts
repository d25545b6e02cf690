// Bugs planted in the shard and in what it shares with the ledger and the edge: `durable-objects` and `protocol`.

import type { Mutant } from "./mutants.ts";

const ADMISSION = "durable-objects/admission.ts";
const CONVEYOR = "durable-objects/conveyor.ts";
const DRIVE = "durable-objects/drive.ts";
const END = "durable-objects/end.ts";
const MACHINE = "durable-objects/machine.ts";
const OPENING = "durable-objects/opening.ts";
const RECOVERY = "durable-objects/recovery.ts";
const REQUEST = "durable-objects/request.ts";
const STATE = "durable-objects/shard-state.ts";
const VERDICT = "durable-objects/verdict.ts";
const CHARGE = "protocol/charge.ts";
const COMMAND = "protocol/command.ts";
const FAILURE = "protocol/failure.ts";

export const SHARD_MUTANTS: readonly Mutant[] = [
  // Who may come in.
  {
    name: "no lock on a key in flight",
    file: ADMISSION,
    find: `if (state.inFlight.has(name)) return`,
    replace: `if (state.inFlight.size > 1e9) return`,
    why: "two requests with one key are executed side by side",
  },
  {
    name: "remembered answers ignore parameters",
    file: ADMISSION,
    find: `if (first.mac === ask.mac && first.operation === ask.operation) return first.reply;`,
    replace: `if (first.operation === ask.operation) return first.reply;`,
    why: "a key used for another request is told the first one's answer",
  },
  {
    name: "remembered answers ignore the route",
    file: ADMISSION,
    find: `if (first.mac === ask.mac && first.operation === ask.operation) return first.reply;`,
    replace: `if (first.mac === ask.mac) return first.reply;`,
    why: "a key used for another route is told the first one's answer",
  },
  {
    name: "keys of all accounts in one drawer",
    file: ADMISSION,
    find: `const name = \`\${whose}/\${ask.key}\`;`,
    replace: "const name = ask.key;",
    why: "one merchant's key locks another's, or answers it",
  },
  {
    name: "test and live mode are one",
    file: STATE,
    find: `scope.livemode ? \`\${scope.account}/live\` : \`\${scope.account}/test\`;`,
    replace: "scope.account;",
    why: "a key of test mode locks or answers the same key of live mode",
  },
  {
    name: "no alarm for a request",
    file: ADMISSION,
    find: `  arm(state, out);
  const token`,
    replace: `  const token`,
    why: "after a crash nobody comes back for what was opened",
  },
  {
    name: "alarm set for tomorrow",
    file: STATE,
    find: "state.wakeMs = nowMs + ALARM_MS;",
    replace: "state.wakeMs = nowMs + 86_400_000;",
    why: "what a crash left open stays open for a day",
  },
  {
    name: "orders leave before the alarm is safe",
    file: MACHINE,
    find: `out.push({ kind: "send", batch: batch.number, commands: batch.commands });
  }`,
    replace: `out.push({ kind: "send", batch: batch.number, commands: batch.commands });
  }
  for (const action of out.filter(({ kind }) => kind === "arm")) {
    out.splice(out.indexOf(action), 1);
    out.push(action);
  }`,
    why: "a crash between the two leaves an opened charge with nobody to come back for it",
  },
  // What is asked of the ledger.
  {
    name: "every charge captures",
    file: OPENING,
    find: `return { ...rest, token, card, kind: "open_charge", id };`,
    replace: `return { ...rest, token, card, kind: "open_charge", id, capture: true };`,
    why: "an authorization takes money",
  },
  {
    name: "a customer's own choice of card is dropped",
    file: OPENING,
    find: `return { ...rest, ...kept, kind: "open_charge", id };`,
    replace: `return { ...rest, kind: "open_charge", id };`,
    why: "the charge is paid with another card than the merchant named",
  },
  {
    name: "commands that exclude each other share a batch",
    file: CONVEYOR,
    find: "if (item.names.some((name) => this.#names.has(name) || held.has(name))) {",
    replace: "if (item.names.length > 1e9) {",
    why: "two refunds of one charge are judged on the same state and together exceed it",
  },
  {
    name: "names in flight are never given back",
    file: CONVEYOR,
    find: "for (const { names } of items) for (const name of names) this.#names.delete(name);",
    replace: "",
    why: "a charge's close waits for ever behind its own opening",
  },
  {
    name: "a conflict is everybody's",
    file: CONVEYOR,
    find: `if (failure === "conflict" && items.length > 1) {`,
    replace: `if (failure === "conflict" && items.length > 1e9) {`,
    why: "one command the database cannot take fails its neighbours",
  },
  {
    name: "half of a batch that conflicts is lost",
    file: CONVEYOR,
    find: "this.#halves.push(items.slice(middle), items.slice(0, middle));",
    replace: "this.#halves.push(items.slice(0, middle));",
    why: "those in the second half are never answered",
  },
  {
    name: "verdicts go to the wrong command",
    file: VERDICT,
    find: `answered.value[i] ?? "unreachable"`,
    replace: `answered.value[items.length - 1 - i] ?? "unreachable"`,
    why: "in a batch of two each hears the other's verdict",
  },
  {
    name: "a confirmation loses its intent",
    file: OPENING,
    find: `  const { source, kind: _, caller: _caller, ...rest } = ask;`,
    replace: `  const { source, kind: _, caller: _caller, intent: _intent, ...rest } = ask;`,
    why: "a charge is no attempt of the intent it was asked for",
  },
  // What an answer of the ledger means.
  {
    name: "a lost opening is a refusal",
    file: VERDICT,
    find: "answer(state, request, endOfFailure(word), out);\n    return;",
    replace: `answer(state, request, refused({ kind: "charge_failed" }), out);
    return;`,
    why: "a charge that may have been opened is told as refused for good",
  },
  {
    name: "a lost opening leaves no doubt",
    file: VERDICT,
    find: "    expectLate(state, out);\n    answer(",
    replace: "    answer(",
    why: "a charge opened without its shard knowing is never looked for",
  },
  {
    name: "a lost opening does not commit late",
    file: STATE,
    find: "  state.lateSearches = LATE_SEARCHES;\n",
    replace: "",
    why: "a statement that commits a minute after it was given up is never found",
  },
  {
    name: "a charge that was locked leaves no doubt",
    file: VERDICT,
    find: "if (isRetryable(word.failure)) expectLate(state, out);",
    replace: "void isRetryable;",
    why: "the same batch delivered a second time opens a refund that nobody drives",
  },
  {
    name: "an unfinished charge is an answer",
    file: VERDICT,
    find: `if (first.end.kind === "unfinished") {`,
    replace: `if (first.end.kind === "unfinished" && !request.replayed) {`,
    why: "a retry is told that a charge nobody asked the processor for has succeeded",
  },
  {
    name: "an opened charge is an answer",
    file: VERDICT,
    find: "finish(state, request, openedCharge(command, word.paid_with));",
    replace: `answer(
        state,
        request,
        { ok: true, facts: openedCharge(command, word.paid_with) },
        out,
      );`,
    why: "success is told before the processor was asked",
  },
  {
    name: "a replay does not name the first request",
    file: VERDICT,
    find: "request.executed = first.request;\n",
    replace: "\n",
    why: "`Original-Request` names the retry",
  },
  {
    name: "a replay is not marked",
    file: VERDICT,
    find: "if (first.request !== request.executed) request.replayed = true;",
    replace: "",
    why: "the merchant believes that its retry was executed",
  },
  {
    name: "what an instance knows of the sequence goes back",
    file: VERDICT,
    find: "word.seq > account.seq",
    replace: "word.seq < account.seq || account.seq === 0",
    why: "a copy is thought fresh enough that lacks what was just answered",
  },
  {
    name: "an instance that has just woken trusts what it has heard",
    file: STATE,
    find: "!state.isHeir && seq > 0",
    replace: "seq > 0",
    why: "what the instance before it tells meanwhile is missing in the copy that is read",
  },
  // The way through the processor.
  {
    name: "another key at the processor each time",
    file: DRIVE,
    find: "const order = orderOf(scope, facts);",
    replace: `const made = orderOf(scope, facts);
  const order = { ...made, key: \`\${made.key}.\${state.clock.nowMs}\` };`,
    why: "asking twice books twice",
  },
  {
    name: "silence is a refusal",
    file: DRIVE,
    find: `if (effect.kind === "unknown") end(state, driven, UNPERFORMED, out);
      else begin(state, driven, effect);`,
    replace: `begin(state, driven, effect.kind !== "unknown" ? effect : {
        kind: "declined",
        ref: null,
        outcome: {
          checks: { cvc: null, address_line1: null, address_zip: null },
          network_code: "05",
          risk_level: "normal",
          decline: { code: "card_declined", message: "Your card was declined." },
        },
      });`,
    why: "a charge the processor did make is closed as failed",
  },
  {
    name: "a refusal is an approval",
    file: DRIVE,
    find: `const approved = effect.kind === "approved";`,
    replace: `const approved = effect.kind !== undefined;`,
    why: "a declined card is told as charged",
  },
  {
    name: "a release gives money back",
    file: DRIVE,
    find: `release: "void",`,
    replace: `release: "refund",`,
    why: "what was never taken is refunded",
  },
  {
    name: "the processor's name is not kept",
    file: DRIVE,
    find: "const processor_ref = approved ? effect.ref : null;",
    replace: "const processor_ref = null;",
    why: "an operation cannot be found at the processor again",
  },
  {
    name: "effects are taken at any time",
    file: DRIVE,
    find: `driven === undefined || driven.state !== "performing" || driven.key !== key`,
    replace: "driven === undefined || driven.key !== key",
    why: "a second word on the same order begins a second close",
  },
  {
    name: "two drives of one charge",
    file: DRIVE,
    find: "if (running !== undefined) return running;",
    replace: "if (running !== undefined && running.recovering) return running;",
    why: "the drive that is overwritten never hears its effect, nor do those who wait for it",
  },
  {
    name: "a lost close is a success",
    file: DRIVE,
    find: "end(state, driven, UNCOMMITTED, out);",
    replace: "end(state, driven, { ok: true, facts: driven.facts }, out);",
    why: "an end is told that no ledger holds",
  },
  {
    name: "a close is not tried again",
    file: DRIVE,
    find: `moveRequest(request, "retry");
  sendClose(state, driven);`,
    replace: `moveRequest(request, "retry");`,
    why: "whoever waits for the close waits for ever",
  },
  {
    name: "an end that is not known leaves no doubt",
    file: DRIVE,
    find: "if (!isFinal(how)) doubt(state, out);",
    replace: "",
    why: "a charge the processor was silent on is left between its two phases",
  },
  {
    name: "its own close counts, not the ledger's",
    file: DRIVE,
    find: `return known.kind === "unfinished" ? UNCOMMITTED : endOfFacts(known.facts);`,
    replace: `return facts.kind === "charge" && close?.kind === "close_charge"
        ? endOfFacts(closedCharge(facts, close, verdict.seq))
        : known.kind === "unfinished"
          ? UNCOMMITTED
          : endOfFacts(known.facts);`,
    why: "the second to close tells another balance transaction than the first",
  },
  {
    name: "the bank's word on when is lost",
    file: DRIVE,
    find: "    ...(available_now === undefined ? {} : { available_now }),\n",
    replace: "",
    why: "money that is there at once is held back for days",
  },
  // What is kept and let go.
  {
    name: "answers that say try again are kept",
    file: END,
    find: "isFinal(end) &&\n  (end.ok",
    replace: "(end.ok",
    why: "a key whose ledger was out of reach once is unavailable for ever",
  },
  {
    name: "a refused reuse is kept",
    file: END,
    find: `end.failure.kind === "idempotency_mismatch" ||`,
    replace: "",
    why: "the rightful owner of a key is told the answer of whoever misused it",
  },
  {
    name: "a key is not given back",
    file: REQUEST,
    find: "    state.inFlight.delete(name);\n",
    replace: "",
    why: "a key is in use after its request has ended",
  },
  {
    name: "a locked charge is an answer for good",
    file: FAILURE,
    find: `    f.kind === "object_locked" ||\n`,
    replace: "",
    why: "a refund that met another is told so for ever",
  },
  // What a crash left.
  {
    name: "a shard wakes without doubt",
    file: STATE,
    find: "doubtful: true,",
    replace: "doubtful: false,",
    why: "nobody looks for what the instance before left open",
  },
  {
    name: "a shard wakes and looks once",
    file: STATE,
    find: "lateSearches: LATE_SEARCHES,",
    replace: "lateSearches: 0,",
    why: "what the instance before sent commits after the only search",
  },
  {
    name: "ids are made by the clock alone",
    file: STATE,
    find: "Math.max(state.clock.nowMs, state.cleanSinceMs)",
    replace: "state.clock.nowMs",
    why: "what a clock that fell behind has made is older than any search looks",
  },
  {
    name: "a recovery is followed by none",
    file: RECOVERY,
    find: "if (state.doubtful || state.recovery !== undefined || state.inFlight.size > 0) arm(state, out);",
    replace: "",
    why: "a crash in the middle of a recovery is recovered by nobody",
  },
  {
    name: "a search that failed found nothing",
    file: RECOVERY,
    find: `    state.recovery = undefined;
    return;
  }
  state.doubtful = false;`,
    replace: `    state.recovery = undefined;
    state.doubtful = false;
    return;
  }
  state.doubtful = false;`,
    why: "a ledger that was out of reach is taken for one without open charges",
  },
  {
    name: "what is found is not driven",
    file: RECOVERY,
    find: "while (recovery.driving < RECOVERED_AT_ONCE &&",
    replace: "while (recovery.driving < 0 * RECOVERED_AT_ONCE &&",
    why: "an alarm looks and does nothing",
  },
  // The tables and pure functions both sides share.
  {
    name: "a refused capture captures",
    file: CHARGE,
    find: `refuse_capture: "authorized" }`,
    replace: `refuse_capture: "captured" }`,
    why: "the ledger says captured, the processor took nothing",
  },
  {
    name: "a released charge can be captured",
    file: CHARGE,
    find: `release: "released",`,
    replace: `release: "authorized",`,
    why: "money is taken on a hold that was given back",
  },
  {
    name: "an operation ends twice",
    file: CHARGE,
    find: `succeeded: {},
  failed: {},
};

/** Where`,
    replace: `succeeded: { succeed: "succeeded" },
  failed: {},
};

/** Where`,
    why: "a refund closed by two drivers moves the money twice",
  },
  {
    name: "an authorization is a capture",
    file: CHARGE,
    find: "amount_captured: captured ? charge.amount : 0,",
    replace: "amount_captured: charge.amount,",
    why: "what was only held is told as taken",
  },
  {
    name: "metadata is lost",
    file: CHARGE,
    find: "metadata: c.metadata ?? {},",
    replace: "metadata: {},",
    why: "the first answer lacks what every later read shows",
  },
  {
    name: "operations of one charge do not exclude each other",
    file: COMMAND,
    find: `case "open_operation":
      return [\`\${whose}/\${c.key}\`, c.charge];`,
    replace: `case "open_operation":
      return [\`\${whose}/\${c.key}\`];`,
    why: "two refunds in one batch are judged on the same state",
  },
  {
    name: "a declined increment lets go of the hold",
    file: CHARGE,
    find: `increment: "authorized", refuse_increment: "authorized"`,
    replace: `increment: "authorized", refuse_increment: "released"`,
    why: "what is still held is called released",
  },
];
