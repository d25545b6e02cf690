// What goes wrong on the way to the cards is the effect of the orders it meets, and of no others.

import { describe, expect, test } from "vitest";
import type { AccountId, TokenId } from "../../protocol/ids.ts";
import { slotOf } from "../../protocol/slot.ts";
import type { Order, Performed } from "../../protocol/vault.ts";
import { type Means, openToAsk, perform } from "../../workers/vault/orders.ts";
import { Processor } from "../../workers/vault/processor.ts";
import { seal } from "../../workers/vault/seal.ts";
import { SecretKeyProvider } from "../../workers/vault/secret-keys.ts";
import { granted } from "./granted.ts";

const root = Buffer.alloc(32, 1).toString("base64url");
const keys = new SecretKeyProvider(root, root);
const [near, far] = ["acct_AbCdEfGhIjKlMnOp", "acct_AbCdEfGhIjKlMnOq"] as const;
const summary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "f",
  funding: "unknown",
  country: null,
};

const charge = (key: string, account: AccountId = near): Order => ({
  account,
  livemode: false,
  key,
  verb: "authorize",
  token: `tok_${key}` as TokenId,
  amount: 100,
  currency: "usd",
  capture: true,
});

const taken = async (key: string, digits: string, account: AccountId = near) => {
  const of = { account, livemode: false, token: `tok_${key}` };
  const sealed = granted(await seal(digits, of, keys)).text;
  return { boxed: { sealed, version: 1, card: summary }, cvc: undefined };
};

type Cards = Awaited<ReturnType<Means["take"]>>["cards"];

/** Performs the orders with these boxes at a processor that approves all and has heard of no key. */
async function performed(
  orders: readonly Order[],
  take: (slot: number) => Promise<Cards>,
  written: () => Promise<void> = () => Promise.resolve(),
) {
  const http = {
    fetch: async (url: string, init: RequestInit) => {
      const body = { id: "auth_1", status: "approved" };
      if (init.method !== "POST") return Response.json({}, { status: 404 });
      if (!url.endsWith("/batches")) return Response.json(body);
      const asked = JSON.parse(String(init.body)) as { key: string }[];
      const lines = asked.map(({ key }) => `${JSON.stringify({ key, status: 200, body })}\n`);
      return new Response(lines.join(""));
    },
  };
  const told: Performed[] = [];
  const processor = new Processor(http, "key", async () => {});
  const means: Means = {
    take: async (slot) => ({ cards: await take(slot), isWritten: () => false, written }),
    tellUnopened: async () => {},
    keys,
    processor,
  };
  await perform(orders, means, (line) => told.push(line));
  return Object.fromEntries(told.map(({ key, effect }) => [key, effect.kind]));
}

describe("an order", () => {
  test("whose card box cannot be reached is unknown, and the others are performed", async () => {
    const orders = [
      charge("near"),
      charge("far", far),
      {
        account: far,
        livemode: false,
        key: "refund",
        verb: "refund",
        authorization: "auth_1",
        amount: 1,
      } as const,
    ];
    const effects = await performed(orders, async (slot) => {
      if (slot === slotOf(far)) throw new Error("the box is being moved");
      return [await taken("near", "4242424242424242")];
    });
    expect(effects).toEqual({ near: "approved", far: "unknown", refund: "approved" });
  });

  test("whose sealed text holds no card is unknown, and its neighbours are performed", async () => {
    const effects = await performed([charge("odd"), charge("good")], async () => [
      await taken("odd", "no card"),
      await taken("good", "4242424242424242"),
    ]);
    expect(effects).toEqual({ odd: "unknown", good: "approved" });
  });

  test("whose card was just forgotten is unknown, since whoever took it before may be about to ask", async () => {
    const effects = await performed([charge("late"), charge("good")], async () => [
      "forgotten_lately",
      await taken("good", "4242424242424242"),
    ]);
    expect(effects).toEqual({ late: "unknown", good: "approved" });
  });

  test("whose card does not open is declined, and its neighbours are performed", async () => {
    const effects = await performed([charge("moved"), charge("good")], async () => [
      await taken("another", "4242424242424242"),
      await taken("good", "4242424242424242"),
    ]);
    expect(effects).toEqual({ moved: "declined", good: "approved" });
  });

  test("whose card is gone is asked by key beside the others, who do not wait for the answer", async () => {
    const told: string[] = [];
    let forget = () => {};
    const remembering = new Promise<void>((resume) => {
      forget = resume;
    });
    const http = {
      fetch: async (url: string) => {
        if (url.endsWith("/keys/gone")) {
          await remembering;
          return Response.json({}, { status: 404 });
        }
        const body = { id: "auth_1", status: "approved" };
        return new Response(`${JSON.stringify({ key: "good", status: 200, body })}\n`);
      },
    };
    const performing = perform(
      [charge("gone"), charge("good")],
      {
        take: async () => ({
          cards: [undefined, await taken("good", "4242424242424242")],
          isWritten: () => true,
          written: async () => {},
        }),
        tellUnopened: async () => {},
        keys,
        processor: new Processor(http, "key", async () => {}),
      },
      ({ key }) => told.push(key),
    );
    await expect.poll(() => told).toEqual(["good"]);
    forget();
    await performing;
    expect(told).toEqual(["good", "gone"]);
  });
});

