// The whole system to be measured: workerd, the load generator, and merchants. It runs twice in one
// workerd. `tessera` is the system as it is. In `tessera-instant` one binding differs: its vault approves
// every order at once, in process, so that the processor is not what is measured; shards, origins,
// signatures and PostgreSQL are the real ones. Each has merchants and slots of its own, so that no shard
// of one ever drives what a shard of the other opened.

import type { Platform } from "../../local/platform.ts";
import { withSession } from "../../local/session.ts";
import { mintApiKey } from "../../protocol/api-key.ts";
import { homeOf, slotOf } from "../../protocol/slot.ts";
import { type Copy, copyOf } from "./copy.ts";
import { makeOwners, type Owner } from "./crowd.ts";
import { type Load, startLoad } from "./load.ts";
import { HOME, type Merchant, makeMerchant } from "./merchants.ts";
import { type Runtime, startRuntime } from "./runtime.ts";

/** A merchant of the instant system. */
export type Instant = Owner & { readonly secret: string };

export type System = {
  readonly runtime: Pick<Runtime, "composite" | "instant" | "floor">;
  readonly load: Load;
  readonly hot: Merchant;
  readonly instant: {
    readonly hot: Instant;
    /** Merchants of nearly as many shards. */
    readonly crowd: readonly Instant[];
    /** As many merchants of one shard. */
    readonly house: readonly Instant[];
  };
  /** The other region's copy of the ledger that is measured. */
  readonly copy: Copy;
  /** Charges that were answered with success, for the audit. */
  captured: number;
  close(): Promise<void>;
};

/** Higher than any rate here, so that the shard's token bucket is never what is measured. */
const RATE_PER_SECOND = "1000000";

export async function startSystem(
  home: string,
  platform: Platform,
  crowdMerchants: number,
): Promise<System> {
  const runtime = await startRuntime(home, { ...platform.bindings, RATE_PER_SECOND });
  const load = startLoad();
  const close = async () => {
    await load.stop();
    await runtime.stop();
  };
  try {
    const secret = platform.bindings["API_KEY_SECRET"] ?? "";
    const hot = await makeMerchant(runtime.composite, secret);
    const instant = await makeInstant(
      platform.urls[HOME],
      secret,
      slotOf(hot.account),
      crowdMerchants,
    );
    const copy = copyOf(platform.urls);
    return { runtime, load, hot, instant, copy, captured: 0, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeInstant(
  url: string,
  apiKeySecret: string,
  taken: number,
  crowdMerchants: number,
): Promise<System["instant"]> {
  const free = (slot: number) => homeOf(slot) === HOME && slot !== taken;
  const owners = await withSession(url, async (client) => {
    const [hot, first] = await makeOwners(client, 2, free);
    if (hot === undefined || first === undefined) throw new Error("No merchant was made");
    const slot = slotOf(first.account);
    const other = (one: number) => free(one) && one !== slot && one !== slotOf(hot.account);
    const crowd = await makeOwners(client, crowdMerchants, other);
    const house = await makeOwners(client, crowdMerchants, (one) => one === slot);
    return { hot, crowd, house };
  });
  const withSecret = async (owner: Owner): Promise<Instant> => {
    const { account, livemode } = owner;
    const of = { kind: "secret", livemode, account: account.slice("acct_".length) } as const;
    return { ...owner, secret: await mintApiKey(of, apiKeySecret) };
  };
  return {
    hot: await withSecret(owners.hot),
    crowd: await Promise.all(owners.crowd.map(withSecret)),
    house: await Promise.all(owners.house.map(withSecret)),
  };
}
