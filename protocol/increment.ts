// Whether more can be held on a charge than was authorized first. Stripe's rules: it was asked for when the intent
// was confirmed, the money waits to be captured, and the card's network takes it.

import type { ChargeFacts, Document } from "./facts.ts";

/** Networks that take incremental authorizations online; Stripe's list. */
const NETWORKS: readonly string[] = ["Visa", "MasterCard", "American Express", "Discover"];

/** Whether an intent asks for it. */
export const asksToIncrement = (document: Document | undefined): boolean =>
  document?.["request_incremental_authorization"] === "if_available";

export const isIncrementable = ({ intent, card, capture }: ChargeFacts): boolean =>
  asksToIncrement(intent?.document) && !capture && NETWORKS.includes(card.brand);
