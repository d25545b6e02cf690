// What the bank answers when a card is charged. Pure: the same request at the same instant gets the
// same decision, so a run can be replayed. It knows the card table and the calendar; it does not
// know the book, idempotency keys or faults. Its result holds the last four digits and nothing else
// of the number, and nothing of the CVC, so whatever stores a decision stores no card data.

import type {
  Brand,
  DeclineReason,
  Dispute,
  Funding,
  RefundBehaviour,
  RiskLevel,
  TestCard,
} from "./cards.ts";
import { brandOf, isLuhnValid, testCard } from "./cards.ts";

export interface AuthorizationRequest {
  readonly amount: number;
  readonly currency: string;
  readonly capture: boolean;
  readonly card: {
    readonly number: string;
    readonly exp_month: number;
    readonly exp_year: number;
    readonly cvc?: string;
    readonly address_line1?: string;
    readonly address_zip?: string;
  };
  readonly reference?: string;
  /** The bank's name for what the cardholder was asked to prove. */
  readonly authentication?: string;
}

export type Check = "pass" | "fail" | "unavailable" | "unchecked";

export interface Decline {
  readonly code: string;
  readonly decline_code?: string;
  readonly message: string;
  readonly network_code: string;
}

export interface Decision {
  readonly status: "approved" | "declined";
  readonly decline?: Decline;
  readonly checks: {
    readonly cvc: Check;
    readonly address_line1: Check | null;
    readonly address_zip: Check | null;
  };
  readonly network_code: string;
  readonly card: {
    readonly brand: Brand;
    readonly funding: Funding;
    readonly country: "US";
    readonly last4: string;
  };
  readonly risk: { readonly level: RiskLevel; readonly score: number };
  readonly dispute?: Dispute;
  readonly available_now?: true;
  readonly refund_behaviour?: RefundBehaviour;
  readonly increment_decline?: DeclineReason;
}

// ISO 8583 field 39, "approved".
const NETWORK_APPROVED = "00";

// One score per level, inside the bands merchants know: elevated from 65, highest from 75.
const RISK_SCORES: Readonly<Record<RiskLevel, number>> = { normal: 12, elevated: 68, highest: 92 };

const DECLINED = "Your card was declined.";

// Codes on the left are what merchants branch on; network codes are ISO 8583 or the network's own.
const DECLINES: Readonly<Record<DeclineReason, Decline>> = {
  authentication_required: cardDeclined(
    "authentication_required",
    "1A",
    "Your card was declined. This transaction requires authentication.",
  ),
  card_not_supported: cardDeclined("card_not_supported", "57", "Your card is not supported."),
  card_velocity_exceeded: cardDeclined(
    "card_velocity_exceeded",
    "65",
    "Your card was declined for making repeated attempts too frequently or exceeding its " +
      "amount limit.",
  ),
  expired_card: {
    code: "expired_card",
    message: "Your card has expired.",
    network_code: "54",
  },
  fraudulent: cardDeclined("fraudulent", "59", DECLINED),
  generic_decline: cardDeclined("generic_decline", "05", DECLINED),
  incorrect_cvc: {
    code: "incorrect_cvc",
    message: "Your card's security code is incorrect.",
    network_code: "N7",
  },
  incorrect_number: {
    code: "incorrect_number",
    message: "Your card number is incorrect.",
    network_code: "14",
  },
  insufficient_funds: cardDeclined("insufficient_funds", "51", "Your card has insufficient funds."),
  lost_card: cardDeclined("lost_card", "41", DECLINED),
  processing_error: {
    code: "processing_error",
    message: "An error occurred while processing your card. Try again in a little bit.",
    network_code: "96",
  },
  stolen_card: cardDeclined("stolen_card", "43", DECLINED),
};

/** How it is said that the issuer does not authorize what is asked for. */
export const declineOf = (reason: DeclineReason): Decline => DECLINES[reason];

/** For what a cardholder has proved himself: this payment, or that the card may be kept. */
export type Proof = "payment" | "setup";

