// examples/curl: the shell script, run as it stands.

import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type System, startSystem } from "../system.ts";
import { environmentOf, root, run } from "./example.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
});
afterAll(() => system?.close());

test("the script makes a token, a charge that is made once, and a refund of a part", async () => {
  const merchant = await system.merchant();
  const env = environmentOf(system, merchant);
  const { stdout } = await run("sh", ["examples/curl/pay.sh"], { cwd: root, env });
  expect(stdout).toMatch(
    /^token {4}tok_\w+\ncharge {3}ch_\w+\nagain {4}the same\nrefund {3}succeeded\nrefunded 500\n$/,
  );
  const { data } = await merchant.stripe.charges.list();
  expect(data.map(({ amount, amount_refunded }) => [amount, amount_refunded])).toEqual([
    [2000, 500],
  ]);
});
