// POST /processor/notices: what the processor tells without being asked. A notice is verified over its bytes
// before anything of it is read, is about what it names in our own words, and is executed through the shard
// under a key of its own, so that hearing it twice is hearing it once. Acknowledged when it is done, or when
// there is nothing left to do; anything else makes the processor tell it again.

import type { Hono } from "hono";
import * as z from "zod";
import type { Scope } from "../../protocol/command.ts";
import { disputeOf, movedDispute, openedDispute } from "../../protocol/dispute.ts";
import { eventCode } from "../../protocol/event.ts";
import type { ObjectFacts } from "../../protocol/facts.ts";
import { parseAccountId, uuidOf } from "../../protocol/ids.ts";
import {
  NOTICE_BYTES_MAX,
  NOTICE_SIGNATURE_HEADER,
  NOTICES_PATH,
  type Notice,
  type NoticeAbout,
  verifyNotice,
} from "../../protocol/notice.ts";
import { movedRefund, type RefundMove } from "../../protocol/refund.ts";
import { ok, type Result, refuse } from "../../protocol/result.ts";
import { refusal } from "./answer.ts";
import { readCharge } from "./charges.ts";
import { disclosedIn } from "./disclosure.ts";
import type { EdgeEnv } from "./environment.ts";
import { claimOf, type VersionedClaim } from "./idempotency.ts";
import { parseJson } from "./json.ts";
import { saveObject } from "./kept-objects.ts";
import { readBytes, type Tree } from "./parameters.ts";
import { askedOf } from "./pipeline.ts";
import { find } from "./reading.ts";
import { readRefund, saveRefund } from "./refund-changes.ts";
import type { Refused } from "./route.ts";

const text = z.string().min(1).max(255);
const seconds = z.int().min(0);
const common = {
  id: z.string().regex(/^[\x21-\x7e]{1,100}$/),
  created: seconds,
  merchant: text,
  reference: text,
};

const noticeBody = z.discriminatedUnion("kind", [
  z.strictObject({
    ...common,
    kind: z.literal("dispute.opened"),
    dispute: text,
    amount: z.int().min(1),
    reason: z.enum(["fraudulent", "product_not_received"]),
    network_reason_code: text,
    inquiry: z.boolean(),
    due_by: seconds,
  }),
  z.strictObject({
    ...common,
    kind: z.literal("dispute.decided"),
    dispute: text,
    outcome: z.enum(["won", "lost", "closed"]),
  }),
  z.strictObject({ ...common, kind: z.enum(["refund.settled", "refund.canceled"]) }),
  z.strictObject({ ...common, kind: z.literal("refund.failed"), failure_reason: text }),
]);

type Told = { readonly env: EdgeEnv; readonly scope: Scope; readonly continent: undefined };

export function mountNotices(app: Hono<{ Bindings: EdgeEnv }>): void {
  app.post(NOTICES_PATH, async (c) => {
    const asked = askedOf(c.req.raw);
    const bytes = await readBytes(c.req.raw, NOTICE_BYTES_MAX);
    const header = c.req.raw.headers.get(NOTICE_SIGNATURE_HEADER);
    const nowS = Math.floor(Date.now() / 1000);
    const verified =
      bytes.ok && c.env.NOTICE_KEY
        ? await verifyNotice(c.env.NOTICE_KEY, header, bytes.value, nowS)
        : refuse("unsigned" as const);
    // One answer to every forgery: too long, cut off, unsigned, signed by another, or from another time.
    if (!verified.ok || !bytes.ok) return refusal(asked, { kind: "notice_refused" });
    const parsed = noticeIn(bytes.value);
    if (!parsed.ok) return refusal(asked, parsed.failure);
    const { notice, tree } = parsed.value;
    const claim = await claimOf(
      { id: asked.request, key: `tessera-notice/${notice.id}`, of: "secret" },
      `POST ${NOTICES_PATH}`,
      tree,
      c.env.REQUEST_MAC_SECRET,
    );
    const done = await take(c.env, notice, claim);
    return done.ok ? c.json({ received: true }) : refusal(asked, done.failure);
  });
}

function noticeIn(bytes: Uint8Array): Result<{ notice: Notice; tree: Tree }, Refused> {
  const malformed = refuse<Refused>({
    kind: "body_malformed",
    why: "The notice is not one that is known here.",
  });
  let json: ReturnType<typeof parseJson>;
  try {
    json = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return malformed;
  }
  const checked = noticeBody.safeParse(json?.value);
  if (!checked.success) return malformed;
  const tree = checked.data as Tree;
  // The processor knows card numbers, and its words go on to merchants.
  const param = disclosedIn(tree);
  return param === undefined
    ? ok({ notice: checked.data as Notice, tree })
    : refuse({ kind: "pan_detected", param });
}

