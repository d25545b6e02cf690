// What every provider of keys must keep, held by one suite: `local`, `secret`, `transit` at the fake engine,
// and `transit` at a real OpenBao or Vault where VAULT_ADDR and VAULT_TOKEN name one. The shelf is a real card box.

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { slotOf } from "../../protocol/slot.ts";
import { KeyCache } from "../../workers/vault/key-cache.ts";
import type { KeyProvider } from "../../workers/vault/key-provider.ts";
import { LocalKeyProvider } from "../../workers/vault/local-keys.ts";
import { type Belonging, fingerprint, rewrap, seal, unseal } from "../../workers/vault/seal.ts";
import { SecretKeyProvider } from "../../workers/vault/secret-keys.ts";
import { TransitClient, TransitSession } from "../../workers/vault/transit-client.ts";
import { type KeyShelf, TransitKeyProvider } from "../../workers/vault/transit-keys.ts";
import { granted } from "./granted.ts";
import { type Box, rootKey, startRig } from "./rig/start.ts";
import { ROOT_TOKEN, startTransit, type TransitFake } from "./transit-fake.ts";

const VISA = "4242424242424242";
const DOES_NOT_OPEN = { ok: false, failure: "does_not_open" };

const rig = startRig();
let fake: TransitFake;
let to: Belonging;
let other: Belonging;

const account = (): `acct_${string}` => `acct_${randomBytes(8).toString("hex")}`;

/** The shelf of an account, in the box where its cards lie. */
async function shelfOf(of: string): Promise<KeyShelf> {
  const box: Box = await rig.box(slotOf(of as `acct_${string}`));
  return {
    list: (...by) => box.listKeys(...by),
    add: (...by) => box.addKey(...by),
    replace: (...by) => box.replaceKey(...by),
    raise: (...by) => box.raiseKeys(...by),
    drop: (...by) => box.dropKeys(...by),
    clear: (of) => box.clearKeys(of),
  };
}

/** One provider under test, and how its keys are rotated. */
type Subject = {
  readonly name: string;
  /** As in a fresh isolate: nothing remembered. */
  readonly fresh: (of: string) => Promise<KeyProvider>;
  readonly rotate: (of: string) => Promise<void>;
  readonly raise: (of: string) => Promise<void>;
};

function ofRoots(name: string, Provider: typeof SecretKeyProvider): Subject {
  let versions = [1];
  let minimum = 1;
  const roots = () => versions.map((version) => `${version}:${rootKey(version)}`).join(",");
  return {
    name,
    fresh: async () => {
      const of = { card: minimum, fingerprint: 1 };
      return new Provider(roots(), rootKey(99), of);
    },
    rotate: async () => {
      versions = [Math.max(...versions) + 1, ...versions];
    },
    raise: async () => {
      minimum = Math.max(...versions);
    },
  };
}

function ofTransit(name: string, place: () => { address: string; token: string }): Subject {
  const fresh = async (of: string) => {
    const { address, token } = place();
    const at = {
      address,
      mount: "transit",
      namespace: undefined,
      authentication: { kind: "token", token },
    } as const;
    const client = new TransitClient(at, new TransitSession());
    return new TransitKeyProvider(client, await shelfOf(of), new KeyCache());
  };
  return {
    name,
    fresh,
    rotate: async (of) => void granted(await (await fresh(of)).rotate(of, "card")),
    raise: async (of) => void granted(await (await fresh(of)).raise(of, "card")),
  };
}

const { VAULT_ADDR = "", VAULT_TOKEN = "" } = process.env;
const hasReal = VAULT_ADDR !== "" && VAULT_TOKEN !== "";
if (!hasReal) {
  console.warn("transit at a real server: skipped, since VAULT_ADDR and VAULT_TOKEN are not set");
}

const SUBJECTS: readonly Subject[] = [
  ofRoots("local", LocalKeyProvider),
  ofRoots("secret", SecretKeyProvider),
  ofTransit("transit", () => ({ address: fake.address, token: ROOT_TOKEN })),
  ...(hasReal
    ? [ofTransit("transit at a real server", () => ({ address: VAULT_ADDR, token: VAULT_TOKEN }))]
    : []),
];

beforeAll(async () => {
  await rig.start();
  fake = await startTransit();
}, 60_000);
beforeEach(() => {
  to = { account: account(), livemode: false, token: "tok_1" };
  other = { account: account(), livemode: false, token: "tok_1" };
});
afterAll(async () => {
  fake?.stop();
  await rig.stop();
});

