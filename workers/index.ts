// The whole system as one Worker, for `wrangler dev`: every part re-exported, nothing else. What is
// deployed are the parts, each from its own folder.

export { Origin } from "../origin/index.ts";
export { AuditLog, default, Lane, Shard, Stream } from "./edge/index.ts";
export { Bank, TestBank } from "./testbank/index.ts";
export { CardBox, CardLimiter, Vault } from "./vault/index.ts";
