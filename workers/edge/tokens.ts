// POST /v1/tokens: a card goes in and a token comes out. The fields pass to the vault as typed, a sealed
// card unopened: the edge holds nothing that could open it.

import * as z from "zod";
import { isTokenId } from "../../protocol/ids.ts";
import { tokenObject } from "../../protocol/object.ts";
import { ok, refuse } from "../../protocol/result.ts";
import type { Word } from "../../protocol/shard.ts";
import { admitCard } from "./payment-method.ts";
import { find } from "./reading.ts";
import { type Route, route } from "./route.ts";
import { expand, text, typedCard } from "./schema.ts";
import { sealedCard } from "./sealed-cards.ts";
import { forget, withQuotas } from "./shard-call.ts";

const missingToken = (id: string) =>
  ({ kind: "resource_missing", object: "token", id: id.slice(0, 100), param: "id" }) as const;

/** Turnstile's are at most as long. */
export const PROOF_CHARACTERS_MAX = 2048;

export const tokenRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/tokens",
    summary: "Turn a card into a single-use token",
    access: "publishable",
    permission: "token_write",
    params: z.strictObject({
      card: typedCard.optional(),
      sealed_card: sealedCard.optional(),
      challenge: text(PROOF_CHARACTERS_MAX).optional(),
      expand: expand.optional(),
    }),
    answers: "token",
    handle: async (call) => {
      const { card, sealed_card: sealed, challenge } = call.params;
      const given = card ?? sealed;
      if (given === undefined) return refuse({ kind: "parameter_missing", param: "card" });
      if (card !== undefined && sealed !== undefined) {
        const why = "Send card or sealed_card, not both.";
        return refuse({ kind: "parameter_invalid", param: "sealed_card", why });
      }
      const admission = await admitCard(call, challenge);
      if (!admission.ok) return refuse(withQuotas(admission));
      const word: Word = { minSeq: null, ...(admission.quotas && { quotas: admission.quotas }) };
      const { VAULT } = call.env;
      const made =
        typeof given === "string"
          ? await VAULT.tokenizeSealed(call.scope, given, admission.ticket)
          : await VAULT.tokenize(call.scope, given, admission.ticket);
      if (!made.ok) return made;
      const { token, card: shown, created } = made.value;
      const { livemode } = call.scope;
      return ok({ object: tokenObject(token, shown, { created, livemode, used: false }), word });
    },
  }),
  route({
    method: "GET",
    path: "/v1/tokens/:id",
    summary: "Retrieve a token",
    access: "secret",
    permission: "token_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "token",
    handle: async (call) => {
      const id = call.path["id"] ?? "";
      const missing = missingToken(id);
      if (!isTokenId(id)) return refuse(missing);
      const found = await call.env.VAULT.describe(call.scope, id);
      if (!found.ok) return refuse(missing);
      const { token, card, created } = found.value;
      const use = await find(call.env, call.scope, call.continent, { kind: "token_use", token });
      if (!use.ok) return use;
      const { livemode } = call.scope;
      const used = use.value.rows.length > 0;
      return ok({
        object: tokenObject(token, card, { created, livemode, used }),
        word: use.value.word,
      });
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/tokens/:id",
    summary: "Forget a token for ever and destroy its card, also one kept for a customer",
    access: "secret",
    permission: "token_write",
    params: z.strictObject({}),
    answers: "deleted token",
    handle: async (call) => {
      const token = call.path["id"] ?? "";
      if (!isTokenId(token)) return refuse(missingToken(token));
      const found = await call.env.VAULT.describe(call.scope, token);
      if (!found.ok) return refuse(missingToken(token));
      return forget(call.env, { ...call.scope, token, request: call.request }, "token", token);
    },
  }),
];
