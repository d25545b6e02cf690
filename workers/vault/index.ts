// The PCI boundary: the only holder of card keys and the only caller of processors. RPC only, no URL.
// What goes out of here of a card is brand, last four, expiry and a keyed fingerprint.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { CardName } from "../../durable-objects/card-box.ts";
import type { Scope } from "../../protocol/command.ts";
import { type Failure, UNHEARD } from "../../protocol/failure.ts";
import { mintTokenId, type TokenId, uuidOf } from "../../protocol/ids.ts";
import { fromJson, type JsonOf, toJson } from "../../protocol/json-of.ts";
import type { KeyCommand, KeyReport } from "../../protocol/keys.ts";
import { LineWriter } from "../../protocol/lines.ts";
import { assert, ok, type Result, refuse } from "../../protocol/result.ts";
import { versionsOf } from "../../protocol/secret.ts";
import { SLOTS, slotOf } from "../../protocol/slot.ts";
import type {
  Authentication,
  AuthenticationQuestion,
  Heard,
  Order,
  Performed,
  Response as Said,
  SealingKeySet,
  SealUse,
  TokenizedCard,
  TokenTicket,
  TypedCard,
  VaultVerbs,
} from "../../protocol/vault.ts";
import { checkCard } from "./card.ts";
import { CardLimits, type Word } from "./card-limits.ts";
import type { VaultEnv } from "./environment.ts";
import { admit } from "./gate.ts";
import { type Keys, keysOf, parseKeyConfiguration } from "./key-configuration.ts";
import type { KeyFailure, KeyProvider } from "./key-provider.ts";
import { type Hear, type NoCard, openToAsk, perform } from "./orders.ts";
import { ownerOf } from "./owner.ts";
import { Processor, type Tell } from "./processor.ts";
import { maintain, takeStep } from "./rotation.ts";
import { fingerprint, seal } from "./seal.ts";
import { openSealedCard } from "./sealed-card.ts";
import { SealingKeys } from "./sealing-keys.ts";
import { isTestCard, testCardOf } from "./test-tokens.ts";
import type { KeyShelf } from "./transit-keys.ts";
import { isWritten, learnWritten } from "./written-entries.ts";

export { CardBox } from "../../durable-objects/card-box.ts";
export { CardLimiter } from "../../durable-objects/card-limiter.ts";

let sealing: { readonly secret: string; readonly keys: SealingKeys } | undefined;
/** Keys outlive the call that needed them, as long as the configuration they came from. */
let known: { readonly env: VaultEnv; readonly text: string; readonly keys: Keys } | undefined;

/** The schedule visits each slot once in so many hours. */
const VISITED_EACH_HOURS = 24;
const HOUR_MS = 60 * 60 * 1000;

const NO_KEYS: Failure = { kind: "unavailable", what: "The card vault cannot reach its keys now." };

