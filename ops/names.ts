// The names findings are told by: accounts, modes and the ids that the API shows, not numbers and uuids.

import type pg from "pg";
import { eventTypeOf } from "../protocol/event.ts";
import { idOf, type ObjectPrefix } from "../protocol/ids.ts";

export type Owner = { readonly no: number; readonly id: string; readonly livemode: boolean };

const PREFIXES: Readonly<Record<string, ObjectPrefix>> = {
  charge: "ch",
  authorization: "ch",
  capture: "op",
  refund: "re",
  release: "re",
  increment: "op",
  operation: "re",
  customer: "cus",
};

/** `refund acct_… test re_…`; a name that is no uuid stays as it is. */
export function placeOf(what: string, owner: Pick<Owner, "id" | "livemode">, id?: string): string {
  const prefix = PREFIXES[what];
  const named = id === undefined || prefix === undefined ? id : idOf(prefix, id);
  return [what, owner.id, owner.livemode ? "live" : "test", named]
    .filter((part) => part !== undefined)
    .join(" ");
}

/** `journal acct_… test entry 7 (charge.refunded of ch_…)`; without the end where there is no such entry. */
export async function entryName(client: pg.Client, owner: Owner, seq: number): Promise<string> {
  const { rows } = await client.query<{ type: number; subject: string; kind: string | null }>(
    `select j.type, j.subject, (select o.kind from operations o
         where o.account_no = j.account_no and o.id = j.subject) as kind
       from journal j where j.account_no = $1 and j.seq = $2`,
    [owner.no, seq],
  );
  const [row] = rows;
  return row === undefined
    ? `${placeOf("journal", owner)} entry ${seq}`
    : entryPlace(owner, seq, row.type, row.subject, row.kind ?? undefined);
}

/** The same for an entry that is at hand. */
export function entryPlace(
  owner: Owner,
  seq: number,
  type: number,
  subject: string,
  kind: string | undefined,
): string {
  const event = eventTypeOf(type);
  const prefix = PREFIXES[kind ?? event?.subject ?? ""];
  const id = prefix === undefined ? subject : idOf(prefix, subject);
  return `${placeOf("journal", owner)} entry ${seq} (${event?.name ?? `type ${type}`} of ${id})`;
}
