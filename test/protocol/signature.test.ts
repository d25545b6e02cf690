import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import {
  importSigner,
  importVerifiers,
  type SignedRequest,
  type Signer,
  sign,
  verify,
} from "../../protocol/signature.ts";

const NOW = 1_800_000_000;
const request: SignedRequest = {
  method: "POST",
  path: "/batch",
  body: '{"epoch":1,"commands":[]}',
  audience: "us",
};

function pair(kid: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    private: JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid }),
    public: { ...publicKey.export({ format: "jwk" }), kid },
  };
}

const ours = pair("edge-1");
const next = pair("edge-2");
const stranger = pair("edge-1");
const unknown = pair("edge-9");

let keys: Map<string, CryptoKey>;
let signer: Signer;
let header: string;

beforeAll(async () => {
  keys = await importVerifiers(JSON.stringify({ keys: [ours.public, next.public] }));
  signer = await importSigner(ours.private);
  header = await sign(request, signer, NOW, "nonce-1");
});

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const part = (index: number): string => header.split(".")[index] ?? "";
const claims = () => JSON.parse(Buffer.from(part(1), "base64url").toString()) as object;

describe("a signed request", () => {
  test("is taken and gives its nonce", async () => {
    expect(await verify(request, header, keys, NOW)).toEqual({
      ok: true,
      value: { nonce: "nonce-1" },
    });
  });

  test("is taken under the next key while both are trusted", async () => {
    const rotated = await sign(request, await importSigner(next.private), NOW, "n");
    expect((await verify(request, rotated, keys, NOW)).ok).toBe(true);
  });

  test.each([
    [-61, "stale"],
    [-60, undefined],
    [60, undefined],
    [61, "stale"],
    [86_400, "stale"],
  ])("verified %i s off the signer's clock is %s", async (skew, failure) => {
    const verdict = await verify(request, header, keys, NOW + skew);
    expect(verdict.ok ? undefined : verdict.failure).toBe(failure);
  });

  test.each([
    ["another region", { audience: "eu" }, "retargeted"],
    ["another method", { method: "GET" }, "retargeted"],
    ["another path", { path: "/read" }, "retargeted"],
    ["a path with a query", { path: "/batch?x=1" }, "retargeted"],
    ["another body", { body: '{"epoch":2,"commands":[]}' }, "body_swapped"],
    ["one more space", { body: `${request.body} ` }, "body_swapped"],
    ["no body", { body: "" }, "body_swapped"],
  ] as const)("is refused for %s", async (_, over, failure) => {
    expect(await verify({ ...request, ...over }, header, keys, NOW)).toEqual({
      ok: false,
      failure,
    });
  });

  test("is refused without a signature", async () => {
    expect(await verify(request, undefined, keys, NOW)).toEqual({ ok: false, failure: "missing" });
  });

  const forgeries: readonly (readonly [string, () => string | Promise<string>])[] = [
    ["nothing", () => ""],
    ["words", () => "not.a.jws"],
    ["four parts", () => `${header}.x`],
    ["no signature", () => `${part(0)}.${part(1)}.`],
    ["alg none", () => `${base64({ alg: "none", kid: "edge-1" })}.${part(1)}.`],
    [
      "alg none with a signature",
      () => `${base64({ alg: "none", kid: "edge-1" })}.${part(1)}.${part(2)}`,
    ],
    [
      "an HMAC of the public key",
      () => `${base64({ alg: "HS256", kid: "edge-1" })}.${part(1)}.${part(2)}`,
    ],
    ["no key id", () => `${base64({ alg: "EdDSA" })}.${part(1)}.${part(2)}`],
    ["another key's id", () => `${base64({ alg: "EdDSA", kid: "edge-2" })}.${part(1)}.${part(2)}`],
    [
      "its own key in the header",
      () => `${base64({ alg: "EdDSA", jwk: stranger.public })}.${part(1)}.${part(2)}`,
    ],
    ["a changed claim", () => `${part(0)}.${base64({ ...claims(), aud: "eu" })}.${part(2)}`],
    ["a later time", () => `${part(0)}.${base64({ ...claims(), iat: NOW + 30 })}.${part(2)}`],
    ["a stranger's key", async () => sign(request, await importSigner(stranger.private), NOW, "n")],
    ["an unknown key", async () => sign(request, await importSigner(unknown.private), NOW, "n")],
  ];
  test.each(forgeries)("is forged by %s", async (_, forge) => {
    expect(await verify(request, await forge(), keys, NOW)).toEqual({
      ok: false,
      failure: "forged",
    });
  });

  test("is forged with any character of its signature changed", async () => {
    // The last character carries four unused bits, so those before it are changed.
    for (let at = 0; at < part(2).length - 1; at++) {
      const flipped = part(2)[at] === "A" ? "B" : "A";
      const forged = `${part(0)}.${part(1)}.${part(2).slice(0, at)}${flipped}${part(2).slice(at + 1)}`;
      expect((await verify(request, forged, keys, NOW)).ok).toBe(false);
    }
  });
});
