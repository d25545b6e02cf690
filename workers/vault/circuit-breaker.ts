// Whether it is worth asking a server that lately did not answer. Pure: the clock is an argument.

/** Failures in a row after which nothing is asked for a while. */
export const FAILURES_MAX = 5;
/** How long nothing is asked: short, since cards wait for the answer. */
export const OPEN_MS = 2_000;

export class CircuitBreaker {
  #failures = 0;
  #openUntilMs = 0;

  /** After the pause one question is let through at a time, until one is answered. */
  admits(nowMs: number): boolean {
    if (this.#failures < FAILURES_MAX) return true;
    if (nowMs < this.#openUntilMs) return false;
    this.#openUntilMs = nowMs + OPEN_MS;
    return true;
  }

  answered(): void {
    this.#failures = 0;
  }

  failed(nowMs: number): void {
    this.#failures += 1;
    this.#openUntilMs = nowMs + OPEN_MS;
  }
}
