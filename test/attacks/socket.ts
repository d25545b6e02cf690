// Bytes to the listener as they stand, past every client that would mend them.

import { connect } from "node:net";

/** How long an answer may take before what came counts as all. */
const QUIET_MS = 1_500;

/** All that comes back for these bytes until the other side closes, or is quiet. */
export function converse(url: URL, bytes: string | Buffer, quietMs = QUIET_MS): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(Number(url.port), url.hostname, () => socket.write(bytes));
    const done = () => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(quietMs, done);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      heard += text;
    });
    socket.on("close", done).on("error", done);
  });
}

/** The statuses of the answers in a conversation, in order. */
export const statusesOf = (heard: string): number[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