/** Without its card a cardholder is not asked for. */
function notAsked(why: NoCard): Result<Authentication, Failure> {
  switch (why) {
    case "gone":
      // Whoever charges it hears so.
      return ok({ kind: "not_required" });
    case "forgotten_lately":
      // It was there when this was decided; decided anew, there is no such payment method.
      return refuse({ kind: "object_locked" });
    case "out_of_reach":
      return refuse(NO_KEYS);
  }
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** The vault's verbs over RPC; private parts are `#`, which RPC cannot reach. */
export class Vault extends WorkerEntrypoint<VaultEnv> implements VaultVerbs {
  async tokenize(
    ...given: [Scope, TypedCard, TokenTicket?]
  ): Promise<Result<TokenizedCard, Failure>> {
    const [scope, typed, ticket] = admit(this.ctx.props, "tokenize", ...given);
    return this.#keep(scope, typed, new Date(), { ticket });
  }

  async sealingKeys(): Promise<SealingKeySet> {
    admit(this.ctx.props, "sealingKeys");
    return { keys: this.#sealing().published, time: Math.floor(Date.now() / 1000) };
  }

  async tokenizeSealed(
    ...given: [Scope, string, TokenTicket?]
  ): Promise<Result<TokenizedCard, Failure>> {
    const [scope, sealed, ticket] = admit(this.ctx.props, "tokenizeSealed", ...given);
    const now = new Date();
    const opened = await openSealedCard(sealed, scope, this.#sealing(), now);
    if (!opened.ok) return opened;
    const { card, use } = opened.value;
    return this.#keep(scope, card, now, { use, ticket });
  }

  async #keep(
    scope: Scope,
    typed: TypedCard,
    now: Date,
    { use, ticket }: { readonly use?: SealUse; readonly ticket?: TokenTicket | undefined } = {},
  ): Promise<Result<TokenizedCard, Failure>> {
    const checked = checkCard(typed, now);
    if (!checked.ok) return checked;
    const { pan, expMonth, expYear, cvc } = checked.value;
    const token = ticket?.token ?? mintTokenId(random);
    const keys = this.#keys();
    const digits = pan.expose();
    if (scope.livemode && isTestCard(digits)) return refuse({ kind: "card_of_test_mode" });
    // Asked while the card is sealed and kept, so that it costs nobody a round trip.
    const admitted = this.#isLimited(scope, digits)
      ? this.#limits().admits(digits, scope, ticket?.proven === true)
      : true;
    const prints = await this.#prints(digits, scope, keys);
    if (!prints.ok) return refuse(NO_KEYS);
    const card = {
      brand: pan.brand,
      last4: pan.last4,
      exp_month: expMonth,
      exp_year: expYear,
      fingerprint: prints.value.oldest,
      funding: "unknown",
      country: null,
      ...(typed.name === undefined ? {} : { name: typed.name }),
      ...(typed.address_line1 === undefined ? {} : { address_line1: typed.address_line1 }),
      ...(typed.address_zip === undefined ? {} : { address_zip: typed.address_zip }),
    };
    const created = Math.floor(now.getTime() / 1000);
    // Twice, since the key may have been replaced since this isolate last looked.
    for (const isLast of [false, true]) {
      const sealed = await seal(digits, { ...scope, token }, keys);
      if (!sealed.ok) return refuse(NO_KEYS);
      const { text, version } = sealed.value;
      const boxed = {
        sealed: text,
        card,
        created,
        version,
        ...(prints.value.version === 1 ? {} : { print: prints.value }),
      };
      const arrival = toJson({ owner: ownerOf(scope), token, boxed, cvc, use });
      const kept = fromJson(await this.#box(scope).put(arrival));
      if (kept.ok) {
        if (await admitted)
          return ok({ token, card: { ...card, fingerprint: kept.value }, created });
        this.ctx.waitUntil(this.#box(scope).forget(ownerOf(scope), [token]));
        return refuse({ kind: "card_blocked" });
      }
      if (kept.failure === "seal_used") return refuse({ kind: "sealed_card_invalid" });
      if (isLast || kept.failure === "key_exhausted") break;
      keys.forgetRing(scope.account, "card");
    }
    return refuse(NO_KEYS);
  }

  async describe(...given: [Scope, string]): Promise<Result<TokenizedCard, Failure>> {
    const [scope, text] = admit(this.ctx.props, "describe", ...given);
    const number = scope.livemode ? undefined : testCardOf(text);
    if (number !== undefined) {
      const exp_year = String(new Date().getUTCFullYear() + 1);
      const card = { number, exp_month: "12", exp_year, cvc: "123" };
      return this.#keep(scope, card, new Date());
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

  async perform(given: readonly Order[]): Promise<ReadableStream<Uint8Array> | JsonOf<Performed>> {
    const [orders] = admit(this.ctx.props, "perform", given);
    if (orders.length !== 1) {
      const lines = new LineWriter();
      const close = () => lines.close();
      this.#perform(orders, (performed) => lines.write(toJson(performed))).then(close, close);
      return lines.stream;
    }
    // A stream costs more than it brings where nothing can come before anything else.
    let answer: JsonOf<Performed> | undefined;
    await this.#perform(orders, (performed) => {
      answer = toJson(performed);
    });
    assert(answer !== undefined, "each order has an effect");
    return answer;
  }

  #perform(orders: readonly Order[], tell: Tell): Promise<void> {
    const words: Word[] = [];
    const hear: Hear = ({ order, card }, approved) => {
      const digits = card.pan.expose();
      if (this.#isLimited(order, digits)) words.push({ digits, approved });
    };
    const means = {
      ...this.#means(),
      ...(orders.some((order) => this.#isGuarded(order)) ? { hear } : {}),
    };
    const performing = perform(orders, means, tell);
    // A caller that goes away leaves questions behind that were already asked: their answers are still
    // awaited, so that no money moves without the processor having been heard.
    this.ctx.waitUntil(
      performing.then(() => (words.length === 0 ? undefined : this.#limits().hear(words))),
    );
    return performing;
  }

  async respond(...given: [Scope, Said]): Promise<Heard> {
    const [, said] = admit(this.ctx.props, "respond", ...given);
    return this.#processor().respond(said);
  }

  async authenticate(
    ...given: [Scope, TokenId, AuthenticationQuestion]
  ): Promise<Result<Authentication, Failure>> {
    const [scope, token, question] = admit(this.ctx.props, "authenticate", ...given);
    const means = this.#means();
    const { key, expiry } = question;
    const purpose = { ...scope, token, key, ...(expiry === undefined ? {} : { expiry }) };
    const card = await openToAsk(purpose, means);
    if (!card.ok) return notAsked(card.failure);
    const answer = await means.processor.authenticate(question, card.value);
    return answer === undefined ? refuse(UNHEARD) : ok(answer);
  }

  async answerChallenge(...given: [Scope, string, boolean]): Promise<Result<boolean, Failure>> {
    const [, id, passed] = admit(this.ctx.props, "answerChallenge", ...given);
    const answer = await this.#means().processor.answerChallenge(id, passed);
    return answer === undefined ? refuse(UNHEARD) : ok(answer);
  }

  #means() {
    return {
      take: async (slot: number, names: readonly CardName[]) => {
        const box = this.#boxOf(slot);
        const { cards, entry } = await box.takeMany(names);
        learnWritten(slot, entry);
        const { instance } = entry;
        return {
          cards,
          isWritten: () => isWritten(slot, entry),
          written: async () =>
            learnWritten(slot, { instance, written: await box.written(instance) }),
        };
      },
      tellUnopened: async (slot: number, name: CardName, keyVersion: string) => {
        const cards = { [name.owner]: [[name.token, name.order ?? null, keyVersion] as const] };
        await this.#boxOf(slot).record({ action: "card.did_not_open", actor: "vault", cards });
      },
      keys: this.#keys(),
      processor: this.#processor(),
    };
  }

  async forget(...given: [Scope, readonly TokenId[]]): Promise<void> {
    const [scope, tokens] = admit(this.ctx.props, "forget", ...given);
    await this.#box(scope).forget(ownerOf(scope), tokens);
  }

  async keys(given: KeyCommand): Promise<Result<KeyReport, Failure>> {
    const [command] = admit(this.ctx.props, "keys", given);
    const keys = this.#keys();
    if (command.step !== "destroy") {
      return ok(await takeStep(command.step, command.purpose, this.#boxOf(command.slot), keys));
    }
    const destroyed = await keys.destroy(command.account);
    const isHere = destroyed.ok || destroyed.failure.kind !== "by_configuration";
    return ok({
      provider: keys.name,
      outcome: destroyed.ok ? "done" : isHere ? "failed" : "by_configuration",
      changed: destroyed.ok ? destroyed.value : 0,
      failed: destroyed.ok ? 0 : 1,
      cards: -1,
      behind: -1,
    });
  }

  /** The cron trigger, each hour: the slots of this hour of the day. */
  override async scheduled(controller: ScheduledController): Promise<void> {
    const hour = Math.floor(controller.scheduledTime / HOUR_MS) % VISITED_EACH_HOURS;
    const nowS = Math.floor(controller.scheduledTime / 1000);
    for (let slot = hour; slot < SLOTS; slot += VISITED_EACH_HOURS) {
      await maintain(this.#boxOf(slot), this.#keys(), nowS);
    }
  }

  async #prints(
    digits: string,
    { account }: Scope,
    keys: KeyProvider,
  ): Promise<Result<{ version: number; newest: string; oldest: string }, KeyFailure>> {
    const ring = await keys.ring(account, "fingerprint");
    if (!ring.ok) return ring;
    const { current, oldest: first } = ring.value;
    const newest = await fingerprint(digits, account, current, keys);
    if (!newest.ok) return newest;
    const oldest = first === current ? newest : await fingerprint(digits, account, first, keys);
    if (!oldest.ok) return oldest;
    return ok({ version: current, newest: newest.value, oldest: oldest.value });
  }

  #keys(): KeyProvider {
    if (known === undefined || known.env !== this.env) {
      const configuration = parseKeyConfiguration(this.env);
      const text = JSON.stringify(configuration);
      const keys = known?.text === text ? known.keys : keysOf(configuration);
      known = { env: this.env, text, keys };
    }
    return known.keys(() => this.#shelf());
  }

  #processor(): Processor {
    return new Processor(this.env.PROCESSOR, versionsOf(this.env.PROCESSOR_KEY)[0]);
  }

  #shelf(): KeyShelf {
    const box = (account: string) => this.#boxOf(slotOf(account as Scope["account"]));
    return {
      list: (account, purpose) => box(account).listKeys(account, purpose),
      add: (account, purpose, version, wrapped) =>
        box(account).addKey(account, purpose, version, wrapped),
      replace: (account, purpose, from, to) => box(account).replaceKey(account, purpose, from, to),
      raise: (account, purpose) => box(account).raiseKeys(account, purpose),
      drop: (account, purpose) => box(account).dropKeys(account, purpose),
      clear: (account) => box(account).clearKeys(account),
    };
  }

  #sealing(): SealingKeys {
    const secret = this.env.SEALED_CARD_KEYS;
    if (sealing?.secret !== secret) sealing = { secret, keys: new SealingKeys(secret) };
    return sealing.keys;
  }

  #isGuarded({ livemode }: Scope): boolean {
    return livemode || this.env.CARD_GUARD === "all";
  }

  // A published test card is everybody's, so in test mode it says nothing of anybody.
  #isLimited(scope: Scope, digits: string): boolean {
    return this.#isGuarded(scope) && (scope.livemode || !isTestCard(digits));
  }

  #limits(): CardLimits {
    return new CardLimits(this.env.CARD_LIMITER, this.env.FINGERPRINT_ROOT_KEY);
  }

  #box(scope: Scope) {
    return this.#boxOf(slotOf(scope.account));
  }

  #boxOf(slot: number) {
    return this.env.CARD_BOX.getByName(`slot-${slot}`);
  }
}

export default Vault;
