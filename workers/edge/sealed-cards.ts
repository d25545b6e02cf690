// What the edge has to do with sealed cards: it hands the keys out and the sealed text on. It can open
// nothing.

import type { Hono } from "hono";
import * as z from "zod";
import { SEALED_CARD_CHARACTERS_MAX } from "../../protocol/vault.ts";
import { CORS } from "./answer.ts";
import type { EdgeEnv } from "./environment.ts";
import type { Published } from "./openapi.ts";

/** How long a browser may seal to the keys it has; well below the age at which a seal is refused. */
const KEYS_KEPT_S_MAX = 300;

/** A sealed card as sent. Its length and form are the vault's to judge, which has one answer for all. */
export const sealedCard = z
  .unknown()
  .transform((value, ctx): string => {
    if (typeof value === "string" && value !== "") return value;
    ctx.addIssue({
      code: "custom",
      params: {
        failure: (param: string) => ({
          kind: "parameter_invalid",
          param,
          why: `Invalid ${param}: must be a card sealed to one of /v1/vault/keys, as a compact JWE.`,
        }),
      },
    });
    return z.NEVER;
  })
  .meta({
    type: "string",
    maxLength: SEALED_CARD_CHARACTERS_MAX,
    description: "Compact JWE (RFC 7516), ECDH-ES and A256GCM, to the first of /v1/vault/keys",
  });

/** GET /v1/vault/keys: public, like any key that others are to seal with. */
export const SEALING_KEYS: Published = {
  path: "/v1/vault/keys",
  summary: "The public keys of the vault that cards are sealed to, the current one first",
  answers: "JWK Set (RFC 7517)",
  schema: {
    type: "object",
    required: ["keys", "time"],
    additionalProperties: false,
    properties: {
      keys: {
        type: "array",
        items: {
          type: "object",
          required: ["kty", "crv", "x", "y", "kid", "use", "alg"],
          additionalProperties: false,
          properties: {
            kty: { const: "EC" },
            crv: { const: "P-256" },
            x: { type: "string" },
            y: { type: "string" },
            kid: { type: "string" },
            use: { const: "enc" },
            alg: { const: "ECDH-ES" },
          },
        },
      },
      time: { type: "integer", minimum: 0, description: "Unix seconds, for `iat`" },
    },
  },
};

export function mountSealingKeys(app: Hono<{ Bindings: EdgeEnv }>): void {
  app.get(SEALING_KEYS.path, async (c) => {
    const { keys, time } = await c.env.VAULT.sealingKeys();
    return c.json({ keys, time }, 200, {
      ...CORS,
      "cache-control": `public, max-age=${KEYS_KEPT_S_MAX}`,
      "strict-transport-security": "max-age=63072000; includeSubDomains; preload",
    });
  });
}
