// What becomes of a refund after the processor has taken it: its metadata is changed, it is canceled, or a notice
// tells how it ended. Decided on what was read, saved on that version (docs/decisions/0021).

import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts, OperationFacts } from "../../protocol/facts.ts";
import { type Failure, UNHEARD } from "../../protocol/failure.ts";
import { type RefundId, uuidOf } from "../../protocol/ids.ts";
import { hasPairs, mergedMetadata } from "../../protocol/metadata.ts";
import {
  movedRefund,
  type RefundDocument,
  refundMetadata,
  refundObject,
  refundStatus,
} from "../../protocol/refund.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { VersionedClaim } from "./idempotency.ts";
import {
  answered,
  answerOf,
  endedBefore,
  readObject,
  type Saved,
  saveObject,
} from "./kept-objects.ts";
import { find } from "./reading.ts";
import type { Answered, Call, Refused } from "./route.ts";

type Caller = Pick<Call<unknown>, "env" | "scope" | "continent">;

/** A refund, and what was changed of it, if anything was. */
export type ReadRefund = { readonly refund: OperationFacts; readonly from?: ObjectFacts };

/** A refund as it stands, to decide on. */
export async function readRefund(
  call: Caller,
  id: string,
  param = "id",
): Promise<Result<ReadRefund, Failure>> {
  const missing = refuse<Failure>({
    kind: "resource_missing",
    object: "refund",
    id: id.slice(0, 100),
    param,
  });
  if (uuidOf("re", id) === undefined) return missing;
  const changes = await readObject(call, "refund", id, param);
  if (changes.ok && changes.value.operation !== null) {
    return ok({ refund: changes.value.operation, from: changes.value });
  }
  if (!changes.ok && changes.failure.kind !== "resource_missing") return changes;
  const query = { kind: "refund", id: id as RefundId } as const;
  const found = await find(call.env, call.scope, call.continent, query);
  if (!found.ok) return found;
  const [row] = found.value.rows;
  return row?.kind === "operation" ? ok({ refund: row }) : missing;
}

/** Saves what is to be of a refund; with `comesBack`, its money in the same entry. */
export function saveRefund(
  call: Pick<Caller, "env" | "scope">,
  claim: VersionedClaim,
  { refund, from }: ReadRefund,
  { document, comesBack }: { readonly document: RefundDocument; readonly comesBack: boolean },
): Promise<Result<Saved, Refused>> {
  const { id, amount, currency, charge: parent } = refund;
  const posting = { debit: "processor", credit: "merchant", amount, currency } as const;
  return saveObject(call, claim, {
    type: "refund",
    event: eventCode("refund.updated"),
    document,
    parent,
    ...(from === undefined ? { id } : { from }),
    ...(hasPairs(refund.metadata) ? { worded: true } : {}),
    ...(comesBack ? { posting } : {}),
  });
}

/** POST /v1/refunds/:id */
export async function updateRefund(
  call: Call<{ metadata?: Record<string, string | null> | null | undefined }>,
): Promise<Result<Answered, Refused>> {
  const read = await readRefund(call, call.path["id"] ?? "");
  if (!read.ok) return read;
  const { refund } = read.value;
  if (refund.state === "opened") return refuse({ kind: "object_locked" });
  const metadata = mergedMetadata(refundMetadata(refund), call.params.metadata);
  const document = { ...(refund.changes ?? {}), metadata };
  const saved = await saveRefund(call, call.claim, read.value, { document, comesBack: false });
  return answered(saved, call);
}

/** POST /v1/refunds/:id/cancel: while the processor has it under way. It is asked first, and has the last word. */
export async function cancelRefund(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const read = await readRefund(call, call.path["id"] ?? "");
  if (!read.ok) return read;
  const { id } = read.value.refund;
  const before = await endedBefore(call, call.claim);
  if (before !== undefined) return answered(before, call);
  // A notice may have come before the answer of an earlier try.
  const asItIs = (refund: OperationFacts) => ok({ object: refundObject(refund, call.scope) });
  if (refundStatus(read.value.refund) === "canceled") return asItIs(read.value.refund);
  const moved = movedRefund(read.value.refund, "cancel");
  if (!moved.ok) return moved;
  const heard = await call.env.VAULT.respond(call.scope, {
    verb: "cancel",
    key: `${id}.cancel`,
    refund: `${id}.refund.1`,
  });
  if (heard === "too_late") return refuse({ kind: "refund_final", status: "succeeded" });
  if (heard === "unknown") return refuse(UNHEARD);
  const saved = await saveRefund(call, call.claim, read.value, moved.value);
  if (saved.ok) return ok(answerOf(saved.value, call));
  const again = saved.failure.kind === "object_locked" ? await readRefund(call, id) : undefined;
  return again?.ok === true && refundStatus(again.value.refund) === "canceled"
    ? asItIs(again.value.refund)
    : saved;
}
