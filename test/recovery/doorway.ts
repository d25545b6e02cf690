// A doorway between the Workers and the SQL endpoint that can be shut, and that can let a statement in
// and keep its answer: what a network does on a bad day, at the moment a test chooses.

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

/** What becomes of a statement: it arrives, it arrives and nobody hears of it, it is cut off, or it waits. */
export type Fate = "pass" | "lose_answer" | "lose_question" | "hold";

/** Decides by the JSON of query and parameters, and by the database it is for. */
export type Decision = (body: string, database: string) => Fate;

export type Doorway = {
  readonly url: string;
  /** Questions and answers lost so far. */
  readonly lost: () => number;
  /** The fate of each statement from now on. */
  decide(fate: Decision): void;
  close(): Promise<void>;
};

export async function startDoorway(endpointUrl: string): Promise<Doorway> {
  let fateOf: Decision = () => "pass";
  let lost = 0;
  const server = createServer((incoming, outgoing) => {
    void readAll(incoming).then((body) => {
      const database = incoming.headers["neon-connection-string"];
      const fate = fateOf(body, typeof database === "string" ? database : "");
      if (fate === "hold") return;
      if (fate !== "pass") lost++;
      if (fate === "lose_question") outgoing.destroy();
      else pass(incoming, body, outgoing, fate === "pass");
    });
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address === "object" && address !== null) resolve(address.port);
  });
  const port = await promise;

  /** Sends it on, and hands back the whole answer or nothing. */
  function pass(
    incoming: IncomingMessage,
    body: string,
    outgoing: ServerResponse,
    mayAnswer: boolean,
  ): void {
    const { host: _, ...headers } = incoming.headers;
    const onward = request(endpointUrl, { method: incoming.method ?? "POST", headers });
    onward.on("error", () => outgoing.destroy());
    onward.on("response", (answer) => {
      void readAll(answer).then((text) => {
        if (!mayAnswer) {
          outgoing.destroy();
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, { "content-type": "application/json" });
        outgoing.end(text);
      });
    });
    onward.end(body);
  }

  return {
    url: `http://127.0.0.1:${port}/sql`,
    lost: () => lost,
    decide: (fate) => {
      fateOf = fate;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    // Cut in the middle: what came is all there is.
  }
  return Buffer.concat(chunks).toString("utf8");
}
