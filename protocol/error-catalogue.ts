// Every error there is, for people: what each means and what to do about it. `doc_url` of an error points
// to its entry on the page made of this table. A test holds `wireOf` to it, and it to `wireOf`.

import { CARD, type Row } from "./card-errors.ts";
import type { Failure, WireError } from "./failure.ts";

export type ErrorEntry = {
  /** The code, or a name of ours where Stripe sends none; anchor of the entry. */
  readonly name: string;
  /** Whether `name` is sent as `code`. */
  readonly coded: boolean;
  readonly status: number;
  readonly type: WireError["type"];
  readonly meaning: string;
  readonly remedy: string;
};

const entries =
  (type: WireError["type"], coded = true) =>
  ([name, status, meaning, remedy]: Row): ErrorEntry => ({
    name,
    coded,
    status,
    type,
    meaning,
    remedy,
  });

const REQUEST: readonly Row[] = [
  [
    "account_invalid",
    401,
    "The key is genuine and its account is not known here.",
    "Use a key of this deployment.",
  ],
  [
    "amount_too_large",
    400,
    "The amount is above what can be charged, or above what is left to capture or refund.",
    "Send at most the amount that the message names.",
  ],
  [
    "amount_too_small",
    400,
    "The amount is below what is charged in its currency.",
    "Charge at least the amount that the message names.",
  ],
  [
    "api_key_expired",
    401,
    "The key was made for an hour, or was taken back.",
    "Have your server make another one.",
  ],
  [
    "balance_insufficient",
    400,
    "Less is available than is to be paid out; what is pending does not count yet.",
    "Pay out less, or wait until more has come free.",
  ],
  [
    "body_malformed",
    400,
    "The body cannot be read as parameters.",
    "Send application/x-www-form-urlencoded or a JSON object, in UTF-8.",
  ],
  ["body_too_large", 413, "The body has more bytes than any call needs.", "Send less."],
  [
    "charge_already_captured",
    400,
    "There is nothing left to capture.",
    "Retrieve the charge: `captured` is true.",
  ],
  [
    "charge_already_refunded",
    400,
    "All of the charge has been refunded.",
    "Retrieve the charge: `refunded` is true.",
  ],
  [
    "charge_disputed",
    400,
    "The cardholder's bank holds the money of the charge, so it is not given back twice.",
    "Answer the dispute, or close it.",
  ],
  [
    "charge_failed",
    400,
    "The charge was declined, so no money can be captured or given back.",
    "Charge again with another card.",
  ],
  [
    "idempotency_key_invalid",
    400,
    "The idempotency key has a form that is not taken.",
    "Send 1 to 255 printable characters, such as a UUID, or leave the header out.",
  ],
  [
    "invalid_charge_amount",
    400,
    "The amount is no multiple of the least that cards move in its currency.",
    "Round it to a multiple of what the message names.",
  ],
  [
    "invalid_charge_amount_no_decimal_compatible",
    400,
    "The currency is told in hundredths and charged in whole units.",
    "Send a multiple of 100.",
  ],
  [
    "key_ephemeral",
    403,
    "An ephemeral key was used for something that is not of its customer.",
    "Use a secret key on your server; the app's key lists, attaches and detaches only.",
  ],
  [
    "key_not_platform",
    403,
    "Only the platform may do this.",
    "Ask who runs this deployment, or use your own key for your own account's calls.",
  ],
  [
    "key_secret_in_browser",
    403,
    "A secret key came from a page, where everybody can read it.",
    "Roll the key, and use the publishable key in pages.",
  ],
  [
    "livemode_closed",
    403,
    "No processor for real cards is bound.",
    "Use the keys of test mode, or bind a processor and open live mode.",
  ],
  [
    "lock_timeout",
    429,
    "Another request was changing the same object.",
    "Send it again after a moment; the SDKs do so by themselves.",
  ],
  [
    "payment_method_unexpected_state",
    400,
    "The payment method is attached to another customer, to nobody, or was detached and may not be used again.",
    "Collect the card anew as a payment method, and attach it before it is used a second time.",
  ],
  [
    "increment_unavailable",
    400,
    "No more can be held on this payment: it was not asked for, or the card's network does not take it.",
    "Send `request_incremental_authorization` with the next intent; make another one for the rest of this.",
  ],
  [
    "increments_used_up",
    400,
    "This authorization was incremented as often as can be.",
    "Capture what is held, and make another intent for the rest.",
  ],
  [
    "order_attempt_taken",
    400,
    "Another charge has the same `order_id` and `attempt_number` in its metadata.",
    "Look whether the order is paid; count the attempt up to charge it again.",
  ],
  [
    "pan_detected",
    400,
    "A card number was sent where none belongs, and was kept nowhere.",
    "Send card numbers in `card` of POST /v1/tokens only, and tokens everywhere else.",
  ],
  [
    "parameter_invalid",
    400,
    "A parameter has a value that is not taken.",
    "Correct the parameter that `param` names as the message says.",
  ],
  [
    "parameter_invalid_integer",
    400,
    "A parameter should be a whole number within bounds.",
    "Send digits only: amounts are in the smallest unit of the currency.",
  ],
  [
    "parameter_missing",
    400,
    "A parameter that is needed is absent or empty.",
    "Send it: `param` names it.",
  ],
  [
    "parameter_unknown",
    400,
    "The route has no such parameter.",
    "Check its spelling, and that it belongs to this call.",
  ],
  [
    "payout_not_pending",
    400,
    "The bank has been told of the payout, or it is over.",
    "Cancel a payout while its status is pending.",
  ],
  [
    "rate_limit",
    429,
    "Too many requests came at once or in a second.",
    "Wait as `RateLimit` says and send it again; spread bursts.",
  ],
  [
    "release_in_part",
    400,
    "A charge that is not captured is released as a whole.",
    "Capture less than was authorized: the rest is released.",
  ],
  [
    "resource_missing",
    404,
    "No object of this account and mode has this id.",
    "Check the id, and that the key is of the account and mode that made it.",
  ],
  [
    "sealed_card_invalid",
    400,
    "The sealed card could not be opened.",
    "Fetch /v1/vault/keys again, seal the card anew for the key you send it with, and send it once.",
  ],
  [
    "sealed_card_required",
    400,
    "The account takes no card but a sealed one.",
    "Seal the card in the browser, as checkout.js does.",
  ],
  [
    "secret_key_required",
    401,
    "A publishable key may not do this.",
    "Call it from your server, with the secret key.",
  ],
  [
    "payment_intent_authentication_failure",
    400,
    "The cardholder did not prove that the card is theirs.",
    "Let the buyer try again, or pay with another card.",
  ],
  [
    "payment_intent_unexpected_state",
    400,
    "The payment intent's status does not allow this.",
    "Look at `payment_intent` in the error: its `status` says what is possible now.",
  ],
  ["host_invalid", 400, "The Host header is no host name.", "Send the name of this API's host."],
  [
    "setup_intent_authentication_failure",
    400,
    "The cardholder did not prove that the card is theirs.",
    "Let the buyer try again, or keep another card.",
  ],
  [
    "setup_intent_unexpected_state",
    400,
    "The setup intent's status does not allow this.",
    "Look at `setup_intent` in the error: its `status` says what is possible now.",
  ],
  ["tls_too_old", 426, "The connection is weaker than TLS 1.3.", "Connect with TLS 1.3."],
  [
    "token_already_used",
    400,
    "A token pays once.",
    "Make a new token, or attach the card to a customer to charge it again.",
  ],
];

