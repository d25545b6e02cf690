// POST /v1/charges/:id: what may still be said of a charge that was made. What was asked for stays as it is; the
// changes are kept beside it, as an object under the charge's id, and go before it wherever the charge is shown.

import * as z from "zod";
import { eventCode } from "../../protocol/event.ts";
import type { ChargeFacts, ObjectFacts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { hasPairs, mergedMetadata } from "../../protocol/metadata.ts";
import { type ChargeDocument, changesOf } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { readCharge, TRANSFER_GROUP_MAX } from "./charges.ts";
import { customerMissing } from "./customer.ts";
import { answered, readObject, saveObject } from "./kept-objects.ts";
import { compact, shipment } from "./person.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { expand, metadata, text, unsettable } from "./schema.ts";

const REPORTS = ["fraudulent", "safe"];

const updateParams = z.strictObject({
  customer: text(100).optional(),
  description: unsettable(5000).optional(),
  fraud_details: z.strictObject({ user_report: unsettable(20).optional() }).optional(),
  metadata: metadata.optional(),
  receipt_email: unsettable(512).optional(),
  shipping: shipment.optional(),
  transfer_group: text(TRANSFER_GROUP_MAX).optional(),
  expand: expand.optional(),
});

type Update = Call<z.output<typeof updateParams>>;
type Held = { readonly charge: ChargeFacts; readonly from?: ObjectFacts };

async function readHeld(call: Update): Promise<Result<Held, Failure>> {
  const id = call.path["id"] ?? "";
  const changes = await readObject(call, "charge", id);
  if (changes.ok && changes.value.charge !== null) {
    return ok({ charge: changes.value.charge, from: changes.value });
  }
  if (!changes.ok && changes.failure.kind !== "resource_missing") return changes;
  const charge = await readCharge(call, id, "id");
  return charge.ok ? ok({ charge: charge.value }) : charge;
}

/** The customer that is to be the charge's: one it has stays. */
function customerOf(
  charge: ChargeFacts,
  asked: string | undefined,
): Result<CustomerId | undefined, Failure> {
  const held = changesOf(charge).customer;
  if (asked === undefined) return ok(held);
  const of = held ?? charge.customer;
  if (of !== null && of !== undefined && of !== asked) {
    const why = `This charge already has a customer (${of}), and it stays.`;
    return refuse({ kind: "parameter_invalid", param: "customer", why });
  }
  return customerMissing(asked) ?? ok(charge.customer === null ? (asked as CustomerId) : undefined);
}

function documentOf(charge: ChargeFacts, p: Update["params"]): Result<ChargeDocument, Failure> {
  const report = p.fraud_details?.user_report;
  if (report != null && !REPORTS.includes(report)) {
    const why = `Invalid user_report: must be one of ${REPORTS.join(", ")}`;
    return refuse({ kind: "parameter_invalid", param: "fraud_details[user_report]", why });
  }
  const held = changesOf(charge);
  const group = held.transfer_group ?? charge.transfer_group;
  if (p.transfer_group !== undefined && group !== null && p.transfer_group !== group) {
    const why = `This charge already has a transfer_group (${group}), and it stays.`;
    return refuse({ kind: "parameter_invalid", param: "transfer_group", why });
  }
  return ok({
    ...held,
    ...(p.description === undefined ? {} : { description: p.description }),
    ...(p.receipt_email === undefined ? {} : { receipt_email: p.receipt_email }),
    ...(p.metadata === undefined
      ? {}
      : { metadata: mergedMetadata(held.metadata ?? charge.metadata, p.metadata) }),
    ...(p.shipping === undefined ? {} : { shipping: compact(p.shipping) }),
    ...(p.transfer_group === undefined ? {} : { transfer_group: p.transfer_group }),
    ...(report === undefined
      ? {}
      : { fraud_details: report === null ? {} : { user_report: report } }),
  });
}

async function update(call: Update): Promise<Result<Answered, Refused>> {
  const read = await readHeld(call);
  if (!read.ok) return read;
  const { charge, from } = read.value;
  // How it ends must be known before anything else is said of it.
  if (charge.state === "opened") return refuse({ kind: "object_locked" });
  const document = documentOf(charge, call.params);
  if (!document.ok) return document;
  const customer = customerOf(charge, call.params.customer);
  if (!customer.ok) return customer;
  const given = customer.value === undefined ? {} : { customer: customer.value };
  const saved = await saveObject(call, call.claim, {
    type: "charge",
    event: eventCode("charge.updated"),
    document: { ...document.value, ...given },
    ...given,
    ...(from === undefined ? { id: charge.id } : { from }),
    ...(hasPairs(charge.metadata) ? { worded: true } : {}),
  });
  return answered(saved, call);
}

export const chargeChangeRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/charges/:id",
    summary:
      "Change what is said of a charge: description, metadata, receipt, shipping, group, fraud",
    access: "secret",
    permission: "charge_write",
    params: updateParams,
    answers: "charge",
    handle: update,
  }),
];
