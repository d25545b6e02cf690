// A limit on how long something is waited for.

/**
 * The result of `work`, or a rejection once `limitMs` have passed, whether or not `work` heeds the signal.
 * Not AbortSignal.timeout: a timer nobody clears keeps an idle object in memory until it fires.
 */
export async function within<T>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const reason = new Error(`no answer within ${limitMs} ms`);
    deadline.abort(reason);
    late.reject(reason);
  }, limitMs);
  try {
    return await Promise.race([work(deadline.signal), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
