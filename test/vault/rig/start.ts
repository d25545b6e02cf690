// One running rig with a bank of its own, and what a test does with it.

import { createTestHarness } from "wrangler";
import type { Scope } from "../../../protocol/command.ts";
import type { CardSummary } from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { TokenId } from "../../../protocol/ids.ts";
import type { JsonOf } from "../../../protocol/json-of.ts";
import type { KeyCommand, KeyReport, KeyStep } from "../../../protocol/keys.ts";
import { readLines } from "../../../protocol/lines.ts";
import type { Result } from "../../../protocol/result.ts";
import type { Order, Performed, TokenizedCard } from "../../../protocol/vault.ts";
import type { KeyShelf } from "../../../workers/vault/transit-keys.ts";
import type { Call, Counted } from "./call.ts";

/** A root whose bytes are all the same. */
export const rootKey = (fill: number): string => Buffer.alloc(32, fill).toString("base64url");

const PROCESSOR_KEY = "rig-processor-key";
const SECRETS = {
  PROCESSOR_KEY,
  CARD_ROOT_KEY: rootKey(1),
  FINGERPRINT_ROOT_KEY: rootKey(2),
};
const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

export type Book = {
  readonly authorizations: number;
  readonly requests: number;
  readonly replays: number;
};

export type BoxedCard = {
  readonly sealed: string;
  readonly version: number;
  readonly card: CardSummary;
  readonly created: number;
};

type Arrival = {
  readonly owner: string;
  readonly token: string;
  readonly boxed: BoxedCard & {
    readonly print: { readonly version: number; readonly newest: string; readonly oldest: string };
  };
  readonly cvc?: string | undefined;
  readonly use?: { readonly jti: string; readonly untilMs: number };
};

type Kept = Result<string, "key_exhausted" | "key_refused" | "seal_used">;

export type CardToMove = {
  readonly owner: string;
  readonly token: string;
  readonly sealed: string;
  readonly version: number;
  readonly printVersion: number;
  readonly fingerprint: string;
  readonly print: string | null;
};

/** When a box crashes, of one take of cards; the answer has left each time. */
export type CrashPoint = "before its entry is written" | "before its entry is confirmed";

export type CardRow = {
  readonly owner: string;
  readonly token: string;
  readonly sealed: string;
  readonly version: number;
  readonly print: string | null;
};

/** What a test asks of a card box. */
export type Box = {
  put(arrival: JsonOf<Arrival>): Promise<JsonOf<Kept>>;
  forget(owner: string, tokens: readonly string[]): Promise<void>;
  listKeys: KeyShelf["list"];
  addKey: KeyShelf["add"];
  replaceKey: KeyShelf["replace"];
  raiseKeys: KeyShelf["raise"];
  dropKeys: KeyShelf["drop"];
  clearKeys: KeyShelf["clear"];
  pageToMove(goal: string, cardsMax: number): Promise<{ readonly cards: readonly CardToMove[] }>;
  moveCards(
    moved: readonly (CardToMove & { readonly from: string; readonly wrapped: boolean })[],
    last: { owner: string; token: string } | undefined,
  ): Promise<number>;
  setWraps(account: string, version: number, wraps: number): Promise<void>;
  wrapsOf(account: string, version: number): Promise<number>;
  age(seconds: number): Promise<void>;
  rows(): Promise<CardRow[]>;
  spoil(owner: string, token: string, sealed: string): Promise<void>;
  get(owner: string, token: string): Promise<BoxedCard | undefined>;
  takeMany(names: readonly { owner: string; token: string }[]): Promise<{
    readonly cards: readonly ({ boxed: BoxedCard; cvc: string | undefined } | undefined)[];
    readonly entry: {
      readonly instance: string;
      readonly number: number;
      readonly written: number;
    };
  }>;
  written(instance: string): Promise<number>;
  crashAtNextTake(point: CrashPoint): Promise<void>;
  auditEntries(): Promise<string[]>;
};

type RigEnv = {
  readonly CARD_BOX: { getByName(name: string): unknown };
  readonly [name: string]: unknown;
};

export function startRig() {
  const harness = createTestHarness({
    root: new URL("../../../", import.meta.url).pathname,
    workers: [
      { configPath: "test/vault/rig/wrangler.toml", secrets: SECRETS },
      {
        configPath: "workers/testbank/wrangler.toml",
        secrets: { PROCESSOR_KEY, NOTICE_KEY: "rig-notice-key" },
      },
    ],
  });

  const worker = () => harness.getWorker<RigEnv>("tessera-vault-rig");

  const call = (what: Call) => harness.fetch("/", { method: "POST", body: JSON.stringify(what) });

  async function bank<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await harness.getWorker("tessera-testbank").fetch(`http://bank${path}`, {
      method,
      headers: { authorization: `Bearer ${PROCESSOR_KEY}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as T;
  }

  return {
    start: async () => void (await harness.listen()),
    stop: () => harness.close(),
    call,
    /** The card box of a slot, asked directly. */
    box: async (slot: number) =>
      (await worker().getEnv()).CARD_BOX.getByName(`slot-${slot}`) as unknown as Box,
    deploy: (environment: Record<string, string>) => call({ kind: "deploy", environment }),
    keys: async (command: KeyCommand): Promise<KeyReport> => {
      const answer = (await (await call({ kind: "keys", command })).json()) as Result<
        KeyReport,
        Failure
      >;
      if (!answer.ok) throw new Error(`refused: ${answer.failure.kind}`);
      return answer.value;
    },
    /** A step with the card keys of a slot, until it has come to its end. */
    step: async (step: KeyStep, slot: number, purpose: "card" | "fingerprint" = "card") => {
      for (let changed = 0; ; ) {
        const answer = await call({ kind: "keys", command: { step, slot, purpose } });
        const { value } = (await answer.json()) as { value: KeyReport };
        changed += value.changed;
        if (value.outcome !== "more") return { ...value, changed };
      }
    },
    fill: async (scope: Scope, count: number, card: object = {}): Promise<TokenId[]> => {
      const answer = await call({ kind: "fill", scope, card: { ...VISA, ...card }, count });
      return (await answer.json()) as TokenId[];
    },
    /** The log since the last call. */
    log: () => harness.getLogs(),
    /** The box of an account crashes, now or when so many pages of cards were moved. */
    crash: async (scope: Scope, afterPages = 0) =>
      void (await call({ kind: "crash", scope, afterPages })),
    loseMemory: (slot: number) => worker().evictDurableObject("CARD_BOX", { name: `slot-${slot}` }),
    token: async (scope: Scope, card: object = {}): Promise<TokenId> => {
      const answer = await call({ kind: "tokenize", scope, card: { ...VISA, ...card } });
      const made = (await answer.json()) as Result<TokenizedCard, Failure>;
      if (!made.ok) throw new Error(`no token: ${JSON.stringify(made.failure)}`);
      return made.value.token;
    },
    /** The lines in the order in which they came. */
    perform: async (orders: readonly Order[]): Promise<Performed[]> => {
      const { body } = await call({ kind: "perform", orders });
      const performed: Performed[] = [];
      if (body === null) throw new Error("the vault answered nothing");
      await readLines(body as unknown as ReadableStream<Uint8Array>, (lines) => {
        for (const line of lines) performed.push(JSON.parse(line));
      });
      return performed;
    },
    crossed: async (scope: Scope): Promise<Counted> =>
      (await (await call({ kind: "crossed", scope })).json()) as Counted,
    book: () => bank<Book>("GET", "/book"),
    setFaults: (switches: object) => bank("POST", "/faults", switches),
    clearFaults: () => bank("DELETE", "/faults"),
  };
}
