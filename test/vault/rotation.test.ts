// Card keys rotated while cards are charged: the vault, its card box and the test bank as they run, with
// roots that are deployed anew (`secret`) and with a transit engine. TESSERA_ROTATION_CARDS sets how many
// cards there are; 2,000 otherwise.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Scope } from "../../protocol/command.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { TokenizedCard } from "../../protocol/vault.ts";
import { KeyCache } from "../../workers/vault/key-cache.ts";
import { TransitClient, TransitSession } from "../../workers/vault/transit-client.ts";
import { TransitKeyProvider } from "../../workers/vault/transit-keys.ts";
import { granted } from "./granted.ts";
import { rootKey, startRig } from "./rig/start.ts";
import { ROLE, startTransit, type TransitFake } from "./transit-fake.ts";

const CARDS = Number(process.env["TESSERA_ROTATION_CARDS"] ?? 2000);
const ROTATIONS = 5;
/** Orders of one question while keys are rotated. */
const ORDERS = 50;
const MINUTES_MAX = 30 * 60_000;

const rig = startRig();
let fake: TransitFake;
let transit: Record<string, string>;

beforeAll(async () => {
  await rig.start();
  fake = await startTransit();
  transit = {
    KEY_PROVIDER: "transit",
    TRANSIT_ADDRESS: fake.address,
    TRANSIT_ROLE_ID: ROLE.roleId,
    TRANSIT_SECRET_ID: ROLE.secretId,
  };
}, 60_000);
afterAll(async () => {
  fake?.stop();
  await rig.stop();
});

const someone = (name: string): Scope => ({
  account: `acct_${name.padEnd(16, "0")}`,
  livemode: false,
});

/** Roots of versions 1 to `last`, `current` in front. */
const ring = (current: number, last: number, first = 1): string => {
  const versions = [current];
  for (let version = last; version >= first; version--) {
    if (version !== current) versions.push(version);
  }
  return versions.map((version) => `${version}:${rootKey(version)}`).join(",");
};

const deploySecret = (cards: string, prints = rootKey(2), vars: Record<string, string> = {}) =>
  rig.deploy({ CARD_ROOT_KEY: cards, FINGERPRINT_ROOT_KEY: prints, ...vars });

/** Charges these cards and tells how many of the answers were no approval. */
async function failedOf(scope: Scope, tokens: readonly TokenId[]): Promise<number> {
  const performed = await rig.perform(
    tokens.map((token) => ({
      ...scope,
      key: `ch_${randomUUID()}.1`,
      verb: "authorize",
      token,
      amount: 100,
      currency: "usd",
      capture: true,
    })),
  );
  const approved = performed.filter(({ effect }) => effect.kind === "approved");
  return tokens.length - approved.length;
}

/** Charges cards without pause until told to stop. */
function underLoad(scope: Scope, tokens: readonly TokenId[]) {
  let [goes, reads, failed] = [true, 0, 0];
  const going = (async () => {
    while (goes) {
      const some = Array.from(
        { length: ORDERS },
        () => tokens[Math.floor(Math.random() * tokens.length)] ?? ("tok_" as TokenId),
      );
      failed += await failedOf(scope, some);
      reads += some.length;
    }
  })();
  return async () => {
    goes = false;
    await going;
    return { reads, failed };
  };
}

const tokenized = async (scope: Scope, card: object = {}): Promise<TokenizedCard> => {
  const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034" };
  const answer = await rig.call({ kind: "tokenize", scope, card: { ...VISA, ...card } });
  return ((await answer.json()) as { value: TokenizedCard }).value;
};

