// Everything a Worker needs to be told, under the names of the wrangler.toml files, and which of it
// each Worker may know: the vault's keys are in no other Worker's list.

import type { Secrets } from "./secrets.ts";

export type Databases = {
  /** The primaries, as who owns them. */
  us: string;
  eu: string;
  /** The primaries as the origins are let in, where that is not as who owns them. */
  originUs?: string | undefined;
  originEu?: string | undefined;
  /** Copies of the other region's ledger, where there are any: `usOfEu` lies in us. */
  usOfEu?: string | undefined;
  euOfUs?: string | undefined;
};

export type DemoKeys = { account: string; secret: string; publishable: string };

export type Bindings = Record<string, string>;

export const BINDINGS_OF_WORKER = {
  "workers/edge": [
    "API_KEY_SECRET",
    "REQUEST_MAC_SECRET",
    "EDGE_SIGNING_KEY",
    "NOTICE_KEY",
    "WEBHOOK_ROOT_SECRET",
    "DEMO_SECRET_KEY",
    "DEMO_PUBLISHABLE_KEY",
  ],
  "workers/vault": [
    "CARD_ROOT_KEY",
    "FINGERPRINT_ROOT_KEY",
    "SEALED_CARD_KEYS",
    "PROCESSOR_KEY",
    "VAULT_SIGNING_KEY",
  ],
  origin: [
    "EDGE_VERIFY_KEYS",
    "VAULT_VERIFY_KEYS",
    "LEDGER_SIGNING_KEY",
    "DATABASE_URL_US",
    "DATABASE_URL_EU",
    "REPLICA_URL_US_EU",
    "REPLICA_URL_EU_US",
    "SQL_ENDPOINT",
  ],
  "workers/testbank": ["PROCESSOR_KEY", "NOTICE_KEY", "NOTICE_URL"],
} as const satisfies Record<string, readonly string[]>;

export const BINDING_NAMES: readonly string[] = Object.values(BINDINGS_OF_WORKER).flat();

export function bindings(secrets: Secrets, databases: Databases, sqlEndpoint: string): Bindings {
  const { POSTGRES_PASSWORD: _, ORIGIN_PASSWORD: __, ...workerSecrets } = secrets;
  return {
    ...workerSecrets,
    DATABASE_URL_US: databases.originUs ?? databases.us,
    DATABASE_URL_EU: databases.originEu ?? databases.eu,
    // For the operator's commands, and no Worker.
    OWNER_URL_US: databases.us,
    OWNER_URL_EU: databases.eu,
    REPLICA_URL_US_EU: databases.usOfEu ?? "",
    REPLICA_URL_EU_US: databases.euOfUs ?? "",
    SQL_ENDPOINT: sqlEndpoint,
  };
}

export function withDemo(given: Bindings, demo: DemoKeys): Bindings {
  return { ...given, DEMO_SECRET_KEY: demo.secret, DEMO_PUBLISHABLE_KEY: demo.publishable };
}
