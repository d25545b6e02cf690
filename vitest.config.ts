import { defineConfig } from "vitest/config";
import { FILES_AT_ONCE } from "./test/slots.ts";

// The tests run in Node and talk to the real system over HTTP: workerd, PostgreSQL and the test bank are
// started once (test/platform.ts) and shared; each file makes merchants of its own,
// in slots of the ledger that no file beside it has (test/slots.ts).
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/platform.ts"],
    setupFiles: ["test/temporary.ts", "test/contract-hook.ts"],
    reporters: ["default", "./test/count.ts"],
    maxWorkers: FILES_AT_ONCE,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
