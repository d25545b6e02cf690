import { describe, expect, test } from "vitest";
import { type Command, exclusions } from "../../protocol/command.ts";

const scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false } as const;
const claim = { key: "k", operation: "POST /v1/x", mac: "00", request: "req_1" } as const;
const outcome = {
  checks: { cvc: null, address_line1: null, address_zip: null },
  network_code: "00",
  risk_level: "normal",
} as const;
const charge = {
  ...scope,
  ...claim,
  kind: "open_charge",
  id: "ch_1",
  amount: 1,
  currency: "usd",
  capture: true,
} as const;
const operation = {
  ...scope,
  ...claim,
  kind: "open_operation",
  id: "re_1",
  charge: "ch_1",
  capture: false,
} as const;
const customer = {
  ...scope,
  ...claim,
  kind: "save_customer",
  id: "cus_1",
  made: true,
  removed: false,
} as const;

const closing = {
  ...scope,
  kind: "close_charge",
  id: "ch_1",
  approved: true,
  processor_ref: null,
  outcome,
} as const;

describe("what a command excludes from its batch", () => {
  const table: readonly (readonly [string, Command, readonly string[]])[] = [
    ["a charge: its key", charge, ["acct_AbCdEfGhIjKlMnOp/false/k"]],
    [
      "a charge of a token: key and token",
      { ...charge, token: "tok_1" },
      ["acct_AbCdEfGhIjKlMnOp/false/k", "tok_1"],
    ],
    [
      "an attempt at an order: key and attempt",
      { ...charge, order_id: "A-17", attempt_number: 2 },
      ["acct_AbCdEfGhIjKlMnOp/false/k", "acct_AbCdEfGhIjKlMnOp/false/order/A-17/2"],
    ],
    ["a close: its charge", closing, ["ch_1"]],
    ["a refund: key and charge", operation, ["acct_AbCdEfGhIjKlMnOp/false/k", "ch_1"]],
    [
      "the close of a refund: its charge",
      {
        ...scope,
        kind: "close_operation",
        id: "re_1",
        charge: "ch_1",
        approved: true,
        processor_ref: null,
      },
      ["ch_1"],
    ],
    ["a customer: key and customer", customer, ["acct_AbCdEfGhIjKlMnOp/false/k", "cus_1"]],
    [
      "a customer with a card: the token too",
      { ...customer, token: "tok_1" },
      ["acct_AbCdEfGhIjKlMnOp/false/k", "cus_1", "tok_1"],
    ],
    [
      "an account: itself",
      { ...scope, kind: "create_account", id: scope.account, slot: 1 },
      [scope.account],
    ],
  ];
  test.each(table)("%s", (_, command, names) => expect(exclusions(command)).toEqual(names));

  const pairs: readonly (readonly [string, Command, Command, boolean])[] = [
    ["two charges with one key", charge, { ...charge, id: "ch_2" }, true],
    ["two charges with two keys", charge, { ...charge, id: "ch_2", key: "l" }, false],
    ["one key in two modes", charge, { ...charge, livemode: true }, false],
    ["one key of two accounts", charge, { ...charge, account: "acct_0000000000000000" }, false],
    [
      "two charges of one token",
      { ...charge, token: "tok_1" },
      { ...charge, key: "l", token: "tok_1" },
      true,
    ],
    [
      "a charge and a customer of one token",
      { ...charge, token: "tok_1" },
      { ...customer, key: "l", token: "tok_1" },
      true,
    ],
    ["two refunds of one charge", operation, { ...operation, id: "re_2", key: "l" }, true],
    ["a refund and the close of its charge", operation, closing, true],
    ["two changes of one customer", customer, { ...customer, key: "l" }, true],
  ];
  test.each(pairs)("%s share a name: %#", (_, a, b, share) => {
    const names = new Set(exclusions(a));
    expect(exclusions(b).some((name) => names.has(name))).toBe(share);
  });
});
