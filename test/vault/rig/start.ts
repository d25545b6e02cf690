// One running rig with a bank of its own, and what a test does with it.

import { createTestHarness } from "wrangler";
import type { Scope } from "../../../protocol/command.ts";
import type { CardSummary } from "../../../protocol/facts.ts";
import type { Failure } from "../../../protocol/failure.ts";
import type { TokenId } from "../../../protocol/ids.ts";
import { readLines } from "../../../protocol/lines.ts";
import type { Result } from "../../../protocol/result.ts";
import type { Order, Performed, TokenizedCard } from "../../../protocol/vault.ts";
import type { Call, Counted } from "./call.ts";

const PROCESSOR_KEY = "rig-processor-key";
const SECRETS = {
  PROCESSOR_KEY,
  CARD_ROOT_KEY: Buffer.alloc(32, 1).toString("base64url"),
  FINGERPRINT_ROOT_KEY: Buffer.alloc(32, 2).toString("base64url"),
};
const VISA = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

export type Book = {
  readonly authorizations: number;
  readonly requests: number;
  readonly replays: number;
};

export type BoxedCard = {
  readonly sealed: string;
  readonly card: CardSummary;
  readonly created: number;
};

/** What a test asks of a card box. */
export type Box = {
  put(
    owner: string,
    token: string,
    boxed: BoxedCard,
    cvc: string | undefined,
    use?: { jti: string; untilMs: number },
  ): Promise<"kept" | "used">;
  get(owner: string, token: string): Promise<BoxedCard | undefined>;
  takeMany(
    names: readonly { owner: string; token: string }[],
  ): Promise<({ boxed: BoxedCard; cvc: string | undefined } | undefined)[]>;
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
      { configPath: "workers/testbank/wrangler.toml", secrets: { PROCESSOR_KEY } },
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
