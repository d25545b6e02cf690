// Virtual time: what happens next, and nothing in between. Things of one instant happen in the order in
// which they were planned, so a run is the same every time.

type Planned = { readonly atMs: number; readonly order: number; readonly run: () => void };

export class Timeline {
  nowMs: number;
  #heap: Planned[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  after(ms: number, run: () => void): void {
    this.at(this.nowMs + ms, run);
  }

  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    const item: Planned = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run };
    let i = heap.length;
    heap.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(item, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = item;
  }

  /** Lets the next thing happen unless it lies beyond `untilMs`; false when there is none. */
  step(untilMs: number): boolean {
    const heap = this.#heap;
    const next = heap[0];
    if (next === undefined || next.atMs > untilMs) return false;
    const last = heap.pop() as Planned;
    if (heap.length > 0) this.#sink(last);
    this.nowMs = next.atMs;
    next.run();
    return true;
  }

  #sink(item: Planned): void {
    const heap = this.#heap;
    const { length } = heap;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      const right = child + 1;
      if (right < length && isBefore(heap[right] as Planned, heap[child] as Planned)) child = right;
      const below = heap[child] as Planned;
      if (!isBefore(below, item)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = item;
  }
}

const isBefore = (a: Planned, b: Planned): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
