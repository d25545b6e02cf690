import { defineConfig } from "vitest/config";
import { FILES_AT_ONCE } from "./test/slots.ts";

// The tests run in Node and talk to the real system over HTTP. PostgreSQL of both regions and its SQL endpoint are
// started once (test/platform.ts) and shared; each file that needs them starts workerd with the Workers and the test
// bank, and makes merchants of its own, in slots of the ledger that no file beside it has (test/slots.ts).
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/platform.ts"],
    setupFiles: ["test/temporary.ts", "test/contract-hook.ts"],
    reporters: ["default", "./test/count.ts"],
    maxWorkers: FILES_AT_ONCE,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Vitest's own second is nothing on a busy machine; what is there sooner is seen sooner.
    expect: { poll: { timeout: 20_000 } },
  },
});
