// A transit engine over HTTP that does what Vault's and OpenBao's do, with real AES-256-GCM: keys with
// versions, contexts that derive (HKDF-SHA-256), a lowest version that opens, AppRole logins that end, and
// faults when a test asks for them. Its answers have the status and the fields of Vault's API.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

type Key = { versions: Buffer[]; minimum: number; deletable: boolean };
type Body = Readonly<Record<string, unknown>>;
type Answer = { readonly status: number; readonly body?: object };

/** What goes wrong: the next requests get this status, or no answer at all. */
export type Fault = { readonly status: number | "silence"; times: number };

export const ROOT_TOKEN = "fake-root";
export const ROLE = { roleId: "fake-role", secretId: "fake-secret" };

const refused = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } });
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export type TransitFake = Awaited<ReturnType<typeof startTransit>>;

/** `now` is the fake's clock, so that leases end without waiting. */
export async function startTransit(now: () => number = Date.now) {
  const keys = new Map<string, Key>();
  const tokens = new Map<string, number>([[ROOT_TOKEN, Number.POSITIVE_INFINITY]]);
  const seen: string[] = [];
  const state = { fault: undefined as Fault | undefined, leaseS: 3600, isRoleOpen: true };

  function answer(method: string, path: string, token: string, body: Body): Answer {
    if (path === "auth/approle/login") {
      const isKnown = body["role_id"] === ROLE.roleId && body["secret_id"] === ROLE.secretId;
      if (!isKnown || !state.isRoleOpen) return refused(400, "invalid role or secret ID");
      return { status: 200, body: { auth: lease(randomBytes(12).toString("hex")) } };
    }
    const endsMs = tokens.get(token);
    if (endsMs === undefined || endsMs <= now()) return refused(403, "permission denied");
    if (path === "auth/token/renew-self") return { status: 200, body: { auth: lease(token) } };
    if (path === "auth/token/lookup-self") {
      const ttl = endsMs === Number.POSITIVE_INFINITY ? 0 : Math.floor((endsMs - now()) / 1000);
      return { status: 200, body: { data: { ttl, renewable: ttl > 0 } } };
    }
    const [mount, verb = "", ...rest] = path.split("/");
    if (mount !== "transit") return refused(404, "no handler for route");
    if (verb === "keys") return manage(method, rest, body);
    return use(verb, rest.at(-1) ?? "", body);
  }

  function lease(client_token: string) {
    tokens.set(client_token, now() + state.leaseS * 1000);
    return { client_token, lease_duration: state.leaseS, renewable: true };
  }

  function manage(method: string, [name = "", verb]: string[], body: Body): Answer {
    const key = keys.get(name);
    if (method === "POST" && verb === undefined) {
      if (key === undefined) {
        keys.set(name, { versions: [randomBytes(32)], minimum: 1, deletable: false });
      }
      return { status: 200, body: { data: { name } } };
    }
    if (key === undefined) return method === "GET" ? refused(404) : refused(400, "no such key");
    if (method === "DELETE") {
      if (!key.deletable) return refused(400, "deletion is not allowed for this key");
      keys.delete(name);
      return { status: 204 };
    }
    if (verb === "rotate") key.versions.push(randomBytes(32));
    if (verb === "config") {
      const { min_decryption_version: minimum, deletion_allowed: deletable } = body;
      if (typeof minimum === "number") {
        if (minimum > key.versions.length) return refused(400, "above the latest version");
        key.minimum = minimum;
      }
      if (typeof deletable === "boolean") key.deletable = deletable;
    }
    const data = { latest_version: key.versions.length, min_decryption_version: key.minimum };
    return { status: 200, body: { data } };
  }

  function use(verb: string, name: string, body: Body): Answer {
    const key = keys.get(name);
    if (key === undefined) return refused(400, "encryption key not found");
    const context = Buffer.from(text(body["context"]), "base64");
    if (context.length === 0) return refused(400, "missing 'context' for key derivation");
    const aad = Buffer.from(text(body["associated_data"]), "base64");
    if (verb === "datakey") {
      const plain = randomBytes(32);
      const ciphertext = wrap(key, context, Buffer.alloc(0), plain);
      return { status: 200, body: { data: { plaintext: plain.toString("base64"), ciphertext } } };
    }
    if (verb === "encrypt") {
      const plain = Buffer.from(text(body["plaintext"]), "base64");
      return { status: 200, body: { data: { ciphertext: wrap(key, context, aad, plain) } } };
    }
    const plain = unwrap(key, context, aad, text(body["ciphertext"]));
    if (plain === undefined) return refused(400, "cipher: message authentication failed");
    return verb === "rewrap"
      ? { status: 200, body: { data: { ciphertext: wrap(key, context, aad, plain) } } }
      : { status: 200, body: { data: { plaintext: plain.toString("base64") } } };
  }

  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").replace("/v1/", "");
    seen.push(`${request.method} ${path}`);
    const { fault } = state;
    if (fault !== undefined && fault.times > 0) {
      fault.times -= 1;
      if (fault.status === "silence") return;
      response.writeHead(fault.status).end(JSON.stringify({ errors: [] }));
      return;
    }
    const token = text(request.headers["x-vault-token"]);
    const { status, body } = answer(request.method ?? "", path, token, await bodyOf(request));
    response.writeHead(status).end(body === undefined ? undefined : JSON.stringify(body));
  });
  await new Promise<void>((resume) => server.listen(0, "127.0.0.1", resume));

  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** `METHOD path` of every request since the last call. */
    seen: () => seen.splice(0),
    fail: (status: Fault["status"], times = Number.POSITIVE_INFINITY) => {
      state.fault = { status, times };
    },
    heal: () => {
      state.fault = undefined;
    },
    lease: (seconds: number) => {
      state.leaseS = seconds;
    },
    /** Ends every token but the root's, as a revocation does. */
    revoke: () => {
      for (const token of tokens.keys()) if (token !== ROOT_TOKEN) tokens.delete(token);
    },
    closeRole: (isClosed: boolean) => {
      state.isRoleOpen = !isClosed;
    },
    minimumOf: (name: string) => keys.get(name)?.minimum,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function wrap(key: Key, context: Buffer, aad: Buffer, plain: Buffer): string {
  const version = key.versions.length;
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", derived(key, version, context), iv).setAAD(aad);
  const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return `vault:v${version}:${sealed.toString("base64")}`;
}

function unwrap(key: Key, context: Buffer, aad: Buffer, sealed: string): Buffer | undefined {
  const [, versionText, base64 = ""] = /^vault:v(\d+):(.*)$/.exec(sealed) ?? [];
  const version = Number(versionText);
  if (!(version >= key.minimum && version <= key.versions.length)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  const cipher = createDecipheriv(
    "aes-256-gcm",
    derived(key, version, context),
    bytes.subarray(0, 12),
  );
  cipher.setAAD(aad).setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]);
  } catch {
    return undefined;
  }
}

const derived = (key: Key, version: number, context: Buffer): Buffer =>
  Buffer.from(hkdfSync("sha256", key.versions[version - 1] ?? "", "", context, 32));

async function bodyOf(request: IncomingMessage): Promise<Body> {
  let body = "";
  for await (const part of request) body += part;
  return body === "" ? {} : JSON.parse(body);
}
