// The account's balance and the postings that made it.

import * as z from "zod";
import { balanceObject, transactionObject } from "../../protocol/balance.ts";
import {
  type ChargeId,
  type DisputeId,
  type PayoutId,
  type RefundId,
  sequenceOf,
  uuidOf,
} from "../../protocol/ids.ts";
import type { BalanceRow, Row } from "../../protocol/query.ts";
import { ok, refuse } from "../../protocol/result.ts";
import { SOURCES, TRANSACTION_TYPES } from "../../protocol/transaction.ts";
import { list, one } from "./lookup.ts";
import { find } from "./reading.ts";
import { type Call, type Route, route } from "./route.ts";
import { choice, created, expand, page, pageOf, text } from "./schema.ts";

type TransactionRow = Extract<Row, { kind: "transaction" }>;

const listParams = z.strictObject({
  ...page,
  created: created.optional(),
  type: choice(...TRANSACTION_TYPES).optional(),
  source: text(100).optional(),
});

async function transactions(call: Call<z.output<typeof listParams>>) {
  const { type, source, created: span } = call.params;
  if (source !== undefined && SOURCES.every((prefix) => uuidOf(prefix, source) === undefined)) {
    return refuse({
      kind: "resource_missing" as const,
      object: "source",
      id: source,
      param: "source",
    });
  }
  return list(
    call,
    {
      kind: "transactions",
      page: pageOf(call.params),
      ...(span === undefined ? {} : { created: span }),
      ...(type === undefined ? {} : { type }),
      ...(source === undefined
        ? {}
        : { source: source as ChargeId | RefundId | DisputeId | PayoutId }),
    },
    (row: TransactionRow) => transactionObject(row, call.scope),
  );
}

function transaction(call: Call<unknown>) {
  const { account, livemode } = call.scope;
  const seq = sequenceOf("txn", account, livemode, call.path["id"] ?? "");
  return one(
    call,
    "balance transaction",
    seq === undefined ? undefined : { kind: "transaction", seq },
    (row: TransactionRow) => transactionObject(row, call.scope),
  );
}

// Stripe serves the list under both names.
const LIST_PATHS = ["/v1/balance_transactions", "/v1/balance/history"] as const;

export const balanceRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/balance",
    summary: "Retrieve the balance",
    access: "secret",
    permission: "balance_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "balance",
    handle: async (call) => {
      const found = await find(call.env, call.scope, call.continent, { kind: "balance" });
      if (!found.ok) return found;
      const { rows, servedBy, word } = found.value;
      const object = balanceObject(rows as readonly BalanceRow[], call.scope.livemode);
      return ok({ object, servedBy, word });
    },
  }),
  ...LIST_PATHS.flatMap((path) => [
    route({
      method: "GET",
      path,
      summary: "List balance transactions, newest first",
      access: "secret",
      permission: "balance_read",
      params: listParams,
      answers: "list of balance_transactions",
      handle: transactions,
    }),
    route({
      method: "GET",
      path: `${path}/:id`,
      summary: "Retrieve a balance transaction",
      access: "secret",
      permission: "balance_read",
      params: z.strictObject({ expand: expand.optional() }),
      answers: "balance_transaction",
      handle: transaction,
    }),
  ]),
];
