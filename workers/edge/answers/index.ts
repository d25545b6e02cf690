// Every object of the API by name, and the components of the OpenAPI document that describe them. Loaded
// when the document is asked for, and not before: no payment waits for descriptions.

import * as z from "zod";
import { SHOWN_TO_BROWSERS } from "../../../protocol/payment-intent.ts";
import { account } from "./account.ts";
import { apiKey } from "./api-key.ts";
import { balance } from "./balance.ts";
import { balanceTransaction } from "./balance-transaction.ts";
import { card } from "./card.ts";
import { cardKeys } from "./card-keys.ts";
import { charge } from "./charge.ts";
import { customer } from "./customer.ts";
import { dispute } from "./dispute.ts";
import { ephemeralKey } from "./ephemeral-key.ts";
import { error } from "./error.ts";
import { event } from "./event.ts";
import {
  type AnswerName,
  deleted,
  listOf,
  type ObjectName,
  publicPart,
  schemas,
  searchOf,
  singular,
} from "./object.ts";
import { paymentIntent } from "./payment-intent.ts";
import { paymentMethod } from "./payment-method.ts";
import { payout } from "./payout.ts";
import { refund } from "./refund.ts";
import { setupIntent } from "./setup-intent.ts";
import { token } from "./token.ts";
import { webhookDelivery, webhookRedelivery } from "./webhook-delivery.ts";
import { webhookEndpoint } from "./webhook-endpoint.ts";

type Json = Record<string, unknown>;

const OBJECTS: Record<ObjectName, z.ZodType> = {
  account,
  api_key: apiKey,
  balance,
  balance_transaction: balanceTransaction,
  card,
  card_keys: cardKeys,
  charge,
  customer,
  dispute,
  ephemeral_key: ephemeralKey,
  event,
  payment_intent: paymentIntent,
  payment_method: paymentMethod,
  payout,
  refund,
  setup_intent: setupIntent,
  token,
  webhook_delivery: webhookDelivery,
  webhook_endpoint: webhookEndpoint,
  webhook_redelivery: webhookRedelivery,
};

// Errors show these too, so they are described before anything refers to them.
for (const name of ["payment_intent", "setup_intent"] as const) publicPart(name, SHOWN_TO_BROWSERS);

function schemaOf(name: AnswerName): z.ZodType {
  const [kind, last = ""] = [name.split(" ")[0], name.split(" ").at(-1)];
  const plural = singular(last) as ObjectName;
  switch (kind) {
    case "public":
      return publicPart(last as ObjectName, SHOWN_TO_BROWSERS);

    case "list":
      return listOf(plural);
    case "search":
      return searchOf(plural);
    case "deleted":
      return deleted(last as ObjectName);
    default:
      return OBJECTS[name as ObjectName];
  }
}

const refTo = (schema: z.ZodType): Json => ({
  $ref: `#/components/schemas/${schemas.get(schema)?.id}`,
});

/** The schema of what a route answers with. */
export function answerSchema(names: AnswerName | readonly AnswerName[]): Json {
  const refs = [names].flat().map((name) => refTo(schemaOf(name)));
  return refs.length === 1 ? (refs[0] ?? {}) : { anyOf: refs };
}

/** The schema of every refusal. */
export const ERROR_SCHEMA: Json = refTo(error);

/** The components that these schemas refer to, and those that they refer to, and so on. */
export function components(from: unknown): Record<string, Json> {
  const all = z.toJSONSchema(schemas, {
    uri: (id) => `#/components/schemas/${id}`,
    io: "output",
  }).schemas as Record<string, Json>;
  const reached: Record<string, Json> = {};
  const follow = (value: unknown): void => {
    for (const [, id = ""] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (id in reached || all[id] === undefined) continue;
      const { $schema: _, $id: __, ...schema } = all[id];
      reached[id] = schema;
      follow(schema);
    }
  };
  follow(from);
  return Object.fromEntries(Object.entries(reached).sort(([a], [b]) => (a < b ? -1 : 1)));
}
