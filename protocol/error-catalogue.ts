// Every code that a refusal may carry: when it comes, what it means, and what to do. The error page, the
// OpenAPI document and its contract test read this; a test holds it to what failure.ts can say.

import type { WireError } from "./failure.ts";

/** Where a code belongs on the page. */
export const ERROR_GROUPS = ["request", "key", "object", "card", "retry"] as const;
export type ErrorGroup = (typeof ERROR_GROUPS)[number];

export type ErrorRow = {
  /** Also the row's anchor on the page: `/docs/errors#code`. */
  readonly code: string;
  readonly group: ErrorGroup;
  /** HTTP statuses that it comes with. */
  readonly statuses: readonly number[];
  readonly type: WireError["type"];
  readonly meaning: string;
  readonly remedy: string;
};

type Row = readonly [code: string, meaning: string, remedy: string];

const rows = (
  group: ErrorGroup,
  statuses: readonly number[],
  type: ErrorRow["type"],
  said: readonly Row[],
): ErrorRow[] =>
  said.map(([code, meaning, remedy]) => ({ code, group, statuses, type, meaning, remedy }));

const INVALID = "invalid_request_error";

export const ERRORS: readonly ErrorRow[] = [
  ...rows("request", [400], INVALID, [
    ["parameter_missing", "A required parameter was not sent.", "Send the one that `param` names."],
    [
      "parameter_unknown",
      "There is no such parameter on this route.",
      "Check its spelling, or leave it out.",
    ],
    [
      "parameter_invalid_integer",
      "A number is not whole, or out of its bounds.",
      "Send a whole number within the bounds that the message names.",
    ],
    [
      "parameter_invalid",
      "A parameter has the wrong type, length or form.",
      "Correct the one that `param` names; the message says what it must be.",
    ],
    [
      "amount_too_large",
      "More than may be charged, or than is left to capture or refund.",
      "Send no more than the message names.",
    ],
    [
      "body_malformed",
      "The body cannot be read: not UTF-8, not valid JSON, or nested too deep.",
      "Send a form or JSON, and say which in `Content-Type`.",
    ],
    [
      "pan_detected",
      "A card number was found where none belongs. Nothing was stored.",
      "Send card numbers in `card` only, and tokens anywhere else.",
    ],
    [
      "idempotency_key_invalid",
      "The idempotency key is empty, too long, or not printable ASCII.",
      "Use a random key of at most 255 characters, such as a UUID.",
    ],
  ]),
  ...rows("request", [413], INVALID, [
    ["body_too_large", "The body is larger than 64 KiB.", "Send less: no request needs that much."],
  ]),
  ...rows("request", [426], INVALID, [
    ["tls_too_old", "The connection is older than TLS 1.3.", "Connect with TLS 1.3."],
  ]),
  ...rows("key", [401], INVALID, [
    [
      "secret_key_required",
      "This call was made with a publishable key.",
      "Make it from your server, with the secret key.",
    ],
    [
      "account_invalid",
      "The account of this key does not exist here.",
      "Check which system the key was made for.",
    ],
  ]),
  ...rows("key", [403], INVALID, [
    [
      "key_secret_in_browser",
      "A secret key came from a browser.",
      "Use the publishable key in pages, and change the secret one: it may have been seen.",
    ],
    ["key_not_platform", "Only the platform's own key may do this.", "Ask whoever runs Tessera."],
    ["livemode_closed", "No live processor is bound here.", "Use the test mode keys until one is."],
  ]),
  ...rows("object", [404], INVALID, [
    [
      "resource_missing",
      "No such object: it never was, is deleted, or is not yours.",
      "Check the id, and whether the key is of the same account and mode.",
    ],
  ]),
  ...rows("object", [400], INVALID, [
    [
      "token_already_used",
      "A token pays once, and this one has.",
      "Make a new token, or keep the card with a customer.",
    ],
    [
      "order_attempt_taken",
      "Another charge has this `order_id` and `attempt_number`.",
      "Look that charge up before you count the attempt up.",
    ],
    [
      "charge_failed",
      "The charge failed, so there is nothing to capture or refund.",
      "Make a new charge.",
    ],
    ["charge_already_captured", "The charge is captured.", "Nothing; or refund it."],
    ["charge_already_refunded", "The charge is refunded in full.", "Nothing more can go back."],
    [
      "release_in_part",
      "A charge that is not captured can only be released as a whole.",
      "Capture less of it instead: the rest is released.",
    ],
    [
      "sealed_card_invalid",
      "The sealed card cannot be opened.",
      "Fetch `/v1/vault/keys` again, seal the card anew for this key, and send it once.",
    ],
    [
      "sealed_card_required",
      "This account takes sealed cards only.",
      "Seal the card in the browser, as checkout.js does, and use the token.",
    ],
  ]),
  ...rows("card", [402], "card_error", [
    [
      "card_declined",
      "The card's issuer, or the processor, said no.",
      "Ask for another card. `decline_code` says why, where it may be said.",
    ],
    ["expired_card", "The card has expired.", "Ask for another card."],
    ["incorrect_cvc", "The security code is wrong.", "Ask for the code again."],
    ["incorrect_number", "The card number is wrong.", "Ask for the number again."],
    ["invalid_number", "This is no card number.", "Ask for the number again."],
    ["invalid_expiry_month", "There is no such month.", "Send a month from 1 to 12."],
    ["invalid_expiry_year", "The year is wrong or has passed.", "Ask for the expiry date again."],
    ["invalid_cvc", "The code has the wrong length.", "Send 3 digits, or 4 on American Express."],
    [
      "missing",
      "The customer has no card to charge.",
      "Attach a card to the customer, or send a source.",
    ],
    [
      "processing_error",
      "The processor could not do it.",
      "Try again a little later, with a new key; it was not charged.",
    ],
  ]),
  ...rows("retry", [409], "idempotency_error", [
    [
      "idempotency_key_in_use",
      "The first request with this key is still at work.",
      "Wait a moment and send the same again, with the same key.",
    ],
  ]),
  ...rows("retry", [429], INVALID, [
    [
      "lock_timeout",
      "Another request is changing this object.",
      "Wait a moment and send the same again, with the same key.",
    ],
    ["rate_limit", "Too many requests in a short time.", "Slow down, then send the same again."],
  ]),
];

