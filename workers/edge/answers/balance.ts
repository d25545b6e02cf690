// What a merchant has, by currency.

import * as z from "zod";
import { currency, money } from "./field.ts";
import { object } from "./object.ts";

const funds = z.array(
  z.strictObject({ amount: money, currency, source_types: z.strictObject({ card: money }) }),
);

export const balance = object("balance", "What the account has, by currency", {
  available: funds,
  livemode: z.boolean(),
  pending: funds,
});
