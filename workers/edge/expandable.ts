// What `expand[]` can put into an object: for each type its fields, what they become and how that is read.
// A field that holds an id takes one line, `customer: idOf("customer")`; a type whose objects can be put
// somewhere, one in LOADERS, `dispute: kept("dispute")` where the ledger keeps them as documents. A type without expandable fields has an empty table, so that none is forgotten.

import { transactionObject } from "../../protocol/balance.ts";
import type { Scope } from "../../protocol/command.ts";
import type { ChargeFacts, ObjectFacts, ObjectType, OperationFacts } from "../../protocol/facts.ts";
import {
  type CardId,
  type ChargeId,
  type CustomerId,
  type PaymentIntentId,
  type RefundId,
  sequenceOf,
  uuidOf,
} from "../../protocol/ids.ts";
import { keptObject } from "../../protocol/kept-object.ts";
import {
  cardObject,
  chargeObject,
  customerObject,
  listObject,
  type StripeObject,
} from "../../protocol/object.ts";
import { isObjectId } from "../../protocol/object-type.ts";
import { cardAsMethod } from "../../protocol/payment-method.ts";
import type { CardRow, CustomerRow, FoundRows, Query, Row } from "../../protocol/query.ts";
import { refundObject } from "../../protocol/refund.ts";

/** How the objects of a type are read. */
type Loader = {
  /** Undefined when the id is of another type. */
  readonly query: (id: string, scope: Scope) => Query | undefined;
  readonly render: (row: never, scope: Scope) => StripeObject;
};

/** Of objects that are kept as documents. */
const kept = (type: ObjectType): Loader => ({
  query: (id) => (isObjectId(type, id) ? { kind: "object", type, id } : undefined),
  render: (row: ObjectFacts, scope) => keptObject(row, scope),
});

const LOADERS = {
  balance_transaction: {
    query: (id, { account, livemode }) => {
      const seq = sequenceOf("txn", account, livemode, id);
      return seq === undefined ? undefined : { kind: "transaction", seq };
    },
    render: (row: Extract<Row, { kind: "transaction" }>, scope) => transactionObject(row, scope),
  },
  charge: {
    query: (id) => (uuidOf("ch", id) && { kind: "charge", id: id as ChargeId }) || undefined,
    render: (row: ChargeFacts, scope) => chargeObject(row, scope),
  },
  customer: {
    query: (id) => (uuidOf("cus", id) && { kind: "customer", id: id as CustomerId }) || undefined,
    render: (row: CustomerRow, scope) => customerObject(row, scope),
  },
  dispute: kept("dispute"),
  payment_method: {
    query: (id) => {
      if (uuidOf("card", id) !== undefined) return { kind: "card", id: id as CardId };
      const type = "payment_method";
      return isObjectId(type, id) ? { kind: "object", type, id } : undefined;
    },
    render: (row: ObjectFacts | CardRow, scope) =>
      row.kind === "card" ? cardAsMethod(row, scope) : keptObject(row, scope),
  },
  payout: kept("payout"),
  payment_intent: kept("payment_intent"),
  refund: {
    query: (id) => (uuidOf("re", id) && { kind: "refund", id: id as RefundId }) || undefined,
    render: (row: OperationFacts, scope) => refundObject(row, scope),
  },
} satisfies Record<string, Loader>;

export type Field = {
  /** Types of what it can become; none when it is always null. */
  readonly types: readonly string[];
  /** Whether it becomes a list of them. */
  readonly list: boolean;
  /** What must be read for it; undefined when nothing need be. */
  readonly query: (value: unknown, owner: StripeObject, scope: Scope) => Query | undefined;
  /** What it becomes. */
  readonly render: (found: FoundRows, value: unknown, owner: StripeObject, scope: Scope) => unknown;
};

const nothing = (): undefined => undefined;

/** A field that holds the id of an object of one of these types, or null. */
function idOf(...types: (keyof typeof LOADERS)[]): Field {
  const loaders: Loader[] = types.map((type) => LOADERS[type]);
  const chosen = (id: string, scope: Scope) =>
    loaders.find((loader) => loader.query(id, scope) !== undefined);
  return {
    types,
    list: false,
    query: (id, _, scope) =>
      typeof id === "string" ? chosen(id, scope)?.query(id, scope) : undefined,
    render: ({ rows: [row] }, id, _, scope) =>
      row === undefined || typeof id !== "string"
        ? id
        : (chosen(id, scope)?.render(row as never, scope) ?? id),
  };
}

/** A field that holds an object of this type already: it can be walked into. */
const inline = (type: string): Field => ({
  types: [type],
  list: false,
  query: nothing,
  render: (_, value) => value,
});

/** A field of Stripe's that is null for all that Tessera does. */
const ALWAYS_NULL: Field = { types: [], list: false, query: nothing, render: () => null };

/** A list of Stripe's that is empty for all that Tessera does; `under` is the rest of its URL. */
const alwaysEmpty = (under: string): Field => ({
  types: [],
  list: true,
  query: nothing,
  render: (_, __, owner) =>
    listObject(`/v1/${under.replace(":id", String(owner["id"]))}`, [], false),
});

