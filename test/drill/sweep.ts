// When all is calm, every key is asked once more and every charge and refund is looked at: what is said
// then must be what was said first, byte for byte, and what is shown must be what the ledger holds.

import type { Ledger, LedgerCharge } from "./books.ts";
import type { Client } from "./client.ts";
import { inLanes } from "./lanes.ts";

const LANES = 12;
/** Of the clients that went away, every other comes back; the shards must end the rest by themselves. */
const RETURNS_EVERY = 2;
const ANSWER_MS_MAX = 20_000;
const SHOWN_CHARACTERS = 300;

/** Asks every key again under which an answer was given, or whose client comes back only now. */
export async function askAgain(client: Client, say: (done: number) => void): Promise<void> {
  const gone = client.entries.filter(({ away }) => away);
  for (const [i, entry] of gone.entries()) if (i % RETURNS_EVERY === 0) entry.away = false;
  const asked = client.entries.filter(({ away }) => !away);
  let done = 0;
  await inLanes(LANES, asked, async (entry) => {
    await client.untilTold(entry, performance.now() + ANSWER_MS_MAX);
    say(++done);
  });
}

/** Looks at everything that was told; returns what is shown otherwise. */
export async function lookAtAll(client: Client, ledger: Ledger): Promise<string[]> {
  const denials: string[] = [];
  const charges = new Map(ledger.charges.map((charge) => [charge.id, charge]));
  const touched = new Set(ledger.operations.map(({ charge }) => charge));
  const told = client.entries.filter((entry) => entry.told?.status === 200);
  await inLanes(
    LANES,
    told.filter(({ kind }) => kind !== "capture"),
    async (entry) => {
      const body = entry.told?.body ?? "";
      const { id } = JSON.parse(body) as { id: string };
      const path = entry.kind === "charge" ? `/v1/charges/${id}` : `/v1/refunds/${id}`;
      const seen = await client.call("GET", path, entry.merchant.secret);
      const charge = charges.get(id);
      const same = seen?.status === 200 && (touched.has(id) || seen.body === body);
      const why = !same
        ? `${seen?.status} ${seen?.body.slice(0, SHOWN_CHARACTERS)}`
        : charge && difference(charge, JSON.parse(seen.body) as Shown);
      if (why !== undefined) denials.push(`${entry.key}: told of ${id}, then shown ${why}`);
    },
  );
  return denials;
}

type Shown = {
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly captured: boolean;
  readonly refunded: boolean;
};

/** What of a shown charge is not what the ledger holds. */
function difference(charge: LedgerCharge, shown: Shown): string | undefined {
  const isCaptured = charge.state === "captured";
  // What was authorized and not captured counts as given back.
  const refunded = charge.refunded + (isCaptured ? charge.amount - charge.captured : 0);
  const expected: Shown = {
    amount: charge.amount,
    amount_captured: charge.captured,
    amount_refunded: refunded,
    captured: isCaptured,
    refunded: charge.state === "released" || (isCaptured && refunded === charge.amount),
  };
  const wrong = Object.entries(expected).filter(
    ([name, value]) => shown[name as keyof Shown] !== value,
  );
  return wrong.length === 0
    ? undefined
    : wrong.map(([n, v]) => `${n} ${shown[n as keyof Shown]}, kept ${v}`).join(", ");
}
