// A vault for measuring what lies around it: it approves every order at once and knows no card. It
// promises the words of the real one, a line for each order, and nothing of its work.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { Scope } from "../../protocol/command.ts";
import type { CardSummary } from "../../protocol/facts.ts";
import { mintTokenId, type TokenId } from "../../protocol/ids.ts";
import type { KeyReport } from "../../protocol/keys.ts";
import { ok } from "../../protocol/result.ts";
import type { Effect, Order, Performed, VaultVerbs } from "../../protocol/vault.ts";

const CARD: CardSummary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "Xt5EWLLDS7FJjR1c",
  funding: "credit",
  country: "US",
};

const approved = ({ key, verb }: Order): Effect => ({
  kind: "approved",
  ref: `auth_${key}`,
  ...(verb === "authorize"
    ? {
        outcome: {
          checks: { cvc: null, address_line1: null, address_zip: null },
          network_code: "00",
          risk_level: "normal",
        },
        card: { funding: "credit", country: "US" },
      }
    : {}),
});

export class InstantVault extends WorkerEntrypoint implements VaultVerbs {
  async tokenize() {
    return ok({
      token: mintTokenId((length) => crypto.getRandomValues(new Uint8Array(length))),
      card: CARD,
      created: Math.floor(Date.now() / 1000),
    });
  }

  async sealingKeys() {
    return { keys: [], time: Math.floor(Date.now() / 1000) };
  }

  tokenizeSealed() {
    return this.tokenize();
  }

  async describe(_scope: Scope, token: string) {
    return ok({ token: token as TokenId, card: CARD, created: Math.floor(Date.now() / 1000) });
  }

  async perform(orders: readonly Order[]): Promise<ReadableStream<Uint8Array>> {
    let lines = "";
    for (const order of orders) {
      const performed: Performed = { key: order.key, effect: approved(order) };
      lines += `${JSON.stringify(performed)}\n`;
    }
    const { body } = new Response(lines);
    if (body === null) throw new Error("Bug: a text has a body");
    return body;
  }

  async respond() {
    return "heard" as const;
  }

  async authenticate() {
    return ok({ kind: "not_required" } as const);
  }

  async answerChallenge() {
    return ok(true);
  }

  async forget(): Promise<void> {}

  async keys() {
    const none = { changed: 0, failed: 0, cards: 0, behind: 0 };
    return ok<KeyReport>({ provider: "none", outcome: "done", ...none });
  }
}
