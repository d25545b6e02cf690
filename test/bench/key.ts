// Idempotency keys: those of different cells never meet, nor do those of different runs.

let cells = 0;

/** What begins every key of one cell. */
export const freshKeys = (): string => `bench-${process.pid}-${cells++}-`;
