// Seals whatever it is told to, right or wrong, with Node's own crypto: so each fault can stand alone in a
// seal that is otherwise good.

import {
  createCipheriv,
  createECDH,
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  randomBytes,
  randomUUID,
} from "node:crypto";
import type { Scope } from "../../protocol/command.ts";

export type PublicJwk = { readonly kid: string; readonly x: string; readonly y: string };
type Json = Record<string, unknown>;

export const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64url");

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A private JWK as SEALED_CARD_KEYS holds it. */
export function freshJwk(kid: string): JsonWebKey & PublicJwk {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid } as JsonWebKey & PublicJwk;
}

/** The header that a good seal for this scope has, but for its `epk`. */
export const headerFor = (kid: string, scope: Scope, iat: number) => ({
  alg: "ECDH-ES",
  enc: "A256GCM",
  kid,
  crit: ["account", "iat", "jti", "livemode"],
  account: scope.account,
  livemode: scope.livemode,
  iat,
  jti: randomUUID(),
});

export type Recipe = {
  readonly to: PublicJwk;
  readonly header: Json;
  /** What else the ephemeral key says of itself. */
  readonly epk?: Json;
  readonly content?: string | Buffer;
  /** Changes the parts after they were made. */
  readonly parts?: (parts: string[]) => string[];
};

export function sealBy({ to, header, epk: said, content, parts }: Recipe): string {
  const own = createECDH("prime256v1");
  const point = own.generateKeys();
  const coordinates = [to.x, to.y].map((part) => Buffer.from(part, "base64url"));
  const secret = own.computeSecret(Buffer.concat([Buffer.of(4), ...coordinates]));
  const epk = {
    kty: "EC",
    crv: "P-256",
    x: base64url(point.subarray(1, 33)),
    y: base64url(point.subarray(33)),
    ...said,
  };
  const whole = { epk, ...header };
  const info = (text: unknown) => Buffer.from(typeof text === "string" ? text : "", "base64url");
  const [apu, apv] = [info(header["apu"]), info(header["apv"])];
  // Also where the header says otherwise, so that it is the header that is refused.
  const name = Buffer.from("A256GCM");
  const key = createHash("sha256")
    .update(Buffer.concat([word(1), secret, word(name.length), name]))
    .update(Buffer.concat([word(apu.length), apu, word(apv.length), apv, word(256)]))
    .digest();
  const head = base64url(JSON.stringify(whole));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(head));
  const sealed = Buffer.concat([cipher.update(content ?? JSON.stringify(VISA)), cipher.final()]);
  const made = [head, "", base64url(iv), base64url(sealed), base64url(cipher.getAuthTag())];
  return (parts?.(made) ?? made).join(".");
}

/** One character of this part changed to another that base64url has. */
const flip = (at: number) => (parts: string[]) =>
  parts.map((part, i) => (i === at ? (part.startsWith("A") ? "B" : "A") + part.slice(1) : part));

