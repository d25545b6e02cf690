// The tables that are read, as drizzle sees them. migrations/ is the authority; a test holds the names
// and types here against a migrated database.

import {
  bigint,
  boolean,
  integer,
  jsonb,
  pgTable,
  smallint,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";
import type { CardSummary, ChargeState, Json, Outcome } from "../protocol/facts.ts";

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
});

export const charges = pgTable("charges", {
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
  card: jsonb().$type<CardSummary>().notNull(),
  description: text(),
  receipt_email: text(),
  statement_descriptor: text(),
  metadata: jsonb().$type<Record<string, string>>().notNull(),
  processor_ref: text(),
  outcome: jsonb().$type<Outcome>(),
  amount_captured: integer().notNull(),
  amount_refunded: integer().notNull(),
  balance_seq: seq("balance_seq"),
});

export const operations = pgTable("operations", {
  account_no: integer().notNull(),
  id: uuid().notNull(),
  charge: uuid().notNull(),
  kind: text().$type<"capture" | "refund" | "release">().notNull(),
  state: text().$type<"opened" | "succeeded" | "failed">().notNull(),
  amount: integer().notNull(),
  currency: text().notNull(),
  key: text().notNull(),
  request: text().notNull(),
  reason: text(),
  metadata: jsonb().$type<Record<string, string>>().notNull(),
  balance_seq: seq("balance_seq"),
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
});

export const cards = pgTable("cards", {
  account_no: integer().notNull(),
  id: uuid().notNull(),
  customer: uuid().notNull(),
  token: uuid().notNull(),
  card: jsonb().$type<CardSummary>().notNull(),
});

export const postings = pgTable("postings", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  debit: text().notNull(),
  credit: text().notNull(),
  amount: bigint("amount", { mode: "number" }).notNull(),
  currency: text().notNull(),
  created_at: at("created_at").notNull(),
});

export const balances = pgTable("balances", {
  account_no: integer().notNull(),
  ledger_account: text().notNull(),
  currency: text().notNull(),
  amount: bigint("amount", { mode: "number" }).notNull(),
});

export const events = pgTable("events", {
  account_no: integer().notNull(),
  seq: seq("seq").notNull(),
  type: smallint().notNull(),
  subject: uuid().notNull(),
  request: text().notNull(),
  data: jsonb().notNull(),
  created_at: at("created_at").notNull(),
});
