// What the vault is given. No other Worker's configuration names CARD_BOX, PROCESSOR or these secrets.

import type { CardBox, CardBoxEnv } from "../../durable-objects/card-box.ts";
import type { CardLimiter } from "../../durable-objects/card-limiter.ts";
import type { KeyEnvironment } from "./key-configuration.ts";

export type VaultEnv = CardBoxEnv &
  KeyEnvironment & {
    readonly CARD_BOX: DurableObjectNamespace<CardBox>;
    readonly CARD_LIMITER: DurableObjectNamespace<CardLimiter>;
    /** "all" where test mode is guarded against card testing too; live mode always is. */
    readonly CARD_GUARD?: string;
    /** The card processor, spoken to over HTTP. */
    readonly PROCESSOR: Fetcher;
    readonly PROCESSOR_KEY: string;
    /** JSON list of private P-256 JWKs with `kid`; cards are sealed to the first, the others still open. */
    readonly SEALED_CARD_KEYS: string;
  };
