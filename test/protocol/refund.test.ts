// What may become of a refund, by what its operation is and what has become of it before; and whose its money is then.

import { describe, expect, test } from "vitest";
import type { OperationFacts } from "../../protocol/facts.ts";
import {
  movedRefund,
  type RefundMove,
  type RefundStatus,
  refundStatus,
} from "../../protocol/refund.ts";
import { operationFacts } from "./hand.ts";

const MOVES = ["settle", "come_back", "cancel"] as const satisfies RefundMove[];

const refundIn = (over: Partial<OperationFacts>): OperationFacts => ({
  ...operationFacts(1, "refund"),
  ...over,
});

/** Each refund there can be, its status, and where settling, coming back and being canceled lead in this order. */
const TABLE: readonly [
  what: string,
  over: Partial<OperationFacts>,
  status: RefundStatus,
  ends: readonly (RefundStatus | "locked" | "final")[],
][] = [
  ["not closed", { state: "opened" }, "pending", ["locked", "locked", "locked"]],
  ["refused", { state: "failed" }, "failed", ["final", "final", "final"]],
  ["made", { state: "succeeded" }, "succeeded", ["final", "failed", "final"]],
  [
    "under way",
    { state: "succeeded", pending: true },
    "pending",
    ["succeeded", "failed", "canceled"],
  ],
  ...(["succeeded", "failed", "canceled"] as const).map(
    (status) =>
      [
        `${status} after it was under way`,
        { state: "succeeded", pending: true, changes: { status } },
        status,
        status === "succeeded" ? ["final", "failed", "final"] : ["final", "final", "final"],
      ] as const satisfies (typeof TABLE)[number],
  ),
];

describe.each(TABLE)("a refund that is %s", (_, over, status, ends) => {
  test(`is ${status}`, () => {
    expect(refundStatus(refundIn(over))).toBe(status);
  });

  test.each(MOVES.map((move, i) => [move, ends[i] ?? "final"] as const))("%s: %s", (move, end) => {
    const moved = movedRefund(refundIn(over), move);
    if (end === "locked") expect(moved).toMatchObject({ failure: { kind: "object_locked" } });
    else if (end === "final") {
      expect(moved).toMatchObject({ failure: { kind: "refund_final", status } });
    } else {
      expect(moved).toEqual({
        ok: true,
        value: { document: { status: end }, comesBack: end !== "succeeded" },
      });
    }
  });
});

test("what was changed of a refund stays, and why it came back is added", () => {
  const metadata = { order: "6735" };
  const refund = refundIn({ state: "succeeded", changes: { metadata } });
  expect(movedRefund(refund, "come_back", "expired_or_canceled_card")).toEqual({
    ok: true,
    value: {
      document: { metadata, status: "failed", failure_reason: "expired_or_canceled_card" },
      comesBack: true,
    },
  });
});