async function rotateUnderLoad(
  name: string,
  scope: Scope,
  next: (version: number) => Promise<unknown>,
  end: (version: number) => Promise<unknown>,
): Promise<void> {
  const slot = slotOf(scope.account);
  const box = await rig.box(slot);
  const tokens = await rig.fill(scope, CARDS);
  const stop = underLoad(scope, tokens);
  let [moved, ms] = [0, 0];
  for (let version = 2; version <= ROTATIONS + 1; version++) {
    await next(version);
    const began = performance.now();
    const report = await rig.step("rewrap", slot);
    ms += performance.now() - began;
    moved += report.changed;
    expect(report).toMatchObject({ outcome: "done", failed: 0 });
    expect(report.changed).toBeGreaterThanOrEqual(CARDS);
    await end(version);
    expect(await rig.step("status", slot)).toMatchObject({ behind: 0, outcome: "done" });
  }
  const { reads, failed } = await stop();
  console.warn(
    `${name}: ${moved} records rewrapped in ${(ms / 1000).toFixed(1)} s, ` +
      `${Math.round((moved / ms) * 1000)} a second under load; ${reads} reads, ${failed} failed`,
  );
  expect(failed).toBe(0);
  expect(reads).toBeGreaterThan(0);
  const rows = (await box.rows()).filter(({ owner }) => owner.startsWith(scope.account));
  expect(rows).toHaveLength(CARDS);
  expect(new Set(rows.map(({ version }) => version))).toEqual(new Set([ROTATIONS + 1]));
  const sample = tokens.filter((_, i) => i % Math.ceil(CARDS / 500) === 0);
  expect(await failedOf(scope, sample)).toBe(0);
}

describe(`${CARDS} cards`, () => {
  test(
    `are read without a failure while roots are rotated ${ROTATIONS} times`,
    async () => {
      await deploySecret(ring(1, 1));
      await rotateUnderLoad(
        "secret",
        someone("secret"),
        async (version) => {
          await deploySecret(ring(version - 1, version, version - 1));
          await deploySecret(ring(version, version, version - 1));
        },
        async (version) => {
          await deploySecret(ring(version, version, version - 1), rootKey(2), {
            CARD_KEY_MINIMUM: String(version),
          });
          await deploySecret(ring(version, version, version));
        },
      );
    },
    MINUTES_MAX,
  );

  test(
    `are read without a failure while transit's keys are rotated ${ROTATIONS} times`,
    async () => {
      await rig.deploy(transit);
      const scope = someone("transit");
      const slot = slotOf(scope.account);
      await rotateUnderLoad(
        "transit",
        scope,
        () => rig.step("rotate", slot),
        async () => {
          expect(await rig.step("raise", slot)).toMatchObject({ outcome: "done", changed: 1 });
          expect(await rig.step("retire", slot)).toMatchObject({ outcome: "done", changed: 1 });
        },
      );
      expect(fake.minimumOf(`tessera-${scope.account}`)).toBe(ROTATIONS + 1);
      expect(await (await rig.box(slot)).listKeys(scope.account, "card")).toHaveLength(1);
    },
    MINUTES_MAX,
  );
});

describe("cards at a transit engine", () => {
  test("cost it nothing each: one question opens an account's key for all of them", async () => {
    await rig.deploy(transit);
    const scope = someone("quiet");
    const tokens = await rig.fill(scope, 50);
    fake.seen();
    expect(await failedOf(scope, tokens)).toBe(0);
    expect(await rig.fill(scope, 50)).toHaveLength(50);
    expect(fake.seen()).toEqual([]);
  });

  test("are neither declined nor charged while their key cannot be had, and are afterwards", async () => {
    const scope = someone("sealed");
    await rig.deploy(transit);
    const [token = "tok_" as TokenId] = await rig.fill(scope, 1);
    // Another namespace is another configuration: nothing is remembered, as in a fresh isolate.
    await rig.deploy({ ...transit, TRANSIT_NAMESPACE: "again" });
    const order = {
      ...scope,
      key: `ch_${randomUUID()}.1`,
      verb: "authorize",
      token,
      amount: 100,
      currency: "usd",
      capture: true,
    } as const;
    fake.fail(503);
    expect((await rig.perform([order]))[0]?.effect.kind).toBe("unknown");
    fake.heal();
    expect((await rig.perform([order]))[0]?.effect.kind).toBe("approved");
  });

  test("are useless once their account's keys are destroyed, and other accounts' are not", async () => {
    await rig.deploy(transit);
    const [gone, stays] = [someone("gone"), someone("stays")];
    const [lost, kept] = [await rig.fill(gone, 3), await rig.fill(stays, 3)];
    const report = await rig.keys({ step: "destroy", account: gone.account });
    expect(report).toMatchObject({ outcome: "done", failed: 0 });
    expect(await failedOf(gone, lost)).toBe(3);
    expect(await failedOf(stays, kept)).toBe(0);
  });
});

