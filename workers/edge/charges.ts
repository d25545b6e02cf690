// POST /v1/charges, its capture, and reading charges.

import * as z from "zod";
import { amountFailure } from "../../protocol/currency.ts";
import type { ChargeFacts } from "../../protocol/facts.ts";
import type { Failure } from "../../protocol/failure.ts";
import {
  type CardId,
  type ChargeId,
  type CustomerId,
  type PaymentIntentId,
  uuidOf,
} from "../../protocol/ids.ts";
import { networkOf } from "../../protocol/network.ts";
import { chargeObject } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import type { ChargeAsk } from "../../protocol/shard.ts";
import { customerMissing } from "./customer.ts";
import { refuseKept } from "./kept-objects.ts";
import { list, one } from "./lookup.ts";
import { compact, shipment } from "./person.ts";
import { find } from "./reading.ts";
import { type Call, type Refused, type Route, route } from "./route.ts";
import {
  amount,
  created,
  currency,
  expand,
  flag,
  metadata,
  page,
  pageOf,
  setMetadata,
  source,
  text,
} from "./schema.ts";
import { cardSource, execute } from "./shard-call.ts";

/** What payment intents take. */
export const TRANSFER_GROUP_MAX = 500;

const createParams = z.strictObject({
  amount,
  currency,
  source: source.optional(),
  card: source.optional(),
  customer: text(100).optional(),
  capture: flag.optional(),
  description: text(5000).optional(),
  metadata: metadata.optional(),
  receipt_email: text(512).optional(),
  shipping: shipment.optional(),
  statement_descriptor: text(22).optional(),
  statement_descriptor_suffix: text(22).optional(),
  transfer_group: text(TRANSFER_GROUP_MAX).optional(),
  expand: expand.optional(),
});

type CreateCall = Call<z.output<typeof createParams>>;

const ATTEMPT_MAX = 1_000_000;

/** The id of a charge, or the failure that there is none. */
export function chargeId(id: string, param: string): Result<ChargeId, Failure> {
  return uuidOf("ch", id) === undefined
    ? refuse({ kind: "resource_missing", object: "charge", id: id.slice(0, 100), param })
    : ok(id as ChargeId);
}

/** A charge as it stands, to decide on. */
export async function readCharge(
  call: Pick<Call<unknown>, "env" | "scope" | "continent">,
  id: string,
  param: string,
): Promise<Result<ChargeFacts, Failure>> {
  const of = chargeId(id, param);
  if (!of.ok) return of;
  const query = { kind: "charge", id: of.value } as const;
  const found = await find(call.env, call.scope, call.continent, query);
  if (!found.ok) return found;
  const [row] = found.value.rows;
  return row?.kind === "charge"
    ? ok(row)
    : refuse({ kind: "resource_missing", object: "charge", id, param });
}

/** The failure that no payment intent has this id, where none can. */
export const intentMissing = (id: string | undefined) =>
  id === undefined || uuidOf("pi", id) !== undefined
    ? undefined
    : refuse<Failure>({
        kind: "resource_missing",
        object: "payment_intent",
        id: id.slice(0, 100),
        param: "payment_intent",
      });

async function sourceOf(call: CreateCall): Promise<Result<ChargeAsk["source"], Refused>> {
  const { customer } = call.params;
  const given = call.params.source ?? call.params.card;
  if (given === undefined && customer === undefined) {
    return refuse({ kind: "parameter_missing", param: "source" });
  }
  const unknown = customerMissing(customer);
  if (unknown !== undefined) return unknown;
  if (given === undefined) return ok({ kind: "customer" });
  if (typeof given === "string" && given.startsWith("card_")) {
    if (customer === undefined) return refuse({ kind: "parameter_missing", param: "customer" });
    return uuidOf("card", given) === undefined
      ? refuse({
          kind: "resource_missing",
          object: "card",
          id: given.slice(0, 100),
          param: "source",
        })
      : ok({ kind: "customer", card_id: given as CardId });
  }
  if (customer !== undefined) {
    const why = "With a customer, `source` must be one of its cards. Attach the token first.";
    return refuse({ kind: "parameter_invalid", param: "source", why });
  }
  return cardSource(call.env, call.scope, given);
}