/** Whose a notice is: account and mode, as the order named them. */
function scopeOf(merchant: string): Scope | undefined {
  const [account = "", mode = "", ...rest] = merchant.split("/");
  const id = parseAccountId(account);
  if (id === undefined || rest.length > 0 || (mode !== "live" && mode !== "test")) return undefined;
  return { account: id, livemode: mode === "live" };
}

const unknown = (object: string, reference: string) =>
  refuse<Refused>({
    kind: "resource_missing",
    object,
    id: reference.slice(0, 100),
    param: "reference",
  });

/** Does what a notice tells of; ok when it is done, or cannot be any more. */
async function take(
  env: EdgeEnv,
  notice: Notice,
  claim: VersionedClaim,
): Promise<Result<unknown, Refused>> {
  const scope = scopeOf(notice.merchant);
  if (scope === undefined) return unknown("account", notice.merchant);
  const told: Told = { env, scope, continent: undefined };
  const [of = ""] = notice.reference.split(".");
  switch (notice.kind) {
    case "dispute.opened":
      return openDispute(told, notice, of, claim);
    case "dispute.decided":
      return decideDispute(told, notice, of, claim);
    case "refund.settled":
      return endRefund(told, of, "settle", undefined, claim);
    case "refund.canceled":
      return endRefund(told, of, "cancel", undefined, claim);
    case "refund.failed":
      return endRefund(told, of, "come_back", notice.failure_reason, claim);
  }
}

async function openDispute(
  told: Told,
  notice: NoticeAbout<"dispute.opened">,
  of: string,
  claim: VersionedClaim,
): Promise<Result<unknown, Refused>> {
  const read = await readCharge(told, of, "reference");
  if (!read.ok) return read;
  const charge = read.value;
  // The notice may overtake the close of what it is about.
  if (charge.state !== "captured") return refuse({ kind: "object_locked" });
  const { amount } = notice;
  const { currency } = charge;
  return saveObject(told, claim, {
    type: "dispute",
    event: eventCode("charge.dispute.created"),
    document: openedDispute(notice, charge),
    parent: charge.id,
    ...(notice.inquiry
      ? {}
      : { posting: { debit: "merchant", credit: "processor", amount, currency } }),
  });
}

async function decideDispute(
  told: Told,
  notice: NoticeAbout<"dispute.decided">,
  of: string,
  claim: VersionedClaim,
): Promise<Result<unknown, Refused>> {
  const from = await disputeOn(told, of, notice.dispute);
  if (!from.ok) return from;
  const held = disputeOf(from.value);
  const moved = held === undefined ? undefined : movedDispute(held, notice.outcome);
  // Decided or accepted before: there is nothing left to do.
  if (moved?.ok !== true || held === undefined) return ok(undefined);
  const { amount, currency } = held;
  return saveObject(told, claim, {
    type: "dispute",
    event: eventCode("charge.dispute.closed"),
    document: moved.value,
    from: from.value,
    parent: of,
    ...(notice.outcome === "won"
      ? { posting: { debit: "processor", credit: "merchant", amount, currency } }
      : {}),
  });
}

/** The dispute of a charge that the processor has this name for. */
async function disputeOn(
  told: Told,
  charge: string,
  name: string,
): Promise<Result<ObjectFacts, Refused>> {
  if (uuidOf("ch", charge) === undefined) return unknown("charge", charge);
  const page = { limit: 100 };
  const found = await find(told.env, told.scope, told.continent, {
    kind: "objects",
    type: "dispute",
    page,
    parent: charge,
  });
  if (!found.ok) return found;
  for (const row of found.value.rows) {
    if (row.kind === "object" && disputeOf(row)?.processor_ref === name) return ok(row);
  }
  // It is opened by a notice as well, which may still be on its way.
  return unknown("dispute", name);
}

async function endRefund(
  told: Told,
  of: string,
  move: RefundMove,
  failureReason: string | undefined,
  claim: VersionedClaim,
): Promise<Result<unknown, Refused>> {
  const read = await readRefund(told, of, "reference");
  if (!read.ok) return read;
  const moved = movedRefund(read.value.refund, move, failureReason);
  if (moved.ok) return saveRefund(told, claim, read.value, moved.value);
  return moved.failure.kind === "refund_final" ? ok(undefined) : moved;
}