/** A list that belongs to its owner shows as many as a page of it would. */
const EMBEDDED_MAX = 10;

const refundsOfCharge: Field = {
  types: ["refund"],
  list: true,
  query: (_, charge) => ({
    kind: "refunds",
    charge: charge["id"] as ChargeId,
    page: { limit: EMBEDDED_MAX },
  }),
  render: ({ rows, more }, _, charge, scope) => {
    const refunds = rows.map((row) => refundObject(row as OperationFacts, scope));
    return listObject(`/v1/charges/${charge["id"]}/refunds`, refunds, more);
  },
};

const chargesOfIntent: Field = {
  types: ["charge"],
  list: true,
  query: (_, intent) => ({
    kind: "charges",
    intent: intent["id"] as PaymentIntentId,
    page: { limit: EMBEDDED_MAX },
  }),
  render: ({ rows, more }, _, intent, scope) => {
    const charges = rows.map((row) => chargeObject(row as ChargeFacts, scope));
    return listObject(`/v1/charges?payment_intent=${intent["id"]}`, charges, more);
  },
};

const ownCustomer: Field["query"] = (_, customer) => ({
  kind: "customer",
  id: customer["id"] as CustomerId,
});

const cardsOf = ({ rows: [row] }: FoundRows): readonly StripeObject[] => {
  const { cards = [], id = null } = (row ?? {}) as Partial<CustomerRow>;
  return cards.map(({ id: card, card: shown }) => cardObject(card, shown, id));
};

const sourcesOfCustomer: Field = {
  types: ["card"],
  list: true,
  query: ownCustomer,
  render: (found, _, customer) =>
    listObject(`/v1/customers/${customer["id"]}/sources`, cardsOf(found), false),
};

const defaultSource: Field = {
  types: ["card"],
  list: false,
  query: (card, ...rest) => (typeof card === "string" ? ownCustomer(card, ...rest) : undefined),
  render: (found, id) => cardsOf(found).find((card) => card["id"] === id) ?? id,
};

/** Type of object → field → what it becomes. */
export const EXPANDABLE: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  account: {},
  balance: {},
  balance_transaction: { source: idOf("charge", "refund", "dispute", "payout") },
  card: { customer: idOf("customer") },
  card_keys: {},
  charge: {
    application: ALWAYS_NULL,
    application_fee: ALWAYS_NULL,
    balance_transaction: idOf("balance_transaction"),
    customer: idOf("customer"),
    dispute: idOf("dispute"),
    failure_balance_transaction: ALWAYS_NULL,
    invoice: ALWAYS_NULL,
    on_behalf_of: ALWAYS_NULL,
    payment_intent: idOf("payment_intent"),
    refunds: refundsOfCharge,
    review: ALWAYS_NULL,
    source: inline("card"),
    source_transfer: ALWAYS_NULL,
  },
  customer: {
    default_source: defaultSource,
    invoice_settings: inline("invoice_settings"),
    sources: sourcesOfCustomer,
    subscriptions: alwaysEmpty("customers/:id/subscriptions"),
    tax_ids: alwaysEmpty("customers/:id/tax_ids"),
    test_clock: ALWAYS_NULL,
  },
  dispute: {
    charge: idOf("charge"),
    payment_intent: idOf("payment_intent"),
  },
  event: {},
  /** A part of a customer. */
  invoice_settings: { default_payment_method: idOf("payment_method") },
  payment_method: { customer: idOf("customer") },
  payment_intent: {
    application: ALWAYS_NULL,
    charges: chargesOfIntent,
    customer: idOf("customer"),
    latest_charge: idOf("charge"),
    on_behalf_of: ALWAYS_NULL,
    payment_method: idOf("payment_method"),
    payment_record: ALWAYS_NULL,
    review: ALWAYS_NULL,
    source: ALWAYS_NULL,
  },
  payout: {
    application_fee: ALWAYS_NULL,
    balance_transaction: idOf("balance_transaction"),
    failure_balance_transaction: idOf("balance_transaction"),
    original_payout: ALWAYS_NULL,
    reversed_by: ALWAYS_NULL,
  },
  setup_intent: {
    application: ALWAYS_NULL,
    customer: idOf("customer"),
    latest_attempt: ALWAYS_NULL,
    mandate: ALWAYS_NULL,
    on_behalf_of: ALWAYS_NULL,
    payment_method: idOf("payment_method"),
    single_use_mandate: ALWAYS_NULL,
  },
  refund: {
    balance_transaction: idOf("balance_transaction"),
    charge: idOf("charge"),
    failure_balance_transaction: idOf("balance_transaction"),
    payment_intent: idOf("payment_intent"),
    source_transfer_reversal: ALWAYS_NULL,
    transfer_reversal: ALWAYS_NULL,
  },
  token: { card: inline("card") },
  webhook_delivery: {},
  webhook_endpoint: {},
  webhook_redelivery: {},
};

/** The field of a type, if it can be expanded. */
export function fieldOf(type: unknown, name: string): Field | undefined {
  if (typeof type !== "string" || !Object.hasOwn(EXPANDABLE, type)) return undefined;
  const fields = EXPANDABLE[type] ?? {};
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
