// More is held on a payment intent than was authorized first. The increment has the request's own key; the words that
// may come with it are a step of their own after it, since an increment that is declined changes nothing. Whoever asks
// again with the key hears of both as they were then.

import * as z from "zod";
import { amountFailure } from "../../protocol/currency.ts";
import { type IntentPatch, incremented, worded } from "../../protocol/intent-moves.ts";
import {
  type IntentFacts,
  intentOfCharge,
  paymentIntentObject,
} from "../../protocol/payment-intent.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import type { Reply } from "../../protocol/shard.ts";
import { readIntent, showing } from "./intent-access.ts";
import { answeredBefore, type Saved, stepOf } from "./kept-objects.ts";
import { saveIntent, standing } from "./payment-confirmation.ts";
import type { Answered, Call, Refused } from "./route.ts";
import { amount, expand, metadata, unsettable } from "./schema.ts";
import { endOf, replyTo } from "./shard-call.ts";

export const incrementParams = z.strictObject({
  /** In all. */
  amount,
  description: unsettable(1000).optional(),
  metadata: metadata.optional(),
  statement_descriptor: unsettable(22).optional(),
  expand: expand.optional(),
});

type Caller = Call<z.output<typeof incrementParams>>;

export async function incrementIntent(call: Caller): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "payment_intent", undefined);
  if (!read.ok) return read;
  const { intent } = standing(read.value);
  const decided = decide(intent, call.params.amount);
  if (!decided.ok) {
    // What this key has added may be what leaves nothing to add.
    const before = await answeredBefore(call, call.claim);
    if (before !== undefined) return told(call, intent, before);
    return showing(decided.failure, "payment_intent", paymentIntentObject(intent, call.scope));
  }
  const ask = { kind: "increment", ...call.scope, ...call.claim, ...decided.value } as const;
  return told(call, intent, await replyTo(call.env, ask));
}

function decide(intent: IntentFacts, total: number): ReturnType<typeof incremented> {
  const decided = incremented(intent, total);
  const refused = decided.ok ? amountFailure(total, intent.document.currency) : undefined;
  return refused === undefined ? decided : refuse(refused);
}

/** The intent as its increment left it, with the words that came; or why it was not made, and how the intent stands. */
async function told(
  call: Caller,
  intent: IntentFacts,
  reply: Reply,
): Promise<Result<Answered, Refused>> {
  const ended = endOf(reply);
  if (!ended.ok) {
    const { kind } = ended.failure;
    if (OVERTAKEN.includes(kind)) return overtaken(call);
    if (kind !== "card_declined") return ended;
    const shows = { payment_intent: paymentIntentObject(intent, call.scope) };
    return refuse({ ...ended.failure, shows });
  }
  const { facts, ...rest } = ended.value;
  const raised = facts.kind === "charge" ? intentOfCharge(facts) : undefined;
  assert(raised !== undefined, "an increment is told by the charge of an intent");
  const words = await noted(call);
  if (!words.ok) return words;
  if (words.value === undefined) {
    return ok({ object: paymentIntentObject(raised, call.scope), ...rest });
  }
  const { facts: as, word } = words.value;
  const { document } = standing(as).intent;
  const object = paymentIntentObject({ ...raised, document }, call.scope);
  return ok({ object, ...rest, ...(word === undefined ? {} : { word }) });
}

/** Another request has captured or released what was held: told as what the intent is now. */
const OVERTAKEN: readonly string[] = ["charge_already_captured", "charge_already_refunded"];

async function overtaken(call: Caller): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "payment_intent", undefined);
  if (!read.ok) return read;
  const { intent } = standing(read.value);
  const decided = decide(intent, call.params.amount);
  if (decided.ok) return refuse({ kind: "object_locked" });
  return showing(decided.failure, "payment_intent", paymentIntentObject(intent, call.scope));
}

/** Writes down the words that came with an increment, once; undefined when none came. */
async function noted(call: Caller): Promise<Result<Saved | undefined, Refused>> {
  const { description, metadata: pairs, statement_descriptor } = call.params;
  const patch = { description, metadata: pairs, statement_descriptor } as IntentPatch;
  if (Object.values(patch).every((value) => value === undefined)) return ok(undefined);
  const read = await readIntent(call, "payment_intent", undefined);
  if (!read.ok) return read;
  const at = standing(read.value);
  return saveIntent(call, stepOf(call.claim, "words"), at, worded(at.intent, patch));
}
