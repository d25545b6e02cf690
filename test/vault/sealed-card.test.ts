// The vault's half of sealed cards, against the RFCs' own examples and against jose.

import { CompactEncrypt, compactDecrypt, importJWK } from "jose";
import { describe, expect, test } from "vitest";
import { sealCard } from "../../checkout/public/seal.js";
import type { Scope } from "../../protocol/command.ts";
import { concatKdf, decrypt, openSealedCard } from "../../workers/vault/sealed-card.ts";
import { SealingKeys } from "../../workers/vault/sealing-keys.ts";
import { badSeals, freshJwk, headerFor, sealBy, VISA } from "./sealer.ts";

const bytes = (base64url: string) => new Uint8Array(Buffer.from(base64url, "base64url"));
const text = (ascii: string) => new TextEncoder().encode(ascii);

async function secretOf(
  own: { x: string; y: string; d: string },
  theirs: { x: string; y: string },
) {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const jwk = { kty: "EC", crv: "P-256" };
  const key = await crypto.subtle.importKey("jwk", { ...jwk, ...own }, curve, false, [
    "deriveBits",
  ]);
  const point = await crypto.subtle.importKey(
    "jwk",
    { ...jwk, x: theirs.x, y: theirs.y },
    curve,
    false,
    [],
  );
  const agreement = { name: "ECDH", public: point };
  return new Uint8Array(await crypto.subtle.deriveBits(agreement, key, 256));
}

describe("the agreed key", () => {
  const ALICE = {
    x: "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    y: "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    d: "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
  };
  const BOB = {
    x: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    y: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    d: "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
  };

  test("is that of RFC 7518, appendix C, from either side", async () => {
    const sides = [await secretOf(ALICE, BOB), await secretOf(BOB, ALICE)];
    for (const secret of sides) {
      expect([...secret.slice(0, 4)]).toEqual([158, 86, 217, 29]);
      const key = await concatKdf(secret, "A128GCM", 128, text("Alice"), text("Bob"));
      expect(Buffer.from(key).toString("base64url")).toBe("VqqN6vgjbSBcIijNcacQGg");
    }
  });

  test("is that of RFC 7520, section 5.5, which says nothing of the parties", async () => {
    const peregrin = {
      x: "Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
      y: "HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw",
      d: "r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8",
    };
    const epk = {
      x: "mPUKT_bAWGHIhg0TpjjqVsP1rXWQu_vwVOHHtNkdYoA",
      y: "8BQAsImGeAS46fyWw5MhYfGTT0IjBpFw2SS34Dv4Irs",
    };
    const none = new Uint8Array();
    const key = await concatKdf(await secretOf(peregrin, epk), "A128CBC-HS256", 256, none, none);
    expect(Buffer.from(key).toString("base64url")).toBe(
      "hzHdlfQIAEehb8Hrd_mFRhKsKLEzPfshfXs9l6areCc",
    );
  });
});

describe("the content of RFC 7516, appendix A.1", () => {
  const key = Uint8Array.of(
    ...[177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246],
    ...[138, 7, 110, 91, 112, 46, 34, 105, 47, 130, 203, 46, 122, 234, 64, 252],
  );
  const header = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
  const parts = {
    iv: bytes("48V1_ALb6US04U3b"),
    sealed: bytes(
      "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A",
    ),
    tag: bytes("XFBoMYUZodetZdvTiFvSkQ"),
  };

  test("is read", async () => {
    const plain = new TextDecoder().decode(await decrypt(key, header, parts));
    expect(plain).toBe("The true sign of intelligence is not knowledge but imagination.");
  });

  test("is not read with another header or another tag", async () => {
    const other = header.replace("eyJ", "eyK");
    await expect(decrypt(key, other, parts)).rejects.toThrow();
    const tag = bytes("XFBoMYUZodetZdvTiFvSkA");
    await expect(decrypt(key, header, { ...parts, tag })).rejects.toThrow();
  });
});

const scope: Scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false };
const publishableKey = `pk_test_AbCdEfGhIjKlMnOp${"0".repeat(28)}`;
const NOW_S = 1_800_000_000;
const at = (seconds: number) => new Date(seconds * 1000);

const current = freshJwk("current");
const previous = freshJwk("previous");
const keys = new SealingKeys(JSON.stringify([current, previous]));
const open = (sealed: string, over: Partial<{ scope: Scope; now: Date }> = {}) =>
  openSealedCard(sealed, over.scope ?? scope, keys, over.now ?? at(NOW_S));
const keySet = { keys: [...keys.published], time: NOW_S };
const CRIT = { account: true, iat: true, jti: true, livemode: true };
const CLOSED = { ok: false, failure: { kind: "sealed_card_invalid" } };

