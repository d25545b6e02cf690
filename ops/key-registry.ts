// Every key and credential of Tessera in one list: what it is, what for, who holds it, how long it may be
// used and how it is changed (PCI DSS 4.0.1: 3.6.1.1 and 12.3.3). docs/keys.md is made from it, and a test
// holds both against the [secrets] of every wrangler.toml. Periods follow NIST SP 800-57 Part 1 Rev. 5,
// table 1, or are shorter.

/** Where a key lies: a Worker, or outside of all of them. */
export type Holder =
  | "edge"
  | "vault"
  | "testbank"
  | "origin"
  | "operator"
  | "merchant"
  | "one machine";

/** Who answers for a key: never the same person for a key and for the data behind it. */
export type Custodian =
  | "security officer"
  | "database administrator"
  | "processor"
  | "merchant"
  | "developer";

export type Rotation =
  /** A list of versions with commas between, the current one first; `keep` is how long the old one stays. */
  | { readonly kind: "versions"; readonly keep: string }
  /** As versions, in a JSON list of private keys that the vault publishes the first of. */
  | { readonly kind: "list"; readonly keep: string }
  /** A private key, whose public half is in the JWKS `verifiers` before it signs. */
  | { readonly kind: "pair"; readonly verifiers: string; readonly keep: string }
  /** One at a time, given out by somebody else, who lets the old one stand beside the new for a while. */
  | { readonly kind: "issued"; readonly by: string; readonly keep: string }
  /** Connection strings with spaces between: the first that the database admits is used. */
  | { readonly kind: "credentials" }
  /** Public, or made of another key: changes with it. */
  | { readonly kind: "follows"; readonly of: string }
  /** Roots by version; what lies under the old one is moved by `npm run keys -- <step>`. */
  | { readonly kind: "roots"; readonly minimum: string; readonly step: string };

export type RegisteredKey = {
  /** Its name in `[secrets]`, or what people call it. */
  readonly name: string;
  readonly algorithm: string;
  /** Security strength, NIST SP 800-57 Part 1, table 2; 0 for what is public or names something. */
  readonly strengthBits: 0 | 112 | 128 | 256;
  readonly use: string;
  readonly holders: readonly Holder[];
  readonly custodian: Custodian;
  /** Days of use; undefined where the period is that of another key. */
  readonly cryptoperiodDays: number | undefined;
  readonly rotation: Rotation;
  /** Set only where something is used that needs it, so it is not in `[secrets]`: what that is. */
  readonly neededBy?: string;
  /** Day of the last rotation in production, where this list is kept for one: `2026-11-22`. */
  readonly rotatedOn?: string;
};

/** What is kept so is never taken away: it vouches for what was signed with it. */
export const FOR_EVER = "for ever";
const YEAR_DAYS = 365;
const QUARTER_DAYS = 90;

const database = (name: string, use: string): RegisteredKey => ({
  name,
  algorithm: "SCRAM-SHA-256 over TLS",
  strengthBits: 128,
  use,
  holders: ["origin"],
  custodian: "database administrator",
  cryptoperiodDays: QUARTER_DAYS,
  rotation: { kind: "credentials" },
});

