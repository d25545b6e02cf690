// Holds that may be raised, as a merchant makes and raises them through the official SDK, and as the bank books them.

import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import type { Merchant, System } from "../system.ts";

type Params = Partial<Stripe.PaymentIntentCreateParams>;

/** A row of the bank's book. */
type Row = {
  readonly id: string;
  readonly reference: string;
  readonly amount: number;
  readonly captured: number;
  readonly voided: boolean;
};

export const ASKED = {
  payment_method_options: { card: { request_incremental_authorization: "if_available" } },
} as const satisfies Params;

/** An intent that holds 10.00 and may be raised. */
export const heldBy = ({ stripe }: Merchant, over: Params = {}): Promise<Stripe.PaymentIntent> =>
  stripe.paymentIntents.create({
    amount: 1000,
    currency: "usd",
    capture_method: "manual",
    confirm: true,
    payment_method: "pm_card_visa",
    ...ASKED,
    ...over,
  });

export const chargeOf = (intent: Stripe.PaymentIntent) => intent.latest_charge as Stripe.Charge;

/** What a merchant does with his holds; who he is is known when the tests run. */
export const holdsOf = (at: () => { readonly system: System; readonly m: Merchant }) => {
  const read = (id: string) =>
    at().m.stripe.paymentIntents.retrieve(id, { expand: ["latest_charge"] });
  return {
    read,
    held: (over: Params = {}) => heldBy(at().m, over),
    increment: (
      id: string,
      amount: number,
      over: Partial<Stripe.PaymentIntentIncrementAuthorizationParams> = {},
      idempotencyKey: string = randomUUID(),
    ) =>
      at().m.stripe.paymentIntents.incrementAuthorization(
        id,
        { amount, ...over },
        { idempotencyKey },
      ),
    /** How the bank's book holds the charge of an intent, and how many increments it has approved in all. */
    booked: async (id: string): Promise<Row & { readonly increments: number }> => {
      const { bank } = at().system;
      const reference = `${chargeOf(await read(id)).id}.authorize.1`;
      const { data } = await bank<{ data: Row[] }>("/book/authorizations?limit=1000");
      const row = data.find((found) => found.reference === reference);
      if (row === undefined) throw new Error("the bank has not heard of it");
      const { incremented_count: increments } = await bank<{ incremented_count: number }>("/book");
      return { ...row, increments };
    },
  };
};
