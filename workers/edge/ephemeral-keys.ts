// Ephemeral keys: for an hour a merchant's app may speak of one customer itself. Whom a key is of and when it
// ends stand in it, under its MAC. Stored is only that it was taken back and, where it was asked for under an
// idempotency key, its serial and its end, so that the same is answered again.

import * as z from "zod";
import { hasTag, importMacKeys, mintApiKey, tagOf } from "../../protocol/api-key.ts";
import { decodeBase62, encodeBase62, randomBase62 } from "../../protocol/base62.ts";
import type { Scope } from "../../protocol/command.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import type { StripeObject } from "../../protocol/object.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { readCustomer } from "./customer.ts";
import { notedOnce } from "./remembered.ts";
import { type Answered, type Call, type Refused, type Route, route } from "./route.ts";
import { expand, required } from "./schema.ts";
import { shardOf, withQuotas } from "./shard-call.ts";

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

const expiresOf = (end: string): number => Number(decodeBase62(end) ?? 0n);

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
  const noted = await notedOnce(call, call.scope, async () => {
    const customer = await readCustomer(call, call.params.customer, "customer");
    if (!customer.ok) return customer;
    const expires = Math.floor(Date.now() / 1000) + LIFETIME_S;
    const end = encodeBase62(BigInt(expires), EXPIRES_CHARACTERS);
    return ok(randomBase62(SERIAL_CHARACTERS, random) + end);
  });
  if (!noted.ok) return noted;
  const { note, ...replay } = noted.value;
  const object = await madeOf(call, call.params.customer as CustomerId, note);
  return ok({ object, ...replay });
}

/** A key of a customer by its serial and its end. */
async function madeOf(
  { env, scope }: Pick<Call<unknown>, "env" | "scope">,
  customer: CustomerId,
  note: string,
): Promise<StripeObject> {
  const [serial, end] = [note.slice(0, SERIAL_CHARACTERS), note.slice(SERIAL_CHARACTERS)];
  const expires = expiresOf(end);
  const { account, livemode } = scope;
  const tag = await tagOf(named(scope, serial, end), env.API_KEY_SECRET);
  const of = {
    kind: "ephemeral",
    livemode,
    account: account.slice("acct_".length),
    serial,
    only: { customer, expires },
  } as const;
  return {
    ...shown(`ephkey_${serial}${end}${tag}`, expires, scope),
    associated_objects: [{ id: customer, type: "customer" }],
    secret: await mintApiKey(of, env.API_KEY_SECRET),
  };
}

async function remove(call: Call<unknown>): Promise<Result<Answered, Refused>> {
  const id = call.path["id"] ?? "";
  const [, serial = "", end = "", tag = ""] = ID.exec(id) ?? [];
  const keys = await importMacKeys(call.env.API_KEY_SECRET);
  if (!(await hasTag(named(call.scope, serial, end), tag, ...keys))) {
    const told = id.slice(0, 100);
    return refuse({ kind: "resource_missing", object: "ephemeral_key", id: told, param: "id" });
  }
  const expires = expiresOf(end);
  const revoked = await shardOf(call.env, call.scope).revoke(call.scope, serial, expires * 1000);
  return revoked.ok
    ? ok({ object: shown(id, expires, call.scope), word: revoked })
    : refuse(withQuotas(revoked));
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
