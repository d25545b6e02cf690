// Every action on every status of a setup intent, and what becomes of its document.

import { describe, expect, test } from "vitest";
import {
  canceledSetup,
  confirmedSetup,
  type SetupDocument,
  type SetupFacts,
  type SetupStatus,
  setupStatusOf,
  updatedSetup,
} from "../../protocol/setup-intent.ts";

const PM = "pm_0000000000000000000001";
const action = { authentication: "authn_1", url: "https://tessera.example/challenge" };

const setupOf = (over: Partial<SetupDocument> = {}): SetupFacts => ({
  id: "seti_0000000000000000000001",
  created: 1_800_000_000,
  document: { secret: "s", usage: "off_session", ...over } as SetupDocument,
});
const SETUPS: Record<SetupStatus, SetupFacts> = {
  requires_payment_method: setupOf(),
  requires_confirmation: setupOf({ payment_method: PM }),
  requires_action: setupOf({ payment_method: PM, action }),
  succeeded: setupOf({ payment_method: PM, succeeded: true }),
  canceled: setupOf({ canceled: true }),
};

describe("a setup intent", () => {
  test.each(Object.entries(SETUPS))("is %s by what it holds", (status, setup) => {
    expect(setupStatusOf(setup)).toBe(status);
  });

  const method = { id: PM, billing_details: {} };
  const ACTIONS = {
    update: (setup: SetupFacts) => updatedSetup(setup, { description: "x" }),
    confirm: (setup: SetupFacts) => confirmedSetup(setup, {}, method),
    cancel: (setup: SetupFacts) => canceledSetup(setup, "abandoned"),
  };
  const over = ["succeeded", "canceled"];
  const cases = Object.entries(SETUPS).flatMap(([status, setup]) =>
    (["update", "confirm", "cancel"] as const).map(
      (name) => [name, status, name === "update" || !over.includes(status), setup] as const,
    ),
  );
  test.each(cases)("%s of one that is %s: %s", (name, status, may, setup) => {
    const next = ACTIONS[name](setup);
    if (may) expect(next).toMatchObject({ ok: true });
    else {
      expect(next).toMatchObject({
        failure: { kind: "intent_unexpected_state", object: "setup_intent", action: name, status },
      });
    }
  });

  test("that has ended changes words and nothing else", () => {
    expect(updatedSetup(SETUPS.succeeded, { payment_method: "pm_2" })).toMatchObject({
      failure: { field: "payment_method" },
    });
  });

  test("decided twice decides the same", () => {
    const first = confirmedSetup(SETUPS.requires_payment_method, {}, method);
    if (!first.ok) throw new Error("refused");
    expect(confirmedSetup(setupOf(first.value), {}, method)).toEqual(first);
  });
});
