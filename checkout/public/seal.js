// Seals a card to the vault, so that nobody on its way can read it: a compact JWE (RFC 7516) whose key is
// agreed by ECDH-ES on P-256 (RFC 7518, section 4.6) and whose content is encrypted by A256GCM. Everything
// is the browser's own Web Crypto. The account and mode of the publishable key, the time and a random name
// stand in the header, which the seal covers: it opens for that account only, soon, and once.

const FIELDS = ["number", "exp_month", "exp_year", "cvc", "name", "address_line1", "address_zip"];
const CURVE = { name: "ECDH", namedCurve: "P-256" };
const ENCRYPTION = "A256GCM";
const KEY_BITS = 256;
const IV_BYTES = 12;
const TAG_BYTES = 16;
// The length of what is sealed would tell Amex from Visa, and a long name from a short one.
const PADDED_BYTES = 256;

const encoder = new TextEncoder();

/**
 * @param {{ publishableKey: string, card: import("./checkout.js").Card,
 *   keySet: import("./seal.js").KeySet }} options the key set as GET /v1/vault/keys answers it
 * @returns {Promise<string>} what POST /v1/tokens takes as `sealed_card`
 */
export async function sealCard({ publishableKey, card, keySet }) {
  const [{ kid, kty, crv, x, y }] = keySet.keys;
  const [, mode, account] = /_(test|live)_(?:sealed_)?(\w{16})/.exec(publishableKey) ?? [];
  const own = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const epk = await crypto.subtle.exportKey("jwk", own.publicKey);
  const header = encode({
    alg: "ECDH-ES",
    enc: ENCRYPTION,
    kid,
    epk: { kty: epk.kty, crv: epk.crv, x: epk.x, y: epk.y },
    crit: ["account", "iat", "jti", "livemode"],
    account: `acct_${account}`,
    livemode: mode === "live",
    // The vault's own clock, told with its keys: this one may be wrong.
    iat: keySet.time,
    jti: base64url(crypto.getRandomValues(new Uint8Array(16))),
  });
  const theirs = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, CURVE, false, []);
  const key = await agree(own.privateKey, theirs);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const additionalData = encoder.encode(header);
  const sealed = new Uint8Array(
    await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, contentOf(card)),
  );
  const [text, tag] = [sealed.subarray(0, -TAG_BYTES), sealed.subarray(-TAG_BYTES)];
  // No key is wrapped, so the second of the five parts is empty.
  return [header, "", base64url(iv), base64url(text), base64url(tag)].join(".");
}

// JSON may be followed by spaces.
function contentOf(card) {
  const typed = {};
  for (const field of FIELDS) {
    const value = card[field] ?? "";
    if (value !== "") typed[field] = String(value);
  }
  const text = encoder.encode(JSON.stringify(typed));
  const padded = new Uint8Array(Math.ceil(text.length / PADDED_BYTES) * PADDED_BYTES).fill(0x20);
  padded.set(text);
  return padded;
}

// The Concat KDF of RFC 7518, section 4.6.2: one round, with nothing said of either party.
async function agree(privateKey, publicKey) {
  const secret = await crypto.subtle.deriveBits(
    { name: "ECDH", public: publicKey },
    privateKey,
    KEY_BITS,
  );
  const name = encoder.encode(ENCRYPTION);
  const parts = [word(1), new Uint8Array(secret), word(name.length), name];
  parts.push(word(0), word(0), word(KEY_BITS));
  const info = Uint8Array.from(parts.flatMap((part) => [...part]));
  const bits = await crypto.subtle.digest("SHA-256", info);
  return crypto.subtle.importKey("raw", bits, "AES-GCM", false, ["encrypt"]);
}

/** @param {number} value below 65,536 */
const word = (value) => Uint8Array.of(0, 0, value >> 8, value);

const encode = (value) => base64url(encoder.encode(JSON.stringify(value)));

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
