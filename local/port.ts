// Finds out which TCP ports of this machine can be listened on.

import { createServer } from "node:net";

/** A port that was free a moment ago; whoever starts on it must be ready to be told otherwise. */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0, "127.0.0.1");
  if (port === undefined) throw new Error("This machine has no free port on 127.0.0.1.");
  return port;
}

/** Both loopback addresses count: `localhost` may mean either. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1"]) {
    if ((await listenOnce(port, host)) === undefined) return false;
  }
  return true;
}

function listenOnce(port: number, host: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once("error", (error: NodeJS.ErrnoException) => {
    // No IPv6 on this machine means that nobody can be in the way there.
    resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT" ? port : undefined);
  });
  server.listen(port, host, () => {
    const address = server.address();
    const taken = typeof address === "object" && address !== null ? address.port : undefined;
    server.close(() => resolve(taken));
  });
  return promise;
}