describe("a rewrap", () => {
  test("goes on where it was when the box crashes in the middle", async () => {
    const scope = someone("crash");
    const slot = slotOf(scope.account);
    await deploySecret(ring(1, 2));
    const tokens = await rig.fill(scope, 2300);
    await deploySecret(ring(2, 2));
    const goal = "secret, card 2, fingerprint 1";
    const movedOf = async () =>
      (await (await rig.box(slot)).rows()).filter(({ version }) => version === 2).length;
    await rig.crash(scope, 2);
    expect(await rig.step("rewrap", slot).catch(() => "crashed")).toBe("crashed");
    const moved = await movedOf();
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(tokens.length);
    // The place and the cards before it were written in one commit.
    const rows = await (await rig.box(slot)).rows();
    const { cards } = await (await rig.box(slot)).pageToMove(goal, 1);
    expect(cards[0]?.token).toBe(rows[moved]?.token);
    const rest = await rig.step("rewrap", slot);
    expect(rest).toMatchObject({ outcome: "done", failed: 0, changed: tokens.length - moved });
    expect(await movedOf()).toBe(tokens.length);
    expect(await failedOf(scope, tokens.slice(0, 500))).toBe(0);
  });

  test("leaves alone what was forgotten since its page was read", async () => {
    const scope = someone("forgot");
    const slot = slotOf(scope.account);
    await deploySecret(ring(1, 2));
    const tokens = await rig.fill(scope, 2);
    const box = await rig.box(slot);
    const { cards } = await box.pageToMove("by hand", 10);
    await rig.call({ kind: "forget", scope, tokens: tokens.slice(0, 1) });
    const moved = cards.map((card) => ({
      ...card,
      from: card.sealed,
      version: 2,
      sealed: "moved",
      wrapped: true,
    }));
    expect(await box.moveCards(moved, cards.at(-1))).toBe(1);
    expect((await box.rows()).map(({ token, sealed }) => [token, sealed])).toEqual([
      [tokens[1], "moved"],
    ]);
  });

  test("begins again when a card came under the older key meanwhile", async () => {
    const scope = someone("straggler");
    const slot = slotOf(scope.account);
    await deploySecret(ring(2, 2));
    await rig.fill(scope, 1);
    await rig.step("rewrap", slot);
    // An isolate of before the promotion is still at work.
    await deploySecret(ring(1, 2));
    await rig.fill(scope, 1);
    await deploySecret(ring(2, 2));
    expect(await rig.step("status", slot)).toMatchObject({ cards: 2, behind: 1 });
    expect(await rig.step("rewrap", slot)).toMatchObject({ outcome: "done", changed: 1 });
    expect(await rig.step("status", slot)).toMatchObject({ cards: 2, behind: 0 });
  });
});

