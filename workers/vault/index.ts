// The PCI boundary: the only holder of card keys and the only caller of processors. RPC only, no URL.
// What goes out of here of a card is brand, last four, expiry and a keyed fingerprint.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { CardName } from "../../durable-objects/card-box.ts";
import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import { mintTokenId, type TokenId, uuidOf } from "../../protocol/ids.ts";
import { LineWriter } from "../../protocol/lines.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { Order, TokenizedCard, TypedCard, VaultVerbs } from "../../protocol/vault.ts";
import { checkCard } from "./card.ts";
import type { VaultEnv } from "./environment.ts";
import { type KeyProvider, SecretKeyProvider } from "./key-provider.ts";
import { ownerOf, perform } from "./orders.ts";
import { Processor } from "./processor.ts";
import { fingerprint, seal } from "./seal.ts";
import { testCardOf } from "./test-tokens.ts";

export { CardBox } from "../../durable-objects/card-box.ts";

let provider: { readonly root: string; readonly keys: KeyProvider } | undefined;

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** The vault's verbs over RPC; private parts are `#`, which RPC cannot reach. */
export class Vault extends WorkerEntrypoint<VaultEnv> implements VaultVerbs {
  async tokenize(scope: Scope, typed: TypedCard): Promise<Result<TokenizedCard, Failure>> {
    const now = new Date();
    const checked = checkCard(typed, now);
    if (!checked.ok) return checked;
    const { pan, expMonth, expYear, cvc } = checked.value;
    const token = mintTokenId(random);
    const [sealed, print] = await Promise.all([
      seal(pan.expose(), { ...scope, token }, this.#keys()),
      fingerprint(pan.expose(), scope.account, this.#keys()),
    ]);
    const card = {
      brand: pan.brand,
      last4: pan.last4,
      exp_month: expMonth,
      exp_year: expYear,
      fingerprint: print,
      funding: "unknown",
      country: null,
      ...(typed.name === undefined ? {} : { name: typed.name }),
      ...(typed.address_line1 === undefined ? {} : { address_line1: typed.address_line1 }),
      ...(typed.address_zip === undefined ? {} : { address_zip: typed.address_zip }),
    };
    const created = Math.floor(now.getTime() / 1000);
    await this.#box(scope).put(ownerOf(scope), token, { sealed, card, created }, cvc);
    return ok({ token, card, created });
  }

  async describe(scope: Scope, text: string): Promise<Result<TokenizedCard, Failure>> {
    const number = scope.livemode ? undefined : testCardOf(text);
    if (number !== undefined) {
      const exp_year = String(new Date().getUTCFullYear() + 1);
      return this.tokenize(scope, { number, exp_month: "12", exp_year, cvc: "123" });
    }
    const missing = refuse<Failure>({
      kind: "resource_missing",
      object: "token",
      id: text,
      param: "source",
    });
    if (uuidOf("tok", text) === undefined) return missing;
    const boxed = await this.#box(scope).get(ownerOf(scope), text);
    if (boxed === undefined) return missing;
    return ok({ token: text as TokenId, card: boxed.card, created: boxed.created });
  }

  async perform(orders: readonly Order[]): Promise<ReadableStream<Uint8Array>> {
    const lines = new LineWriter();
    const means = {
      take: (slot: number, names: readonly CardName[]) => this.#boxOf(slot).takeMany(names),
      tellUnopened: async (slot: number, name: CardName, keyVersion: string) => {
        const cards = { [name.owner]: [[name.token, name.order ?? null, keyVersion] as const] };
        await this.#boxOf(slot).record({ action: "card.did_not_open", actor: "vault", cards });
      },
      keys: this.#keys(),
      processor: new Processor(this.env.PROCESSOR, this.env.PROCESSOR_KEY),
    };
    const performing = perform(orders, means, (performed) => {
      lines.write(JSON.stringify(performed));
    });
    // A caller that goes away leaves questions behind that were already asked: their answers are still
    // awaited, so that no money moves without the processor having been heard.
    this.ctx.waitUntil(performing.finally(() => lines.close()));
    return lines.stream;
  }

  async forget(scope: Scope, tokens: readonly TokenId[]): Promise<void> {
    await this.#box(scope).forget(ownerOf(scope), tokens);
  }

  #keys(): KeyProvider {
    const root = `${this.env.CARD_ROOT_KEY}/${this.env.FINGERPRINT_ROOT_KEY}`;
    if (provider?.root !== root) {
      const keys = new SecretKeyProvider(this.env.CARD_ROOT_KEY, this.env.FINGERPRINT_ROOT_KEY);
      provider = { root, keys };
    }
    return provider.keys;
  }

  #box(scope: Scope) {
    return this.#boxOf(slotOf(scope.account));
  }

  #boxOf(slot: number) {
    return this.env.CARD_BOX.getByName(`slot-${slot}`);
  }
}

export default Vault;
