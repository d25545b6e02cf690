// What the ledger has written of a merchant: the journal whole, and ids, states and sums of its other rows, in the
// words of the specification; and the same of the specification's account and of a replayed journal.

import type { ObjectType } from "../../protocol/facts.ts";
import { idOf } from "../../protocol/ids.ts";
import { objectIdOf } from "../../protocol/object-type.ts";
import type { newProjection, Posting } from "../../protocol/projection.ts";
import { dayOf } from "../../protocol/terms.ts";
import type * as specification from "../sim/specification/ledger.ts";

type OperationRow = {
  id: string;
  kind: string;
  state: string;
  amount: number;
  charge: string;
  seq: number | null;
  balance_seq: number | null;
};
/** The rows of a merchant, as `WRITTEN` tells of them. */
export type Written = {
  seq: number;
  journal: {
    seq: number;
    type: number;
    subject: string;
    request: string | null;
    debit: 1 | 2 | 4 | null;
    credit: 1 | 2 | 4 | null;
    amount: number | null;
    currency: string | null;
    fee: number | null;
    available_on: string | null;
    created_at: string;
    captured: number | null;
    refunded: number | null;
  }[];
  charges: string[];
  authorizations: {
    id: string;
    state: string;
    seq: number;
    amount_captured: number;
    amount_refunded: number;
    amount_refunding: number;
    balance_seq: number | null;
    processor_ref: string | null;
    available_now: boolean | null;
    raised: number | null;
  }[];
  operations: OperationRow[];
  balances: {
    ledger_account: 1 | 2 | 3 | 4;
    currency: string;
    amount: number;
    pending: number[] | null;
  }[];
  customers: { id: string; seq: number; deleted: boolean }[];
  cards: { id: string; customer: string; token: string }[];
  objects: { id: string; type: ObjectType; seq: number; deleted: boolean; versions: number }[];
  keys: { key: string; seq: number | null; failed: boolean }[];
};

const table = (columns: string, from: string, order: string): string =>
  `(select coalesce(json_agg(r order by ${order}), '[]') from (select ${columns} from ${from}
     where account_no = a.no) r)`;

/** Asks for the rows of a merchant, by account and mode. */
export const WRITTEN = `select json_build_object('seq', a.seq,
  'journal', ${table("*", "journal", "seq")},
  'charges', (select coalesce(json_agg(c.id order by c.id), '[]') from charges c
    where c.account_no = a.no),
  'authorizations', ${table("*", "authorizations", "id")},
  'operations', ${table("*", "operations", "id")},
  'balances', ${table("*", "balances", "ledger_account")},
  'customers', ${table("*", "customers", "id")},
  'cards', ${table("*", "cards", "id")},
  'objects', ${table(
    `id, type, seq, deleted, (select count(*) from object_versions v
       where v.account_no = a.no and v.id = objects.id) as versions`,
    "objects",
    "id",
  )},
  'keys', ${table("key, seq, failure is not null as failed", "idempotency_keys", "key")}
  ) as written from accounts a where a.id = $1 and a.livemode = $2`;

const LEDGER_ACCOUNTS = { 1: "processor", 2: "merchant", 3: "fees", 4: "payouts" } as const;

export const operationId = ({ id, kind }: Pick<OperationRow, "id" | "kind">): string =>
  idOf(kind === "capture" || kind === "increment" ? "op" : "re", id);

const dayOfText = (text: string): number => dayOf(Date.parse(text) / 1000);

function postingOf({
  debit,
  credit,
  amount,
  currency,
  fee,
  available_on,
}: Pick<
  Written["journal"][number],
  "debit" | "credit" | "amount" | "currency" | "fee" | "available_on"
>): Posting | null {
  if (debit === null || credit === null || amount === null || currency === null) return null;
  return {
    debit: LEDGER_ACCOUNTS[debit],
    credit: LEDGER_ACCOUNTS[credit],
    amount,
    currency,
    fee: fee ?? 0,
    availableOn: available_on === null ? null : dayOfText(available_on),
  };
}

/** What of the balances comes free on a day, by `currency/day`. */
const pendingOf = (balances: Written["balances"]): Record<string, number> =>
  Object.fromEntries(
    balances.flatMap(({ currency, pending }) =>
      (pending ?? []).flatMap((day, i) =>
        i % 2 === 0 ? [[`${currency}/${day}`, pending?.[i + 1] ?? 0]] : [],
      ),
    ),
  );

