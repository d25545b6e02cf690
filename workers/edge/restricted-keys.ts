// Restricted keys: the platform has one made that may do what it names and nothing else. What a key may do is in
// the key, under its MAC. Stored is only its serial, where it was asked for under an idempotency key.

import * as z from "zod";
import { mintApiKey } from "../../protocol/api-key.ts";
import { randomBase62 } from "../../protocol/base62.ts";
import { parseAccountId } from "../../protocol/ids.ts";
import { PERMISSIONS, parsePermission } from "../../protocol/permission.ts";
import { ok, refuse } from "../../protocol/result.ts";
import { find } from "./reading.ts";
import { notedOnce } from "./remembered.ts";
import { type Route, route } from "./route.ts";
import { expand, flag, texts } from "./schema.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

const NAME_CHARACTERS_MAX = 60;
/** 36 bits: tells the keys of one account apart, and guards nothing. */
const SERIAL_CHARACTERS = 6;

export const restrictedKeyRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/accounts/:id/keys",
    summary: "Make a restricted key of a merchant; the answer holds it and is given once",
    access: "platform",
    permission: null,
    params: z.strictObject({
      permissions: texts(PERMISSIONS.length, NAME_CHARACTERS_MAX),
      sealed_only: flag.optional(),
      expand: expand.optional(),
    }),
    answers: "api_key",
    handle: async (call) => {
      const { permissions: names = [], sealed_only: sealedOnly = false } = call.params;
      if (names.length === 0) return refuse({ kind: "parameter_missing", param: "permissions" });
      const permissions = names.map(parsePermission);
      const unknown = names[permissions.indexOf(undefined)];
      if (unknown !== undefined) {
        const why = `There is no permission '${unknown}'. These are: ${PERMISSIONS.join(", ")}.`;
        return refuse({ kind: "parameter_invalid", param: "permissions", why });
      }
      const granted = new Set(permissions.flatMap((permission) => permission ?? []));
      const text = (call.path["id"] ?? "").slice(0, 100);
      const account = parseAccountId(text);
      const missing = {
        kind: "resource_missing",
        object: "account",
        id: text,
        param: "id",
      } as const;
      if (account === undefined) return refuse(missing);
      const { livemode } = call.scope;
      const scope = { account, livemode };
      const noted = await notedOnce(call, scope, async () => {
        const found = await find(call.env, scope, call.continent, { kind: "account" });
        if (found.ok) return ok(randomBase62(SERIAL_CHARACTERS, random));
        return refuse(found.failure.kind === "account_unknown" ? missing : found.failure);
      });
      if (!noted.ok) return noted;
      const { note: serial, ...replay } = noted.value;
      const of = {
        kind: "restricted",
        livemode,
        account: account.slice("acct_".length),
        sealedOnly,
        serial,
        permissions: granted,
      } as const;
      const object = {
        object: "api_key",
        account,
        kind: "restricted",
        livemode,
        permissions: PERMISSIONS.filter((permission) => granted.has(permission)),
        secret: await mintApiKey(of, call.env.API_KEY_SECRET),
      };
      return ok({ object, ...replay });
    },
  }),
];
