// The tables that are read, as drizzle sees them. migrations/ is the authority; a test holds the names
// and types here against a migrated database.

import {
  bigint,
  boolean,
  date,
  integer,
  json,
  jsonb,
  pgTable,
  smallint,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";
import type {
  CardChange,
  ChargeState,
  Check,
  Document,
  Json,
  KeptCard,
  ObjectType,
  Outcome,
} from "../protocol/facts.ts";
import type { KeptTerms } from "../protocol/terms.ts";

const at = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });
const seq = (name: string) => bigint(name, { mode: "number" });

export const accounts = pgTable("accounts", {
  no: integer().notNull(),
  id: text().notNull(),
  livemode: boolean().notNull(),
  slot: smallint().notNull(),
  seq: seq("seq").notNull(),
  name: text(),
  email: text(),
  created_at: at("created_at").notNull(),
  terms: jsonb().$type<KeptTerms>(),
});

/** The view of a charge and what the processor said of it. */
export const charge_facts = pgTable("charge_facts", {
  account_no: integer().notNull(),
  id: uuid().notNull(),
  state: text().$type<ChargeState>().notNull(),
  amount: integer().notNull(),
  currency: text().notNull(),
  capture: boolean().notNull(),
  key: text().notNull(),
  request: text().notNull(),
  token: uuid().notNull(),
  card_id: uuid(),
  customer: uuid(),
  brand: text().notNull(),
  last4: text().notNull(),
  exp_month: smallint().notNull(),
  exp_year: smallint().notNull(),
  fingerprint: text().notNull(),
  funding: text().notNull(),
  country: text(),
  card_name: text(),
  address_line1: text(),
  address_zip: text(),
  description: text(),
  receipt_email: text(),
  statement_descriptor: text(),
  statement_descriptor_suffix: text(),
  transfer_group: text(),
  shipping: json().$type<Document>(),
  metadata: json().$type<Record<string, string>>(),
  processor_ref: text(),
  network_code: text(),
  risk_level: text().$type<Outcome["risk_level"]>(),
  cvc_check: text().$type<Check>(),
  address_line1_check: text().$type<Check>(),
  address_zip_check: text().$type<Check>(),
  decline: json().$type<NonNullable<Outcome["decline"]>>(),
  amount_captured: integer().notNull(),
  amount_refunded: integer().notNull(),
  balance_seq: seq("balance_seq"),
  intent: uuid(),
  intent_seq: seq("intent_seq"),
  intent_attempt: smallint(),
  card_form: text().$type<"pm">(),
  authentication: text(),
  intent_document: jsonb().$type<Document>(),
  changes: jsonb().$type<Document>(),
  dispute: uuid(),
});

/** The view of a capture, refund, release or increment and what was changed of it since. */
export const operation_facts = pgTable("operation_facts", {
  account_no: integer().notNull(),
  id: uuid().notNull(),
  charge: uuid().notNull(),
  kind: text().$type<"capture" | "refund" | "release" | "increment">().notNull(),
  state: text().$type<"opened" | "succeeded" | "failed">().notNull(),
  amount: integer().notNull(),
  currency: text().notNull(),
  key: text().notNull(),
  request: text().notNull(),
  reason: text(),
  metadata: json().$type<Record<string, string>>(),
  balance_seq: seq("balance_seq"),
  pending: boolean(),
  reversed_seq: seq("reversed_seq"),
  changes: jsonb().$type<Document>(),
  intent: uuid(),
});

export const customers = pgTable("customers", {
  account_no: integer().notNull(),
  id: uuid().notNull(),
  seq: seq("seq").notNull(),
  deleted: boolean().notNull(),
});

export const customer_versions = pgTable("customer_versions", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  customer: uuid().notNull(),
  document: jsonb().$type<Record<string, Json>>().notNull(),
  default_source: uuid(),
  card_id: uuid(),
  card_change: text().$type<CardChange["change"]>(),
  card: jsonb().$type<KeptCard>(),
});

export const cards = pgTable("cards", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  id: uuid().notNull(),
  customer: uuid().notNull(),
  token: uuid().notNull(),
  card: jsonb().$type<KeptCard>().notNull(),
});

export const objects = pgTable("objects", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  id: uuid().notNull(),
  customer: uuid(),
  parent: uuid(),
  token: uuid(),
  deleted: boolean().notNull(),
  type: text().$type<ObjectType>().notNull(),
});

export const object_versions = pgTable("object_versions", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  id: uuid().notNull(),
  document: jsonb().$type<Document>().notNull(),
});

export const journal = pgTable("journal", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  type: smallint().notNull(),
  subject: uuid().notNull(),
  debit: smallint(),
  credit: smallint(),
  amount: bigint("amount", { mode: "number" }),
  currency: text(),
  request: text(),
  captured: integer(),
  created_at: at("created_at").notNull(),
  fee: bigint("fee", { mode: "number" }),
  available_on: date({ mode: "string" }),
});

export const balances = pgTable("balances", {
  account_no: integer().notNull(),
  ledger_account: smallint().notNull(),
  currency: text().notNull(),
  amount: bigint("amount", { mode: "number" }).notNull(),
});