const NAMELESS: readonly Row[] = [
  [
    "api_key_invalid",
    401,
    "The key is not one that was made here.",
    "Copy the whole key again; mind that test and live keys differ.",
  ],
  [
    "api_key_missing",
    401,
    "No API key was sent.",
    "Send it as `Authorization: Bearer`, or as the user of Basic authentication.",
  ],
  [
    "api_version_invalid",
    400,
    "`Stripe-Version` names a version that was never published.",
    "Name a published one, or leave the header out.",
  ],
  [
    "dispute_closed",
    400,
    "The dispute was answered or decided, or its time is over.",
    "Retrieve the dispute: `status` says where it stands.",
  ],
  [
    "notice_refused",
    401,
    "What was posted is no notice of the processor, or an old one.",
    "Sign it with the key of the notices, and send it at once.",
  ],
  [
    "payment_intent_without_charge",
    400,
    "Nothing was captured of the payment intent, so nothing can be given back.",
    "Cancel it if it holds money.",
  ],
  [
    "permission_missing",
    403,
    "The restricted key lacks a permission, which the message names.",
    "Use a key that has it, or have one made.",
  ],
  [
    "refund_final",
    400,
    "The refund is made, failed or canceled, so it cannot be canceled.",
    "Retrieve the refund: `status` says where it stands.",
  ],
  [
    "url_unrecognized",
    404,
    "There is no such route.",
    "Check method and path against /openapi.json.",
  ],
];

/** Every error, by type and name. */
export const ERROR_CATALOGUE: readonly ErrorEntry[] = [
  ...REQUEST.map(entries("invalid_request_error")),
  ...NAMELESS.map(entries("invalid_request_error", false)),
  ...CARD.map(entries("card_error")),
  ...[
    [
      "idempotency_key_in_use",
      409,
      "The first request with this key has not ended.",
      "Wait a moment and send it again: it hears what the first did.",
    ] as const,
  ].map(entries("idempotency_error")),
  ...[
    [
      "idempotency_key_reused",
      400,
      "The key was first used for another route, other parameters or an older API version.",
      "Use a new key for a new request.",
    ] as const,
  ].map(entries("idempotency_error", false)),
  ...(
    [
      [
        "internal_error",
        500,
        "Something broke on our side.",
        "Send it again under the same key; tell us the `Request-Id` if it stays.",
      ],
      [
        "service_unavailable",
        503,
        "A part that is needed cannot be reached, so how it ended is not known yet.",
        "Send it again under the same key: nothing is done twice.",
      ],
    ] satisfies Row[]
  ).map(entries("api_error", false)),
];

const BY_NAME = new Map(ERROR_CATALOGUE.map((entry) => [entry.name, entry]));

/** Names of failures that are told without a code, as Stripe tells them. */
const NAMES: Partial<Record<Failure["kind"], string>> = {
  key_missing: "api_key_missing",
  key_invalid: "api_key_invalid",
  intent_without_charge: "payment_intent_without_charge",
  permission_missing: "permission_missing",
  version_invalid: "api_version_invalid",
  dispute_closed: "dispute_closed",
  notice_refused: "notice_refused",
  refund_final: "refund_final",
  route_unknown: "url_unrecognized",
  idempotency_mismatch: "idempotency_key_reused",
  internal: "internal_error",
  unavailable: "service_unavailable",
};

/** The entry of a failure as it is told; undefined for a code of a processor that the table does not have. */
export const entryOf = (kind: Failure["kind"], code: string | undefined): ErrorEntry | undefined =>
  BY_NAME.get(code ?? NAMES[kind] ?? "");
