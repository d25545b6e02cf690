// Many merchants at once, written into a ledger without asking the API for each: their accounts, and
// for each one customer that keeps a card.

import type pg from "pg";
import type { Command, CreateAccount, SaveCustomer, Scope } from "../../protocol/command.ts";
import type { CustomerId } from "../../protocol/ids.ts";
import { slotOf } from "../../protocol/slot.ts";
import { apply, CARD, mint, mintAccount, saving, token, wordOf } from "../ledger/region.ts";

/** As many as a shard sends at once. */
const BATCH_COMMANDS = 400;

export type Owner = Scope & { readonly customer: CustomerId };

/** Accounts that are not there yet, of such slots as are accepted. */
function accountsToBe(count: number, accepts: (slot: number) => boolean): CreateAccount[] {
  const made: CreateAccount[] = [];
  while (made.length < count) {
    const account = mintAccount();
    const slot = slotOf(account);
    if (!accepts(slot)) continue;
    made.push({ kind: "create_account", account, livemode: false, id: account, slot });
  }
  return made;
}

async function applyAll(client: pg.Client, commands: readonly Command[]): Promise<void> {
  for (let from = 0; from < commands.length; from += BATCH_COMMANDS) {
    const verdicts = await apply(client, commands.slice(from, from + BATCH_COMMANDS));
    const bad = verdicts.find((verdict) => verdict.outcome !== "done");
    if (bad !== undefined) throw new Error(`A merchant was not made: ${wordOf(bad)}`);
  }
}

/** Makes merchants whose slots are accepted, each with a customer that keeps a card. */
export async function makeOwners(
  client: pg.Client,
  count: number,
  accepts: (slot: number) => boolean = () => true,
): Promise<Owner[]> {
  const accounts = accountsToBe(count, accepts);
  await applyAll(client, accounts);
  const customers = accounts.map(
    ({ account, livemode }): SaveCustomer =>
      saving({ account, livemode }, { token: token(), card: CARD, card_id: mint.mint("card") }),
  );
  await applyAll(client, customers);
  return customers.map(({ account, livemode, id }) => ({ account, livemode, customer: id }));
}
