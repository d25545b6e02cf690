// Neon's SQL-over-HTTP endpoint in front of any PostgreSQL, for the driver @neondatabase/serverless.
// It promises the wire format of Neon's proxy: one request is one statement or one transaction; rows
// are arrays of text; a refusal by PostgreSQL is a 400 with its fields. A database that cannot be
// reached is a 503 (nothing was executed), a connection lost on the way a 502 (nobody knows), an
// unknown connection string a 403. It serves only the databases it was started with, on 127.0.0.1.
//
// As a process: node local/neon-endpoint.ts --port 4444 --database postgresql://…

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { type Answer, Database, type IsolationLevel, type Work } from "./neon-database.ts";

export type NeonEndpointOptions = { port?: number; connectionStrings: readonly string[] };
export type NeonEndpoint = { url: string; stop(): Promise<void> };

/** Neon's own limit. */
const BODY_BYTES_MAX = 10 * 1024 * 1024;
/** Two regions, each a primary and a copy, and as many again for tests. */
const DATABASES_MAX = 8;
/** Longer than any client keeps an idle connection: closing first would race with its next use. */
const KEEP_ALIVE_MS = 10 * 60 * 1000;
const JSON_HEADERS = { "content-type": "application/json" };

const ISOLATION_LEVELS: Record<string, IsolationLevel> = {
  ReadUncommitted: "read uncommitted",
  ReadCommitted: "read committed",
  RepeatableRead: "repeatable read",
  Serializable: "serializable",
};

export async function startNeonEndpoint(options: NeonEndpointOptions): Promise<NeonEndpoint> {
  const databases = new Map<string, Database>();
  for (const connectionString of options.connectionStrings) {
    const name = canonical(connectionString);
    if (!databases.has(name)) databases.set(name, new Database(connectionString));
  }
  if (databases.size > DATABASES_MAX) throw new Error(`More than ${DATABASES_MAX} databases.`);
  const find = finder(databases);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    readBody(request, (body) => {
      void answer(find, request, body).then((reply) => send(response, reply));
    });
  });
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}/sql`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await Promise.all([...databases.values()].map((database) => database.close()));
    },
  };
}

type Find = (header: string | undefined) => Database | undefined;

async function answer(
  find: Find,
  request: IncomingMessage,
  body: Buffer | undefined,
): Promise<Answer> {
  if (request.method !== "POST" || request.url !== "/sql") {
    return refusal(404, "This is a Neon SQL endpoint: POST /sql");
  }
  if (body === undefined) return refusal(413, `The body is longer than ${BODY_BYTES_MAX} bytes`);
  const header = request.headers["neon-connection-string"];
  const database = find(typeof header === "string" ? header : undefined);
  if (database === undefined) return refusal(403, "This endpoint does not serve that database");
  const work = parseWork(request, body);
  if (work === undefined) return refusal(400, "Expected {query, params} or {queries: […]}");
  return database.perform(work);
}

function parseWork(request: IncomingMessage, body: Buffer): Work | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  if ("queries" in parsed) {
    if (!Array.isArray(parsed.queries) || !parsed.queries.every(isStatement)) return undefined;
    const { headers } = request;
    const level = headers["neon-batch-isolation-level"];
    const isolation = typeof level === "string" ? ISOLATION_LEVELS[level] : undefined;
    if (level !== undefined && isolation === undefined) return undefined;
    return {
      batch: true,
      statements: parsed.queries,
      isolation,
      readOnly: headers["neon-batch-read-only"] === "true",
      deferrable: headers["neon-batch-deferrable"] === "true",
    };
  }
  return isStatement(parsed) ? { batch: false, statement: parsed } : undefined;
}

function isStatement(value: unknown): value is { query: string; params?: unknown[] } {
  if (typeof value !== "object" || value === null || !("query" in value)) return false;
  if (typeof value.query !== "string") return false;
  return !("params" in value) || Array.isArray(value.params);
}

function refusal(status: number, message: string): Answer {
  return { status, body: JSON.stringify({ message }) };
}

/** The body, or undefined when it is too long. Nothing is called when the client went away. */
function readBody(request: IncomingMessage, done: (body: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  request.on("data", (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= BODY_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on("end", () => {
    const [first] = chunks;
    if (sizeBytes > BODY_BYTES_MAX) done(undefined);
    else done(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
  });
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, JSON_HEADERS);
  response.end(body);
}

/** The driver names itself in the connection string, always in the same way: parsed once each. */
function finder(databases: ReadonlyMap<string, Database>): Find {
  const spellings = new Map<string, Database>();
  const spellingsMax = 4 * DATABASES_MAX;
  return (header) => {
    if (header === undefined) return undefined;
    const known = spellings.get(header);
    if (known !== undefined) return known;
    const database = databases.get(canonical(header));
    if (database !== undefined && spellings.size < spellingsMax) spellings.set(header, database);
    return database;
  };
}

/** The same for `postgres:` and `postgresql:`, and whatever the client calls itself. */
function canonical(connectionString: string): string {
  if (!URL.canParse(connectionString)) return "";
  const url = new URL(connectionString);
  url.searchParams.delete("application_name");
  url.searchParams.sort();
  const { username, password, hostname, port, pathname, searchParams } = url;
  return [username, password, hostname, port || "5432", pathname, searchParams].join("\n");
}

function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address === "object" && address !== null) resolve(address.port);
  });
  return promise;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: "string" }, database: { type: "string", multiple: true } },
  });
  // The environment keeps passwords out of the list of processes.
  const given = values.database ?? JSON.parse(process.env["TESSERA_DATABASES"] ?? "[]");
  const port = Number(values.port ?? 0);
  const endpoint = await startNeonEndpoint({ port, connectionStrings: given });
  console.log(endpoint.url);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => void endpoint.stop().then(() => process.exit(0)));
  }
}

if (import.meta.main) await main();
