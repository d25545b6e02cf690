// What a test takes out of a Result that it knows to be fine.

import type { Result } from "../../protocol/result.ts";

export function granted<T, F>(result: Result<T, F>): T {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.failure)}`);
  return result.value;
}