export function decide(request: AuthorizationRequest, now: Date, proof?: Proof): Decision {
  const { number } = request.card;
  const card = testCard(number);
  const brand = brandOf(number);
  const reason = declineReason(request, card, brand, now, proof);
  const decline = reason === undefined ? undefined : DECLINES[reason];
  // A number no issuer owns never reaches one, so nobody can have checked anything.
  const reachedIssuer = reason !== "incorrect_number" && reason !== "card_not_supported";
  const level = card.risk ?? "normal";
  return {
    status: decline === undefined ? "approved" : "declined",
    ...(decline === undefined ? {} : { decline }),
    checks: checksOf(request, card, reachedIssuer),
    network_code: decline?.network_code ?? NETWORK_APPROVED,
    card: {
      brand,
      funding: card.funding ?? "credit",
      country: "US",
      last4: number.slice(-4),
    },
    risk: { level, score: RISK_SCORES[level] },
    ...(decline === undefined ? traitsOf(card) : {}),
  };
}

function declineReason(
  request: AuthorizationRequest,
  card: TestCard,
  brand: Brand,
  now: Date,
  proof: Proof | undefined,
): DeclineReason | undefined {
  const { number, exp_month: month, exp_year: year } = request.card;
  if (!isLuhnValid(number)) return "incorrect_number";
  if (brand === "unknown") return "card_not_supported";
  if (isExpired(month, year, now)) return "expired_card";
  return isProved(card, proof) ? card.decline : "authentication_required";
}

function isProved({ authentication }: TestCard, proof: Proof | undefined): boolean {
  switch (authentication) {
    case "always":
      return proof === "payment";
    case "unless_set_up":
      return proof !== undefined;
    default:
      return true;
  }
}

/** Why a card cannot be kept; undefined when it can. Nothing is charged to find out. */
export function refuseToKeep(request: AuthorizationRequest, now: Date): Decline | undefined {
  const card = testCard(request.card.number);
  // Of these the cardholder is asked first, and what they decline later is a payment.
  const tolerant = card.keepable === true || (card.authentication ?? "optional") !== "optional";
  const { decline: _, ...plain } = card;
  const brand = brandOf(request.card.number);
  const reason = declineReason(request, tolerant ? plain : card, brand, now, "payment");
  return reason === undefined ? undefined : DECLINES[reason];
}

export type Requested = "automatic" | "any" | "challenge";

/** Whether the cardholder must prove himself now. */
export function mustProve(number: string, requested: Requested, proof: Proof | undefined): boolean {
  const card = testCard(number);
  if (card.authentication === undefined) return false;
  return requested !== "automatic" || !isProved(card, proof);
}

// A card is good through the last day of its month; months count from 0 in Date, so the printed
// month is already the one after.
function isExpired(month: number, year: number, now: Date): boolean {
  return now.getTime() >= Date.UTC(year, month);
}

function checksOf(
  request: AuthorizationRequest,
  card: TestCard,
  reachedIssuer: boolean,
): Decision["checks"] {
  const { cvc, address_line1: line1, address_zip: zip } = request.card;
  if (!reachedIssuer) {
    return {
      cvc: "unchecked",
      address_line1: line1 === undefined ? null : "unchecked",
      address_zip: zip === undefined ? null : "unchecked",
    };
  }
  // The card that is declined for its CVC says so even when it is charged by token, without one.
  const isCvcChecked = cvc !== undefined || card.decline === "incorrect_cvc";
  return {
    cvc: isCvcChecked ? (card.cvc ?? "pass") : "unchecked",
    address_line1: line1 === undefined ? null : (card.addressLine1 ?? "pass"),
    address_zip: zip === undefined ? null : (card.addressZip ?? "pass"),
  };
}

function traitsOf(
  card: TestCard,
): Pick<Decision, "dispute" | "available_now" | "refund_behaviour" | "increment_decline"> {
  return {
    ...(card.dispute === undefined ? {} : { dispute: card.dispute }),
    ...(card.availableNow === undefined ? {} : { available_now: card.availableNow }),
    ...(card.refundBehaviour === undefined ? {} : { refund_behaviour: card.refundBehaviour }),
    ...(card.incrementDecline === undefined ? {} : { increment_decline: card.incrementDecline }),
  };
}

function cardDeclined(declineCode: string, networkCode: string, message: string): Decline {
  return { code: "card_declined", decline_code: declineCode, message, network_code: networkCode };
}
