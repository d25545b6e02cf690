// What the vault is given. No other Worker's configuration names CARD_BOX, PROCESSOR or these secrets.

import type { CardBox } from "../../durable-objects/card-box.ts";
import type { KeyEnvironment } from "./key-configuration.ts";

export type VaultEnv = KeyEnvironment & {
  readonly CARD_BOX: DurableObjectNamespace<CardBox>;
  /** The card processor, spoken to over HTTP. */
  readonly PROCESSOR: Fetcher;
  readonly PROCESSOR_KEY: string;
};
