// What the audit log tells of a refused caller: enough to know one's own key by, and nothing of a card.

import { expect, test } from "vitest";
import { ipPrefixOf, keyPrefixOf } from "../../workers/edge/refused-callers.ts";

test.each([
  ["sk_test_Zq9x0000AAAABBBB", "sk_test_Zq9x"],
  ["pk_live_sealed_Zq9x0000AAAABBBB", "pk_live_sealed_Zq9x"],
  ["platform_test_00000000", "platform_test_0000"],
  ["sk_test_", "sk_test_"],
  ["4242424242424242", "none"],
  [undefined, "none"],
])("of the key %j it tells %j", (key, told) => {
  expect(keyPrefixOf(key)).toBe(told);
});

test.each([
  ["203.0.113.77", "203.0.113.0/24"],
  ["nonsense!", "unknown"],
  [null, "unknown"],
])("of the address %j it tells %j", (address, told) => {
  expect(ipPrefixOf(address)).toBe(told);
});