export const KEYS: readonly RegisteredKey[] = [
  {
    name: "API_KEY_SECRET",
    algorithm: "HMAC-SHA-256, 128 bits kept (RFC 2104)",
    strengthBits: 128,
    use: "makes and checks the API keys of merchants and of the platform",
    holders: ["edge"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: { kind: "versions", keep: "until every merchant uses keys made under the new one" },
  },
  {
    name: "REQUEST_MAC_SECRET",
    algorithm: "HMAC-SHA-256, 128 bits kept (RFC 2104)",
    strengthBits: 128,
    use: "MACs the parameters of requests, to tell a retry from another request under its key",
    holders: ["edge"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "versions",
      keep: "for as long as a retry may come: keys of charges and refunds stand for ever, others 40 days",
    },
  },
  {
    name: "WEBHOOK_ROOT_SECRET",
    algorithm: "HKDF-Expand with SHA-256 (RFC 5869) to HMAC-SHA-256, 192 bits kept",
    strengthBits: 128,
    use: "root of the secrets that deliveries to webhook endpoints are signed with",
    holders: ["edge"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "versions",
      keep: "until every endpoint made under it is gone or has had its secret rolled; deliveries are signed under both",
    },
  },
  {
    name: "EDGE_SIGNING_KEY",
    algorithm: "EdDSA, Ed25519 (RFC 8032, RFC 8037)",
    strengthBits: 128,
    use: "signs the edge's requests to the origins",
    holders: ["edge"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "pair",
      verifiers: "EDGE_VERIFY_KEYS",
      keep: "two minutes after the last edge that signs with it is gone",
    },
  },
  {
    name: "EDGE_VERIFY_KEYS",
    algorithm: "EdDSA, Ed25519, public",
    strengthBits: 0,
    use: "checks the edge's requests",
    holders: ["origin"],
    custodian: "security officer",
    cryptoperiodDays: undefined,
    rotation: { kind: "follows", of: "EDGE_SIGNING_KEY" },
  },
  {
    name: "VAULT_SIGNING_KEY",
    algorithm: "EdDSA, Ed25519 (RFC 8032, RFC 8037)",
    strengthBits: 128,
    use: "signs what card boxes add to the audit log",
    holders: ["vault"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "pair",
      verifiers: "VAULT_VERIFY_KEYS",
      keep: "two minutes after the last vault that signs with it is gone",
    },
  },
  {
    name: "VAULT_VERIFY_KEYS",
    algorithm: "EdDSA, Ed25519, public",
    strengthBits: 0,
    use: "checks what card boxes add to the audit log",
    holders: ["origin"],
    custodian: "security officer",
    cryptoperiodDays: undefined,
    rotation: { kind: "follows", of: "VAULT_SIGNING_KEY" },
  },
  {
    name: "LEDGER_SIGNING_KEY",
    algorithm: "EdDSA, Ed25519 (RFC 8032, RFC 8037)",
    strengthBits: 128,
    use: "signs checkpoints of the ledger",
    holders: ["origin"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "pair",
      verifiers: "LEDGER_VERIFY_KEYS",
      keep: FOR_EVER,
    },
  },
  {
    name: "LEDGER_VERIFY_KEYS",
    algorithm: "EdDSA, Ed25519, public",
    strengthBits: 0,
    use: "checks checkpoints (`npm run verify`)",
    holders: ["operator"],
    custodian: "security officer",
    cryptoperiodDays: undefined,
    rotation: { kind: "follows", of: "LEDGER_SIGNING_KEY" },
  },
  {
    name: "CARD_ROOT_KEY",
    algorithm: "HKDF-SHA-256 (RFC 5869) to AES-256-GCM (NIST SP 800-38D)",
    strengthBits: 256,
    use: "root of the accounts' keys that wrap the data keys of card numbers",
    holders: ["vault"],
    custodian: "security officer",
    cryptoperiodDays: QUARTER_DAYS,
    rotation: { kind: "roots", minimum: "CARD_KEY_MINIMUM", step: "rewrap" },
  },
  {
    name: "FINGERPRINT_ROOT_KEY",
    algorithm: "HKDF-SHA-256 (RFC 5869) to HMAC-SHA-256",
    strengthBits: 256,
    use: "root of the accounts' keys that fingerprint card numbers (PCI DSS 3.5.1.1)",
    holders: ["vault"],
    custodian: "security officer",
    cryptoperiodDays: QUARTER_DAYS,
    rotation: {
      kind: "roots",
      minimum: "FINGERPRINT_KEY_MINIMUM",
      step: "rewrap --fingerprint",
    },
  },
  {
    name: "SEALED_CARD_KEYS",
    algorithm: "ECDH-ES over P-256 (RFC 7518 §4.6) to AES-256-GCM",
    strengthBits: 128,
    use: "opens cards that browsers have sealed to its public half (`GET /v1/vault/keys`)",
    holders: ["vault"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "list",
      keep: "a quarter of an hour: browsers keep the keys for five minutes, a seal opens for ten",
    },
  },
  {
    name: "PROCESSOR_KEY",
    algorithm: "bearer of 256 random bits; HMAC-SHA-256 for the bank's fingerprints",
    strengthBits: 256,
    use: "admits the vault at the processor",
    holders: ["vault", "testbank"],
    custodian: "processor",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "versions",
      keep: "until nothing that was asked under it can be asked again (a day)",
    },
  },
  {
    name: "NOTICE_KEY",
    algorithm: "HMAC-SHA-256 (RFC 2104)",
    strengthBits: 256,
    use: "signs what the processor tells by itself, and lets it in at the edge",
    holders: ["edge", "testbank"],
    custodian: "processor",
    cryptoperiodDays: YEAR_DAYS,
    rotation: {
      kind: "versions",
      keep: "five minutes: each delivery of a notice is signed anew",
    },
  },
  {
    name: "CHALLENGE_SECRET",
    algorithm: "bearer, made by Cloudflare Turnstile",
    strengthBits: 128,
    use: "admits the edge where proofs of a passed challenge are verified",
    holders: ["edge"],
    custodian: "security officer",
    cryptoperiodDays: YEAR_DAYS,
    rotation: { kind: "issued", by: "Turnstile", keep: "two hours" },
    neededBy: "challenges to visitors of live mode",
  },
  {
    name: "TRANSIT_SECRET_ID",
    algorithm: "bearer, a random UUID of 122 bits; with the AppRole that TRANSIT_ROLE_ID names",
    strengthBits: 112,
    use: "admits the vault at the transit engine, which gives it tokens that end by themselves",
    holders: ["vault"],
    custodian: "security officer",
    cryptoperiodDays: QUARTER_DAYS,
    rotation: {
      kind: "issued",
      by: "Vault or OpenBao",
      keep: "until it is destroyed by its accessor",
    },
    neededBy: "`KEY_PROVIDER=transit`",
  },
  {
    name: "TRANSIT_TOKEN",
    algorithm: "bearer of at least 128 random bits, instead of an AppRole",
    strengthBits: 128,
    use: "admits the vault at the transit engine",
    holders: ["vault"],
    custodian: "security officer",
    cryptoperiodDays: QUARTER_DAYS,
    rotation: { kind: "issued", by: "Vault or OpenBao", keep: "until it is revoked" },
    neededBy: "`KEY_PROVIDER=transit` without an AppRole",
  },
  database("DATABASE_URL_US", "admits the origin in us at its primary"),
  database("DATABASE_URL_EU", "admits the origin in eu at its primary"),
  database("REPLICA_URL_US_EU", "admits the origin in us at its copy of eu, read only"),
  database("REPLICA_URL_EU_US", "admits the origin in eu at its copy of us, read only"),
  {
    name: "API keys",
    algorithm: "MAC of API_KEY_SECRET over kind, mode, account and serial",
    strengthBits: 128,
    use: "admit a merchant or the platform at the edge",
    holders: ["merchant", "operator"],
    custodian: "merchant",
    cryptoperiodDays: undefined,
    rotation: { kind: "follows", of: "API_KEY_SECRET" },
  },
  {
    name: "DEMO_SECRET_KEY",
    algorithm: "an API key",
    strengthBits: 128,
    use: "the demo shop's merchant",
    holders: ["one machine"],
    custodian: "developer",
    cryptoperiodDays: undefined,
    rotation: { kind: "follows", of: "API_KEY_SECRET" },
  },
  {
    name: "DEMO_PUBLISHABLE_KEY",
    algorithm: "an API key",
    strengthBits: 128,
    use: "the demo shop's page",
    holders: ["one machine"],
    custodian: "developer",
    cryptoperiodDays: undefined,
    rotation: { kind: "follows", of: "API_KEY_SECRET" },
  },
];

