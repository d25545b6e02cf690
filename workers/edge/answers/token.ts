// A card that may be used once.

import * as z from "zod";
import { text, time } from "./field.ts";
import { object, whole } from "./object.ts";

export const token = object("token", "A card that may be used once", {
  card: whole("card"),
  client_ip: text,
  created: time,
  livemode: z.boolean(),
  type: z.literal("card"),
  used: z.boolean(),
});
