// What an origin is given: its region's database, the copies it keeps of others, and the public keys
// of those who may ask, and the key that signs where the ledger stands. In the composite both regions share one environment and the binding's props
// say which is meant; a deployed origin has a REGION of its own and props cannot change it.

import type { Region } from "../protocol/slot.ts";

export type OriginEnv = {
  readonly REGION?: Region;
  readonly EDGE_VERIFY_KEYS: string;
  /** JWKS of those who may add to the vault's audit streams. */
  readonly VAULT_VERIFY_KEYS: string;
  /** Private Ed25519 JWK: signs checkpoints. */
  readonly LEDGER_SIGNING_KEY: string;
  readonly DATABASE_URL_US?: string;
  readonly DATABASE_URL_EU?: string;
  /** The copy kept in the US of the ledger whose home is the EU, and the other way round. */
  readonly REPLICA_URL_US_EU?: string;
  readonly REPLICA_URL_EU_US?: string;
  /** Where a local stand-in for Neon answers; empty when the databases are Neon's own. */
  readonly SQL_ENDPOINT?: string;
};

/** The connection string of a region's primary, or undefined when this origin has none. */
export function primaryUrl(env: OriginEnv, region: Region): string | undefined {
  return (region === "us" ? env.DATABASE_URL_US : env.DATABASE_URL_EU) || undefined;
}

/** The connection string of the copy that `region` keeps of `home`'s ledger. */
export function replicaUrl(env: OriginEnv, region: Region, home: Region): string | undefined {
  if (region === home) return undefined;
  return (region === "us" ? env.REPLICA_URL_US_EU : env.REPLICA_URL_EU_US) || undefined;
}