/** What stands in `[secrets]` only to be kept out of the configuration, and is no key. */
export const NO_KEYS: readonly string[] = ["SQL_ENDPOINT"];

/** The key of this name. */
export const keyNamed = (name: string): RegisteredKey | undefined =>
  KEYS.find((key) => key.name === name);

/** The steps of a rotation, each a deployment after which everything works. */
export function stepsOf({ name, holders, rotation }: RegisteredKey): readonly string[] {
  switch (rotation.kind) {
    case "versions":
    case "list": {
      const where = holders.join(", ");
      return [
        `${where}: \`old,new\`, so that every instance accepts both`,
        `${where}: \`new,old\`, so that what is made is made with the new one`,
        `${where}: \`new\`; the old one is kept ${rotation.keep}`,
      ];
    }
    case "pair": {
      const where = holders.join(", ");
      return [
        `${rotation.verifiers}: add the public half of the new key`,
        `${where}: the new private key as ${name}`,
        rotation.keep === FOR_EVER
          ? `${rotation.verifiers}: nothing; the old public half is kept for ever, for what it signed`
          : `${rotation.verifiers}: take the old public half away; it is kept ${rotation.keep}`,
      ];
    }
    case "issued": {
      const { by, keep } = rotation;
      return [
        `${by}: have a new one made; the old one stands ${keep}`,
        `${holders.join(", ")}: the new one as ${name}`,
        `${by}: see that the old one is taken back`,
      ];
    }
    case "credentials":
      return [
        "database: make a second login role and grant it `tessera_origin`",
        `origin: ${name} as \`new old\`, two connection strings with a space between`,
        "database: take the old role's login away, and then its connection string",
      ];
    case "follows":
      return [`with ${rotation.of}`];
    case "roots":
      return [
        `vault: \`1:old,2:new\`, so that every instance knows both`,
        `vault: \`2:new,1:old\`, so that new cards are under the new one`,
        `operator: \`npm run keys -- ${rotation.step}\` until \`status\` says that nothing is behind`,
        `vault: \`${rotation.minimum}=2\`, so that the old one opens nothing`,
        "vault: `2:new`; the old one is kept off line for as long as old copies may be needed",
      ];
  }
}
