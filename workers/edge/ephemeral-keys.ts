// Ephemeral keys: for an hour a merchant's app may speak of one customer itself. Nothing is stored of one
// but that it was taken back: whom it is of and when it ends stand in the key, under its MAC.

import * as z from "zod";
import { hasTag, importMacKeys, mintApiKey, tagOf } from "../../protocol/api-key.ts";
import { decodeBase62, encodeBase62, randomBase62 } from "../../protocol/base62.ts";
import type { Scope } from "../../protocol/command.ts";
import type { StripeObject } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { readCustomer } from "./customer.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { expand, required } from "./schema.ts";
import { shardOf } from "./shard-call.ts";

/** As Stripe's. */
const LIFETIME_S = 3600;
/** 36 bits: no two keys of one account within an hour are to share it. */
const SERIAL_CHARACTERS = 6;
const EXPIRES_CHARACTERS = 7;
const ID = /^ephkey_([0-9A-Za-z]{6})([0-9A-Za-z]{7})([0-9A-Za-z]{22})$/;

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

const createParams = z.strictObject({ customer: required(100), expand: expand.optional() });

/** What the tag in an id is over, so that only ids of this account's keys are known. */
const named = ({ account, livemode }: Scope, serial: string, expires: string): string =>
  `ephkey/${account}/${livemode}/${serial}${expires}`;

const shown = (id: string, expires: number, { livemode }: Scope): StripeObject => ({
  id,
  object: "ephemeral_key",
  created: expires - LIFETIME_S,
  expires,
  livemode,
});

async function create(
  call: Call<z.output<typeof createParams>>,
): Promise<Result<Answered, Refused>> {
  if (!call.namesVersion) {
    const why = "Send the version of your app's SDK as the header Stripe-Version.";
    return refuse({ kind: "parameter_invalid", param: "Stripe-Version", why });
  }
  const customer = await readCustomer(call, call.params.customer, "customer");
  if (!customer.ok) return customer;
  const { id } = customer.value.row;
  const { account, livemode } = call.scope;
  const expires = Math.floor(Date.now() / 1000) + LIFETIME_S;
  const serial = randomBase62(SERIAL_CHARACTERS, random);
  const end = encodeBase62(BigInt(expires), EXPIRES_CHARACTERS);
  const { API_KEY_SECRET } = call.env;
  const tag = await tagOf(named(call.scope, serial, end), API_KEY_SECRET);
  const of = {
    kind: "ephemeral",
    livemode,
    account: account.slice("acct_".length),
    serial,
    only: { customer: id, expires },
  } as const;
  return ok({
    object: {
      ...shown(`ephkey_${serial}${end}${tag}`, expires, call.scope),
      associated_objects: [{ id, type: "customer" }],
      secret: await mintApiKey(of, API_KEY_SECRET),
    },
  });
}

async function remove(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const id = call.path["id"] ?? "";
  const [, serial = "", end = "", tag = ""] = ID.exec(id) ?? [];
  const keys = await importMacKeys(call.env.API_KEY_SECRET);
  if (!(await hasTag(named(call.scope, serial, end), tag, ...keys))) {
    const told = id.slice(0, 100);
    return refuse({ kind: "resource_missing", object: "ephemeral_key", id: told, param: "id" });
  }
  const expires = Number(decodeBase62(end) ?? 0n);
  await shardOf(call.env, call.scope).revoke(call.scope, serial, expires * 1000);
  return ok({ object: shown(id, expires, call.scope) });
}

export const ephemeralKeyRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/ephemeral_keys",
    summary: "Make a key for an hour that speaks of one customer only",
    access: "secret",
    permission: "ephemeral_key_write",
    params: createParams,
    answers: "ephemeral_key",
    handle: create,
  }),
  route({
    method: "DELETE",
    path: "/v1/ephemeral_keys/:id",
    summary: "Take an ephemeral key back before it ends",
    access: "secret",
    permission: "ephemeral_key_write",
    params: z.strictObject({ expand: expand.optional() }),
    answers: "ephemeral_key",
    handle: remove,
  }),
];
