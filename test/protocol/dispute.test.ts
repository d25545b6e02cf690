// What a merchant and a processor may do with a dispute in each of its statuses, up to the last second of its term
// and after it, and what its document holds then.

import { describe, expect, test } from "vitest";
import {
  answeredDispute,
  type DisputeDocument,
  type DisputeMove,
  type DisputeStatus,
  movedDispute,
} from "../../protocol/dispute.ts";

const DUE_BY = 1_800_000_000;
const MOVES = ["submit", "accept", "won", "lost", "closed"] as const satisfies DisputeMove[];

const disputeIn = (
  status: DisputeStatus,
  over: Partial<DisputeDocument> = {},
): DisputeDocument => ({
  status,
  amount: 2000,
  currency: "usd",
  reason: "fraudulent",
  network_reason_code: "10.4",
  brand: "visa",
  processor_ref: "dsp_1",
  due_by: DUE_BY,
  ...over,
});

/** Where submitting, accepting, winning, losing and closing lead, in this order; a dash leads nowhere. */
const TABLE: Record<DisputeStatus, readonly (DisputeStatus | "-")[]> = {
  warning_needs_response: ["warning_under_review", "warning_closed", "-", "-", "warning_closed"],
  warning_under_review: ["-", "-", "-", "-", "warning_closed"],
  warning_closed: ["-", "-", "-", "-", "-"],
  needs_response: ["under_review", "lost", "won", "lost", "-"],
  under_review: ["-", "-", "won", "lost", "-"],
  won: ["-", "-", "-", "-", "-"],
  lost: ["-", "-", "won", "-", "-"],
};
const STATUSES = Object.keys(TABLE) as DisputeStatus[];

describe("a dispute", () => {
  const cases = Object.entries(TABLE).flatMap(([status, row]) =>
    MOVES.map((move, i) => [status as DisputeStatus, move, row[i] ?? "-"] as const),
  );
  test.each(cases)("that is %s, moved by %s: %s", (status, move, end) => {
    const held = disputeIn(status, { metadata: { order: "6735" } });
    expect(movedDispute(held, move)).toEqual(
      end === "-"
        ? { ok: false, failure: { kind: "dispute_closed", status } }
        : { ok: true, value: { ...held, status: end } },
    );
  });
});

type Given = Partial<Parameters<typeof answeredDispute>[1]>;

const answered = (held: DisputeDocument, given: Given, nowS = DUE_BY) =>
  answeredDispute(held, { evidence: {}, metadata: {}, submit: false, ...given }, nowS);

const GIVEN = {
  metadata: { metadata: { a: "1" } },
  evidence: { evidence: { customer_name: "Ada" } },
  "its submission": { submit: true },
  "evidence, submitted": { evidence: { customer_name: "Ada" }, submit: true },
} as const satisfies Record<string, Given>;

describe("an answer to a dispute", () => {
  const open: readonly DisputeStatus[] = ["needs_response", "warning_needs_response"];
  const cases = STATUSES.flatMap((status) =>
    (Object.keys(GIVEN) as (keyof typeof GIVEN)[]).flatMap((what) =>
      [0, 1].map((late) => {
        const may = what === "metadata" || (open.includes(status) && late === 0);
        return [what, status, late, may ? "taken" : "refused"] as const;
      }),
    ),
  );
  test.each(cases)("of %s, %s, %i s after its term, is %s", (what, status, late, word) => {
    const answer = answered(disputeIn(status), GIVEN[what], DUE_BY + late);
    expect(answer).toMatchObject(
      word === "taken" ? { ok: true } : { failure: { kind: "dispute_closed", status } },
    );
  });

  test.each([
    ["needs_response", "under_review"],
    ["warning_needs_response", "warning_under_review"],
  ] as const)("that is submitted moves %s to %s and is counted", (status, next) => {
    const held = disputeIn(status, { evidence: { customer_name: "Ada" } });
    expect(answered(held, { submit: true })).toEqual({
      ok: true,
      value: { ...held, status: next, metadata: {}, submissions: 1 },
    });
    expect(answered({ ...held, submissions: 1 }, { submit: true })).toMatchObject({
      value: { submissions: 2 },
    });
  });

  test("that is not submitted is merged into what was given before, and nothing moves", () => {
    const held = disputeIn("needs_response", {
      evidence: { customer_name: "Ada", shipping_carrier: "Post" },
      metadata: { old: "1" },
    });
    const evidence = { product_description: "Tiles", shipping_carrier: null };
    expect(answered(held, { evidence, metadata: { new: "2" } })).toEqual({
      ok: true,
      value: {
        ...held,
        evidence: { customer_name: "Ada", product_description: "Tiles" },
        metadata: { new: "2" },
      },
    });
  });

  test.each([
    [150_000, "taken"],
    [150_001, "refused"],
  ])("that makes %i characters in all is %s", (characters, word) => {
    const held = disputeIn("needs_response", { evidence: { customer_name: "x".repeat(100_000) } });
    const evidence = { product_description: "x".repeat(characters - 100_000) };
    expect(answered(held, { evidence })).toMatchObject(
      word === "taken"
        ? { ok: true }
        : { failure: { kind: "parameter_invalid", param: "evidence" } },
    );
    // What takes the place of a text is counted instead of it.
    expect(answered(held, { evidence: { ...evidence, customer_name: "x" } })).toMatchObject({
      ok: true,
    });
  });
});
