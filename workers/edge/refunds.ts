// Refunds: of a captured charge in full or in part; of an uncaptured one, in full, as its release.

import * as z from "zod";
import type { OperationFacts } from "../../protocol/facts.ts";
import { type ChargeId, type PaymentIntentId, type RefundId, uuidOf } from "../../protocol/ids.ts";
import { intentOfObject } from "../../protocol/payment-intent.ts";
import { refundObject } from "../../protocol/refund.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { chargeId, intentMissing } from "./charges.ts";
import { readObject } from "./kept-objects.ts";
import { list, one } from "./lookup.ts";
import { cancelRefund, updateRefund } from "./refund-changes.ts";
import { type Call, type Refused, type Route, route } from "./route.ts";
import {
  amount,
  choice,
  created,
  expand,
  metadata,
  page,
  pageOf,
  setMetadata,
  text,
} from "./schema.ts";
import { execute } from "./shard-call.ts";

const REASONS = ["duplicate", "fraudulent", "requested_by_customer"] as const;

const refundFields = {
  amount: amount.optional(),
  reason: choice(...REASONS).optional(),
  metadata: metadata.optional(),
  expand: expand.optional(),
};

type RefundFields = {
  amount?: number | undefined;
  reason?: string | undefined;
  metadata?: Record<string, string | null> | null | undefined;
};

/** The charge that a refund names, by itself or by its payment intent. */
async function chargeOf(
  call: Call<RefundFields & { charge?: string | undefined; payment_intent?: string | undefined }>,
): Promise<Result<ChargeId, Refused>> {
  const { charge, payment_intent: id } = call.params;
  if (id === undefined) {
    return charge === undefined
      ? refuse({ kind: "parameter_missing", param: "charge" })
      : chargeId(charge, "charge");
  }
  const read = await readObject(call, "payment_intent", id, "payment_intent");
  if (!read.ok) return read;
  const paid = intentOfObject(read.value)?.charge;
  if (paid?.state !== "captured") return refuse({ kind: "intent_without_charge", id });
  if (charge === undefined || charge === paid.id) return ok(paid.id);
  const why = "The charge is not the one of this payment_intent. Send one of the two.";
  return refuse({ kind: "parameter_invalid", param: "charge", why });
}

async function create(call: Call<RefundFields>, charge: Result<ChargeId, Refused>) {
  if (!charge.ok) return charge;
  const { reason } = call.params;
  const pairs = setMetadata(call.params.metadata);
  return execute(call.env, {
    kind: "refund",
    ...call.scope,
    ...call.claim,
    charge: charge.value,
    ...(call.params.amount === undefined ? {} : { amount: call.params.amount }),
    ...(reason === undefined ? {} : { reason }),
    ...(pairs === undefined ? {} : { metadata: pairs }),
  });
}

export const refundRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/refunds",
    summary: "Refund a charge, in full or in part",
    access: "secret",
    permission: "charge_write",
    params: z.strictObject({
      charge: text(100).optional(),
      payment_intent: text(100).optional(),
      ...refundFields,
    }),
    answers: "refund",
    handle: async (call) => create(call, await chargeOf(call)),
  }),
  route({
    method: "POST",
    path: "/v1/charges/:id/refunds",
    summary: "Refund a charge, by its path",
    access: "secret",
    permission: "charge_write",
    params: z.strictObject(refundFields),
    answers: "refund",
    handle: (call) => create(call, chargeId(call.path["id"] ?? "", "id")),
  }),
  route({
    method: "GET",
    path: "/v1/refunds",
    summary: "List refunds, newest first",
    access: "secret",
    permission: "charge_read",
    params: z.strictObject({
      ...page,
      created: created.optional(),
      charge: text(100).optional(),
      payment_intent: text(100).optional(),
    }),
    answers: "list of refunds",
    handle: async (call) => {
      const { charge, payment_intent: intent, created: span } = call.params;
      const unknown = intentMissing(intent);
      if (unknown !== undefined) return unknown;
      const of = charge === undefined ? undefined : chargeId(charge, "charge");
      if (of !== undefined && !of.ok) return of;
      return list(
        call,
        {
          kind: "refunds",
          page: pageOf(call.params),
          ...(span === undefined ? {} : { created: span }),
          ...(of === undefined ? {} : { charge: of.value }),
          ...(intent === undefined ? {} : { intent: intent as PaymentIntentId }),
        },
        (row: OperationFacts) => refundObject(row, call.scope),
      );
    },
  }),
  route({
    method: "POST",
    path: "/v1/refunds/:id",
    summary: "Change the metadata of a refund",
    access: "secret",
    permission: "charge_write",
    params: z.strictObject({ metadata: metadata.optional(), expand: expand.optional() }),
    answers: "refund",
    handle: updateRefund,
  }),
  route({
    method: "POST",
    path: "/v1/refunds/:id/cancel",
    summary: "Cancel a refund that is pending",
    access: "secret",
    permission: "charge_write",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "refund",
    handle: cancelRefund,
  }),
  route({
    method: "GET",
    path: "/v1/refunds/:id",
    summary: "Retrieve a refund",
    access: "secret",
    permission: "charge_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "refund",
    handle: (call) => {
      const id = call.path["id"] ?? "";
      return one(
        call,
        "refund",
        uuidOf("re", id) === undefined ? undefined : { kind: "refund", id: id as RefundId },
        (row: OperationFacts) => refundObject(row, call.scope),
      );
    },
  }),
];
