// What the edge is given. It holds no card key and no processor; a test holds that against its bundle.

import type { AuditLog } from "../../durable-objects/audit-log.ts";
import type { Shard, ShardEnv } from "../../durable-objects/shard.ts";
import type { Stream, StreamEnv } from "../../durable-objects/stream.ts";
import type { VaultVerbs } from "../../protocol/vault.ts";

/** Without the shard's way to the vault, though its object lives in the same Worker. */
export type EdgeEnv = Omit<ShardEnv, "SHARD_VAULT"> &
  StreamEnv & {
    /** The vault as the edge may call it. */
    readonly VAULT: Service<
      Pick<
        VaultVerbs,
        | "tokenize"
        | "sealingKeys"
        | "tokenizeSealed"
        | "describe"
        | "authenticate"
        | "answerChallenge"
        | "keys"
        | "respond"
      > &
        Rpc.WorkerEntrypointBranded
    >;
    readonly SHARD: DurableObjectNamespace<Shard>;
    readonly AUDIT_LOG: DurableObjectNamespace<AuditLog>;
    readonly STREAM: DurableObjectNamespace<Stream>;
    /** Base64url, 32 bytes: MACs the API keys. */
    readonly API_KEY_SECRET: string;
    /** Base64url, 32 bytes: MACs request parameters, so that a reused key can be told from a retry. */
    readonly REQUEST_MAC_SECRET: string;
    /** Versions with commas between: what the processor tells by itself is signed with one of them. */
    readonly NOTICE_KEY: string;
    /** "open" where a live processor is bound. */
    readonly LIVE_MODE?: string;
    /** Of the challenge that a visitor may pass (Turnstile); without it no proof is taken. */
    readonly CHALLENGE_SECRET?: string;
    /** Where proofs are verified, if not at Cloudflare. */
    readonly CHALLENGE_URL?: string;
    /** Keys of the demo account; only a local system has them. */
    readonly DEMO_SECRET_KEY?: string;
    readonly DEMO_PUBLISHABLE_KEY?: string;
  };

const SECRETS = [
  "API_KEY_SECRET",
  "REQUEST_MAC_SECRET",
  "EDGE_SIGNING_KEY",
  "NOTICE_KEY",
  "WEBHOOK_ROOT_SECRET",
] as const;

/** The first secret that is not there, so that the operator is told its name and not a stack. */
export const missingSecret = (env: Partial<EdgeEnv>): string | undefined =>
  SECRETS.find((name) => !env[name]);
