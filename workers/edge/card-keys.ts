// The card keys, for an operator: steps of their rotation, slot by slot. `npm run keys` asks for them.

import * as z from "zod";
import { parseAccountId } from "../../protocol/ids.ts";
import { KEY_PURPOSES, KEY_STEPS } from "../../protocol/keys.ts";
import { ok, refuse } from "../../protocol/result.ts";
import { SLOTS } from "../../protocol/slot.ts";
import { type Route, route } from "./route.ts";
import { choice, expand, integer } from "./schema.ts";

export const cardKeyRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/card_keys",
    summary: "Take a step with the keys of the cards of a slot",
    access: "platform",
    permission: null,
    params: z.strictObject({
      step: choice(...KEY_STEPS),
      purpose: choice(...KEY_PURPOSES).optional(),
      slot: integer(0, SLOTS - 1),
      expand: expand.optional(),
    }),
    answers: "card_keys",
    handle: async (call) => {
      const { slot, step = "status", purpose = "card" } = call.params;
      const taken = await call.env.VAULT.keys({ step, slot, purpose });
      return taken.ok ? ok({ object: { object: "card_keys", slot, ...taken.value } }) : taken;
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/card_keys/:account",
    summary: "Destroy the keys of an account's cards, for ever",
    access: "platform",
    permission: null,
    params: z.strictObject({ expand: expand.optional() }),
    answers: "card_keys",
    handle: async (call) => {
      const id = (call.path["account"] ?? "").slice(0, 100);
      const account = parseAccountId(id);
      if (account === undefined) {
        return refuse({ kind: "resource_missing", object: "account", id, param: "account" });
      }
      const taken = await call.env.VAULT.keys({ step: "destroy", account });
      return taken.ok ? ok({ object: { object: "card_keys", ...taken.value } }) : taken;
    },
  }),
];