describe("a key of an account", () => {
  test("that isolates still hold after it was raised seals no more: the card goes under the next", async () => {
    await rig.deploy(transit);
    const scope = someone("stale");
    const slot = slotOf(scope.account);
    await rig.fill(scope, 1);
    const box = await rig.box(slot);
    // As another isolate does it: this one's memory of the ring stays.
    const place = {
      address: fake.address,
      mount: "transit",
      namespace: undefined,
      authentication: { kind: "approle", ...ROLE },
    } as const;
    const elsewhere = new TransitKeyProvider(
      new TransitClient(place, new TransitSession()),
      {
        list: (...by) => box.listKeys(...by),
        add: (...by) => box.addKey(...by),
        replace: (...by) => box.replaceKey(...by),
        raise: (...by) => box.raiseKeys(...by),
        drop: (...by) => box.dropKeys(...by),
        clear: (of) => box.clearKeys(of),
      },
      new KeyCache(),
    );
    granted(await elsewhere.rotate(scope.account, "card"));
    granted(await elsewhere.raise(scope.account, "card"));
    const [token = "tok_" as TokenId] = await rig.fill(scope, 1);
    const rows = await box.rows();
    expect(rows.find((row) => row.token === token)?.version).toBe(2);
    expect(await failedOf(scope, [token])).toBe(0);
  });

  test("has its wraps counted in blocks, ahead of use, and no crash forgets any", async () => {
    await deploySecret(ring(1, 1));
    const scope = someone("counted");
    const wraps = async () => (await rig.box(slotOf(scope.account))).wrapsOf(scope.account, 1);
    await rig.fill(scope, 1);
    expect(await wraps()).toBe(1024);
    await rig.fill(scope, 1023);
    expect(await wraps()).toBe(1024);
    await rig.crash(scope);
    await rig.fill(scope, 1);
    expect(await wraps()).toBe(2048);
  });

  test("raises an alarm at 2^30 wraps and wraps no more at 2^32, until it is rotated", async () => {
    await deploySecret(ring(1, 2));
    const scope = someone("worn");
    const slot = slotOf(scope.account);
    const setWraps = async (wraps: number) => {
      await (await rig.box(slot)).setWraps(scope.account, 1, wraps);
      await rig.crash(scope);
    };
    await rig.fill(scope, 1);
    const alarms = () =>
      rig.log().filter(({ message }) => message.includes("card key nears its limit")).length;
    await setWraps(2 ** 30 - 1);
    expect(alarms()).toBe(0);
    await rig.fill(scope, 1);
    await expect.poll(alarms).toBe(1);
    await setWraps(2 ** 32 - 1);
    const [last = "tok_" as TokenId] = await rig.fill(scope, 1);
    const answer = await rig.call({
      kind: "tokenize",
      scope,
      card: { number: "4242424242424242", exp_month: "12", exp_year: "2034" },
    });
    expect(await answer.json()).toMatchObject({ ok: false, failure: { kind: "unavailable" } });
    expect(await failedOf(scope, [last])).toBe(0);
    await deploySecret(ring(2, 2));
    expect(await rig.fill(scope, 1)).toHaveLength(1);
  });
});

describe("the fingerprint of a card", () => {
  const at = (prints: string) => deploySecret(ring(1, 1), prints);
  const scope = someone("prints");
  const slot = slotOf(scope.account);
  const OTHER = { number: "5555555555554444" };

  test("stays what it was while its key is rotated and after the old one is gone", async () => {
    await at(`1:${rootKey(2)}`);
    const before = await tokenized(scope);
    await at(`2:${rootKey(3)},1:${rootKey(2)}`);
    const during = await tokenized(scope);
    const unseen = await tokenized(scope, OTHER);
    expect(during.card.fingerprint).toBe(before.card.fingerprint);
    expect(await rig.step("status", slot, "fingerprint")).toMatchObject({ cards: 3, behind: 1 });
    expect(await rig.step("rewrap", slot)).toMatchObject({ outcome: "done", failed: 0 });
    expect(await rig.step("status", slot, "fingerprint")).toMatchObject({ cards: 3, behind: 0 });
    const rows = await (await rig.box(slot)).rows();
    expect(rows.every(({ print }) => print !== null)).toBe(true);
    await at(`2:${rootKey(3)}`);
    expect((await tokenized(scope)).card.fingerprint).toBe(before.card.fingerprint);
    expect((await tokenized(scope, OTHER)).card.fingerprint).toBe(unseen.card.fingerprint);
    await at(`3:${rootKey(4)},2:${rootKey(3)}`);
    await rig.step("rewrap", slot);
    await at(`3:${rootKey(4)}`);
    expect((await tokenized(scope)).card.fingerprint).toBe(before.card.fingerprint);
  });

  test("of a card that was never seen before the rotation is the new key's afterwards", async () => {
    await at(`3:${rootKey(4)}`);
    const late = await tokenized(scope, { number: "378282246310005" });
    const rows = await (await rig.box(slot)).rows();
    expect(rows.find(({ token }) => token === late.token)?.print).toBeNull();
  });
});