describe.each(SUBJECTS)("keys of $name", ({ name, fresh, rotate, raise }) => {
  const isTransit = name.startsWith("transit");

  test("seal a card that another isolate opens", async () => {
    const sealed = granted(await seal(VISA, to, await fresh(to.account)));
    const opened = await unseal(sealed.text, to, await fresh(to.account));
    expect(opened).toEqual({ ok: true, value: VISA });
  });

  test("are made once when many isolates need an account's first key at once", async () => {
    const isolates = await Promise.all(Array.from({ length: 8 }, () => fresh(to.account)));
    const sealed = await Promise.all(isolates.map((keys) => seal(VISA, to, keys)));
    const reader = await fresh(to.account);
    for (const one of sealed) {
      expect(await unseal(granted(one).text, to, reader)).toEqual({ ok: true, value: VISA });
    }
  });

  test("are another account's, another version's and another purpose's own", async () => {
    const keys = await fresh(to.account);
    const { current } = granted(await keys.ring(to.account, "card"));
    const theirs = await fresh(other.account);
    await theirs.ring(other.account, "card");
    const iv = new Uint8Array(12);
    const under = async (by: KeyProvider, of: string, version: number) => {
      const key = granted(await by.key(of, "card", version));
      return crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new Uint8Array(16));
    };
    const ours = Buffer.from(await under(keys, to.account, current));
    expect(Buffer.from(await under(theirs, other.account, current)).equals(ours)).toBe(false);
    await rotate(to.account);
    const next = await fresh(to.account);
    const { current: newer } = granted(await next.ring(to.account, "card"));
    expect(newer).toBe(current + 1);
    expect(Buffer.from(await under(next, to.account, newer)).equals(ours)).toBe(false);
    expect(Buffer.from(await under(next, to.account, current)).equals(ours)).toBe(true);
  });

  test("cannot be taken out as bytes", async () => {
    const keys = await fresh(to.account);
    for (const purpose of ["card", "fingerprint"] as const) {
      const { current } = granted(await keys.ring(to.account, purpose));
      const key = granted(await keys.key(to.account, purpose, current));
      expect(key.extractable).toBe(false);
      await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
    }
  });

  test("make one fingerprint of a card in every isolate, and another in every account", async () => {
    const print = async (of: string) => {
      const keys = await fresh(of);
      const { current } = granted(await keys.ring(of, "fingerprint"));
      return granted(await fingerprint(VISA, of, current, keys));
    };
    const one = await print(to.account);
    expect(one).toMatch(/^[0-9A-Za-z]{16}$/);
    expect(await print(to.account)).toBe(one);
    expect(await print(other.account)).not.toBe(one);
  });

  test("of a version that was never there are no_such_key, and nothing under it opens", async () => {
    const keys = await fresh(to.account);
    const { text } = granted(await seal(VISA, to, keys));
    expect(await keys.key(to.account, "card", 999)).toEqual({
      ok: false,
      failure: { kind: "no_such_key" },
    });
    expect(await unseal(text.split(".").with(4, "999").join("."), to, keys)).toEqual(DOES_NOT_OPEN);
  });

  test("do not open a record of another account, mode or token", async () => {
    const keys = await fresh(to.account);
    const { text } = granted(await seal(VISA, to, keys));
    await (await fresh(other.account)).ring(other.account, "card");
    expect(await unseal(text, other, await fresh(other.account))).toEqual(DOES_NOT_OPEN);
    expect(await unseal(text, { ...to, token: "tok_2" }, keys)).toEqual(DOES_NOT_OPEN);
    expect(await unseal(text, { ...to, livemode: true }, keys)).toEqual(DOES_NOT_OPEN);
  });

  test("rotate: the old record opens, moves to the new key, and then needs no other", async () => {
    const before = granted(await seal(VISA, to, await fresh(to.account)));
    await rotate(to.account);
    const keys = await fresh(to.account);
    expect(await unseal(before.text, to, keys)).toEqual({ ok: true, value: VISA });
    const after = granted(await rewrap(before.text, to, keys));
    expect(after.version).toBe(before.version + 1);
    await raise(to.account);
    const raised = await fresh(to.account);
    expect(await unseal(after.text, to, raised)).toEqual({ ok: true, value: VISA });
    expect(await unseal(before.text, to, raised)).toEqual(DOES_NOT_OPEN);
    await raised.retire(to.account, "card");
    const retired = await fresh(to.account);
    expect(await unseal(after.text, to, retired)).toEqual({ ok: true, value: VISA });
    expect(await unseal(before.text, to, retired)).toEqual(DOES_NOT_OPEN);
  });

  test("of one account can be destroyed by transit, and by no other", async () => {
    const keys = await fresh(to.account);
    const sealed = granted(await seal(VISA, to, keys));
    const theirs = granted(await seal(VISA, other, await fresh(other.account)));
    const shelf = await shelfOf(to.account);
    const copy = await shelf.list(to.account, "card");
    const destroyed = await keys.destroy(to.account);
    if (!isTransit) {
      expect(destroyed).toEqual({ ok: false, failure: { kind: "by_configuration" } });
      return;
    }
    expect(destroyed.ok).toBe(true);
    expect(await unseal(sealed.text, to, keys)).toEqual(DOES_NOT_OPEN);
    // Also with the shelf as it was before: an old copy of the store holds nothing that opens.
    for (const { version, wrapped } of copy) {
      await shelf.add(to.account, "card", version, wrapped);
    }
    expect(await unseal(sealed.text, to, await fresh(to.account))).toEqual(DOES_NOT_OPEN);
    const untouched = await unseal(theirs.text, other, await fresh(other.account));
    expect(untouched).toEqual({ ok: true, value: VISA });
  });
});
