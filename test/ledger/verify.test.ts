// `npm run verify` on ledgers that somebody with all rights has changed: a healthy ledger has no
// finding, and each change is found and its place named. Every change is made in a copy of its own.

import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { verifyLedger } from "../../ops/verify.ts";
import type { OpenCharge, OpenOperation, Scope } from "../../protocol/command.ts";
import { uuidOf } from "../../protocol/ids.ts";
import {
  applyOne,
  CARD,
  charged,
  closing,
  connect,
  ending,
  mint,
  type OwnLedger,
  openAccount,
  opening,
  operating,
  ownLedger,
  saving,
  token,
} from "./region.ts";

const url = inject("bindings")["DATABASE_URL_US"] ?? "";
let healthy: OwnLedger;
let m: Scope;
let no: number;
let paid: OpenCharge;
let held: OpenCharge;
let refund: OpenOperation;

beforeAll(async () => {
  healthy = await ownLedger(url);
  const client = await connect(healthy.url);
  await charged(client, await openAccount(client), { amount: 7 });
  m = await openAccount(client);
  paid = await charged(client, m); // events 1 and 2
  held = await charged(client, m, { capture: false, amount: 900 }); // 3 and 4
  refund = operating(m, paid.id, { amount: 300 });
  await applyOne(client, refund); // 5
  await applyOne(client, ending(refund)); // 6 and 7
  const capture = operating(m, held.id, { capture: true, amount: 800 });
  await applyOne(client, capture); // 8
  await applyOne(client, ending(capture)); // 9
  await applyOne(client, saving(m, { token: token(), card: CARD, card_id: mint.mint("card") }));
  const declined = opening(m);
  await applyOne(client, declined); // 11
  await applyOne(client, closing(m, declined.id, false)); // 12
  await applyOne(client, opening(m, { currency: "eur" })); // 13, left open
  await applyOne(client, operating(m, paid.id, { amount: 100 })); // 14, left open
  const { rows } = await client.query<{ no: number }>("select no from accounts where id = $1", [
    m.account,
  ]);
  no = rows[0]?.no ?? 0;
  await client.end();
});
afterAll(() => healthy?.drop());

test("a healthy ledger, with charges and refunds under way, has no finding", async () => {
  expect(await verifyLedger(healthy.url)).toEqual([]);
});

const charge = (of: OpenCharge) => uuidOf("ch", of.id);

type Tampering = {
  readonly what: string;
  readonly sql: () => string;
  readonly place: () => string;
};

