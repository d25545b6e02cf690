// How a payment intent that was confirmed ends: its money is captured, or let go of and the intent canceled.

import { canceled, captured, updated } from "../../protocol/intent-moves.ts";
import { paymentIntentObject } from "../../protocol/payment-intent.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import type { Reply } from "../../protocol/shard.ts";
import { readIntent, showing } from "./intent-access.ts";
import { answered, answeredBefore, stepOf } from "./kept-objects.ts";
import { concluded } from "./payment-answer.ts";
import { orAnswerBefore, saveIntent, standing } from "./payment-confirmation.ts";
import type { Answered, Call, Refused } from "./route.ts";
import { endOf, replyTo } from "./shard-call.ts";

type Caller = Call<unknown>;
type Standing = ReturnType<typeof standing>;

/** Captures what an intent holds, `amount` of it or all. */
export async function captureIntent(
  call: Caller,
  amount: number | undefined,
  metadata: Readonly<Record<string, string | null>> | null | undefined,
): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "payment_intent", undefined);
  if (!read.ok) return read;
  const at = standing(read.value);
  const decided = captured(at.intent, amount);
  if (!decided.ok) {
    const shown = paymentIntentObject(at.intent, call.scope);
    return orAnswerBefore(call, call.claim, showing(decided.failure, "payment_intent", shown));
  }
  const noted = await note(call, at, metadata);
  if (noted !== undefined) return noted;
  const reply = await replyTo(call.env, {
    kind: "capture",
    ...call.scope,
    ...call.claim,
    charge: decided.value.charge,
    amount: decided.value.amount,
  });
  return overtaken(call, reply, "capture") ?? concluded(call, call.claim, reply);
}

async function note(
  call: Caller,
  at: Standing,
  metadata: Readonly<Record<string, string | null>> | null | undefined,
): Promise<Result<Answered, Refused> | undefined> {
  if (metadata === undefined) return undefined;
  const next = updated(at.intent, { metadata });
  if (!next.ok) return next;
  const saved = await saveIntent(call, stepOf(call.claim, `note-${at.facts.seq}`), at, next.value);
  return saved.ok ? undefined : saved;
}

/** Another request ended it first: told as what the intent is now. */
function overtaken(
  call: Caller,
  { end }: Reply,
  action: "capture" | "cancel",
): Promise<Result<Answered, Refused>> | undefined {
  const late = ["charge_already_captured", "charge_already_refunded"];
  if (end.ok || !late.includes(end.failure.kind)) return undefined;
  return told();

  async function told(): Promise<Result<Answered, Refused>> {
    const read = await readIntent(call, "payment_intent", undefined);
    if (!read.ok) return read;
    const { intent } = standing(read.value);
    const decided =
      action === "capture" ? captured(intent, undefined) : canceled(intent, undefined, 0);
    if (decided.ok) return refuse({ kind: "object_locked" });
    return showing(decided.failure, "payment_intent", paymentIntentObject(intent, call.scope));
  }
}

const CANCEL_STEP = "cancel";

/** Cancels an intent. One that holds money says first that it is to be, and is when the money is let go of. */
export async function cancelIntent(
  call: Caller,
  reason: string | undefined,
): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "payment_intent", undefined);
  if (!read.ok) return read;
  const at = standing(read.value);
  const decided = canceled(at.intent, reason, Math.floor(Date.now() / 1000));
  if (!decided.ok) {
    // A charge that is under way may be the release that this key began.
    const before = await answeredBefore(call, call.claim);
    if (before !== undefined) return canceledBefore(call, at, before);
    return showing(decided.failure, "payment_intent", paymentIntentObject(at.intent, call.scope));
  }
  const { document, release } = decided.value;
  if (release === undefined) {
    const saved = await saveIntent(call, call.claim, at, document, "payment_intent.canceled");
    return answered(saved, call);
  }
  const said = await saveIntent(call, stepOf(call.claim, CANCEL_STEP), at, document);
  if (!said.ok) return said;
  const reply = await replyTo(call.env, {
    kind: "refund",
    ...call.scope,
    ...call.claim,
    charge: release,
    releases: true,
  });
  return overtaken(call, reply, "cancel") ?? released(call, standing(said.value.facts), reply);
}

/** The intent as it was to be canceled, with its charge let go of: the same whenever it is asked for. */
function released(call: Caller, { intent }: Standing, reply: Reply): Result<Answered, Refused> {
  const ended = endOf(reply);
  if (!ended.ok) return ended;
  const { facts: _, ...rest } = ended.value;
  const { charge } = intent;
  assert(charge !== null, "only what was charged is let go of");
  const letGo = { ...charge, state: "released", amount_refunded: charge.amount } as const;
  const object = paymentIntentObject({ ...intent, charge: letGo }, call.scope);
  return ok({ object, ...rest });
}

async function canceledBefore(
  call: Caller,
  at: Standing,
  before: Reply,
): Promise<Result<Answered, Refused>> {
  if (!before.end.ok || before.end.facts.kind !== "operation") {
    return concluded(call, call.claim, before);
  }
  const said = await saveIntent(call, stepOf(call.claim, CANCEL_STEP), at, at.intent.document);
  return said.ok ? released(call, standing(said.value.facts), before) : said;
}
