// /v1/setup_intents: made, read, changed, canceled and listed here; confirmed by setup-confirmation.ts. What may
// become of one is decided in protocol/setup-intent.ts.

import * as z from "zod";
import { eventCode } from "../../protocol/event.ts";
import { type CustomerId, uuidOf } from "../../protocol/ids.ts";
import { paidWith } from "../../protocol/intent-moves.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import {
  canceledSetup,
  type SetupDocument,
  type SetupPatch,
  setupIntentObject,
  updatedSetup,
} from "../../protocol/setup-intent.ts";
import { customerMissing } from "./customer.ts";
import { readIntent, seenBy, showing } from "./intent-access.ts";
import {
  automaticOf,
  CONFIRMED_WITHOUT_METHOD,
  choosing,
  clientSecret,
  holderOf,
  methodOptions,
  returnUrl,
  usage,
} from "./intent-fields.ts";
import { answered, type Change, listObjects, saveObject, stepOf } from "./kept-objects.ts";
import type { FoundMethod } from "./method-choice.ts";
import { mintSecret } from "./payment-intent-fields.ts";
import { methodData } from "./payment-method.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import {
  choice,
  created,
  expand,
  flag,
  metadata,
  page,
  pageOf,
  setMetadata,
  text,
  unsettable,
} from "./schema.ts";
import {
  belongings,
  confirmSetup,
  methodToKeep,
  orSetupAnswerBefore,
  proceedSetup,
  saveSetup,
  standingSetup,
} from "./setup-confirmation.ts";

const chosenBy = {
  payment_method: text(100).optional(),
  payment_method_data: methodData.optional(),
};
const words = {
  description: unsettable(1000).optional(),
  metadata: metadata.optional(),
};
const returning = {
  return_url: returnUrl.optional(),
  use_stripe_sdk: flag.optional(),
};

const createParams = z.strictObject({
  ...choosing,
  payment_method_options: methodOptions.optional(),
  ...chosenBy,
  ...words,
  ...returning,
  confirm: flag.optional(),
  customer: text(100).optional(),
  usage: usage.optional(),
  expand: expand.optional(),
});

const updateParams = z.strictObject({
  ...chosenBy,
  ...words,
  customer: text(100).optional(),
  payment_method_options: methodOptions.optional(),
  payment_method_types: choosing.payment_method_types,
  expand: expand.optional(),
});

const confirmParams = z.strictObject({
  ...chosenBy,
  ...returning,
  client_secret: clientSecret.optional(),
  payment_method_options: methodOptions.optional(),
  expand: expand.optional(),
});

type CreateCall = Call<z.output<typeof createParams>>;

async function create(call: CreateCall): Promise<Result<Answered, Refused>> {
  const p = call.params;
  const missing = customerMissing(p.customer);
  if (missing !== undefined) return missing;
  const automatic = automaticOf(p);
  if ("refused" in automatic) return refuse(automatic.refused);
  if (p.return_url !== undefined && p.confirm !== true) {
    const why =
      "return_url may be sent when the intent is confirmed. Send confirm=true, or send it to the confirmation.";
    return refuse({ kind: "parameter_invalid", param: "return_url", why });
  }
  const ready = await readied(call, automatic.document);
  if (!ready.ok) return orSetupAnswerBefore(call, call.claim, ready);
  const { change, method } = ready.value;
  if (p.confirm !== true || method === undefined) {
    const saved = await saveObject(call, call.claim, change);
    return answered(saved, call);
  }
  const saved = await saveObject(call, stepOf(call.claim, "create"), change);
  if (!saved.ok) return orSetupAnswerBefore(call, call.claim, saved);
  const at = standingSetup(saved.value.facts);
  return proceedSetup(call, call.claim, { at, method }, { returnUrl: returnUrlOf(p) });
}

/** The intent that is to be made, and the method that is to be kept. */
async function readied(
  call: CreateCall,
  automatic: Readonly<Record<string, unknown>>,
): Promise<Result<{ change: Change; method: FoundMethod | undefined }, Refused>> {
  const p = call.params;
  const holder = holderOf(p.customer);
  const chosen = await methodToKeep(call, call.claim, p, holder);
  if (!chosen.ok) return chosen;
  const method = chosen.value;
  if (p.confirm === true && method === undefined) return refuse(CONFIRMED_WITHOUT_METHOD);
  const document = {
    ...automatic,
    ...holder,
    secret: mintSecret(),
    usage: p.usage ?? "off_session",
    metadata: setMetadata(p.metadata) ?? {},
    ...(p.description == null ? {} : { description: p.description }),
    ...threeDSecureIn(p),
    ...paidWith(method),
  } as SetupDocument;
  const change = {
    type: "setup_intent",
    document,
    event: eventCode("setup_intent.created"),
    ...belongings(document),
  } as const;
  return ok({ change, method });
}

const returnUrlOf = (p: {
  return_url?: string | undefined;
  use_stripe_sdk?: boolean | undefined;
}) => (p.use_stripe_sdk === true ? undefined : p.return_url);

function threeDSecureIn({
  payment_method_options: options,
}: {
  payment_method_options?: z.output<typeof methodOptions> | undefined;
}): SetupPatch {
  const wanted = options?.card?.request_three_d_secure;
  return wanted === undefined ? {} : { request_three_d_secure: wanted };
}

