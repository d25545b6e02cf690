// Declines as issuers tell them, and what is advised after each. Stripe's names.

export type DeclineEntry = {
  readonly code: string;
  readonly meaning: string;
  readonly advice: Advice;
};

/** What to do with the card: have its data typed again, try it later, or never again. */
export type Advice = "confirm_card_data" | "try_again_later" | "do_not_try_again";

type Row = readonly [code: string, meaning: string];

const entries =
  (advice: Advice) =>
  ([code, meaning]: Row): DeclineEntry => ({ code, meaning, advice });

/** Every `decline_code`, and every code of a card that declines without one. */
export const DECLINES: readonly DeclineEntry[] = [
  ...(
    [
      ["expired_card", "The card has expired."],
      ["incorrect_cvc", "The security code is wrong."],
      ["incorrect_number", "The number is wrong."],
      ["incorrect_zip", "The postal code is wrong."],
    ] satisfies Row[]
  ).map(entries("confirm_card_data")),
  ...(
    [
      ["authentication_required", "The issuer wants its cardholder to authenticate."],
      ["card_velocity_exceeded", "The card was used too often or for too much."],
      ["do_not_honor", "The issuer gives no reason."],
      ["generic_decline", "The issuer gives no reason, or a rule blocked the payment."],
      ["insufficient_funds", "The card has not enough money for this amount."],
      ["issuer_not_available", "The issuer could not be reached."],
      ["processing_error", "Something failed on the way to the issuer."],
      ["reenter_transaction", "The issuer could not process it."],
      ["try_again_later", "The issuer gives no reason, and would be asked again."],
      ["withdrawal_count_limit_exceeded", "The card is at its limit."],
    ] satisfies Row[]
  ).map(entries("try_again_later")),
  ...(
    [
      ["card_not_supported", "The card cannot make this kind of purchase."],
      ["currency_not_supported", "The card cannot pay in this currency."],
      ["fraudulent", "The payment is taken for fraud."],
      ["invalid_account", "The card or its account is no longer there."],
      ["live_mode_test_card", "A published test card pays nothing in live mode."],
      ["lost_card", "The card is reported lost. Say no more to the buyer than of any decline."],
      ["pickup_card", "The card is to be kept. Say no more to the buyer than of any decline."],
      ["restricted_card", "The card cannot be used for this."],
      ["stolen_card", "The card is reported stolen. Say no more to the buyer than of any decline."],
      ["stop_payment_order", "The cardholder has stopped such payments."],
    ] satisfies Row[]
  ).map(entries("do_not_try_again")),
];

const ADVICE = new Map(DECLINES.map(({ code, advice }) => [code, advice]));

/** What is advised after a decline, where that is known. */
export const adviceOf = (code: string, declineCode?: string): Advice | undefined =>
  ADVICE.get(declineCode ?? code);
