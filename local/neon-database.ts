// One database behind the SQL endpoint: a pool of connections that performs one statement, or one
// batch as one transaction, and words the result as Neon's proxy does. Statements are prepared under
// a name made from their text, so that a connection plans each of them once.

import { createHash } from "node:crypto";
import pg from "pg";

export type IsolationLevel =
  | "read uncommitted"
  | "read committed"
  | "repeatable read"
  | "serializable";
type Statement = { query: string; params?: unknown[] };
export type Work =
  | { batch: false; statement: Statement }
  | {
      batch: true;
      statements: Statement[];
      isolation: IsolationLevel | undefined;
      readOnly: boolean;
      deferrable: boolean;
    };
export type Answer = { status: number; body: string };

/** More would only queue inside PostgreSQL: it has few cores here, and 80 connections in all. */
const CONNECTIONS_MAX = 16;
/** How long a request waits for a connection before the database counts as out of reach. */
const CONNECT_MS_MAX = 5_000;
/** Programs have some dozens of statements; texts beyond this are literal-ridden, not worth a plan. */
const PREPARED_TEXTS_MAX = 500;

/** PostgreSQL's word for: this plan was made before the tables were altered. */
const PLAN_OUTDATED = "0A000";
/** Classes of errors at connecting that mean "not now", not "never": 08, 53 resources, 57 shutdown. */
const UNREACHABLE = /^(08|53|57)/;
/** The server ended the session in the middle of the work. */
const SESSION_ENDED = /^(08|57P0[1-5])/;

/** What Neon's proxy tells of an error, in its spelling. */
const ERROR_FIELDS = [
  "message",
  "code",
  "detail",
  "hint",
  "position",
  "internalPosition",
  "internalQuery",
  "severity",
  "where",
  "schema",
  "table",
  "column",
  "dataType",
  "constraint",
  "file",
  "line",
  "routine",
] as const;

const asText = (text: string) => text;
/** Values stay the text that PostgreSQL sent: the driver at the other end parses them. */
const TEXT_TYPES = { getTypeParser: () => asText };

export class Database {
  readonly #pool: pg.Pool;
  readonly #names = new Map<string, string>();

  constructor(connectionString: string) {
    this.#pool = new pg.Pool({
      connectionString,
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      // Connections are kept: opening one costs more than a hundred statements.
      idleTimeoutMillis: 0,
      application_name: "neon-endpoint",
    });
    // An idle connection that breaks is dropped by the pool; the next request opens another.
    this.#pool.on("error", () => {});
    // One that breaks at work has already failed its query, which answers for it.
    this.#pool.on("connect", (client) => client.on("error", () => {}));
  }

  async perform(work: Work): Promise<Answer> {
    const first = await this.#attempt(work);
    // Nothing was executed, so once more is safe; the outdated connection is gone.
    return first === "plan-outdated" ? this.#retry(work) : first;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #retry(work: Work): Promise<Answer> {
    for (let spare = 0; spare < CONNECTIONS_MAX; spare += 1) {
      const answer = await this.#attempt(work);
      if (answer !== "plan-outdated") return answer;
    }
    return { status: 503, body: JSON.stringify({ message: "The tables keep changing" }) };
  }

  async #attempt(work: Work): Promise<Answer | "plan-outdated"> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      return connectFailure(error);
    }
    try {
      const body = work.batch
        ? await this.#batch(client, work)
        : await this.#run(client, work.statement);
      client.release();
      return { status: 200, body: JSON.stringify(body) };
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || SESSION_ENDED.test(error.code ?? "")) {
        client.release(true);
        return {
          status: 502,
          body: JSON.stringify({ message: `Connection lost: ${text(error)}` }),
        };
      }
      const outdated = error.code === PLAN_OUTDATED && error.routine === "RevalidateCachedQuery";
      const healthy = !outdated && (!work.batch || (await rolledBack(client)));
      client.release(!healthy);
      return outdated ? "plan-outdated" : { status: 400, body: errorBody(error) };
    }
  }

  async #batch(client: pg.PoolClient, work: Work & { batch: true }): Promise<unknown> {
    const modes = [
      work.isolation === undefined ? "" : ` isolation level ${work.isolation}`,
      work.readOnly ? " read only" : "",
      work.deferrable ? " deferrable" : "",
    ];
    await client.query(`begin${modes.join("")}`);
    const results: unknown[] = [];
    for (const statement of work.statements) results.push(await this.#run(client, statement));
    await client.query("commit");
    return { results };
  }

  async #run(client: pg.PoolClient, { query, params }: Statement): Promise<unknown> {
    const name = this.#nameOf(query);
    const { command, rowCount, fields, rows } = await client.query({
      text: query,
      values: params ?? [],
      rowMode: "array",
      types: TEXT_TYPES,
      // Unnamed statements, too, go the way of a prepared one: several in one text are refused.
      ...(name === undefined ? { queryMode: "extended" } : { name }),
    });
    return { command, rowCount, rowAsArray: true, fields, rows };
  }

  #nameOf(query: string): string | undefined {
    const known = this.#names.get(query);
    if (known !== undefined) return known;
    if (this.#names.size >= PREPARED_TEXTS_MAX) return undefined;
    const name = createHash("sha256").update(query).digest("base64url").slice(0, 22);
    this.#names.set(query, name);
    return name;
  }
}

function connectFailure(error: unknown): Answer {
  const refused = error instanceof pg.DatabaseError && !UNREACHABLE.test(error.code ?? "08");
  if (refused) return { status: 400, body: errorBody(error) };
  return { status: 503, body: JSON.stringify({ message: `Database unreachable: ${text(error)}` }) };
}

function errorBody(error: pg.DatabaseError): string {
  return JSON.stringify(Object.fromEntries(ERROR_FIELDS.map((name) => [name, error[name]])));
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("rollback");
    return true;
  } catch {
    return false;
  }
}

function text(error: unknown): string {
  // A refused connection on a name with two addresses is an AggregateError without a message.
  if (error instanceof AggregateError) return error.errors.map(text).join(", ");
  return error instanceof Error ? error.message : String(error);
}