describe("the effect of an order whose card was opened", () => {
  const refund: Order = {
    account: near,
    livemode: false,
    key: "refund",
    verb: "refund",
    authorization: "auth_1",
    amount: 1,
  };

  test("is told when the audit entry is durable, and no other waits for that", async () => {
    const told: string[] = [];
    const entry = Promise.withResolvers<void>();
    const asked: string[] = [];
    const http = {
      fetch: async () => {
        const body = { id: "auth_1", status: "approved" };
        const line = (key: string) => `${JSON.stringify({ key, status: 200, body })}\n`;
        return new Response(line("slow") + line("slower") + line("refund") + line("far"));
      },
    };
    const performing = perform(
      [charge("slow"), charge("slower"), refund, charge("far", far)],
      {
        take: async (slot, names) => ({
          cards: await Promise.all(
            names.map(({ order }) =>
              taken(order, "4242424242424242", slot === slotOf(far) ? far : near),
            ),
          ),
          isWritten: () => slot === slotOf(far),
          written: () => {
            asked.push(slot === slotOf(far) ? "far" : "near");
            return entry.promise;
          },
        }),
        tellUnopened: async () => {},
        keys,
        processor: new Processor(http, "key", async () => {}),
      },
      ({ key, effect }) => told.push(`${key} ${effect.kind}`),
    );
    await expect.poll(() => told).toEqual(["refund approved", "far approved"]);
    entry.resolve();
    await performing;
    expect(told.slice(2)).toEqual(["slow approved", "slower approved"]);
    // Once for both of its cards, and not at all where it is known.
    expect(asked).toEqual(["near"]);
  });

  test("is unknown when the audit entry was lost, whatever the processor said", async () => {
    const orders = [charge("good"), charge("gone"), refund];
    const cards = async () => [await taken("good", "4242424242424242"), undefined];
    const lost = () => Promise.reject(new Error("the box has crashed"));
    expect(await performed(orders, cards, lost)).toEqual({
      good: "unknown",
      gone: "unknown",
      refund: "approved",
    });
  });
});

test("a card is opened to be asked about once the audit log knows of it, and else not at all", async () => {
  const purpose = { account: near, livemode: false, token: "tok_good", key: "asked" };
  const cards = [await taken("good", "4242424242424242")];
  const opening: string[] = [];
  const watched = new Proxy(keys, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      opening.push(String(name));
      return value.bind(target);
    },
  });
  const ask = (written: () => Promise<void>) =>
    openToAsk(purpose, {
      take: async () => ({ cards, isWritten: () => false, written }),
      tellUnopened: async () => {},
      keys: watched,
    });
  const lost = await ask(() => Promise.reject(new Error("the box has crashed")));
  expect(lost).toMatchObject({ ok: false, failure: "out_of_reach" });
  expect(opening).toEqual([]);
  expect(await ask(() => Promise.resolve())).toMatchObject({ ok: true });
  expect(opening).not.toEqual([]);
});
