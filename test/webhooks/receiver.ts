// A merchant's server on this machine: takes webhooks over HTTP, keeps them as they came, and answers as told.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly data: { readonly object: { readonly id: string } };
  };
};

export type Reply = (received: Received, response: ServerResponse) => number | undefined;

const LOOK_MS = 20;
const LOOKS_MAX = 1500;

export async function startReceiver(reply: Reply = () => 200) {
  const received: Received[] = [];
  let answer = reply;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const event = JSON.parse(body || "{}") as Received["event"];
      const one = { path: request.url ?? "", headers: request.headers, body, event };
      received.push(one);
      const status = answer(one, response);
      if (status !== undefined) response.writeHead(status).end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    /** How it answers from now on; undefined: the reply writes its answer itself, or never. */
    answers: (reply: Reply) => {
      answer = reply;
    },
    /** Waits until what was received satisfies; fails with what was there. */
    until: async (satisfies: (received: readonly Received[]) => boolean): Promise<void> => {
      for (let looks = 0; looks < LOOKS_MAX; looks++) {
        if (satisfies(received)) return;
        await new Promise((resume) => setTimeout(resume, LOOK_MS));
      }
      throw new Error(`received only ${JSON.stringify(received.map(({ event }) => event.type))}`);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
