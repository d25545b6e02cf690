// `npm run listen -- http://localhost:3000/hook`: follows the events of a running Tessera and forwards each to a
// server on this machine, signed with a secret that is printed. One line for each event and its answer, and what to do
// about one that is not 2xx. Uses the public API only, so it follows a deployment as well.
//
// --key       a secret key; without it the demo account's, from keys.json
// --tessera   where Tessera listens, if not where keys.json says
// --events    only these, with commas between; `charge.*` stands for all that begin so
// --from      first those after this event (evt_…), or all that there are (start)

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sourcesOf } from "../protocol/event.ts";
import { type AccountId, sequenceId } from "../protocol/ids.ts";
import { type WebhookSecret, webhookSecrets } from "../protocol/webhook-secret.ts";
import type { Keys } from "./demo.ts";
import { adviceOn, forward, type ListedEvent, lineOf } from "./forwarding.ts";

const repository = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const USAGE =
  "Usage: npm run listen -- http://localhost:3000/hook [--events charge.succeeded,customer.*] [--from evt_…|start] [--key sk_…] [--tessera URL]";
/** How often Tessera is asked for what is new. */
const POLL_MS = 500;
const EVENTS_PER_POLL = 100;
const ANSWER_MS_MAX = 15_000;

/** What the user can do something about: a line, with the remedy. */
class Problem extends Error {}

type Plan = {
  readonly target: string;
  readonly tessera: string;
  readonly key: string;
  readonly wants: (type: string) => boolean;
  readonly from: string | undefined;
};

function planOf(args: readonly string[]): Plan {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      key: { type: "string" },
      tessera: { type: "string" },
      events: { type: "string" },
      from: { type: "string" },
    },
  });
  const [given, ...more] = positionals;
  if (given === undefined || more.length > 0) throw new Problem(USAGE);
  const { from } = values;
  if (from !== undefined && from !== "start" && !/^evt_[0-9A-Za-z]+$/.test(from)) {
    throw new Problem(`--from ${from} is neither an event (evt_…) nor \`start\`.`);
  }
  const keys = values.key !== undefined && values.tessera !== undefined ? undefined : knownKeys();
  const key = values.key ?? keys?.demo.secret ?? "";
  if (!/^[rs]k_(test|live)_/.test(key)) throw new Problem("--key must be a secret key, sk_….");
  const tessera = (values.tessera ?? keys?.url ?? "").replace(/\/$/, "");
  return { target: targetOf(given), tessera, key, wants: filterOf(values.events), from };
}

function targetOf(given: string): string {
  const text = /^[a-z]+:\/\//i.test(given) ? given : `http://${given}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Problem(`${given} is not a URL such as http://localhost:3000/hook.`);
  }
  return url.href;
}

function filterOf(names: string | undefined): (type: string) => boolean {
  if (names === undefined || names === "*") return () => true;
  const list = names.split(",").map((name) => name.trim());
  const unknown = list.find((name) => sourcesOf(name).length === 0);
  if (unknown !== undefined) throw new Problem(`There is no event ${unknown}.`);
  return (type) =>
    list.some((name) => (name.endsWith(".*") ? type.startsWith(name.slice(0, -1)) : type === name));
}

function knownKeys(): Keys {
  const path = join(process.env["TESSERA_HOME"] ?? join(repository, ".local"), "keys.json");
  if (!existsSync(path)) {
    throw new Problem(`There is no ${path}: run \`npm start\` in another terminal first.`);
  }
  return JSON.parse(readFileSync(path, "utf8")) as Keys;
}

/** The same for the same key at each run, so that it can stay in a server's settings. */
async function secretOf(key: string, account: AccountId): Promise<WebhookSecret> {
  const root = createHash("sha256").update(`tessera listen ${key}`).digest("base64url");
  const livemode = /^.k_live_/.test(key);
  const [secret] = await webhookSecrets(root, {
    account,
    livemode,
    endpoint: "listen",
    version: 1,
  });
  return secret;
}

/** What Tessera answers; undefined while it cannot be reached or asks to wait. */
async function ask<T>({ tessera, key }: Plan, path: string): Promise<T | undefined> {
  let response: Response;
  try {
    response = await fetch(`${tessera}${path}`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  } catch {
    return undefined;
  }
  if (response.status === 429 || response.status >= 500) return undefined;
  const answer = (await response.json()) as T & { readonly error?: { readonly message: string } };
  if (!response.ok) throw new Problem(`Tessera refused: ${answer.error?.message}`);
  return answer;
}

type List = { readonly data: readonly ListedEvent[]; readonly has_more: boolean };

const pause = (): Promise<void> => new Promise((resume) => setTimeout(resume, POLL_MS));

/** Asks until there is an answer; says once that there is none yet. */
async function askUntilAnswered<T>(plan: Plan, path: string): Promise<T> {
  for (let told = false; ; ) {
    const answer = await ask<T>(plan, path);
    if (answer !== undefined) {
      if (told) console.log("Tessera answers again.");
      return answer;
    }
    if (!told) console.log(`Tessera at ${plan.tessera} does not answer: waiting for it.`);
    told = true;
    await pause();
  }
}

async function follow(plan: Plan): Promise<never> {
  const { id: account } = await askUntilAnswered<{ id: AccountId }>(plan, "/v1/account");
  const secret = await secretOf(plan.key, account);
  let cursor = await startOf(plan, account);
  console.log(`Events of ${account} go to ${plan.target}. Ctrl-C ends it.`);
  console.log(`Your webhook signing secret is ${secret}`);
  for (;;) {
    const path = `/v1/events?limit=${EVENTS_PER_POLL}&ending_before=${cursor}`;
    const { data, has_more } = await askUntilAnswered<List>(plan, path);
    for (const event of [...data].reverse()) {
      if (plan.wants(event.type)) await pass(plan.target, event, secret);
      cursor = event.id;
    }
    if (!has_more) await pause();
  }
}

/** The event after which those come that are forwarded. */
async function startOf({ from, ...plan }: Plan, account: AccountId): Promise<string> {
  const beginning = sequenceId("evt", account, /^.k_live_/.test(plan.key), 0);
  if (from !== undefined) return from === "start" ? beginning : from;
  const { data } = await askUntilAnswered<List>({ ...plan, from }, "/v1/events?limit=1");
  return data[0]?.id ?? beginning;
}

async function pass(target: string, event: ListedEvent, secret: WebhookSecret): Promise<void> {
  const forwarded = await forward(target, event, secret);
  console.log(lineOf(event, forwarded, new Date()));
  const advice = adviceOn(forwarded, target, secret);
  for (const line of advice) console.log(`          ${line}`);
  if (advice.length > 0) {
    console.log(
      "          It is not sent again by itself: run with --from and the event before it.",
    );
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
try {
  await follow(planOf(process.argv.slice(2)));
} catch (error) {
  if (error instanceof Problem) console.error(error.message);
  else if (error instanceof TypeError && "code" in error)
    console.error(`${error.message}\n${USAGE}`);
  else console.error(error);
  process.exit(1);
}
