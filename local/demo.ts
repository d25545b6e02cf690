// The demo merchant and `<home>/keys.json`, which tells scripts and people where Tessera listens and
// with which keys. The merchant is made once, through the API like any other; when its key is no
// longer accepted (the databases were deleted) another one is made.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";
import type { DemoKeys } from "./bindings.ts";
import type { Secrets } from "./secrets.ts";

export type Keys = { url: string; platform: { secret: string }; demo: DemoKeys };

/** A cold Worker, a cold database: the first call is the slowest. */
const CALL_MS_MAX = 30_000;

/** The demo merchant of an earlier start, if there is one. */
export function knownDemo(home: string): DemoKeys | undefined {
  const path = join(home, "keys.json");
  if (!existsSync(path)) return undefined;
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as Partial<Keys>).demo;
  } catch {
    return undefined;
  }
}

export async function seedDemo(home: string, url: string, secrets: Secrets): Promise<Keys> {
  const kind = { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT } as const;
  const platform = { secret: await mintApiKey(kind, secrets.API_KEY_SECRET) };
  const known = knownDemo(home);
  const demo = known !== undefined && (await works(url, known)) ? known : await make(url, platform);
  const keys = { url, platform, demo };
  save(home, keys);
  return keys;
}

async function works(url: string, { secret }: DemoKeys): Promise<boolean> {
  const { status } = await call(`${url}/v1/balance`, secret, "GET");
  return status !== 401;
}

async function make(url: string, platform: { secret: string }): Promise<DemoKeys> {
  const response = await call(`${url}/v1/accounts`, platform.secret, "POST");
  const text = await response.text();
  if (!response.ok) throw new Error(`The demo account was refused (${response.status}): ${text}`);
  const { id, keys } = JSON.parse(text) as {
    id: string;
    keys: { secret: string; publishable: string };
  };
  return { account: id, secret: keys.secret, publishable: keys.publishable };
}

function call(url: string, key: string, method: string): Promise<Response> {
  return fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(CALL_MS_MAX),
  });
}

function save(home: string, keys: Keys): void {
  const path = join(home, "keys.json");
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, path);
}
