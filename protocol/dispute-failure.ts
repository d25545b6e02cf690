// What is told when a dispute or a refund has come too far for what is asked of it.

import { invalid, type WireError } from "./wire-error.ts";

export type DisputeFailure =
  | { readonly kind: "charge_disputed" }
  | { readonly kind: "dispute_closed"; readonly status: string }
  | { readonly kind: "refund_final"; readonly status: string };

/** The public face of such a failure. */
export function disputeErrorOf(f: DisputeFailure): WireError {
  switch (f.kind) {
    case "charge_disputed":
      return invalid(
        f.kind,
        "This charge is disputed, and its money is with the cardholder's bank. Answer the dispute or close it.",
        "charge",
      );
    case "dispute_closed":
      return invalid(
        undefined,
        `This dispute takes no answer any more: it is ${f.status}, or its time is over.`,
        "id",
      );
    case "refund_final":
      return invalid(
        undefined,
        `Only a refund that is pending can be canceled. This one is ${f.status}.`,
        "id",
      );
  }
}
