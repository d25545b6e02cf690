// A good client of the API: it asks with one key until it has a definite answer, and keeps what it was
// told. Two definite answers to one key that differ in a byte are kept as a contradiction at once.

import { setTimeout as sleep } from "node:timers/promises";

export type Merchant = {
  readonly account: string;
  readonly secret: string;
  readonly publishable: string;
};

export type Told = {
  readonly status: number;
  readonly body: string;
  /** The request that was executed. */
  readonly original: string | null;
};

/** One idempotency key: what was asked with it, and what was said. */
export type Entry = {
  readonly key: string;
  readonly merchant: Merchant;
  /** An answer of a cardholder goes by its challenge, so it may be told in other words. */
  readonly kind: "charge" | "capture" | "refund" | "intent" | "answer";
  readonly path: string;
  readonly form: Readonly<Record<string, string>>;
  /** The charge that is captured or refunded. */
  readonly charge?: string;
  /** On the clock of `performance.now`. */
  readonly askedMs: number;
  /** Its client has gone and waits for no answer. */
  away: boolean;
  told: Told | undefined;
  /** How often it has been asked, and how the last call ended. */
  tries: number;
  last: string;
  /** What was said later and is not what was said first. */
  readonly contradictions: string[];
};

/** A black hole holds a call for as long as its client lets it. */
const ANSWER_MS_MAX = 15_000;
const PAUSE_MS_MIN = 30;
const PAUSE_MS_MAX = 400;
const SHOWN_CHARACTERS = 160;

export class Client {
  /** Answers by what they were; of those that never came, how they ended. */
  readonly answers = new Map<string, number>();
  readonly entries: Entry[] = [];
  readonly #url: string;
  /** When those who wait for an answer stop asking. */
  #patienceEndsMs = Number.POSITIVE_INFINITY;

  constructor(url: string) {
    this.#url = url;
  }

  enter(entry: Pick<Entry, "key" | "merchant" | "kind" | "path" | "form" | "charge">): Entry {
    const made: Entry = {
      ...entry,
      askedMs: performance.now(),
      away: false,
      told: undefined,
      tries: 0,
      last: "",
      contradictions: [],
    };
    this.entries.push(made);
    return made;
  }

  /** Asks once; undefined when the answer was not definite. May be left by `goneMs`. */
  async once(entry: Entry, goneMs = ANSWER_MS_MAX): Promise<Told | undefined> {
    entry.tries++;
    const { merchant, path, form, key } = entry;
    const answer = await this.call("POST", path, merchant.secret, { form, key, goneMs });
    entry.last = answer?.word ?? "no answer";
    if (answer === undefined || !answer.definite) return undefined;
    const { status, body, headers } = answer;
    const told: Told = { status, body, original: headers.get("original-request") };
    if (entry.told === undefined) entry.told = told;
    else if (entry.kind !== "answer") this.#compare(entry, entry.told, told);
    return told;
  }

  /** Those who wait for an answer give up then. */
  giveUpIn(ms: number): void {
    this.#patienceEndsMs = performance.now() + ms;
  }

  get isPatient(): boolean {
    return performance.now() < this.#patienceEndsMs;
  }

  /** Asks until there is a definite answer, until `untilMs` or else for as long as there is patience. */
  async untilTold(entry: Entry, untilMs?: number): Promise<Told | undefined> {
    const waits = () => (untilMs === undefined ? this.isPatient : performance.now() < untilMs);
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const told = await this.once(entry);
      if (told !== undefined || !waits()) return told;
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  /** One call; undefined when no whole answer came. */
  async call(
    method: "GET" | "POST",
    path: string,
    secret: string,
    more: {
      readonly form?: Readonly<Record<string, string>>;
      readonly key?: string;
      readonly goneMs?: number;
    } = {},
  ) {
    const { form, key, goneMs = ANSWER_MS_MAX } = more;
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers: {
          authorization: `Bearer ${secret}`,
          ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(form === undefined ? {} : { body: new URLSearchParams(form).toString() }),
        signal: AbortSignal.timeout(goneMs),
      });
      const body = await response.text();
      const { status, headers } = response;
      const definite = status < 500 && headers.get("stripe-should-retry") !== "true";
      const word = wordOf(status, body, headers);
      this.#count(word);
      return { status, headers, body, definite, word };
    } catch (error) {
      this.#count(error instanceof Error && error.name === "TimeoutError" ? "gone" : "cut off");
      return undefined;
    }
  }

  #compare(entry: Entry, first: Told, later: Told): void {
    if (first.status === later.status && first.body === later.body) {
      if (first.original === later.original) return;
      entry.contradictions.push(`executed as ${first.original}, then as ${later.original}`);
      return;
    }
    const [was, is] = [first, later].map(
      ({ status, body }) => `${status} ${body.replaceAll(/\s+/g, " ").slice(0, SHOWN_CHARACTERS)}`,
    );
    entry.contradictions.push(`first ${was}, then ${is}`);
  }

  #count(word: string): void {
    this.answers.set(word, (this.answers.get(word) ?? 0) + 1);
  }
}

function wordOf(status: number, body: string, headers: Headers): string {
  if (status === 200) return headers.get("idempotent-replayed") === "true" ? "200 again" : "200";
  const [, word = ""] = /"code": "(\w+)"/.exec(body) ?? /"type": "(\w+)"/.exec(body) ?? [];
  return `${status} ${word}`;
}