type UpdateCall = Call<z.output<typeof updateParams>>;

async function update(call: UpdateCall): Promise<Result<Answered, Refused>> {
  const missing = customerMissing(call.params.customer);
  if (missing !== undefined) return missing;
  const read = await readIntent(call, "setup_intent", undefined);
  if (!read.ok) return read;
  const outcome = await changed(call, standingSetup(read.value));
  return outcome.ok ? outcome : orSetupAnswerBefore(call, call.claim, outcome);
}

async function changed(
  call: UpdateCall,
  at: ReturnType<typeof standingSetup>,
): Promise<Result<Answered, Refused>> {
  const { customer, description, metadata: pairs, ...p } = call.params;
  const holder = holderOf(customer ?? at.setup.document.customer);
  const chosen = await methodToKeep(call, call.claim, p, holder);
  if (!chosen.ok) return chosen;
  const said = { customer, description, metadata: pairs, ...threeDSecureIn(p) };
  const patch = { ...said, ...paidWith(chosen.value) };
  const next = updatedSetup(at.setup, patch);
  if (!next.ok) {
    return showing(next.failure, "setup_intent", setupIntentObject(at.setup, call.scope));
  }
  const saved = await saveSetup(call, call.claim, at, next.value);
  return answered(saved, call);
}

async function confirm(
  call: Call<z.output<typeof confirmParams>>,
): Promise<Result<Answered, Refused>> {
  const p = call.params;
  const read = await readIntent(call, "setup_intent", p.client_secret);
  if (!read.ok) return read;
  const { payment_method, payment_method_data } = p;
  const how = {
    payment_method,
    payment_method_data,
    patch: threeDSecureIn(p),
    returnUrl: returnUrlOf(p),
  };
  const at = standingSetup(read.value);
  return seenBy(call, await confirmSetup(call, call.claim, at, how));
}

async function cancel(
  call: Call<{ cancellation_reason?: string | undefined }>,
): Promise<Result<Answered, Refused>> {
  const read = await readIntent(call, "setup_intent", undefined);
  if (!read.ok) return read;
  const at = standingSetup(read.value);
  const next = canceledSetup(at.setup, call.params.cancellation_reason);
  if (!next.ok) {
    const shown = setupIntentObject(at.setup, call.scope);
    return orSetupAnswerBefore(call, call.claim, showing(next.failure, "setup_intent", shown));
  }
  const saved = await saveSetup(call, call.claim, at, next.value, "setup_intent.canceled");
  return answered(saved, call);
}

const PATH = "/v1/setup_intents";
const write = { permission: "setup_intent_write", answers: "setup_intent" } as const;

export const setupIntentRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: PATH,
    summary: "Make a setup intent, and confirm it at once if so asked",
    access: "secret",
    ...write,
    params: createParams,
    handle: create,
  }),
  route({
    method: "GET",
    path: PATH,
    summary: "List setup intents, newest first",
    access: "secret",
    permission: "setup_intent_read",
    params: z.strictObject({
      ...page,
      created: created.optional(),
      customer: text(100).optional(),
      payment_method: text(100).optional(),
    }),
    answers: "list of setup_intents",
    handle: async (call) => {
      const { customer, payment_method: parent, created: span } = call.params;
      if (parent !== undefined && uuidOf("pm", parent) === undefined) {
        const id = parent;
        const object = "payment_method";
        return refuse({ kind: "resource_missing", object, id, param: object });
      }
      return (
        customerMissing(customer) ??
        listObjects(call, "setup_intent", {
          page: pageOf(call.params),
          created: span,
          customer: customer as CustomerId | undefined,
          parent,
        })
      );
    },
  }),
  route({
    method: "GET",
    path: `${PATH}/:id`,
    summary: "Retrieve a setup intent; in a browser, with its client secret",
    access: "publishable",
    permission: "setup_intent_read",
    params: z.strictObject({ client_secret: clientSecret.optional(), expand: expand.optional() }),
    answers: ["setup_intent", "public setup_intent"],
    handle: async (call) => {
      const read = await readIntent(call, "setup_intent", call.params.client_secret);
      if (!read.ok) return read;
      const object = setupIntentObject(standingSetup(read.value).setup, call.scope);
      return seenBy(call, ok({ object }));
    },
  }),
  route({
    method: "POST",
    path: `${PATH}/:id`,
    summary: "Update a setup intent",
    access: "secret",
    ...write,
    params: updateParams,
    handle: update,
  }),
  route({
    method: "POST",
    path: `${PATH}/:id/confirm`,
    summary: "Confirm a setup intent; in a browser, with its client secret",
    access: "publishable",
    permission: "setup_intent_write",
    answers: ["setup_intent", "public setup_intent"],
    params: confirmParams,
    handle: confirm,
  }),
  route({
    method: "POST",
    path: `${PATH}/:id/cancel`,
    summary: "Cancel a setup intent",
    access: "secret",
    ...write,
    params: z.strictObject({
      cancellation_reason: choice("abandoned", "requested_by_customer", "duplicate").optional(),
      expand: expand.optional(),
    }),
    handle: cancel,
  }),
];
