// Which events a webhook endpoint wants, as a form or JSON sends them: names of events that there are, or `*`.

import * as z from "zod";
import { PUBLIC_EVENT_NAMES } from "../../protocol/event.ts";
import type { Failure } from "../../protocol/failure.ts";

const ALL = "*";
const KNOWN = new Set([ALL, ...PUBLIC_EVENT_NAMES]);
/** What is told back of a name that there is not. */
const SHOWN_MAX = 60;

const missing = (param: string): Failure => ({ kind: "parameter_missing", param });
const invalid =
  (why: string, at = "") =>
  (param: string): Failure => ({
    kind: "parameter_invalid",
    param: `${param}${at}`,
    why: `Invalid ${param}${at}: ${why}`,
  });

/** Each name once; `*` stands for all, whatever stands beside it. */
export const eventNames = z
  .unknown()
  .transform((value, ctx): readonly string[] => {
    const refuse = (failure: (param: string) => Failure) => {
      ctx.addIssue({ code: "custom", params: { failure } });
      return z.NEVER;
    };
    if (value === undefined || value === null || value === "") return refuse(missing);
    const list = typeof value === "object" ? Object.entries(value) : [];
    if (list.length === 0 || !list.every(([at]) => /^[0-9]{1,4}$/.test(at))) {
      return refuse(invalid("must be an array of names of events, as in a[]=x or a[0]=x."));
    }
    for (const [at, name] of list) {
      if (typeof name === "string" && KNOWN.has(name)) continue;
      const shown = typeof name === "string" ? ` ${name.slice(0, SHOWN_MAX)}` : "";
      const remedy = "Name events as GET /v1/events shows them, or send * for all.";
      return refuse(invalid(`there is no event${shown}. ${remedy}`, `[${at}]`));
    }
    const names = new Set(list.map(([, name]) => String(name)));
    return names.has(ALL) ? [ALL] : [...names];
  })
  .meta({ type: "array", minItems: 1, items: { type: "string", enum: [...KNOWN] } });
