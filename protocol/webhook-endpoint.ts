// A webhook endpoint: what it holds, what may become of it, and how it looks on the wire. Decisions are pure;
// what they give is saved on the version they were made on (docs/decisions/0021).

import type { Scope } from "./command.ts";
import type { Document, ObjectFacts } from "./facts.ts";
import { mergedMetadata } from "./metadata.ts";
import { metadataOf, type StripeObject } from "./object.ts";

/** The codes of its entries, see event.ts. */
export const ENDPOINT_CREATED = 70;
export const ENDPOINT_UPDATED = 71;
export const ENDPOINT_DELETED = 72;
export const ENDPOINT_DISABLED = 73;

/** As many as Stripe allows an account in each mode. */
export const ENDPOINTS_MAX = 16;
/** How long the secret before may be signed with beside a new one; Stripe's limit. */
export const OVERLAP_SECONDS_MAX = 24 * 60 * 60;

/** What an endpoint's document holds; fields that are not set are left out. */
export type EndpointDocument = Document & {
  readonly url: string;
  /** Names of public events, or `*` alone. */
  readonly enabled_events: readonly string[];
  readonly ordered: boolean;
  /** Counts the secrets it has had, from 1; none is stored. */
  readonly secret_version: number;
  /** Unix seconds until which the secret before is signed with too. */
  readonly former_secret_until?: number;
  /** By whom it is switched off: the merchant, or Tessera after three days in which nothing succeeded. */
  readonly disabled?: "merchant" | "failing";
  readonly description?: string;
  readonly api_version?: string;
  readonly metadata?: { readonly [name: string]: string };
};

/** What a request sets; undefined leaves as it is, null unsets. */
export type EndpointFields = {
  readonly url?: string | undefined;
  readonly enabled_events?: readonly string[] | undefined;
  readonly ordered?: boolean | undefined;
  readonly description?: string | null | undefined;
  readonly disabled?: boolean | undefined;
  readonly api_version?: string | undefined;
  /** A null value unsets its name, null all of them. */
  readonly metadata?: Readonly<Record<string, string | null>> | null | undefined;
};

export const endpointDocumentOf = (facts: ObjectFacts): EndpointDocument | undefined =>
  facts.document === null ? undefined : (facts.document as EndpointDocument);

/** A new endpoint. */
export const newEndpointDocument = (
  fields: EndpointFields & Required<Pick<EndpointFields, "url" | "enabled_events">>,
): EndpointDocument =>
  changedEndpoint(
    { url: "", enabled_events: [], ordered: false, secret_version: 1 },
    { ...fields, disabled: undefined },
  );

/** What becomes of an endpoint when a merchant sets these. */
export function changedEndpoint(
  {
    url,
    enabled_events,
    ordered,
    description,
    metadata,
    disabled,
    api_version,
    ...rest
  }: EndpointDocument,
  f: EndpointFields,
): EndpointDocument {
  const described = f.description === undefined ? description : f.description;
  const version = f.api_version ?? api_version;
  const merged = mergedMetadata(metadata, f.metadata);
  const off = f.disabled === undefined ? disabled : f.disabled ? (disabled ?? "merchant") : null;
  return {
    ...rest,
    url: f.url ?? url,
    enabled_events: f.enabled_events ?? enabled_events,
    ordered: f.ordered ?? ordered,
    ...(described == null ? {} : { description: described }),
    ...(version === undefined ? {} : { api_version: version }),
    ...(off == null ? {} : { disabled: off }),
    ...(Object.keys(merged).length === 0 ? {} : { metadata: merged }),
  };
}

/** An endpoint with a new secret; the one before is signed with until then (unix seconds). */
export const rolledEndpoint = (
  { former_secret_until: _, ...document }: EndpointDocument,
  nowSeconds: number,
  overlapSeconds: number,
): EndpointDocument => ({
  ...document,
  secret_version: document.secret_version + 1,
  ...(overlapSeconds === 0 ? {} : { former_secret_until: nowSeconds + overlapSeconds }),
});

/** An endpoint at which nothing has succeeded for three days. */
export const failingEndpoint = (document: EndpointDocument): EndpointDocument => ({
  ...document,
  disabled: "failing",
});

/** On the wire. `ordered`, `disabled_reason` and `former_secret_expires_at` are Tessera's own. */
export function webhookEndpointObject(
  { id, created, document }: ObjectFacts,
  scope: Scope,
): StripeObject | undefined {
  if (document === null) return undefined;
  const d = document as EndpointDocument;
  return {
    id,
    object: "webhook_endpoint",
    api_version: d.api_version ?? null,
    application: null,
    created,
    description: d.description ?? null,
    disabled_reason: d.disabled ?? null,
    enabled_events: d.enabled_events,
    former_secret_expires_at: d.former_secret_until ?? null,
    livemode: scope.livemode,
    metadata: metadataOf(d.metadata ?? {}),
    ordered: d.ordered,
    status: d.disabled === undefined ? "enabled" : "disabled",
    url: d.url,
  };
}
