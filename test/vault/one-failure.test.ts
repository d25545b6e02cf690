// A card that does not open: whatever was done to its record, the order ends as if the card had never been.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Scope } from "../../protocol/command.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { Order } from "../../protocol/vault.ts";
import { startRig } from "./rig/start.ts";

const rig = startRig();
beforeAll(() => rig.start(), 60_000);
afterAll(() => rig.stop());

const scope: Scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false };
const owner = `${scope.account}/test`;
let orders = 0;
const charge = (token: TokenId): Order => ({
  ...scope,
  key: `ch_failure${++orders}.authorize.1`,
  verb: "authorize",
  token,
  amount: 2000,
  currency: "usd",
  capture: true,
});

const flipped = (text: string, at: number) =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

test("has one effect for every cause", async () => {
  const box = await rig.box(slotOf(scope.account));
  const parts = (sealed: string) => sealed.split(".");
  const [first] = [await box.get(owner, await rig.token(scope))];
  const other = first?.sealed ?? "";
  const count = parts(other).length;
  expect(count).toBeGreaterThan(3);
  const spoilings: readonly (readonly [string, (sealed: string) => string])[] = [
    ["is empty", () => ""],
    ["is no record", () => "nonsense"],
    ["is cut short", (sealed) => sealed.slice(0, -8)],
    ["has a part too many", (sealed) => `${sealed}.AAAA`],
    ["is another card's", () => other],
    ...Array.from({ length: count }, (_, at): [string, (sealed: string) => string] => [
      `has another part ${at}`,
      (sealed) =>
        parts(sealed)
          .with(at, flipped(parts(sealed)[at] ?? "", 0))
          .join("."),
    ]),
    [
      "was born under a version that is not there",
      (sealed) => parts(sealed).with(1, "999").join("."),
    ],
    ["is under a version that is not there", (sealed) => parts(sealed).with(4, "999").join(".")],
  ];
  const never = charge("tok_0000000000000000000009");
  const [gone] = await rig.perform([never]);
  expect(gone?.effect).toMatchObject({ kind: "declined", ref: null });
  for (const [what, spoil] of spoilings) {
    const token = await rig.token(scope);
    const boxed = await box.get(owner, token);
    if (boxed === undefined) throw new Error("the card was not kept");
    await box.spoil(owner, token, spoil(boxed.sealed));
    const order = charge(token);
    expect(await rig.perform([order]), what).toEqual([{ key: order.key, effect: gone?.effect }]);
  }
});
