// Replays the journal into nothing (protocol/projection.ts) and holds what comes out against what the ledger
// keeps beside it: where each charge, operation and customer stands, balances, and last numbers. Only
// declared moves happen there, so an entry that makes another one is a finding. Entries are replayed charge by
// charge, each in its own order, so that no more than one charge is ever in memory.

import type pg from "pg";
import type { OperationFacts } from "../protocol/facts.ts";
import { LEDGER_ACCOUNTS, type LedgerAccount } from "../protocol/ledger-account.ts";
import {
  type ChargeIntent,
  type Intents,
  type JournalEntry,
  type Projection,
  project,
} from "../protocol/projection.ts";
import { type KeptTerms, type Terms, termsOf } from "../protocol/terms.ts";
import { type Check, eachRow, type Report } from "./examination.ts";
import { entryPlace, type Owner, placeOf } from "./names.ts";
import {
  ACCOUNT,
  BALANCE,
  CHARGE,
  CUSTOMER,
  KINDS,
  OBJECT,
  OPERATION,
  ROWS,
  type Row,
} from "./projection-rows.ts";

type Account = {
  readonly owner: Owner;
  /** As they are kept, and as the entries replayed so far make them; by `ledger account/currency`. */
  readonly kept: Map<string, number>;
  readonly replayed: Map<string, number>;
  /** The same of what comes free on a day, by `currency/day`. */
  readonly keptDays: Map<string, number>;
  readonly freed: Map<string, number>;
  readonly terms: Terms;
  broken: boolean;
};

type KeptCharge = ChargeIntent & {
  /** Null where an authorization has no charge. */
  readonly id: string | null;
  /** Null before the processor has spoken. */
  readonly authorization: Authorization | null;
};

type Authorization = {
  readonly state: string;
  readonly raised: number;
  readonly captured: number;
  readonly refunded: number;
  readonly refunding: number;
  readonly balanceSeq: number | null;
};

type KeptOperation = {
  readonly id: string;
  readonly kind: OperationFacts["operation"];
  readonly state: string;
  readonly seq: number | null;
  readonly balanceSeq: number | null;
  readonly reversedSeq: number | null;
  readonly amount: number;
  readonly currency: string;
};

/** Erased with its customer, it is gone without an entry of its own. */
type KeptObject = { readonly id: string; readonly type: string; readonly seq: number };

type KeptCustomer = { readonly id: string; readonly deleted: boolean; readonly seq: number };

/** All rows about one charge or one customer. */
type Life = {
  readonly thing: string;
  charge: KeptCharge | undefined;
  customer: KeptCustomer | undefined;
  /** By id; what was changed of a charge or its refunds belongs to the charge's life. */
  readonly objects: Map<string, KeptObject>;
  readonly operations: Map<string, KeptOperation>;
  readonly entries: JournalEntry[];
};

const PROGRESS_ROWS = 10_000;
const LEDGER_ACCOUNT_NAMES = new Map<number, LedgerAccount>(
  LEDGER_ACCOUNTS.map(({ code, name }) => [code, name]),
);

export const PROJECTION_CHECK: Check = {
  name: "replaying each journal gives the charges, operations, customers and balances that are kept",
  run: async (examination, report) => {
    const total = await rowsOf(examination.client);
    const today = await todayOf(examination.client);
    let rows = 0;
    let account: Account | undefined;
    let life: Life | undefined;
    const endLife = () => {
      if (account !== undefined && life !== undefined) replay(account, life, report);
      life = undefined;
    };
    const endAccount = () => {
      endLife();
      if (account !== undefined && !account.broken) checkBalances(account, today, report);
    };
    await eachRow<Row>(examination.client, ROWS, (row) => {
      const [no, thing, sort, , id] = row;
      if (++rows % PROGRESS_ROWS === 0) examination.progress(rows / total);
      if (sort === ACCOUNT) {
        endAccount();
        account = newAccount({ no, id: id ?? "", livemode: row[15] ?? false }, row[19]);
      } else if (account?.owner.no !== no) {
        // The rows of no account are told of by the check of chains.
        endAccount();
        account = undefined;
      } else if (sort === BALANCE) {
        putBalance(account, row);
      } else {
        if (life?.thing !== thing) endLife();
        life ??= newLife(thing);
        put(life, row);
      }
    });
    endAccount();
  },
};