/** The rows of the tables in the words of the specification. */
export function tablesOf(written: Written) {
  const operations = new Map(written.operations.map((o) => [o.id, operationId(o)]));
  const subjectOf = (type: number, uuid: string): string =>
    operations.get(uuid) ??
    idOf(type >= 60 ? "po" : type >= 20 ? "pi" : type >= 10 && type < 13 ? "cus" : "ch", uuid);
  return {
    seq: written.seq,
    journal: written.journal.map(
      ({ seq, type, subject, request, captured, refunded, created_at, ...row }) => ({
        seq,
        day: dayOfText(created_at),
        type,
        subject: subjectOf(type, subject),
        request,
        captured,
        refunded,
        posting: postingOf(row),
      }),
    ),
    charges: written.charges.map((id) => idOf("ch", id)),
    authorizations: Object.fromEntries(
      written.authorizations.map((a) => [
        idOf("ch", a.id),
        {
          state: a.state,
          seq: a.seq,
          amount_captured: a.amount_captured,
          amount_refunded: a.amount_refunded,
          amount_refunding: a.amount_refunding,
          balance_seq: a.balance_seq,
          processor_ref: a.processor_ref,
          availableNow: a.available_now ?? false,
          raised: a.raised ?? 0,
        },
      ]),
    ),
    operations: Object.fromEntries(
      written.operations.map((o) => [
        operationId(o),
        {
          kind: o.kind,
          state: o.state,
          amount: o.amount,
          charge: idOf("ch", o.charge),
          seq: o.seq,
          balance_seq: o.balance_seq,
        },
      ]),
    ),
    balances: Object.fromEntries(
      written.balances.map((b) => [`${LEDGER_ACCOUNTS[b.ledger_account]}/${b.currency}`, b.amount]),
    ),
    pending: pendingOf(written.balances),
    customers: Object.fromEntries(
      written.customers.map(({ id, seq, deleted }) => [idOf("cus", id), { seq, deleted }]),
    ),
    cards: Object.fromEntries(
      written.cards.map((c) => [
        idOf("card", c.id),
        { customer: idOf("cus", c.customer), token: idOf("tok", c.token) },
      ]),
    ),
    objects: Object.fromEntries(
      written.objects.map(({ id, ...object }) => [objectIdOf(object.type, id), object]),
    ),
    keys: Object.fromEntries(written.keys.map(({ key, seq, failed }) => [key, { seq, failed }])),
  };
}

/** The same of the specification's account. */
export function tablesIn(account: specification.Account): ReturnType<typeof tablesOf> {
  return {
    seq: account.seq,
    journal: account.journal.map(({ createdMs: _, ...entry }) => entry),
    charges: [...account.charges.keys()].sort(),
    authorizations: fromMap(account.authorizations, ({ closed, ...a }) => ({
      ...a,
      processor_ref: closed.processor_ref,
    })),
    operations: fromMap(
      account.operations,
      ({ command, kind, state, amount, seq, balance_seq }) => ({
        kind,
        state,
        amount,
        charge: command.charge,
        seq,
        balance_seq,
      }),
    ),
    balances: Object.fromEntries(account.balances),
    pending: Object.fromEntries(account.pending),
    customers: fromMap(account.customers, ({ seq, deleted }) => ({ seq, deleted })),
    cards: fromMap(account.cards, ({ customer, token }) => ({ customer, token })),
    objects: fromMap(account.objects, ({ versions, ...object }) => ({
      ...object,
      versions: versions.size,
    })),
    keys: fromMap(account.keys, ({ end }) => ({
      seq: "seq" in end ? end.seq : null,
      failed: "failure" in end,
    })),
  };
}

const fromMap = <V, R>(map: ReadonlyMap<string, V>, read: (value: V) => R): Record<string, R> =>
  Object.fromEntries([...map].map(([key, value]) => [key, read(value)]));

/** What a replayed journal says of charges the processor has spoken on, operations and balances. */
export const standing = (replayed: ReturnType<typeof newProjection>) => ({
  seq: replayed.seq,
  charges: Object.fromEntries(
    [...replayed.charges]
      .filter(([, { state }]) => state !== "opened")
      .map(([id, c]) => [
        id,
        [c.state, c.raised, c.captured, c.refunded, c.refunding, c.balanceSeq],
      ]),
  ),
  operations: fromMap(replayed.operations, (o) => [o.state, o.seq, o.balanceSeq]),
  balances: Object.fromEntries(replayed.balances),
  freed: Object.fromEntries(replayed.freed),
});