// Two metadata fields have a meaning: with both, the ledger holds each attempt at an order unique.
function orderOf(
  pairs: Record<string, string>,
): Result<Pick<ChargeAsk, "order_id" | "attempt_number">, Failure> {
  const { order_id, attempt_number } = pairs;
  if (order_id === undefined || attempt_number === undefined) return ok({});
  const attempt = Number(attempt_number);
  if (!/^[0-9]+$/.test(attempt_number) || attempt < 1 || attempt > ATTEMPT_MAX) {
    const why = `Invalid integer. Count attempts from 1 to ${ATTEMPT_MAX}.`;
    return refuse({ kind: "parameter_invalid_integer", param: "metadata[attempt_number]", why });
  }
  return ok({ order_id, attempt_number: attempt });
}

function callerOf(call: CreateCall): Pick<ChargeAsk, "caller"> {
  const caller = networkOf(call.address);
  return caller === undefined ? {} : { caller };
}

async function create(call: CreateCall) {
  const p = call.params;
  const refusal = amountFailure(p.amount, p.currency);
  // As at Stripe, the key remembers it.
  if (refusal !== undefined) return refuseKept(call, call.claim, { type: "charge" }, refusal);
  const pairs = setMetadata(p.metadata) ?? {};
  const order = orderOf(pairs);
  if (!order.ok) return order;
  const paidWith = await sourceOf(call);
  if (!paidWith.ok) return paidWith;
  return execute(call.env, {
    kind: "charge",
    ...call.scope,
    ...call.claim,
    source: paidWith.value,
    amount: p.amount,
    currency: p.currency,
    capture: p.capture ?? true,
    metadata: pairs,
    ...order.value,
    ...callerOf(call),
    ...(p.customer === undefined ? {} : { customer: p.customer as CustomerId }),
    ...wordsIn(p),
  });
}

const TEXTS = [
  "description",
  "receipt_email",
  "statement_descriptor",
  "statement_descriptor_suffix",
  "transfer_group",
] as const;

/** What is said of a charge; what is not said is left out. */
function wordsIn(
  p: CreateCall["params"],
): Partial<Pick<ChargeAsk, (typeof TEXTS)[number] | "shipping">> {
  const said = TEXTS.flatMap((name) => (p[name] === undefined ? [] : [[name, p[name]]]));
  const shipping = p.shipping === undefined ? null : compact(p.shipping);
  return { ...Object.fromEntries(said), ...(shipping === null ? {} : { shipping }) };
}

export const chargeRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/charges",
    summary: "Charge a card, at once or by authorizing now and capturing later",
    access: "secret",
    permission: "charge_write",
    params: createParams,
    answers: "charge",
    handle: create,
  }),
  route({
    method: "GET",
    path: "/v1/charges",
    summary: "List charges, newest first",
    access: "secret",
    permission: "charge_read",
    params: z.strictObject({
      ...page,
      created: created.optional(),
      customer: text(100).optional(),
      payment_intent: text(100).optional(),
      transfer_group: text(TRANSFER_GROUP_MAX).optional(),
    }),
    answers: "list of charges",
    handle: async (call) => {
      const {
        customer,
        payment_intent: intent,
        transfer_group: group,
        created: span,
      } = call.params;
      const unknown = intentMissing(intent) ?? customerMissing(customer);
      if (unknown !== undefined) return unknown;
      return list(
        call,
        {
          kind: "charges",
          page: pageOf(call.params),
          ...(span === undefined ? {} : { created: span }),
          ...(customer === undefined ? {} : { customer: customer as CustomerId }),
          ...(intent === undefined ? {} : { intent: intent as PaymentIntentId }),
          ...(group === undefined ? {} : { group }),
        },
        (row: ChargeFacts) => chargeObject(row, call.scope),
      );
    },
  }),
  route({
    method: "GET",
    path: "/v1/charges/:id",
    summary: "Retrieve a charge",
    access: "secret",
    permission: "charge_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "charge",
    handle: async (call) => {
      const id = chargeId(call.path["id"] ?? "", "id");
      return one(
        call,
        "charge",
        id.ok ? { kind: "charge", id: id.value } : undefined,
        (row: ChargeFacts) => chargeObject(row, call.scope),
      );
    },
  }),
  route({
    method: "POST",
    path: "/v1/charges/:id/capture",
    summary: "Capture an authorized charge, in full or in part",
    access: "secret",
    permission: "charge_write",
    params: z.strictObject({ amount: amount.optional(), expand: expand.optional() }),
    answers: "charge",
    handle: async (call) => {
      const charge = chargeId(call.path["id"] ?? "", "id");
      if (!charge.ok) return charge;
      return execute(call.env, {
        kind: "capture",
        ...call.scope,
        ...call.claim,
        charge: charge.value,
        ...(call.params.amount === undefined ? {} : { amount: call.params.amount }),
      });
    },
  }),
];
