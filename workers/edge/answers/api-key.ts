// A restricted key, as it is given once.

import * as z from "zod";
import { PERMISSIONS } from "../../../protocol/permission.ts";
import { idOf, object } from "./object.ts";

const [first = "account_read", ...others] = PERMISSIONS;

export const apiKey = object("api_key", "A key that may do what it names, and nothing else", {
  account: idOf("account"),
  kind: z.literal("restricted"),
  livemode: z.boolean(),
  permissions: z.array(z.enum([first, ...others])),
  secret: z.string().meta({ description: "Only in this answer, and never again" }),
});
