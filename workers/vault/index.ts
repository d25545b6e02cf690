// The PCI boundary: the only holder of card keys and the only caller of processors. RPC only, no URL.
// What goes out of here of a card is brand, last four, expiry and a keyed fingerprint.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { Scope } from "../../protocol/command.ts";
import type { Failure } from "../../protocol/failure.ts";
import { mintTokenId, type TokenId, uuidOf } from "../../protocol/ids.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import { slotOf } from "../../protocol/slot.ts";
import type {
  Authorization,
  Effect,
  FollowUp,
  FollowUpEffect,
  TokenizedCard,
  TypedCard,
  VaultVerbs,
} from "../../protocol/vault.ts";
import { checkCard, Pan } from "./card.ts";
import type { VaultEnv } from "./environment.ts";
import { type KeyProvider, SecretKeyProvider } from "./key-provider.ts";
import { Processor } from "./processor.ts";
import { fingerprint, seal, unseal } from "./seal.ts";
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

  async authorize(scope: Scope, ask: Authorization): Promise<Effect> {
    const taken = await this.#box(scope).take(ownerOf(scope), ask.token);
    const digits =
      taken === undefined
        ? refuse("does_not_open")
        : await unseal(taken.boxed.sealed, { ...scope, token: ask.token }, this.#keys());
    // The question may have been asked before the card was forgotten; then the answer stands.
    if (taken === undefined || !digits.ok) {
      return (await this.#processor().recall(ask.key)) ?? GONE;
    }
    const { card } = taken.boxed;
    const pan = Pan.parse(digits.value);
    assert(pan.ok, "only a checked card number is ever sealed");
    return this.#processor().authorize(ask, {
      pan: pan.value,
      expMonth: card.exp_month,
      expYear: card.exp_year,
      cvc: taken.cvc,
      summary: card,
    });
  }

  follow(_scope: Scope, ask: FollowUp): Promise<FollowUpEffect> {
    return this.#processor().follow(ask);
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
    return this.env.CARD_BOX.getByName(`slot-${slotOf(scope.account)}`);
  }

  #processor(): Processor {
    return new Processor(this.env.PROCESSOR, this.env.PROCESSOR_KEY);
  }
}

const ownerOf = (scope: Scope): string => `${scope.account}/${scope.livemode ? "live" : "test"}`;

/** A card that was forgotten, or that does not open: the same decline for both. */
const GONE: Effect = {
  kind: "declined",
  ref: null,
  outcome: {
    checks: { cvc: null, address_line1: null, address_zip: null },
    network_code: "14",
    risk_level: "normal",
    decline: {
      code: "card_declined",
      decline_code: "invalid_account",
      message: "The card behind this token is no longer there.",
    },
  },
  card: {},
};

export default Vault;