/** About how many rows the stream has. */
async function rowsOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ entries: string; charges: string }>(
    `select (select coalesce(sum(seq), 0) from accounts) as entries,
            (select count(*) from charges) as charges`,
  );
  return Number(rows[0]?.entries ?? 0) + Number(rows[0]?.charges ?? 0);
}

/** The UTC day, since 1970, by the ledger's own clock: no sum of a day to come may be missing. */
async function todayOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ today: number }>(
    "select (now() at time zone 'UTC')::date - '1970-01-01'::date as today",
  );
  return rows[0]?.today ?? 0;
}

const newAccount = (owner: Owner, terms: string | null): Account => ({
  owner,
  kept: new Map(),
  replayed: new Map(),
  keptDays: new Map(),
  freed: new Map(),
  terms: termsOf(terms === null ? null : (JSON.parse(terms) as KeptTerms)),
  broken: false,
});

function putBalance({ kept, keptDays }: Account, row: Row): void {
  const [, , , , , , amount, currency, , , , , , ledgerAccount] = row;
  kept.set(`${nameOf(ledgerAccount)}/${currency}`, Number(amount));
  const pending = row[19] === null ? [] : (JSON.parse(row[19]) as number[]);
  for (let i = 0; i < pending.length; i += 2) {
    keptDays.set(`${currency}/${pending[i]}`, pending[i + 1] ?? 0);
  }
}

const newLife = (thing: string): Life => ({
  thing,
  charge: undefined,
  customer: undefined,
  objects: new Map(),
  operations: new Map(),
  entries: [],
});

const number = (value: string | null): number | null => (value === null ? null : Number(value));

const nameOf = (code: number | null): LedgerAccount =>
  // A code that nobody declared gets a name that no posting may have.
  LEDGER_ACCOUNT_NAMES.get(code ?? 0) ?? (`ledger account ${code}` as LedgerAccount);

function put(life: Life, row: Row): void {
  const [, , sort, seq, text, subject, amount, currency, captured, refunded, refunding] = row;
  const [, , , , , , , , , , , , type, debit, credit, flag, fee, day, freeDay, more] = row;
  const balanceSeq = number(row[11]);
  switch (sort) {
    case CHARGE:
      life.charge = {
        id: subject,
        amount: Number(amount),
        currency: currency ?? "",
        capture: flag ?? false,
        availableNow: more === "now",
        authorization:
          text === null
            ? null
            : {
                state: text,
                raised: Number(fee ?? 0),
                captured: captured ?? 0,
                refunded: refunded ?? 0,
                refunding: Number(refunding),
                balanceSeq,
              },
      };
      break;
    case OPERATION:
      life.operations.set(subject ?? "", {
        id: subject ?? "",
        kind: KINDS[type ?? 0] ?? "refund",
        state: text ?? "",
        seq: number(seq),
        balanceSeq,
        reversedSeq: number(refunding),
        amount: Number(amount),
        currency: currency ?? "",
      });
      break;
    case CUSTOMER:
      life.customer = { id: subject ?? "", deleted: flag ?? false, seq: Number(seq) };
      break;
    case OBJECT:
      life.objects.set(subject ?? "", { id: subject ?? "", type: text ?? "", seq: Number(seq) });
      break;
    default:
      life.entries.push({
        seq: Number(seq),
        day: day ?? 0,
        type: type ?? 0,
        subject: subject ?? "",
        posting:
          amount === null
            ? null
            : {
                debit: nameOf(debit),
                credit: nameOf(credit),
                amount: Number(amount),
                currency: currency ?? "",
                fee: Number(fee ?? 0),
                availableOn: freeDay,
              },
        captured,
        refunded,
      });
  }
}