const TAMPERINGS: readonly Tampering[] = [
  {
    what: "a posting's amount",
    sql: () => `update postings set amount = amount + 1 where account_no = ${no} and seq = 2`,
    place: () => `event ${no}/2`,
  },
  {
    what: "a posting's amount, and both balances with it",
    sql: () => `update postings set amount = amount + 1 where account_no = ${no} and seq = 2;
      update balances set amount = amount + case ledger_account when 'merchant' then 1 else -1 end
       where account_no = ${no}`,
    place: () => `event ${no}/2`,
  },
  {
    what: "a posting's direction",
    sql: () => `update postings set debit = credit, credit = debit
      where account_no = ${no} and seq = 2`,
    place: () => `${no}/merchant/usd`,
  },
  {
    what: "a posting's currency",
    sql: () => `update postings set currency = 'eur' where account_no = ${no} and seq = 9`,
    place: () => `${no}/merchant/eur`,
  },
  {
    what: "a removed posting",
    sql: () => `delete from postings where account_no = ${no} and seq = 9`,
    place: () => `event ${no}/9`,
  },
  {
    what: "a posting that nothing tells of",
    sql: () => `insert into postings values (${no}, 3, 'processor', 'merchant', 5, 'usd')`,
    place: () => `posting ${no}/3`,
  },
  {
    what: "a balance",
    sql: () => `update balances set amount = amount - 1
      where account_no = ${no} and ledger_account = 'merchant'`,
    place: () => `${no}/merchant/usd`,
  },
  {
    what: "a removed balance",
    sql: () => `delete from balances where account_no = ${no} and ledger_account = 'processor'`,
    place: () => `${no}/processor/usd`,
  },
  {
    what: "a removed event",
    sql: () => `delete from events where account_no = ${no} and seq = 3`,
    place: () => `account ${m.account}`,
  },
  {
    what: "a removed event that moved money",
    sql: () => `delete from events where account_no = ${no} and seq = 6`,
    place: () => `posting ${no}/6`,
  },
  {
    what: "the last event, removed together with its number",
    sql: () => `delete from events where account_no = ${no} and seq = 12;
      update events set seq = seq - 1 where account_no = ${no} and seq > 12;
      update accounts set seq = seq - 1 where no = ${no}`,
    place: () => "charge ",
  },
  {
    what: "an event's number",
    sql: () => `update events set seq = 99 where account_no = ${no} and seq = 3`,
    place: () => `account ${m.account}`,
  },
  {
    what: "an account's sequence",
    sql: () => `update accounts set seq = seq + 1 where no = ${no}`,
    place: () => `account ${m.account}`,
  },
  {
    what: "a charge's state",
    sql: () => `update charges set state = 'failed' where id = '${charge(held)}'`,
    place: () => `charge ${no}/${charge(held)}`,
  },
  {
    what: "a charge's captured amount",
    sql: () => `update charges set amount_captured = 900 where id = '${charge(held)}'`,
    place: () => `charge ${no}/${charge(held)}`,
  },
  {
    what: "a charge's refunded amount",
    sql: () => `update charges set amount_refunded = 299 where id = '${charge(paid)}'`,
    place: () => `charge ${no}/${charge(paid)}`,
  },
  {
    what: "a charge's reserved amount",
    sql: () => `update charges set amount_refunding = 0 where id = '${charge(paid)}'`,
    place: () => `charge ${no}/${charge(paid)}`,
  },
  {
    what: "a refund's amount",
    sql: () => `update operations set amount = 299 where id = '${uuidOf("re", refund.id)}'`,
    place: () => `event ${no}/6`,
  },
  {
    what: "a refund's state",
    sql: () => `update operations set state = 'failed' where id = '${uuidOf("re", refund.id)}'`,
    place: () => `charge ${no}/${charge(paid)}`,
  },
  {
    what: "a removed key",
    sql: () => `delete from idempotency_keys where account_no = ${no} and key = '${paid.key}'`,
    place: () => `charge ${no}/${charge(paid)}`,
  },
  {
    what: "a captured charge, put back as if its capture were under way",
    sql: () => `update charges set state = 'capturing' where id = '${charge(held)}'`,
    place: () => `charge ${no}/${charge(held)}`,
  },
  {
    what: "the amount that was authorized",
    sql: () => `update charges set amount = amount + 1 where id = '${charge(paid)}'`,
    place: () => `charge ${no}/${charge(paid)}`,
  },
  {
    what: "a charge that vanished",
    sql: () => `delete from charges where id = '${charge(paid)}'`,
    place: () => `key ${no}/${paid.key}`,
  },
  {
    what: "an event that tells of something else",
    sql: () =>
      `update events set subject = gen_random_uuid() where account_no = ${no} and seq = 12`,
    place: () => `event ${no}/12`,
  },
  {
    what: "a capture's state",
    sql: () =>
      `update operations set state = 'opened' where account_no = ${no} and kind = 'capture'`,
    place: () => `charge ${no}/${charge(held)}`,
  },
];

test.each(TAMPERINGS)("names the place of $what", async ({ sql, place }) => {
  const copy = await ownLedger(url, healthy.name);
  try {
    const intruder = await connect(copy.url);
    const changed = await intruder.query(`set session_replication_role = replica; ${sql()}`);
    await intruder.end();
    // A change that touched no row would be found by nobody.
    for (const { rowCount, command } of [changed].flat()) {
      if (command !== "SET") expect(rowCount).toBeGreaterThan(0);
    }
    const findings = await verifyLedger(copy.url);
    const places = findings.map((finding) => finding.place);
    expect(
      places.some((found) => found.startsWith(place())),
      places.join(),
    ).toBe(true);
  } finally {
    await copy.drop();
  }
});
