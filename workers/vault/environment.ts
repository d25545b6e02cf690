// What the vault is given. No other Worker's configuration names CARD_BOX, PROCESSOR or these secrets.

import type { CardBox, CardBoxEnv } from "../../durable-objects/card-box.ts";

export type VaultEnv = CardBoxEnv & {
  readonly CARD_BOX: DurableObjectNamespace<CardBox>;
  /** The card processor, spoken to over HTTP. */
  readonly PROCESSOR: Fetcher;
  readonly PROCESSOR_KEY: string;
  /** Base64url, 32 bytes: the root that the accounts' card keys are derived from. */
  readonly CARD_ROOT_KEY: string;
  /** Base64url, 32 bytes: the root that the accounts' fingerprint keys are derived from. */
  readonly FINGERPRINT_ROOT_KEY: string;
};
