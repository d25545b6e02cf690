// Which provider of keys a vault uses, parsed once where its environment comes in.

import { KeyCache } from "./key-cache.ts";
import type { KeyProvider } from "./key-provider.ts";
import { LocalKeyProvider } from "./local-keys.ts";
import { type Minimum, SecretKeyProvider } from "./secret-keys.ts";
import {
  type TransitAuthentication,
  TransitClient,
  type TransitPlace,
  TransitSession,
} from "./transit-client.ts";
import { type KeyShelf, TransitKeyProvider } from "./transit-keys.ts";

/** What the vault's environment says of its keys; see docs/storage.md. */
export type KeyEnvironment = {
  /** `local`, `secret` (when nothing is said) or `transit`. */
  readonly KEY_PROVIDER?: string;
  /** Roots of the card keys and of the fingerprint keys, as `SecretKeyProvider` reads them. */
  readonly CARD_ROOT_KEY: string;
  readonly FINGERPRINT_ROOT_KEY: string;
  /** The lowest version that `local` and `secret` still use; 1 when nothing is said. */
  readonly CARD_KEY_MINIMUM?: string;
  readonly FINGERPRINT_KEY_MINIMUM?: string;
  readonly TRANSIT_ADDRESS?: string;
  /** `transit` when nothing is said. */
  readonly TRANSIT_MOUNT?: string;
  readonly TRANSIT_NAMESPACE?: string;
  /** Either a token, or the two halves of an AppRole. */
  readonly TRANSIT_TOKEN?: string;
  readonly TRANSIT_ROLE_ID?: string;
  readonly TRANSIT_SECRET_ID?: string;
};

export type KeyConfiguration =
  | {
      readonly kind: "local" | "secret";
      readonly cardRoots: string;
      readonly fingerprintRoots: string;
      readonly minimum: Minimum;
    }
  | { readonly kind: "transit"; readonly place: TransitPlace };

/** Throws for an environment that no provider can be made from: nothing works until it is corrected. */
export function parseKeyConfiguration(env: KeyEnvironment): KeyConfiguration {
  const kind = env.KEY_PROVIDER || "secret";
  if (kind === "transit") return { kind, place: placeIn(env) };
  if (kind !== "local" && kind !== "secret") {
    throw new Error("KEY_PROVIDER must be local, secret or transit");
  }
  return {
    kind,
    cardRoots: env.CARD_ROOT_KEY,
    fingerprintRoots: env.FINGERPRINT_ROOT_KEY,
    minimum: {
      card: minimumIn(env.CARD_KEY_MINIMUM),
      fingerprint: minimumIn(env.FINGERPRINT_KEY_MINIMUM),
    },
  };
}

/** Gives the provider for one call of the vault; the shelf is that of the call, made if it is needed. */
export type Keys = (shelfOf: () => KeyShelf) => KeyProvider;

/** What outlives a call (keys, the engine's token) is made here, once for a configuration. */
export function keysOf(configuration: KeyConfiguration): Keys {
  if (configuration.kind === "transit") {
    const { place } = configuration;
    const [cache, session] = [new KeyCache(), new TransitSession()];
    return (shelfOf) => new TransitKeyProvider(new TransitClient(place, session), shelfOf(), cache);
  }
  const { kind, cardRoots, fingerprintRoots, minimum } = configuration;
  const Provider = kind === "local" ? LocalKeyProvider : SecretKeyProvider;
  const provider = new Provider(cardRoots, fingerprintRoots, minimum);
  return () => provider;
}

function placeIn(env: KeyEnvironment): TransitPlace {
  const address = URL.parse(env.TRANSIT_ADDRESS ?? "");
  if (address === null || !/^https?:$/.test(address.protocol)) {
    throw new Error("TRANSIT_ADDRESS must be the URL of the transit engine's server");
  }
  const isOwnMachine = ["127.0.0.1", "localhost", "[::1]"].includes(address.hostname);
  if (address.protocol === "http:" && !isOwnMachine) {
    throw new Error("TRANSIT_ADDRESS must be https: unwrapped keys come from there");
  }
  return {
    address: address.origin,
    mount: env.TRANSIT_MOUNT || "transit",
    namespace: env.TRANSIT_NAMESPACE || undefined,
    authentication: authenticationIn(env),
  };
}

function authenticationIn(env: KeyEnvironment): TransitAuthentication {
  const { TRANSIT_TOKEN: token, TRANSIT_ROLE_ID: roleId, TRANSIT_SECRET_ID: secretId } = env;
  if (roleId && secretId) return { kind: "approle", roleId, secretId };
  if (token) return { kind: "token", token };
  throw new Error("transit needs TRANSIT_ROLE_ID and TRANSIT_SECRET_ID, or TRANSIT_TOKEN");
}

function minimumIn(text: string | undefined): number {
  if (!text) return 1;
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new Error("A minimum key version is a whole number");
  return Number(text);
}
