// Merchants. The platform key makes one and is given its keys, once.

import * as z from "zod";
import { mintApiKey } from "../../protocol/api-key.ts";
import type { AccountFacts } from "../../protocol/facts.ts";
import { mintAccountId } from "../../protocol/ids.ts";
import { accountObject, objectOf } from "../../protocol/object.ts";
import { ok } from "../../protocol/result.ts";
import { slotOf } from "../../protocol/slot.ts";
import { one } from "./lookup.ts";
import { type Route, route } from "./route.ts";
import { expand, flag, text } from "./schema.ts";
import { execute } from "./shard-call.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export const accountRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/accounts",
    summary: "Make a merchant; the answer holds its keys and is given once",
    access: "platform",
    permission: null,
    params: z.strictObject({
      email: text(512).optional(),
      business_profile: z.strictObject({ name: text(5000).optional() }).optional(),
      type: text(20).optional(),
      country: text(2).optional(),
      sealed_only: flag.optional(),
      expand: expand.optional(),
    }),
    answers: "account",
    handle: async (call) => {
      const id = mintAccountId(random);
      const { livemode } = call.scope;
      const { email, business_profile: profile, sealed_only: sealedOnly = false } = call.params;
      const made = await execute(
        call.env,
        {
          kind: "account",
          account: id,
          livemode,
          id,
          slot: slotOf(id),
          ...(profile?.name === undefined ? {} : { name: profile.name }),
          ...(email === undefined ? {} : { email }),
        },
        (facts) => objectOf(facts, call.scope),
      );
      if (!made.ok) return made;
      const account = id.slice("acct_".length);
      const keyOf = (kind: "secret" | "publishable") =>
        mintApiKey({ kind, livemode, account, sealedOnly }, call.env.API_KEY_SECRET);
      const keys = { secret: await keyOf("secret"), publishable: await keyOf("publishable") };
      return ok({ object: { ...made.value.object, keys } });
    },
  }),
  route({
    method: "GET",
    path: "/v1/account",
    summary: "Retrieve the account of the key",
    access: "secret",
    permission: "account_read",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "account",
    handle: (call) =>
      one(call, "account", { kind: "account" }, (a: AccountFacts) => accountObject(a)),
  }),
];
