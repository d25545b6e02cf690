// Destroys the sealed cards of tokens the ledger has forgotten. The ledger's tombstone says that a card is
// owed until the card box has destroyed it; an alarm is durable before the first try, and whoever wakes by it
// asks the ledger what is owed. So no crash and no lost answer leaves a card that should be gone.

import type { Owed } from "../protocol/forgetting.ts";
import { homeOf, slotOf } from "../protocol/slot.ts";
import { FORGET_TOKENS_MAX, type VaultVerbs } from "../protocol/vault.ts";
import { askOrigin, type OriginBindings } from "./origin-client.ts";
import { ALARM_MS } from "./shard-state.ts";

/** A vault that restarts is back within a second or two; later tries are the alarm's. */
const TRIES_MAX = 3;
const PAUSE_MS = 500;

type Ways = OriginBindings & { readonly SHARD_VAULT: Pick<VaultVerbs, "forget"> };

export class Forgetting {
  readonly #storage: DurableObjectStorage;
  readonly #ways: Ways;
  /** What could not be destroyed yet. */
  readonly #owed = new Map<string, Owed>();
  readonly #running = new Set<Promise<void>>();

  constructor(storage: DurableObjectStorage, ways: Ways) {
    this.#storage = storage;
    this.#ways = ways;
  }

  /** Has somebody come back for what is about to be owed; durable before anything else leaves the object. */
  async arm(): Promise<void> {
    if ((await this.#storage.getAlarm()) !== null) return;
    await this.#storage.setAlarm(Date.now() + ALARM_MS);
  }

  /** Destroys the cards and tells the ledger; ends also when that has to be tried again by alarm. */
  destroy(owed: Owed): void {
    if (owed.tokens.length === 0) return;
    const running = this.#destroy(owed).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits for what is being destroyed now. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** To be called by each alarm. */
  async retry(): Promise<void> {
    for (const owed of this.#owed.values()) this.destroy(owed);
    await this.settled();
    if (this.#owed.size > 0) await this.arm();
  }

  async #destroy(owed: Owed): Promise<void> {
    const { account, livemode, tokens } = owed;
    const name = `${account}/${livemode}/${tokens.join()}`;
    this.#owed.set(name, owed);
    await this.arm();
    for (let tried = 1; tried <= TRIES_MAX; tried++) {
      if (await this.#tryOnce(owed)) {
        this.#owed.delete(name);
        return;
      }
      await scheduler.wait(PAUSE_MS * tried);
    }
    console.error("sealed cards were not destroyed yet", account, tokens.length);
  }

  async #tryOnce(owed: Owed): Promise<boolean> {
    const { account, livemode, tokens } = owed;
    try {
      for (let from = 0; from < tokens.length; from += FORGET_TOKENS_MAX) {
        const some = tokens.slice(from, from + FORGET_TOKENS_MAX);
        await this.#ways.SHARD_VAULT.forget({ account, livemode }, some);
      }
    } catch {
      return false;
    }
    const told = await askOrigin(this.#ways, homeOf(slotOf(account)), "/destroyed", owed);
    return told.ok;
  }
}