describe("a sealed card", () => {
  test.each([
    ["current", current],
    ["previous", previous],
  ])("by jose is opened by the vault, with its %s key", async (kid, jwk) => {
    const { alg, enc, ...rest } = headerFor(kid, scope, NOW_S);
    const { d: _, ...open_ } = jwk as { d?: string };
    const sealed = await new CompactEncrypt(text(JSON.stringify({ ...VISA, name: "Ada" })))
      .setProtectedHeader({ alg, enc, ...rest })
      .encrypt(await importJWK(open_, "ECDH-ES"), { crit: CRIT });
    expect(await open(sealed)).toEqual({
      ok: true,
      value: {
        card: { ...VISA, name: "Ada" },
        use: { jti: rest.jti, untilMs: (NOW_S + 600) * 1000 },
      },
    });
  });

  test("by jose with names of both parties is opened by the vault", async () => {
    const { alg, enc, ...rest } = headerFor("current", scope, NOW_S);
    const { d: _, ...open_ } = current as { d?: string };
    const sealed = await new CompactEncrypt(text(JSON.stringify(VISA)))
      .setProtectedHeader({ alg, enc, ...rest })
      .setKeyManagementParameters({ apu: text("Alice"), apv: text("Bob") })
      .encrypt(await importJWK(open_, "ECDH-ES"), { crit: CRIT });
    expect(await open(sealed)).toMatchObject({ ok: true, value: { card: VISA } });
  });

  test("by checkout is opened by jose, and is for the key's account and mode", async () => {
    for (const [key, livemode] of [
      [publishableKey, false],
      [publishableKey.replace("test_", "test_sealed_"), false],
      [publishableKey.replace("test", "live"), true],
    ] as const) {
      const sealed = await sealCard({ publishableKey: key, card: VISA, keySet });
      const opened = await compactDecrypt(sealed, await importJWK(current, "ECDH-ES"), {
        crit: CRIT,
        keyManagementAlgorithms: ["ECDH-ES"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      expect(JSON.parse(new TextDecoder().decode(opened.plaintext))).toEqual(VISA);
      expect(opened.protectedHeader).toMatchObject({
        kid: "current",
        account: scope.account,
        livemode,
        iat: NOW_S,
      });
    }
  });

  test("by checkout is opened by the vault, whatever is typed", async () => {
    const card = {
      ...VISA,
      exp_month: 1,
      name: "Ada Löwe 😀",
      address_line1: "",
      address_zip: "1",
    };
    const sealed = await sealCard({ publishableKey, card, keySet });
    expect(await open(sealed)).toMatchObject({
      ok: true,
      value: { card: { ...VISA, exp_month: "1", name: "Ada Löwe 😀", address_zip: "1" } },
    });
  });

  test("by checkout is never the same, and as long for Amex as for Visa", async () => {
    const amex = { number: "378282246310005", exp_month: "1", exp_year: "34", cvc: "1234" };
    const sealed = await Promise.all(
      [VISA, VISA, { ...amex, name: "Ada" }].map((card) =>
        sealCard({ publishableKey, card, keySet }),
      ),
    );
    const [one = [], two = [], three = []] = sealed.map((seal) => seal.split("."));
    for (const part of [0, 2, 3, 4]) expect(one[part]).not.toBe(two[part]);
    expect(three[3]?.length).toBe(one[3]?.length);
  });

  test("with parameters in its header that nobody needs to know is opened", async () => {
    const header = { ...headerFor("current", scope, NOW_S), typ: "card", cty: "json" };
    expect(await open(sealBy({ to: current, header }))).toMatchObject({ ok: true });
  });

  test.each(badSeals(current, scope, NOW_S))("%s has the one answer", async (_, sealed) => {
    expect(await open(sealed)).toEqual(CLOSED);
  });

  test.each([
    ["just sealed", 0, true],
    ["at its last moment", 600, true],
    ["a second later", 601, false],
    ["by a clock that is a minute fast", -60, true],
    ["by a clock that is faster", -61, false],
  ])("%s, after %i seconds, is opened: %s", async (_, seconds, opened) => {
    const sealed = sealBy({ to: current, header: headerFor("current", scope, NOW_S) });
    const result = await open(sealed, { now: at(NOW_S + seconds) });
    expect(result.ok).toBe(opened);
    if (!opened) expect(result).toEqual(CLOSED);
  });

  test("of another account or mode has the one answer", async () => {
    const sealed = await sealCard({ publishableKey, card: VISA, keySet });
    for (const other of [
      { ...scope, account: "acct_AbCdEfGhIjKlMnOq" },
      { ...scope, livemode: true },
    ] as const) {
      expect(await open(sealed, { scope: other })).toEqual(CLOSED);
    }
  });

  test.each(["name", "address_line1", "address_zip"])(
    "with a card number for its %s is refused by name",
    async (field) => {
      const content = JSON.stringify({ ...VISA, [field]: "4242424242424242" });
      const sealed = sealBy({ to: current, header: headerFor("current", scope, NOW_S), content });
      expect(await open(sealed)).toEqual({
        ok: false,
        failure: { kind: "pan_detected", param: `card[${field}]` },
      });
    },
  );

  test("without a number is opened: what is missing is said as of any card", async () => {
    const sealed = sealBy({
      to: current,
      header: headerFor("current", scope, NOW_S),
      content: "{}",
    });
    expect(await open(sealed)).toMatchObject({
      ok: true,
      value: { card: { number: "", exp_month: "", exp_year: "" } },
    });
  });
});

describe("the vault's keys", () => {
  test("are told without what opens", () => {
    expect(keys.published.map(({ kid }) => kid)).toEqual(["current", "previous"]);
    for (const key of keys.published) {
      expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "hunter2-hunter2"],
    ["no list", JSON.stringify(current)],
    ["an empty list", "[]"],
    ["public keys", JSON.stringify(keys.published)],
    ["a key without a name", JSON.stringify([{ ...current, kid: undefined }])],
    ["a key of another curve", JSON.stringify([{ ...current, crv: "P-384" }])],
  ])("are not %s, and that is said without a word of it", (_, secret) => {
    const make = () => new SealingKeys(secret);
    expect(make).toThrow(/^SEALED_CARD_KEYS must be/);
    expect(make).not.toThrow(/hunter2/);
  });
});