/** Every way to be refused, each a seal that is good but for that. */
export function badSeals(
  to: PublicJwk,
  scope: Scope,
  nowS: number,
): readonly (readonly [name: string, seal: string])[] {
  const good = headerFor(to.kid, scope, nowS);
  const by = (over: Json, rest: Partial<Recipe> = {}) =>
    sealBy({ to, header: { ...good, jti: randomUUID(), ...over }, ...rest });
  const without = (name: keyof typeof good) => {
    const { [name]: _, ...header } = { ...good, jti: randomUUID() };
    return sealBy({ to, header });
  };
  const cut = (parts: (parts: string[]) => string[]) => by({}, { parts });
  const stranger = { x: base64url(Buffer.alloc(32, 1)), y: base64url(Buffer.alloc(32, 2)) };
  const bigName = { ...VISA, name: "x".repeat(201) };
  return [
    ["that is no JWE", "hello"],
    ["that is dots", "...."],
    ["of four parts", cut((parts) => parts.slice(0, 4))],
    ["of six parts", cut((parts) => [...parts, ""])],
    ["with a wrapped key", cut(([head = "", , ...rest]) => [head, "AAAA", ...rest])],
    ["whose header is not base64url", cut(([, ...rest]) => ["{}", ...rest])],
    ["whose header is not JSON", cut(([, ...rest]) => [base64url("{"), ...rest])],
    ["whose header is a list", cut(([, ...rest]) => [base64url("[]"), ...rest])],
    ["whose header is null", cut(([, ...rest]) => [base64url("null"), ...rest])],
    ["whose header was changed", cut(flip(0))],
    ["whose IV was changed", cut(flip(2))],
    ["whose text was changed", cut(flip(3))],
    ["whose tag was changed", cut(flip(4))],
    ["with a short IV", cut((parts) => parts.map((p, i) => (i === 2 ? p.slice(0, 11) : p)))],
    ["with a short tag", cut((parts) => parts.map((p, i) => (i === 4 ? p.slice(0, 16) : p)))],
    ["with padding", cut((parts) => parts.map((p, i) => (i === 4 ? `${p}==` : p)))],
    ["that is too long", by({}, { content: JSON.stringify(VISA).padEnd(4096) })],
    ["to a key that there is none of", by({ kid: "nobody" })],
    ["to a key named like a property", by({ kid: "__proto__" })],
    ["without a kid", without("kid")],
    ["by another key agreement", by({ alg: "ECDH-ES+A256KW" })],
    ["by no key agreement", by({ alg: "dir" })],
    ["by RSA", by({ alg: "RSA-OAEP-256" })],
    ["without an algorithm", without("alg")],
    ["by another encryption", by({ enc: "A128GCM" })],
    ["by CBC", by({ enc: "A256CBC-HS512" })],
    ["without an encryption", without("enc")],
    ["that is compressed", by({ zip: "DEF" })],
    ["without crit", without("crit")],
    ["with an empty crit", by({ crit: [] })],
    ["with less in crit", by({ crit: ["account", "iat", "jti"] })],
    ["with more in crit", by({ crit: [...good.crit, "exp"], exp: nowS + 60 })],
    ["with another name in crit", by({ crit: ["account", "iat", "jti", "exp"] })],
    ["with a crit that is no list", by({ crit: "account" })],
    ["without an epk", by({ epk: undefined })],
    ["with an epk of another curve", by({}, { epk: { crv: "P-384" } })],
    ["with an epk of another kind", by({}, { epk: { kty: "OKP" } })],
    ["with an epk off the curve", by({}, { epk: stranger })],
    ["with an epk of one coordinate", by({}, { epk: { y: undefined } })],
    ["with another epk", by({}, { epk: { x: to.x, y: to.y } })],
    ["with an apu that is not base64url", by({ apu: "=" })],
    ["with an apv that is no text", by({ apv: 1 })],
    ["for another account", by({ account: "acct_0000000000000001" })],
    ["for no account", without("account")],
    ["for the other mode", by({ livemode: !scope.livemode })],
    ["for no mode", without("livemode")],
    ["that is stale", by({ iat: nowS - 3600 })],
    ["from the future", by({ iat: nowS + 3600 })],
    ["of no time", without("iat")],
    ["of a time in words", by({ iat: String(nowS) })],
    ["of half a second", by({ iat: nowS + 0.5 })],
    ["without a name of its own", without("jti")],
    ["with a name that is too short", by({ jti: "1" })],
    ["with a name that is too long", by({ jti: "1".repeat(65) })],
    ["of something that is not JSON", by({}, { content: "4242424242424242" })],
    ["of a list", by({}, { content: JSON.stringify([VISA]) })],
    ["of bytes that are not UTF-8", by({}, { content: Buffer.from([0x7b, 0xff, 0x7d]) })],
    ["of a card with objects in it", by({}, { content: JSON.stringify({ number: {} }) })],
    ["of a card with too long a name", by({}, { content: JSON.stringify(bigName) })],
    ["of a name with half a character", by({}, { content: '{"name":"\\ud800"}' })],
    ["of a name with a null character", by({}, { content: '{"name":"\\u0000"}' })],
  ];
}