/** What an HTTP status says when an error has no code, and of all that have one. */
export const ERROR_STATUSES: readonly {
  readonly status: number;
  readonly name: string;
  readonly meaning: string;
  readonly remedy: string;
}[] = [
  {
    status: 400,
    name: "Bad request",
    meaning:
      "Something in the request is wrong. Without a code: an idempotency key was used again for another request.",
    remedy: "Correct it and send it anew; sent as it is, it will be refused again.",
  },
  {
    status: 401,
    name: "Unauthorized",
    meaning: "There is no API key, or none that opens anything.",
    remedy: "Send `Authorization: Bearer` and a key of this account and mode.",
  },
  {
    status: 402,
    name: "Payment required",
    meaning: "The request was right; the card was not taken.",
    remedy: "Show the message to the payer and ask for another card.",
  },
  {
    status: 403,
    name: "Forbidden",
    meaning: "The key is good, but not for this.",
    remedy: "Use the key that the message names.",
  },
  {
    status: 404,
    name: "Not found",
    meaning: "There is no such object. Without a code: there is no such URL.",
    remedy: "Check the id, the URL and the method.",
  },
  {
    status: 409,
    name: "Conflict",
    meaning: "The same request is being worked on.",
    remedy: "Send it again with the same key; the SDKs do so by themselves.",
  },
  {
    status: 413,
    name: "Content too large",
    meaning: "The body is larger than any request needs.",
    remedy: "Send less.",
  },
  {
    status: 426,
    name: "Upgrade required",
    meaning: "The connection is not safe enough.",
    remedy: "Connect with TLS 1.3.",
  },
  {
    status: 429,
    name: "Too many requests",
    meaning: "A limit was reached, or an object is busy.",
    remedy: "Wait, then send the same again with the same key.",
  },
  {
    status: 500,
    name: "Server error",
    meaning: "A fault of ours.",
    remedy: "Send the same again with the same key: nothing is done twice.",
  },
  {
    status: 503,
    name: "Unavailable",
    meaning: "What is needed does not answer. Whether a charge went through is not known yet.",
    remedy: "Send the same again with the same key: what was begun is driven to its one end.",
  },
];

/** Why an issuer says no, in `decline_code`, beside the code `card_declined`. */
export const DECLINES: readonly (readonly [code: string, meaning: string, remedy: string])[] = [
  [
    "authentication_required",
    "The issuer wants the cardholder to prove himself.",
    "Pay while the cardholder is there, so that he can.",
  ],
  ["card_not_supported", "The card cannot pay for this.", "Ask for another card."],
  [
    "card_velocity_exceeded",
    "The card was used too often, or its limit is reached.",
    "Ask for another card, or try tomorrow.",
  ],
  [
    "fraudulent",
    "The payment looks like fraud.",
    "Show a plain decline: never tell the payer of the suspicion.",
  ],
  ["generic_decline", "The issuer gives no reason.", "Ask for another card, or to call the bank."],
  ["insufficient_funds", "The account has not enough.", "Ask for another card."],
  ["lost_card", "The card was reported lost.", "Show a plain decline, and ask for another card."],
  ["stolen_card", "The card was reported stolen.", "Show a plain decline; ask for another card."],
];
