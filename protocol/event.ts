// The events of the ledger: the codes of the `event_types` table and which of them merchants see.

/** What an event tells of. Captures, refunds and releases are operations on a charge. */
export type Subject = "charge" | "operation" | "customer";

export type EventType = {
  readonly code: number;
  readonly name: string;
  readonly subject: Subject;
  /** Shown by the API and sent to merchants. The others keep the sequence whole for consumers. */
  readonly public: boolean;
};

/** Mirrors `event_types` in migrations/0001_ledger.sql; a test holds them equal. */
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
];

const BY_CODE = new Map(EVENT_TYPES.map((type) => [type.code, type]));

export const eventTypeOf = (code: number): EventType | undefined => BY_CODE.get(code);

export const PUBLIC_EVENT_CODES: readonly number[] = EVENT_TYPES.filter((t) => t.public).map(
  (t) => t.code,
);
