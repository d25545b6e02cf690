// The events of the ledger: the codes of the `event_types` table and which of them merchants see.

/** What an event tells of. Captures, refunds, releases and increments are operations on a charge. */
export type Subject = "charge" | "operation" | "customer" | "object";

export type EventType = {
  readonly code: number;
  readonly name: string;
  readonly subject: Subject;
  /** Shown by the API and sent to merchants. The others keep the sequence whole for consumers. */
  readonly public: boolean;
};

/** Mirrors `event_types` in migrations/0001_codes.sql; a test holds them equal. */
export const EVENT_TYPES: readonly EventType[] = [
  { code: 1, name: "charge.pending", subject: "charge", public: false },
  { code: 2, name: "charge.succeeded", subject: "charge", public: true },
  { code: 3, name: "charge.failed", subject: "charge", public: true },
  { code: 4, name: "operation.pending", subject: "operation", public: false },
  { code: 5, name: "charge.captured", subject: "charge", public: true },
  { code: 6, name: "refund.created", subject: "operation", public: true },
  { code: 7, name: "charge.refunded", subject: "charge", public: true },
  { code: 8, name: "refund.failed", subject: "operation", public: true },
  { code: 9, name: "capture.failed", subject: "operation", public: false },
  { code: 10, name: "customer.created", subject: "customer", public: true },
  { code: 11, name: "customer.updated", subject: "customer", public: true },
  { code: 12, name: "customer.deleted", subject: "customer", public: true },
  { code: 13, name: "charge.incremented", subject: "charge", public: false },
  { code: 14, name: "increment.failed", subject: "operation", public: false },
  { code: 20, name: "payment_intent.created", subject: "object", public: true },
  { code: 21, name: "payment_intent.updated", subject: "object", public: false },
  { code: 22, name: "payment_intent.canceled", subject: "object", public: true },
  { code: 23, name: "payment_intent.requires_action", subject: "object", public: true },
  // Before any charge; one that was declined is told by the charge's own entry.
  { code: 24, name: "payment_intent.payment_failed", subject: "object", public: true },
  { code: 30, name: "setup_intent.created", subject: "object", public: true },
  { code: 31, name: "setup_intent.updated", subject: "object", public: false },
  { code: 32, name: "setup_intent.canceled", subject: "object", public: true },
  { code: 33, name: "setup_intent.requires_action", subject: "object", public: true },
  { code: 34, name: "setup_intent.succeeded", subject: "object", public: true },
  { code: 35, name: "setup_intent.setup_failed", subject: "object", public: true },
  { code: 40, name: "payment_method.created", subject: "object", public: false },
  { code: 41, name: "payment_method.attached", subject: "object", public: true },
  { code: 42, name: "payment_method.detached", subject: "object", public: true },
  { code: 43, name: "payment_method.updated", subject: "object", public: true },
  { code: 44, name: "payment_method.deleted", subject: "object", public: false },
  { code: 50, name: "charge.dispute.created", subject: "object", public: true },
  { code: 51, name: "charge.dispute.updated", subject: "object", public: true },
  { code: 52, name: "charge.dispute.closed", subject: "object", public: true },
  { code: 53, name: "charge.dispute.funds_withdrawn", subject: "object", public: true },
  { code: 54, name: "charge.dispute.funds_reinstated", subject: "object", public: true },
  { code: 60, name: "payout.created", subject: "object", public: true },
  { code: 61, name: "payout.updated", subject: "object", public: true },
  { code: 62, name: "payout.paid", subject: "object", public: true },
  { code: 63, name: "payout.failed", subject: "object", public: true },
  { code: 64, name: "payout.canceled", subject: "object", public: true },
  { code: 70, name: "webhook_endpoint.created", subject: "object", public: false },
  { code: 71, name: "webhook_endpoint.updated", subject: "object", public: false },
  { code: 72, name: "webhook_endpoint.deleted", subject: "object", public: false },
  { code: 73, name: "webhook_endpoint.disabled", subject: "object", public: true },
  { code: 80, name: "charge.updated", subject: "object", public: true },
  { code: 81, name: "refund.updated", subject: "object", public: true },
];

