// A batch as it travels: the parameters of one call of `apply_batch`, made where the commands are, so that an
// origin hands on what was signed and parses none of it. Public ids become `uuid`s, and what a charge and
// its close carry of card and outcome becomes columns.

import type { CloseCharge, Command, OpenCharge, SaveObject } from "./command.ts";
import { type ObjectPrefix, uuidOf } from "./ids.ts";
import { codeOf } from "./ledger-account.ts";
import { OBJECT_PREFIXES, parentUuidOf } from "./object-type.ts";
import { assert } from "./result.ts";

/** The fencing epoch everything is signed for; `fence` in the region must hold the same (docs/decisions/0004). */
export const EPOCH = 1;

/** The body of `POST /batch` at an origin; its answer is `VerdictRow[]` as JSON. */
export type BatchParameters = readonly [
  epoch: number,
  accounts: readonly string[],
  modes: readonly boolean[],
  /** The commands of each kind as JSON text, null where there are none. */
  ...kinds: (string | null)[],
];

/** The last parameters, in their order. */
export const BATCH_KINDS = [
  "create_account",
  "close_charge",
  "close_operation",
  "save_customer",
  "save_object",
  "open_charge",
  "open_operation",
] as const satisfies readonly Command["kind"][];

/** A batch as the parameters of one call. */
export function parametersOf(epoch: number, commands: readonly Command[]): BatchParameters {
  const places = new Map<string, number>();
  const accounts: string[] = [];
  const modes: boolean[] = [];
  const rows: Record<Command["kind"], object[]> = {
    create_account: [],
    close_charge: [],
    close_operation: [],
    save_customer: [],
    save_object: [],
    open_charge: [],
    open_operation: [],
  };
  commands.forEach((command, i) => {
    const name = `${command.account}/${command.livemode}`;
    let place = places.get(name);
    if (place === undefined) {
      accounts.push(command.account);
      modes.push(command.livemode);
      // PostgreSQL counts the elements of an array from 1.
      place = accounts.length;
      places.set(name, place);
    }
    rows[command.kind].push(rowOf(command, i, place));
  });
  const kinds = BATCH_KINDS.map((kind) =>
    rows[kind].length === 0 ? null : JSON.stringify(rows[kind]),
  );
  return [epoch, accounts, modes, ...kinds];
}

function rowOf(command: Command, i: number, a: number): object {
  switch (command.kind) {
    case "open_charge":
      return openChargeRow(command, i, a);
    case "close_charge":
      return closeChargeRow(command, i, a);
    case "open_operation":
      return {
        ...command,
        i,
        a,
        id: uuid(command.id.startsWith("op_") ? "op" : "re", command.id),
        charge: uuid("ch", command.charge),
        metadata: given(command.metadata),
      };
    case "close_operation":
      return { ...command, i, a, id: uuid(command.id.startsWith("op_") ? "op" : "re", command.id) };
    case "save_customer":
      return {
        ...command,
        i,
        a,
        id: uuid("cus", command.id),
        ...(command.card_id === undefined ? {} : { card_id: uuid("card", command.card_id) }),
        ...(command.token === undefined ? {} : { token: uuid("tok", command.token) }),
        ...(command.default_source === undefined
          ? {}
          : { default_source: uuid("card", command.default_source) }),
      };
    case "save_object":
      return saveObjectRow(command, i, a);
    case "create_account":
      return { ...command, i };
  }
}

const openChargeRow = (c: OpenCharge, i: number, a: number): object => ({
  i,
  a,
  key: c.key,
  operation: c.operation,
  mac: c.mac,
  request: c.request,
  id: uuid("ch", c.id),
  amount: c.amount,
  currency: c.currency,
  capture: c.capture,
  order_id: c.order_id,
  attempt_number: c.attempt_number,
  token: c.token && uuid("tok", c.token),
  customer: c.customer && uuid("cus", c.customer),
  card_id: c.card_id && uuid(c.card_id.startsWith("pm_") ? "pm" : "card", c.card_id),
  card_form: c.card_id?.startsWith("pm_") ? "pm" : undefined,
  intent: c.intent && uuid("pi", c.intent.id),
  intent_seq: c.intent?.seq,
  intent_attempt: c.intent?.attempt,
  authentication: c.authentication,
  brand: c.card?.brand,
  last4: c.card?.last4,
  exp_month: c.card?.exp_month,
  exp_year: c.card?.exp_year,
  fingerprint: c.card?.fingerprint,
  funding: c.card?.funding,
  country: c.card?.country,
  card_name: c.card?.name,
  address_line1: c.card?.address_line1,
  address_zip: c.card?.address_zip,
  description: c.description,
  receipt_email: c.receipt_email,
  statement_descriptor: c.statement_descriptor,
  metadata: given(c.metadata),
  statement_descriptor_suffix: c.statement_descriptor_suffix,
  transfer_group: c.transfer_group,
  shipping: c.shipping,
});

const closeChargeRow = (c: CloseCharge, i: number, a: number): object => ({
  i,
  a,
  id: uuid("ch", c.id),
  approved: c.approved,
  processor_ref: c.processor_ref,
  network_code: c.outcome.network_code,
  risk_level: c.outcome.risk_level,
  cvc_check: c.outcome.checks.cvc,
  address_line1_check: c.outcome.checks.address_line1,
  address_zip_check: c.outcome.checks.address_zip,
  decline: c.outcome.decline,
  funding: c.card?.funding,
  country: c.card?.country,
  available_now: c.available_now,
});

const saveObjectRow = (c: SaveObject, i: number, a: number): object => ({
  i,
  a,
  key: c.key,
  operation: c.operation,
  mac: c.mac,
  request: c.request,
  under: c.under,
  id: uuid(OBJECT_PREFIXES[c.type], c.id),
  type: c.type,
  made: c.made,
  expects: c.expects,
  attempts: c.attempts,
  document: c.document ?? undefined,
  event: c.event,
  customer: c.customer && uuid("cus", c.customer),
  parent: c.parent && parentUuidOf(c.type, c.parent),
  token: c.token && uuid("tok", c.token),
  method: methodUuidOf(c.document),
  worded: c.worded,
  debit: c.posting && codeOf(c.posting.debit),
  credit: c.posting && codeOf(c.posting.credit),
  amount: c.posting?.amount,
  currency: c.posting?.currency,
  refusal: c.refusal,
});

/** What an intent is paid with: a payment method, or a card of a customer. */
function methodUuidOf(document: SaveObject["document"]): string | undefined {
  const method = document?.["payment_method"];
  if (typeof method !== "string") return undefined;
  return uuidOf("pm", method) ?? uuidOf("card", method);
}

/** Metadata, or nothing when there is none: an empty object would be stored with each charge. */
function given(metadata: Readonly<Record<string, string>> | undefined) {
  if (metadata === undefined) return undefined;
  for (const _ in metadata) return metadata;
  return undefined;
}

function uuid(prefix: ObjectPrefix, id: string): string {
  const value = uuidOf(prefix, id);
  assert(value !== undefined, "the edge parsed ids before they were sent");
  return value;
}
