// The parameters of payment intents, and what they say: a change of the document, or how it is confirmed.

import * as z from "zod";
import { randomBase62 } from "../../protocol/base62.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { type IntentPatch, paidWith } from "../../protocol/intent-moves.ts";
import type { IntentDocument } from "../../protocol/payment-intent.ts";
import { TRANSFER_GROUP_MAX } from "./charges.ts";
import {
  choosing,
  clientSecret,
  offSession,
  paymentOptions,
  returnUrl,
  usage,
} from "./intent-fields.ts";
import type { FoundMethod } from "./method-choice.ts";
import type { Confirmation } from "./payment-confirmation.ts";
import { methodData } from "./payment-method.ts";
import { compact, shipment } from "./person.ts";
import {
  amount,
  choice,
  currency,
  expand,
  flag,
  metadata,
  setMetadata,
  text,
  unsettable,
} from "./schema.ts";

/** Letters and digits of a client secret's own half: 148 bits. */
const SECRET_CHARACTERS = 25;
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
export const mintSecret = (): string => randomBase62(SECRET_CHARACTERS, random);

const CAPTURES = choice("automatic", "automatic_async", "manual");

const method = {
  payment_method: text(100).optional(),
  payment_method_data: methodData.optional(),
};

const words = {
  description: unsettable(1000).optional(),
  metadata: metadata.optional(),
  receipt_email: unsettable(512).optional(),
  shipping: shipment.optional(),
  statement_descriptor: unsettable(22).optional(),
  statement_descriptor_suffix: unsettable(22).optional(),
  transfer_group: unsettable(TRANSFER_GROUP_MAX).optional(),
};

const confirming = {
  off_session: offSession.optional(),
  error_on_requires_action: flag.optional(),
  return_url: returnUrl.optional(),
  use_stripe_sdk: flag.optional(),
};

export const createParams = z.strictObject({
  amount,
  currency,
  ...choosing,
  ...method,
  ...words,
  ...confirming,
  capture_method: CAPTURES.optional(),
  confirm: flag.optional(),
  confirmation_method: choice("automatic", "manual").optional(),
  customer: text(100).optional(),
  payment_method_options: paymentOptions.optional(),
  setup_future_usage: usage.optional(),
  expand: expand.optional(),
});

export const updateParams = z.strictObject({
  ...method,
  ...words,
  amount: amount.optional(),
  currency: currency.optional(),
  capture_method: CAPTURES.optional(),
  customer: text(100).optional(),
  payment_method_options: paymentOptions.optional(),
  payment_method_types: choosing.payment_method_types,
  setup_future_usage: usage.transform((value) => value ?? null).optional(),
  expand: expand.optional(),
});

export const confirmParams = z.strictObject({
  ...method,
  ...confirming,
  capture_method: CAPTURES.optional(),
  client_secret: clientSecret.optional(),
  payment_method_options: paymentOptions.optional(),
  payment_method_types: choosing.payment_method_types,
  receipt_email: words.receipt_email,
  setup_future_usage: usage.transform((value) => value ?? null).optional(),
  shipping: words.shipping,
  expand: expand.optional(),
});

type Fields = Partial<z.output<typeof updateParams>> & Partial<z.output<typeof confirmParams>>;

/** What a change says, as fields of the document; the method stands apart. */
export function patchOf(p: Fields): IntentPatch {
  return {
    amount: p.amount,
    currency: p.currency,
    capture_method: p.capture_method,
    customer: p.customer as CustomerId | undefined,
    description: p.description,
    metadata: p.metadata,
    receipt_email: p.receipt_email,
    setup_future_usage: p.setup_future_usage,
    shipping: p.shipping === undefined ? undefined : compact(p.shipping),
    statement_descriptor: p.statement_descriptor,
    statement_descriptor_suffix: p.statement_descriptor_suffix,
    transfer_group: p.transfer_group,
    request_three_d_secure: p.payment_method_options?.card?.request_three_d_secure,
    request_incremental_authorization:
      p.payment_method_options?.card?.request_incremental_authorization,
  } as IntentPatch;
}

/** What a new intent holds. */
export function newDocument(
  p: z.output<typeof createParams>,
  automatic: Readonly<Record<string, unknown>>,
  chosen: FoundMethod | undefined,
): IntentDocument {
  const { metadata: pairs, ...patch } = patchOf(p as Fields);
  const said = Object.entries(patch).filter(([, value]) => value != null);
  return {
    ...Object.fromEntries(said),
    ...automatic,
    amount: p.amount,
    currency: p.currency,
    capture_method: p.capture_method ?? "automatic_async",
    confirmation_method: p.confirmation_method ?? "automatic",
    metadata: setMetadata(pairs as Record<string, string | null> | null | undefined) ?? {},
    secret: mintSecret(),
    attempts: 0,
    ...paidWith(chosen),
  } as IntentDocument;
}

/** What a request says of a confirmation. */
export const confirmationOf = (
  p: Fields & {
    readonly off_session?: boolean | undefined;
    readonly error_on_requires_action?: boolean | undefined;
    readonly return_url?: string | undefined;
    readonly use_stripe_sdk?: boolean | undefined;
  },
): Confirmation => ({
  payment_method: p.payment_method,
  payment_method_data: p.payment_method_data,
  patch: patchOf(p),
  offSession: p.off_session ?? false,
  errorOnAction: p.error_on_requires_action ?? false,
  returnUrl: p.use_stripe_sdk === true ? undefined : p.return_url,
});