/**
 * What else merchants are told when an entry says this: an entry is one change of state, and one that ends a
 * charge changes its payment intent too, one that opens a dispute takes the money. They follow the entry's own
 * event, in this order.
 */
export type DerivedEvent = {
  readonly name: string;
  /** The entries that tell it. */
  readonly code: number;
} & (
  | {
      readonly of: "intent";
      /** Only where something had been captured then, or nothing. */
      readonly captured?: "some" | "none";
    }
  | {
      readonly of: "object";
      /** Only where the entry moved money. */
      readonly posted?: true;
      /** Only where the document of the object says so. */
      readonly status?: string;
    }
  | { readonly of: "charge" }
  /** Only where the change of the customer was this change of a card. */
  | { readonly of: "card"; readonly change: "created" | "updated" | "deleted" }
);

const CARD_CHANGES = [
  { name: "customer.source.created", of: "card", change: "created" },
  { name: "customer.source.updated", of: "card", change: "updated" },
  { name: "customer.source.deleted", of: "card", change: "deleted" },
] as const;

export const DERIVED_EVENTS: readonly DerivedEvent[] = [
  { name: "payment_intent.succeeded", code: 2, of: "intent", captured: "some" },
  { name: "payment_intent.amount_capturable_updated", code: 2, of: "intent", captured: "none" },
  { name: "payment_intent.payment_failed", code: 3, of: "intent" },
  { name: "payment_intent.succeeded", code: 5, of: "intent" },
  { name: "payment_intent.canceled", code: 7, of: "intent", captured: "none" },
  { name: "charge.updated", code: 13, of: "charge" },
  { name: "payment_intent.amount_capturable_updated", code: 13, of: "intent" },
  { name: "charge.dispute.funds_withdrawn", code: 50, of: "object", posted: true },
  { name: "charge.dispute.funds_reinstated", code: 52, of: "object", posted: true },
  { name: "charge.refund.updated", code: 81, of: "object" },
  { name: "refund.failed", code: 81, of: "object", status: "failed", posted: true },
  ...[10, 11].flatMap((code) => CARD_CHANGES.map((change) => ({ ...change, code }))),
];

/** Names of all events that merchants are told of, in alphabetical order. */
export const PUBLIC_EVENT_NAMES: readonly string[] = [
  ...new Set([
    ...EVENT_TYPES.filter((t) => t.public).map((t) => t.name),
    ...DERIVED_EVENTS.map((d) => d.name),
  ]),
].sort();

/** Entries that tell events of one name: by their code, and for a derived event by what else must be so. */
export type EventSource = { readonly code: number; readonly derived?: DerivedEvent };

/** Where events of this name come from; `charge.*` stands for all that begin so. None: no event has it. */
export function sourcesOf(name: string): EventSource[] {
  const fits = (known: string) =>
    name.endsWith(".*") ? known.startsWith(name.slice(0, -1)) : known === name;
  return [
    ...EVENT_TYPES.filter((t) => t.public && fits(t.name)).map(({ code }) => ({ code })),
    ...DERIVED_EVENTS.filter((d) => fits(d.name)).map((derived) => ({
      code: derived.code,
      derived,
    })),
  ];
}

const BY_CODE = new Map(EVENT_TYPES.map((type) => [type.code, type]));

/** The code of an event that entries tell by themselves. */
export function eventCode(name: string): number {
  const type = EVENT_TYPES.find((known) => known.name === name);
  if (type === undefined) throw new Error(`Bug: no entry tells ${name}`);
  return type.code;
}

export const eventTypeOf = (code: number): EventType | undefined => BY_CODE.get(code);

/** Codes of the entries that merchants are told something of. */
export const PUBLIC_EVENT_CODES: readonly number[] = [
  ...new Set([
    ...EVENT_TYPES.filter((t) => t.public).map((t) => t.code),
    ...DERIVED_EVENTS.map((d) => d.code),
  ]),
];
