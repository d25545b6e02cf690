// Callers whom authentication refused, counted in this isolate and told to the region's audit log together,
// so that an attack costs one call a second and isolate. What an isolate counted in its last second is lost
// with it.

import type { RefusedCallers } from "../../durable-objects/audit-log.ts";
import { keyPrefixOf } from "../../protocol/api-key.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { EdgeEnv } from "./environment.ts";
import { nearestTo } from "./reading.ts";

const TELL_MS = 1_000;
/** Kinds an isolate holds; further ones wait for the next second uncounted, as attackers are not owed memory. */
const KINDS_MAX = 200;

const AUTHENTICATION = new Set<Failure["kind"]>([
  "key_missing",
  "key_invalid",
  "key_publishable",
  "key_secret_in_browser",
  "key_not_platform",
  "permission_missing",
]);

const counts = new Map<string, Omit<RefusedCallers, "count"> & { count: number }>();
let telling = false;

/** Counts a refusal if it is one of authentication; `key` is the key as sent. */
export function countRefused(
  failure: Failure,
  request: Request,
  key: string | undefined,
  env: EdgeEnv,
  context: { waitUntil(work: Promise<unknown>): void },
): void {
  if (!AUTHENTICATION.has(failure.kind)) return;
  const kind = {
    result: failure.kind,
    key_prefix: keyPrefixOf(key),
    ip_prefix: ipPrefixOf(request.headers.get("cf-connecting-ip")),
  };
  const name = Object.values(kind).join(" ");
  const known = counts.get(name);
  if (known !== undefined) known.count++;
  else if (counts.size < KINDS_MAX) counts.set(name, { ...kind, count: 1 });
  if (telling) return;
  telling = true;
  const { continent } = (request.cf ?? {}) as { continent?: string };
  context.waitUntil(tell(env, nearestTo(continent)));
}

async function tell(env: EdgeEnv, region: string): Promise<void> {
  await scheduler.wait(TELL_MS);
  telling = false;
  const told = [...counts.values()];
  counts.clear();
  try {
    await env.AUDIT_LOG.getByName(region).count(told);
  } catch {
    console.error("refused callers were not counted", told.length);
  }
}

/** The network of an address: 24 bits of IPv4, 48 of IPv6. */
function ipPrefixOf(address: string | null): string {
  if (address === null) return "unknown";
  const four = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address);
  if (four !== null) return `${four[1]}.0/24`;
  if (!/^[0-9a-f:.]{2,45}$/i.test(address)) return "unknown";
  const groups = (address.split("::")[0] ?? "").split(":").slice(0, 3);
  return `${groups.join(":")}::/48`;
}
