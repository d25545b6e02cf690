// What a refusal looks like on the wire, as Stripe's API tells it.

import type { Advice } from "./decline.ts";

/** What goes on the wire: an HTTP status and the fields of Stripe's `error` object. */
export type WireError = {
  readonly status: number;
  readonly type: "invalid_request_error" | "card_error" | "idempotency_error" | "api_error";
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
  readonly decline_code?: string;
  readonly charge?: string;
  readonly advice_code?: Advice;
  readonly network_decline_code?: string;
};

/** A request that cannot be taken as it is: status 400. */
export const invalid = (code: string | undefined, message: string, param?: string): WireError => ({
  status: 400,
  type: "invalid_request_error",
  message,
  ...(code === undefined ? {} : { code }),
  ...(param === undefined ? {} : { param }),
});
