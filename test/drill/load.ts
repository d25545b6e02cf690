// Steady load: sales begin at a rate that the drill sets anew for each storm, and end when their clients
// have been told. A client that waits for an answer during an outage is not replaced without measure.

import { setTimeout as sleep } from "node:timers/promises";
import { type Shop, sell } from "./sales.ts";

/** Beyond it clients only wait for each other: as many as one outage of some seconds leaves waiting. */
const UNDER_WAY_MAX = 160;
const TICK_MS = 25;

export class Load {
  /** Sales that have begun. */
  begun = 0;
  readonly #shop: Shop;
  readonly #sales: number;
  readonly #underWay = new Set<Promise<void>>();
  #perSecond = 0;
  #stopped = false;
  /** The first thing that went wrong with the load itself, which is a mistake in the drill. */
  #fault: unknown;

  constructor(shop: Shop, sales: number) {
    this.#shop = shop;
    this.#sales = sales;
  }

  get left(): number {
    return this.#sales - this.begun;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  set perSecond(rate: number) {
    this.#perSecond = rate;
  }

  /** Begins sales until there are as many as were ordered, or it is told to stop. */
  async run(): Promise<void> {
    let due = 0;
    let lastMs = performance.now();
    while (!this.#stopped && this.left > 0) {
      const nowMs = performance.now();
      due = Math.min(due + ((nowMs - lastMs) / 1000) * this.#perSecond, UNDER_WAY_MAX);
      lastMs = nowMs;
      for (; due >= 1 && this.left > 0 && this.underWay < UNDER_WAY_MAX; due--) this.#begin();
      await sleep(TICK_MS);
    }
    while (this.#underWay.size > 0) await Promise.race(this.#underWay);
    if (this.#fault !== undefined) throw this.#fault;
  }

  stop(): void {
    this.#stopped = true;
  }

  #begin(): void {
    this.begun++;
    const sale = sell(this.#shop)
      .catch((error: unknown) => {
        this.#fault ??= error;
      })
      .finally(() => this.#underWay.delete(sale));
    this.#underWay.add(sale);
  }
}
