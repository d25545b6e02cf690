// Merchants. The platform key makes one and is given its keys, once.

import * as z from "zod";
import { mintApiKey } from "../../protocol/api-key.ts";
import type { AccountFacts } from "../../protocol/facts.ts";
import { type AccountId, mintAccountId } from "../../protocol/ids.ts";
import { accountObject, objectOf } from "../../protocol/object.ts";
import { ok } from "../../protocol/result.ts";
import { slotOf } from "../../protocol/slot.ts";
import {
  FEE_BPS_MAX,
  FEE_FIXED_MAX,
  keptTerms,
  SETTLEMENT_DAYS_MAX,
  type Terms,
  USUAL_TERMS,
} from "../../protocol/terms.ts";
import { one } from "./lookup.ts";
import { notedOnce } from "./remembered.ts";
import { type Route, route } from "./route.ts";
import { choice, expand, flag, integer, sums, text } from "./schema.ts";
import { execute } from "./shard-call.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** What a payment costs the merchant: of each capture so many hundredths of a percent and a fixed sum. */
const fees = z.strictObject({
  basis_points: integer(0, FEE_BPS_MAX).optional(),
  fixed: sums(FEE_FIXED_MAX).optional(),
  dispute: sums(FEE_FIXED_MAX).optional(),
});

const settings = z.strictObject({
  payouts: z
    .strictObject({
      schedule: z.strictObject({ interval: choice("manual", "daily").optional() }).optional(),
    })
    .optional(),
});

type GivenTerms = {
  readonly fees?: z.output<typeof fees> | undefined;
  readonly settings?: z.output<typeof settings> | undefined;
  readonly settlement_days?: number | undefined;
};

const termsIn = ({ fees: given, settings: set, settlement_days }: GivenTerms): Terms => ({
  payouts: set?.payouts?.schedule?.interval ?? USUAL_TERMS.payouts,
  fee_bps: given?.basis_points ?? USUAL_TERMS.fee_bps,
  fee_fixed: given?.fixed ?? USUAL_TERMS.fee_fixed,
  dispute_fee: given?.dispute ?? USUAL_TERMS.dispute_fee,
  settlement_days: settlement_days ?? USUAL_TERMS.settlement_days,
});

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
      fees: fees.optional(),
      settings: settings.optional(),
      settlement_days: integer(0, SETTLEMENT_DAYS_MAX).optional(),
      expand: expand.optional(),
    }),
    answers: "account",
    handle: async (call) => {
      // Noted before it is made: whoever asks again makes the same one, which is harmless.
      const noted = await notedOnce(call, call.scope, async () => ok(mintAccountId(random)));
      if (!noted.ok) return noted;
      const { note, ...replay } = noted.value;
      const id = note as AccountId;
      const { livemode } = call.scope;
      const { email, business_profile: profile, sealed_only: sealedOnly = false } = call.params;
      const terms = keptTerms(termsIn(call.params));
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
          ...(terms === undefined ? {} : { terms }),
        },
        (facts) => objectOf(facts, call.scope),
      );
      if (!made.ok) return made;
      const account = id.slice("acct_".length);
      const keyOf = (kind: "secret" | "publishable") =>
        mintApiKey({ kind, livemode, account, sealedOnly }, call.env.API_KEY_SECRET);
      const keys = { secret: await keyOf("secret"), publishable: await keyOf("publishable") };
      return ok({ object: { ...made.value.object, keys }, ...replay });
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
