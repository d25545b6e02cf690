// A merchant's request as the command that opens it at the ledger. A token is looked up in the vault
// first, so that a charge is never opened on a card that is not there.

import type { Command } from "../protocol/command.ts";
import type { CardSummary } from "../protocol/facts.ts";
import type { Failure } from "../protocol/failure.ts";
import type { IdMint, TokenId } from "../protocol/ids.ts";
import { cardIdOfToken } from "../protocol/object.ts";
import { ok, type Result } from "../protocol/result.ts";
import type { Ask, CardSource, ChargeAsk, CustomerAsk } from "../protocol/shard.ts";
import type { VaultVerbs } from "../protocol/vault.ts";

type Vault = Pick<VaultVerbs, "describe">;
type UsableCard = { readonly token: TokenId; readonly card: CardSummary };

export async function opening(
  ask: Exclude<Ask, { kind: "account" }>,
  mint: IdMint,
  vault: Vault,
): Promise<Result<Command, Failure>> {
  switch (ask.kind) {
    case "charge":
      return openCharge(ask, mint, vault);
    case "customer":
      return saveCustomer(ask, mint, vault);
    case "capture":
    case "refund": {
      const { kind, ...rest } = ask;
      const id = kind === "capture" ? mint.mint("op") : mint.mint("re");
      return ok({ ...rest, kind: "open_operation", id, capture: kind === "capture" });
    }
  }
}

async function openCharge(
  ask: ChargeAsk,
  mint: IdMint,
  vault: Vault,
): Promise<Result<Command, Failure>> {
  const { source, kind: _, ...rest } = ask;
  const id = mint.mint("ch");
  if (source.kind === "customer") {
    const { kind: _kind, ...kept } = source;
    return ok({ ...rest, ...kept, kind: "open_charge", id });
  }
  const card = await usableCard(ask, source, vault);
  return card.ok ? ok({ ...rest, ...card.value, kind: "open_charge", id }) : card;
}

async function saveCustomer(
  ask: CustomerAsk,
  mint: IdMint,
  vault: Vault,
): Promise<Result<Command, Failure>> {
  const { change, source, kind: _, ...rest } = ask;
  const command = {
    ...rest,
    kind: "save_customer" as const,
    id: ask.id ?? mint.mint("cus"),
    made: change === "create",
    removed: change === "delete",
  };
  if (source === undefined) return ok(command);
  const card = await usableCard(ask, source, vault);
  if (!card.ok) return card;
  return ok({ ...command, ...card.value, card_id: cardIdOfToken(card.value.token) });
}

async function usableCard(
  { account, livemode }: Ask,
  source: CardSource,
  vault: Vault,
): Promise<Result<UsableCard, Failure>> {
  if (source.kind === "tokenized") return ok({ token: source.token, card: source.card });
  const described = await vault.describe({ account, livemode }, source.text);
  return described.ok
    ? ok({ token: described.value.token, card: described.value.card })
    : described;
}
