// Runs before every `wrangler dev` of the composite (as its build command): puts the API reference in
// its place, and says in one line when the databases that it needs are not there. It never stands in the
// way: always exit code 0, and silence when all is well. TESSERA_PREFLIGHT=off turns the looking off.

import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { placeReference } from "./reference.mjs";

const ANSWER_MS_MAX = 200;
const REMEDY =
  "run `npm run database` in another terminal first, or `npm start` for everything at once.";

placeReference();
if (process.env.TESSERA_PREFLIGHT !== "off") await check();

async function check() {
  const path = new URL("../.dev.vars", import.meta.url);
  if (!existsSync(path)) return complain("There are no .dev.vars yet");
  const vars = readFileSync(path, "utf8");
  const endpoint = /^SQL_ENDPOINT='?([^'\n]*)/m.exec(vars)?.[1] ?? "";
  // No endpoint of our own: the databases are Neon's.
  if (endpoint === "") return;
  if (!(await answers(new URL(endpoint))))
    complain("The databases named in .dev.vars do not answer");
}

function answers({ hostname, port }) {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: ANSWER_MS_MAX });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

function complain(what) {
  console.error(`${what}: ${REMEDY}`);
}
