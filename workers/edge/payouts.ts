// Payouts: made of what is available, read, described, and taken back while the bank has not been told.

import * as z from "zod";
import { amountText, payoutStep } from "../../protocol/currency.ts";
import type { Failure } from "../../protocol/failure.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import { mergedMetadata } from "../../protocol/metadata.ts";
import {
  canceled,
  newPayout,
  PAYOUT_EVENTS,
  TEST_BANKS,
  withMetadata,
} from "../../protocol/payout.ts";
import { ok, refuse } from "../../protocol/result.ts";
import { answered, listObjects, readObject, refuseKept, saveObject } from "./kept-objects.ts";
import { type Call, type Route, route } from "./route.ts";
import {
  amount,
  created,
  currency,
  expand,
  metadata,
  page,
  pageOf,
  setMetadata,
  text,
} from "./schema.ts";

const createParams = z.strictObject({
  amount,
  currency,
  description: text(5000).optional(),
  destination: text(100).optional(),
  metadata: metadata.optional(),
  method: text(20).optional(),
  source_type: text(20).optional(),
  statement_descriptor: text(22).optional(),
  expand: expand.optional(),
});

type CreateParams = z.output<typeof createParams>;

/** Where each choice has only one that can be served. */
const ONLY = { method: "standard", source_type: "card" } as const;

function parameterFailure(p: CreateParams, livemode: boolean): Failure | undefined {
  for (const param of ["method", "source_type"] as const) {
    if (p[param] === undefined || p[param] === ONLY[param]) continue;
    return { kind: "parameter_invalid", param, why: `Invalid ${param}: must be ${ONLY[param]}` };
  }
  const step = payoutStep(p.currency);
  if (p.amount % step !== 0) {
    const why = `Payouts in ${p.currency} are multiples of ${step}: banks take no less than ${amountText(step, p.currency)}.`;
    return { kind: "parameter_invalid_integer", param: "amount", why };
  }
  if (p.destination === undefined) return undefined;
  const known = !livemode && Object.hasOwn(TEST_BANKS, p.destination);
  return known
    ? undefined
    : {
        kind: "resource_missing",
        object: "external account",
        id: p.destination,
        param: "destination",
      };
}

async function create(call: Call<CreateParams>) {
  const p = call.params;
  const failure = parameterFailure(p, call.scope.livemode);
  if (failure !== undefined) return refuse(failure);
  const wish = { ...p, metadata: setMetadata(p.metadata) };
  const saved = await saveObject(call, call.claim, {
    type: "payout",
    event: PAYOUT_EVENTS.created,
    document: newPayout(wish, Math.floor(Date.now() / 1000)),
    posting: { debit: "merchant", credit: "payouts", amount: p.amount, currency: p.currency },
  });
  return answered(saved, call);
}

const updateParams = z.strictObject({ metadata: metadata.optional(), expand: expand.optional() });

async function update(call: Call<z.output<typeof updateParams>>) {
  const read = await readObject(call, "payout", call.path["id"] ?? "");
  if (!read.ok) return read;
  const before = (read.value.document?.["metadata"] ?? {}) as Record<string, string>;
  const merged = mergedMetadata(before, call.params.metadata);
  const saved = await saveObject(call, call.claim, {
    type: "payout",
    event: PAYOUT_EVENTS.updated,
    document: withMetadata(read.value, merged),
    from: read.value,
  });
  return answered(saved, call);
}

async function cancel(call: Call<unknown>) {
  const read = await readObject(call, "payout", call.path["id"] ?? "");
  if (!read.ok) return read;
  const document = canceled(read.value);
  // A second request with the key of the one that canceled it hears that it did.
  if (!document.ok) return refuseKept(call, call.claim, read.value, document.failure);
  const { amount: sum, currency: code } = document.value;
  const saved = await saveObject(call, call.claim, {
    type: "payout",
    event: PAYOUT_EVENTS.canceled,
    document: document.value,
    from: read.value,
    posting: { debit: "payouts", credit: "merchant", amount: sum, currency: code },
  });
  return answered(saved, call);
}

export const payoutRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/payouts",
    summary: "Pay out what is available",
    access: "secret",
    permission: "payout_write",
    params: createParams,
    answers: "payout",
    handle: create,
  }),
  route({
    method: "GET",
    path: "/v1/payouts",
    summary: "List payouts, newest first",
    access: "secret",
    permission: "payout_read",
    params: z.strictObject({ ...page, created: created.optional() }),
    answers: "list of payouts",
    handle: (call) =>
      listObjects(call, "payout", { page: pageOf(call.params), created: call.params.created }),
  }),
  route({
    method: "GET",
    path: "/v1/payouts/:id",
    summary: "Retrieve a payout",
    access: "secret",
    permission: "payout_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "payout",
    handle: async (call) => {
      const read = await readObject(call, "payout", call.path["id"] ?? "");
      return read.ok ? ok({ object: keptObject(read.value, call.scope) }) : read;
    },
  }),
  route({
    method: "POST",
    path: "/v1/payouts/:id",
    summary: "Change the metadata of a payout",
    access: "secret",
    permission: "payout_write",
    params: updateParams,
    answers: "payout",
    handle: update,
  }),
  route({
    method: "POST",
    path: "/v1/payouts/:id/cancel",
    summary: "Take back a payout that the bank has not been told of",
    access: "secret",
    permission: "payout_write",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "payout",
    handle: cancel,
  }),
];
