// What the oracle holds the processor's book to: one effect for a key, of an order that the ledger opened.

import type { Order } from "../../../protocol/vault.ts";
import type { Booked } from "../processor.ts";
import { fail } from "./invariants.ts";
import { idOf, nameOf, type Seen } from "./seen.ts";

export function orderRepeated(first: Order, again: Order): void {
  if (JSON.stringify(first) !== JSON.stringify(again)) {
    fail("I1", `${again.key} is asked of the processor with other words`);
  }
}

export function booked(seen: Seen, { order, effect }: Booked): void {
  const command = seen.sent.get(idOf(order.key));
  const owner = seen.owners.get(idOf(order.key));
  if (command === undefined || owner === undefined) {
    fail("I2", `${order.key} is booked, and the ledger has not opened it`);
    return;
  }
  if (seen.gone.has(order.key)) fail("I5", `${order.key} is booked after its card was gone`);
  if (effect.kind !== "approved") return;
  const name = `${nameOf(command)}/${command.key}`;
  const before = seen.effects.get(name);
  if (before !== undefined) fail("I1", `${name} has effects ${before} and ${order.key}`);
  seen.effects.set(name, order.key);
  seen.refs.set(idOf(order.key), effect.ref);
  if (effect.available_now === true) seen.instant.add(idOf(order.key));
}

export function moneyMoved(
  order: Order,
  a: { amount: number; captured: number; refunded: number; voided: boolean },
): void {
  const wrong =
    a.captured > a.amount ||
    a.refunded > a.captured ||
    (a.voided && order.verb !== "authorize") ||
    ((order.verb === "void" || order.verb === "increment") && a.captured > 0);
  if (wrong) fail("I11", `${order.key} takes or gives too much: ${JSON.stringify(a)}`);
}

export function cardGone(seen: Seen, key: string): void {
  seen.gone.add(key);
}
