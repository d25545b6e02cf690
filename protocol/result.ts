// What can be expected to fail is a value; what is thrown is a bug. Errors thrown across Workers RPC
// lose their class and spill into logs, so no seam of Tessera throws on purpose.

/** The outcome of something that can be expected to fail. */
export type Result<T, F> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: F };

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

export const refuse = <F>(failure: F): { readonly ok: false; readonly failure: F } => ({
  ok: false,
  failure,
});

/** Throws when something impossible happened; `why` says why it was held to be impossible. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(`Bug: ${why}`);
}
