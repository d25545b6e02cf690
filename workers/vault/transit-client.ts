// HashiCorp Vault's and OpenBao's transit engine over HTTP: keys that never leave the server, and data
// keys wrapped by them. Whatever it answers is a value. Paths and fields as in Vault's API
// documentation, "Transit secrets engine", "AppRole auth method" and "Token auth method".

import { assert, ok, refuse } from "../../protocol/result.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import type { KeyResult } from "./key-provider.ts";

/** How we prove who we are. */
export type TransitAuthentication =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "approle"; readonly roleId: string; readonly secretId: string };

export type TransitPlace = {
  /** Scheme, host and port. */
  readonly address: string;
  /** Where the engine is mounted. */
  readonly mount: string;
  readonly namespace: string | undefined;
  readonly authentication: TransitAuthentication;
};

/** Longest wait for one answer: a card is being paid with meanwhile. */
export const ANSWER_MS_MAX = 3_000;
/** Part of a token's life after which it is renewed. */
const RENEW_AFTER = 2 / 3;
const SECOND_MS = 1000;

/** What outlives one call: the token in use, and how the server has answered lately. */
export class TransitSession {
  readonly breaker = new CircuitBreaker();
  token: Token | undefined;
}

type Token = {
  readonly text: string;
  readonly renewable: boolean;
  /** Infinity for a root token. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
};

type Json = Readonly<Record<string, unknown>>;

const objectIn = (value: unknown): Json =>
  typeof value === "object" && value !== null ? (value as Json) : {};

export class TransitClient {
  readonly #place: TransitPlace;
  readonly #session: TransitSession;
  readonly #now: () => number;

  constructor(place: TransitPlace, session: TransitSession, now: () => number = Date.now) {
    this.#place = place;
    this.#session = session;
    this.#now = now;
  }

  /** Makes a key whose every use names a context; nothing changes when it is there. */
  async createKey(name: string): KeyResult<Json> {
    return this.#engine("POST", `keys/${name}`, { type: "aes256-gcm96", derived: true });
  }

  /** A fresh 256-bit key, and the same wrapped under the newest version of a key and a context. */
  async dataKey(
    name: string,
    context: string,
  ): KeyResult<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly wrapped: string }> {
    const made = await this.#engine("POST", `datakey/plaintext/${name}`, {
      context: base64(context),
      bits: 256,
    });
    if (!made.ok) return made;
    const { plaintext, ciphertext } = made.value;
    if (typeof plaintext !== "string" || typeof ciphertext !== "string") {
      return refuse({ kind: "unreachable" });
    }
    return ok({ bytes: bytesOf(plaintext), wrapped: ciphertext });
  }

  /** Opens what `dataKey` or `encrypt` wrapped; `no_such_key` when it does not open. */
  async decrypt(
    name: string,
    context: string,
    ciphertext: string,
    associatedData?: string,
  ): KeyResult<Uint8Array<ArrayBuffer>> {
    const opened = await this.#engine("POST", `decrypt/${name}`, {
      context: base64(context),
      ciphertext,
      ...bound(associatedData),
    });
    if (!opened.ok) return opened;
    const { plaintext } = opened.value;
    return typeof plaintext === "string" ? ok(bytesOf(plaintext)) : refuse({ kind: "unreachable" });
  }

  async encrypt(
    name: string,
    context: string,
    plain: Uint8Array,
    associatedData?: string,
  ): KeyResult<string> {
    const sealed = await this.#engine("POST", `encrypt/${name}`, {
      context: base64(context),
      plaintext: btoa(String.fromCharCode(...plain)),
      ...bound(associatedData),
    });
    return textOf(sealed, "ciphertext");
  }

  /** The same plaintext under the key's newest version, without our seeing it. */
  async rewrap(name: string, context: string, ciphertext: string): KeyResult<string> {
    const moved = await this.#engine("POST", `rewrap/${name}`, {
      context: base64(context),
      ciphertext,
    });
    return textOf(moved, "ciphertext");
  }

  /** A new version of a key, which wraps from now on; answers its number. */
  async rotate(name: string): KeyResult<number> {
    const rotated = await this.#engine("POST", `keys/${name}/rotate`, {});
    return rotated.ok ? this.latest(name) : rotated;
  }

  async latest(name: string): KeyResult<number> {
    const read = await this.#engine("GET", `keys/${name}`);
    if (!read.ok) return read;
    const { latest_version: latest } = read.value;
    return typeof latest === "number" ? ok(latest) : refuse({ kind: "unreachable" });
  }

  /** Has ciphertexts of older versions of a key refused. */
  async raise(name: string, minimum: number): KeyResult<Json> {
    return this.#engine("POST", `keys/${name}/config`, { min_decryption_version: minimum });
  }

  /** Destroys a key in all its versions. */
  async destroy(name: string): KeyResult<Json> {
    const allowed = await this.#engine("POST", `keys/${name}/config`, { deletion_allowed: true });
    if (!allowed.ok) return allowed;
    return this.#engine("DELETE", `keys/${name}`);
  }

  async #engine(method: string, path: string, body?: object): KeyResult<Json> {
    const { mount } = this.#place;
    for (let tried = 0; ; tried++) {
      const token = await this.#token();
      if (!token.ok) return token;
      const answer = await this.#ask(method, `${mount}/${path}`, body, token.value);
      // A token that was revoked or has ended early: once more with a fresh one, and no further.
      if (answer.ok || answer.failure.kind !== "forbidden" || tried === 1) {
        return answer.ok ? ok(objectIn(answer.value["data"])) : answer;
      }
      this.#session.token = undefined;
    }
  }

  async #token(): KeyResult<string> {
    const now = this.#now();
    const { token } = this.#session;
    if (token !== undefined && now < token.renewAtMs) return ok(token.text);
    if (token?.renewable === true && now < token.endsAtMs) {
      const renewed = await this.#ask("POST", "auth/token/renew-self", {}, token.text);
      const next = renewed.ok ? tokenIn(renewed.value["auth"], now) : undefined;
      if (next !== undefined && next.renewAtMs > now) return this.#use(next);
    }
    const fresh = await this.#login(now);
    // A token that still lives serves while no new one can be had.
    if (!fresh.ok && token !== undefined && now < token.endsAtMs) return ok(token.text);
    return fresh;
  }

  async #login(now: number): KeyResult<string> {
    const { authentication } = this.#place;
    if (authentication.kind === "approle") {
      const { roleId: role_id, secretId: secret_id } = authentication;
      const login = await this.#ask("POST", "auth/approle/login", { role_id, secret_id });
      // A role or secret id that is not (or no longer) known is answered with 400.
      if (!login.ok) {
        return login.failure.kind === "no_such_key" ? refuse({ kind: "forbidden" }) : login;
      }
      const token = tokenIn(login.value["auth"], now);
      return token === undefined ? refuse({ kind: "unreachable" }) : this.#use(token);
    }
    const { token: text } = authentication;
    const seen = await this.#ask("GET", "auth/token/lookup-self", undefined, text);
    if (!seen.ok) return seen;
    const { ttl, renewable } = objectIn(seen.value["data"]);
    const token = tokenIn({ client_token: text, lease_duration: ttl, renewable }, now);
    return token === undefined ? refuse({ kind: "unreachable" }) : this.#use(token);
  }

  #use(token: Token) {
    this.#session.token = token;
    return ok(token.text);
  }

  async #ask(method: string, path: string, body?: object, token?: string): KeyResult<Json> {
    const { breaker } = this.#session;
    if (!breaker.admits(this.#now())) return refuse({ kind: "unreachable" });
    const { address, namespace } = this.#place;
    try {
      const response = await fetch(`${address}/v1/${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        headers: {
          "x-vault-request": "true",
          ...(token === undefined ? {} : { "x-vault-token": token }),
          ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const { status } = response;
      if (status === 503) breaker.failed(this.#now());
      else if (status === 429 || status >= 500) breaker.failed(this.#now());
      else breaker.answered();
      if (status === 200 || status === 204)
        return ok(objectIn(text === "" ? {} : JSON.parse(text)));
      if (status === 503) return refuse({ kind: "sealed" });
      if (status === 403) return refuse({ kind: "forbidden" });
      if (status === 404) return refuse({ kind: "not_found" });
      return refuse({ kind: status === 400 ? "no_such_key" : "unreachable" });
    } catch {
      breaker.failed(this.#now());
      return refuse({ kind: "unreachable" });
    }
  }
}

async function textOf(answer: Awaited<KeyResult<Json>>, field: string): KeyResult<string> {
  if (!answer.ok) return answer;
  const text = answer.value[field];
  return typeof text === "string" ? ok(text) : refuse({ kind: "unreachable" });
}

function tokenIn(auth: unknown, nowMs: number): Token | undefined {
  const { client_token: text, lease_duration: seconds, renewable } = objectIn(auth);
  if (typeof text !== "string" || typeof seconds !== "number") return undefined;
  assert(seconds >= 0, "a lease has no negative length");
  const lifeMs = seconds === 0 ? Number.POSITIVE_INFINITY : seconds * SECOND_MS;
  return {
    text,
    renewable: renewable === true,
    renewAtMs: nowMs + lifeMs * RENEW_AFTER,
    endsAtMs: nowMs + lifeMs,
  };
}

const bound = (associatedData: string | undefined): object =>
  associatedData === undefined ? {} : { associated_data: base64(associatedData) };

const base64 = (text: string): string => btoa(text);

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
