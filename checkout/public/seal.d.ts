// The types of seal.js.

import type { Card } from "./checkout.js";

/** What GET /v1/vault/keys answers. */
export interface KeySet {
  keys: { kid: string; kty: string; crv: string; x: string; y: string }[];
  time: number;
}

export function sealCard(options: {
  publishableKey: string;
  card: Card;
  keySet: KeySet;
}): Promise<string>;
