import { defineConfig } from "vitest/config";

// The tests run in Node and talk to the real system over HTTP. PostgreSQL of both regions and its SQL endpoint are
// started once (test/platform.ts) and shared; each file that needs them starts workerd with the Workers and the test
// bank, and makes merchants of its own.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/platform.ts"],
    setupFiles: ["test/contract-hook.ts"],
    reporters: ["default", "./test/count.ts"],
    // Two cores: more files at once would only make each other slow.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Vitest's own second is nothing on a busy machine; what is there sooner is seen sooner.
    expect: { poll: { timeout: 20_000 } },
  },
});