function replay(account: Account, life: Life, report: Report): void {
  const { owner } = account;
  const projection: Projection = {
    seq: 0,
    charges: new Map(),
    operations: new Map(),
    customers: new Map(),
    objects: new Map(),
    balances: account.replayed,
    freed: account.freed,
    sent: new Map(),
  };
  const intents: Intents = {
    terms: account.terms,
    charge: (id) => (life.charge?.id === id ? life.charge : undefined),
    operation: (id) => {
      const operation = life.operations.get(id);
      return operation && { ...operation, operation: operation.kind, charge: life.thing };
    },
  };
  for (const entry of life.entries) {
    // The numbers between belong to other charges; the check of chains counts them.
    projection.seq = entry.seq - 1;
    const taken = project(projection, entry, intents);
    if (taken.ok) continue;
    account.broken = true;
    const kind = life.operations.get(entry.subject)?.kind;
    report(entryPlace(owner, entry.seq, entry.type, entry.subject, kind), taken.failure);
    return;
  }
  compare(owner, life, projection, (place, why) => {
    account.broken = true;
    report(place, why);
  });
}

/** What is kept of a thing against what its entries make of it. */
function compare(owner: Owner, life: Life, projection: Projection, report: Report): void {
  const { thing, charge, customer } = life;
  if (charge !== undefined) {
    const place = placeOf("charge", owner, thing);
    const told = projection.charges.get(thing);
    if (charge.id === null) report(place, "was authorized, and there is no such charge");
    else if (told === undefined) report(place, "no entry opened it");
    else {
      const { balanceSeq: seq, ...stands } = charge.authorization ?? OPENED;
      const kept = { ...stands, balance_seq: seq };
      const { balanceSeq: balance_seq, busyWith: _, ...rest } = told;
      differ(place, kept, { ...rest, balance_seq }, report);
    }
  }
  for (const { id, kind, state, seq, balanceSeq, reversedSeq } of life.operations.values()) {
    const told = projection.operations.get(id);
    const place = placeOf(kind, owner, id);
    const kept = { state, seq, balance_seq: balanceSeq, reversed_seq: reversedSeq };
    if (told === undefined) report(place, "no entry opened it");
    else {
      const says = { ...told, balance_seq: told.balanceSeq, reversed_seq: told.reversedSeq };
      differ(place, kept, says, report);
    }
  }
  compareObjects(owner, life, projection, report);
  const deleted = projection.customers.get(thing);
  const place = placeOf("customer", owner, thing);
  if (customer !== undefined && deleted === undefined) report(place, "no entry made it");
  else if (customer === undefined && deleted !== undefined) report(place, "is gone");
  else if (customer !== undefined) {
    const told = { deleted: deleted ?? false, seq: life.entries.at(-1)?.seq ?? 0 };
    differ(place, { deleted: customer.deleted, seq: customer.seq }, told, report);
  }
}

function compareObjects(owner: Owner, life: Life, projection: Projection, report: Report): void {
  for (const { id, type, seq } of life.objects.values()) {
    const told = projection.objects.get(id);
    const place = placeOf(type, owner, id);
    if (told === undefined) report(place, "no entry made it");
    else differ(place, { seq }, { seq: told.seq }, report);
  }
  for (const id of projection.objects.keys()) {
    if (!life.objects.has(id)) report(placeOf("object", owner, id), "is gone");
  }
}

const OPENED: Authorization = {
  state: "opened",
  raised: 0,
  captured: 0,
  refunded: 0,
  refunding: 0,
  balanceSeq: null,
};

type Values = Readonly<Record<string, string | number | boolean | null>>;

function differ(place: string, kept: Values, told: Values, report: Report): void {
  const wrong = Object.keys(kept).filter((name) => kept[name] !== told[name]);
  if (wrong.length === 0) return;
  const why = wrong.map((name) => `${name} is ${kept[name]}, its journal says ${told[name]}`);
  report(place, why.join("; "));
}

function checkBalances(account: Account, today: number, report: Report): void {
  const { owner, kept, replayed, keptDays, freed } = account;
  for (const name of new Set([...kept.keys(), ...replayed.keys()])) {
    const [is, says] = [kept.get(name) ?? 0, replayed.get(name) ?? 0];
    const place = placeOf("balance", owner, name);
    if (is !== says) report(place, `is ${is}, its journal says ${says}`);
  }
  for (const name of new Set([...keptDays.keys(), ...freed.keys()])) {
    const [currency, day] = name.split("/");
    const [is, says] = [keptDays.get(name), freed.get(name) ?? 0];
    // What has come free may have been dropped.
    if (is === says || (is === undefined && Number(day) <= today)) continue;
    const place = placeOf("balance", owner, `merchant/${currency}`);
    report(place, `${is ?? 0} of it comes free on day ${day}, its journal says ${says}`);
  }
}
