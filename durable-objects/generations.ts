// A map that stays small: what was not looked at for two generations is let go of. Pure; no clock, since
// what fills it is what ages it.

export class Generations<V> {
  /** Entries of one generation; there are two. */
  readonly #max: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Entries held, at most twice the size of a generation. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** What lies under a name; being asked for keeps it. */
  get(name: string): V | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, value: V): void {
    if (this.#young.size >= this.#max && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
    this.#old.delete(name);
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }
}
