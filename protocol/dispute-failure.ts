// What is told when a dispute or a refund has come too far for what is asked, and to whom only says that he is
// the processor.

import type { WireError } from "./failure.ts";

export type DisputeFailure =
  | { readonly kind: "charge_disputed" }
  | { readonly kind: "dispute_closed"; readonly status: string }
  | { readonly kind: "refund_final"; readonly status: string }
  /** One for all causes, so that nobody can ask which part of a forgery was right. */
  | { readonly kind: "notice_refused" };

const refused = (message: string): WireError => ({
  status: 400,
  type: "invalid_request_error",
  message,
  param: "id",
});

/** The public face of such a failure. */
export function disputeErrorOf(f: DisputeFailure): WireError {
  switch (f.kind) {
    case "charge_disputed":
      return {
        ...refused(
          "This charge is disputed, and its money is with the cardholder's bank. Answer the dispute or close it.",
        ),
        code: f.kind,
        param: "charge",
      };
    case "dispute_closed":
      return refused(
        `This dispute takes no answer any more: it is ${f.status}, or its time is over.`,
      );
    case "refund_final":
      return refused(`Only a refund that is pending can be canceled. This one is ${f.status}.`);
    case "notice_refused":
      return {
        status: 401,
        type: "invalid_request_error",
        message: "This is not a notice of our processor. Sign it, and send it at once.",
      };
  }
}
