// Where the keys of a slot's cards stand, for an operator.

import * as z from "zod";
import { object } from "./object.ts";

const count = z.int().min(-1);

export const cardKeys = object("card_keys", "How a step with the keys of a slot's cards ended", {
  slot: z.int().min(0).optional(),
  provider: z.string(),
  outcome: z.enum(["done", "more", "by_configuration", "failed"]),
  changed: count,
  failed: count,
  cards: count.meta({ description: "Cards in the slot; -1 when this step did not count" }),
  behind: count,
});
