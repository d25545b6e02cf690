// One connection to a database for the length of one piece of work. It promises to be closed
// afterwards, and that a server which goes away in the middle fails the work, not the process.

import pg from "pg";

export const CONNECT_MS_MAX = 10_000;

export type SessionOptions = { connectMsMax?: number; statementMsMax?: number };

export async function withSession<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
  { connectMsMax = CONNECT_MS_MAX, statementMsMax }: SessionOptions = {},
): Promise<T> {
  const client = new pg.Client({
    connectionString: directUrl(url),
    connectionTimeoutMillis: connectMsMax,
    ...(statementMsMax === undefined ? {} : { statement_timeout: statementMsMax }),
  });
  // The query that was under way is rejected as well, and tells of it.
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Neon's pooler takes the session away between transactions; its direct host does not. */
function directUrl(url: string): string {
  return url.replace(/-pooler(\.[^/@]*\.neon\.tech)/, "$1");
}
