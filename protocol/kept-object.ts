// Objects that are kept as documents, as the API shows them: one line for each kind.

import type { Scope } from "./command.ts";
import { disputeObject, disputeOf } from "./dispute.ts";
import type { ObjectFacts, ObjectType } from "./facts.ts";
import { chargeObject, type StripeObject } from "./object.ts";
import { intentOfObject, paymentIntentObject } from "./payment-intent.ts";
import { methodOf, paymentMethodObject } from "./payment-method.ts";
import { payoutObject } from "./payout.ts";
import { refundObject } from "./refund.ts";
import { setupIntentObject, setupOfObject } from "./setup-intent.ts";
import { webhookEndpointObject } from "./webhook-endpoint.ts";

type Renderer = (facts: ObjectFacts, scope: Scope) => StripeObject | undefined;

const RENDERERS: Partial<Record<ObjectType, Renderer>> = {
  payment_intent: (facts, scope) => {
    const intent = intentOfObject(facts);
    return intent && paymentIntentObject(intent, scope);
  },
  dispute: (facts, scope) => {
    const dispute = disputeOf(facts);
    return dispute && disputeObject(facts, dispute, scope);
  },
  charge: ({ charge }, scope) => (charge === null ? undefined : chargeObject(charge, scope)),
  refund: ({ operation }, scope) =>
    operation === null ? undefined : refundObject(operation, scope),
  setup_intent: (facts, scope) => {
    const setup = setupOfObject(facts);
    return setup && setupIntentObject(setup, scope);
  },
  payment_method: (facts, { livemode }) => {
    const method = methodOf(facts);
    return method && paymentMethodObject(facts.id, method, { created: facts.created, livemode });
  },
  payout: payoutObject,
  webhook_endpoint: webhookEndpointObject,
};

/** An object on the wire; one that was deleted, or erased with its customer, tells no more than that. */
export function keptObject(facts: ObjectFacts, scope: Scope): StripeObject {
  const shown = facts.document === null ? undefined : RENDERERS[facts.type]?.(facts, scope);
  return shown ?? { id: facts.id, object: facts.type, deleted: true };
}
