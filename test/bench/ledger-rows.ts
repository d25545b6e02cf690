// The ledger without anything in front: charges of one merchant or of a thousand, on their way as from a
// shard.

import type { OpenCharge, Scope } from "../../protocol/command.ts";
import { charge, close, freshOpening, unless } from "./charge.ts";
import { closedLoop } from "./closed-loop.ts";
import type { Ledger } from "./ledger.ts";
import { PEER_WORKERS } from "./peer.ts";
import { type Limit, type Row, rowOn, type Sample } from "./row.ts";

/** The peer's level, and what lies above it of those that were asked for. */
const levels = (asked: readonly number[]) => [
  PEER_WORKERS,
  ...asked.filter((n) => n > PEER_WORKERS),
];
/** Opened before the clock starts, for each second of closing: more than this machine closes. */
const STOCK_PER_SECOND = 20_000;
const STOCK_IN_FLIGHT = 1024;

export async function chargeLoop(
  ledger: Ledger,
  scopes: readonly Scope[],
  inFlight: number,
  limit: Limit,
): Promise<Sample> {
  let next = 0;
  const sample = await closedLoop(inFlight, limit, () => {
    const scope = scopes[next++ % scopes.length] ?? ledger.hot;
    return charge(ledger, scope);
  });
  ledger.captured += sample.good;
  return sample;
}

/** The second phase alone, of charges that were opened before the clock starts. */
async function closeLoop(ledger: Ledger, inFlight: number, limit: Limit): Promise<Sample> {
  const most =
    "requestsMax" in limit
      ? limit.requestsMax
      : Math.ceil((limit.durationMs / 1000) * STOCK_PER_SECOND);
  const stock: OpenCharge[] = [];
  const stocked = await closedLoop(STOCK_IN_FLIGHT, { requestsMax: most }, async () => {
    const open = freshOpening(ledger.hot);
    const bad = unless(await ledger.belt.push(open), "charge_opened");
    if (bad === undefined) stock.push(open);
    return bad;
  });
  if (stocked.bad > 0) return stocked;
  // Once the stock is used up the clock stops with the last answer.
  const loop = (sameLimit: Limit, flight: number) =>
    closedLoop(flight, sameLimit, async () => {
      const open = stock.pop();
      return open === undefined ? "the stock is used up" : close(ledger, open);
    });
  const timed = await loop(
    "durationMs" in limit ? { ...limit, requestsMax: stock.length } : limit,
    inFlight,
  );
  const rest = await loop({ requestsMax: stock.length }, STOCK_IN_FLIGHT);
  ledger.captured += timed.good + rest.good;
  return timed;
}

export const LEDGER_ROWS: readonly Row[] = [
  rowOn("ledger", {
    name: "ledger.charge",
    text: "whole charge, both phases, one merchant",
    kind: "work",
    levels,
    over: [`peer.transfer@${PEER_WORKERS}`, "raw.insert@20", "raw.postings@1000", "ledger.crowd"],
    counted: true,
    measure: (ledger, inFlight, limit) => chargeLoop(ledger, [ledger.hot], inFlight, limit),
  }),
  rowOn("ledger", {
    name: "ledger.close",
    text: "one close: posting, balances, event",
    kind: "work",
    levels,
    over: [`peer.transfer@${PEER_WORKERS}`],
    counted: false,
    measure: closeLoop,
  }),
  rowOn("ledger", {
    name: "ledger.crowd",
    text: "whole charge, 1,000 merchants",
    kind: "work",
    levels,
    over: [],
    counted: false,
    measure: (ledger, inFlight, limit) => chargeLoop(ledger, ledger.crowd, inFlight, limit),
  }),
];
