// A history that was filled in is one that the ledger itself could have written.

import { expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import { auditLedger } from "./audit.ts";
import { fill, HISTORY_AMOUNT_MINOR } from "./fill.ts";
import { openLedger } from "./ledger.ts";
import { chargeLoop } from "./ledger-rows.ts";

test("a filled ledger verifies, hash chain and all, before and after it is charged", async () => {
  const ledger = await openLedger(inject("bindings")["DATABASE_URL_US"] ?? "", 0);
  try {
    await fill(ledger.client, ledger.hot, 300);
    expect(await verifyLedger(ledger.url)).toEqual([]);
    const sample = await chargeLoop(ledger, [ledger.hot], 8, { requestsMax: 40 });
    expect(sample).toMatchObject({ good: 40, bad: 0 });
    expect(await verifyLedger(ledger.url)).toEqual([]);
    const { faults } = await auditLedger(ledger.url, 300 + 40, HISTORY_AMOUNT_MINOR);
    expect(faults).toEqual([]);
    // The audit is not one that always agrees.
    expect((await auditLedger(ledger.url, 341, HISTORY_AMOUNT_MINOR)).faults).toHaveLength(1);
  } finally {
    await ledger.close();
  }
});
