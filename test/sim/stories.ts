// What the merchants of a simulated world ask for. Each story is a small program of its own: sales, refunds that race,
// keys used twice or for other words, cards of customers, another's charges.

import type { Scope } from "../../protocol/command.ts";
import type { ChargeFacts, Document, Facts, ObjectFacts } from "../../protocol/facts.ts";
import type {
  AccountId,
  CardId,
  ChargeId,
  CustomerId,
  PaymentIntentId,
} from "../../protocol/ids.ts";
import { cardIdOfToken } from "../../protocol/object.ts";
import type { ChargeAsk, End, ObjectAsk } from "../../protocol/shard.ts";
import type { Dice } from "./chance.ts";
import type { Build, Merchants } from "./merchants.ts";
import type { CardSort } from "./processor.ts";
import { SLOT } from "./world.ts";

/** One of a merchant, told by his own dice. */
export type Story = {
  readonly dice: Dice;
  readonly scope: Scope;
  readonly name: string;
  readonly merchants: Merchants;
};

const MACS = { usual: "aa".repeat(16), changed: "bb".repeat(16) };

/** A sale as a merchant's server asks for it: with a token, with typed card data, or with an alias. */
export function sale(
  { dice, scope, merchants }: Story,
  key: string,
  over: Partial<ChargeAsk> = {},
  mac = MACS.usual,
): Build {
  const sort: CardSort = dice.pick(["good", "good", "good", "good", "declined", "slow"]);
  const amount = dice.whole(50, 5_000);
  const way = dice.pick(["token", "typed", "alias"] as const);
  const token = way === "token" ? merchants.card(scope, sort).token : "tok_visa";
  const metadata = { zebra: "1", apple: "2" };
  return (request) => {
    const source: ChargeAsk["source"] =
      way === "typed"
        ? // Typed anew for each attempt: another token every time, and the same request.
          { kind: "tokenized", ...pick(merchants.card(scope, sort)) }
        : { kind: "token", text: token };
    const common = { ...scope, key, mac, operation: "POST /v1/charges", request };
    const what = { amount, currency: "usd", capture: true, metadata };
    return { kind: "charge", ...common, ...what, source, ...over };
  };
}

const pick = ({ token, card }: ReturnType<Merchants["card"]>) => ({ token, card });

function operation(
  { scope }: Pick<Story, "scope">,
  kind: "capture" | "refund" | "increment",
  key: string,
  charge: ChargeId,
  amount?: number,
): Build {
  const path = kind === "refund" ? "POST /v1/refunds" : `POST /v1/charges/${charge}/${kind}`;
  const mac = `${(amount ?? 0).toString(16).padStart(4, "0")}${charge.slice(-8)}`.padEnd(32, "0");
  return (request) => ({
    kind,
    ...scope,
    key,
    mac,
    operation: path,
    request,
    charge,
    ...(amount === undefined ? {} : { amount }),
  });
}

const chargeOf = (end: End): ChargeFacts | undefined =>
  end.ok && end.facts.kind === "charge" ? end.facts : undefined;

/** What a story is drawn from; some come more often. */
export const STORIES: readonly ((story: Story) => void)[] = [
  /** A sale, looked at afterwards. */
  (story) => {
    const { merchants, scope, name } = story;
    merchants.plead(scope, `${name}-sale`, sale(story, `${name}-sale`), true, (end) => {
      const charge = chargeOf(end);
      if (charge !== undefined) merchants.read(scope, charge.id);
    });
  },
  oneSale,
  refundsThatRace,
  refundsThatRace,
  capturesThatRace,
  capturesThatRace,
  capturesThatRace,
  incrementsThatRace,
  incrementsThatRace,
  sameKeyAtOnce,
  sameKeyOtherWords,
  tokenUsedTwice,
  customerWhoLeaves,
  customerWhoLeaves,
  anothersCharge,
  attemptsAtAnOrder,
  intentsThatRace,
  intentsThatRace,
  newMerchant,
  rush,
];

/** A sale its merchant forgets at once; it must come to its end all the same. */
export function oneSale(story: Story): void {
  const { merchants, scope, name } = story;
  merchants.plead(scope, `${name}-left`, sale(story, `${name}-left`), false);
}

/** Refunds of one sale, together more than there is to give back. */
function refundsThatRace(story: Story): void {
  const { merchants, scope, name, dice } = story;
  merchants.plead(scope, `${name}-sale`, sale(story, `${name}-sale`), true, (end) => {
    const charge = chargeOf(end);
    if (charge === undefined) return;
    const count = dice.whole(2, 4);
    for (let i = 1; i <= count; i++) {
      const key = `${name}-refund${i}`;
      const amount = dice.chance(0.3)
        ? undefined
        : dice.whole(1, Math.ceil((charge.amount * 2) / count));
      merchants.later(dice.chance(0.7) ? 0 : dice.whole(0, 5_000), () =>
        merchants.plead(
          scope,
          key,
          operation(story, "refund", key, charge.id, amount),
          dice.chance(0.85),
          () => merchants.read(scope, charge.id),
        ),
      );
    }
  });
}

/** Captures and a release of one authorization: one of them wins. */
function capturesThatRace(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const key = `${name}-hold`;
  merchants.plead(scope, key, sale(story, key, { capture: false }), true, (end) => {
    const charge = chargeOf(end);
    if (charge === undefined) return;
    for (let i = 1; i <= dice.whole(1, 3); i++) {
      const kind = dice.chance(0.6) ? "capture" : "refund";
      const own = `${name}-${kind}${i}`;
      const amount =
        kind === "capture" && dice.chance(0.5)
          ? dice.whole(1, Math.ceil(charge.amount * 1.2))
          : undefined;
      merchants.later(dice.chance(0.7) ? 0 : dice.whole(0, 3_000), () =>
        merchants.plead(
          scope,
          own,
          operation(story, kind, own, charge.id, amount),
          dice.chance(0.85),
          () => merchants.read(scope, charge.id),
        ),
      );
    }
  });
}

/** Increments of one authorization, which a capture or a release ends; more may be captured then than was held first. */
function incrementsThatRace(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const key = `${name}-hold`;
  merchants.plead(scope, key, sale(story, key, { capture: false }), true, (end) => {
    const charge = chargeOf(end);
    if (charge === undefined) return;
    const act = (kind: "capture" | "refund" | "increment", own: string, amount?: number) =>
      merchants.plead(
        scope,
        own,
        operation(story, kind, own, charge.id, amount),
        dice.chance(0.85),
        () => merchants.read(scope, charge.id),
      );
    for (let i = 1; i <= dice.whole(1, 4); i++) {
      // Some ask for no more than there is.
      const amount = charge.amount + dice.whole(-20, 400 * i);
      merchants.later(dice.chance(0.5) ? 0 : dice.whole(0, 4_000), () =>
        act("increment", `${name}-increment${i}`, amount),
      );
    }
    const kind = dice.chance(0.7) ? "capture" : "refund";
    const amount = kind === "capture" && dice.chance(0.5) ? charge.amount + 100 : undefined;
    merchants.later(dice.whole(0, 6_000), () => act(kind, `${name}-${kind}`, amount));
  });
}

/** One request sent several times at once. */
function sameKeyAtOnce(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const build = sale(story, `${name}-same`);
  const count = dice.whole(2, 4);
  for (let i = 0; i < count; i++) {
    merchants.later(dice.chance(0.6) ? 0 : dice.whole(0, 4_000), () =>
      merchants.plead(scope, `${name}-same`, build, true),
    );
  }
}

/** One key for several requests: other words, another route, another mode. */
function sameKeyOtherWords(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const key = `${name}-reused`;
  const first = sale(story, key);
  const changed = sale(story, key, { amount: 4_242 }, MACS.changed);
  const other: Build = (request) => ({
    kind: "customer",
    ...scope,
    key,
    mac: MACS.usual,
    operation: "POST /v1/customers",
    request,
    change: "create",
    patch: { name: "Ada" },
  });
  for (const build of [first, changed, first, other]) {
    merchants.later(dice.whole(0, 3_000), () => merchants.plead(scope, key, build, true));
  }
  const elsewhere = { ...scope, livemode: !scope.livemode };
  merchants.plead(elsewhere, key, sale({ ...story, scope: elsewhere }, key), true);
}

/** One token for two charges: it pays once. */
function tokenUsedTwice(story: Story): void {
  const { merchants, scope, name } = story;
  const { token } = merchants.card(scope, "good");
  for (const key of [`${name}-first`, `${name}-second`]) {
    const source = { kind: "token", text: token } as const;
    merchants.plead(scope, key, sale(story, key, { source }), true);
  }
}

/** A customer whose card is charged while the customer is deleted. */
function customerWhoLeaves(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const { token } = merchants.card(scope, dice.pick(["good", "good", "slow"]));
  const common = { ...scope, mac: MACS.usual } as const;
  const make: Build = (request) => ({
    kind: "customer",
    ...common,
    key: `${name}-make`,
    operation: "POST /v1/customers",
    request,
    change: "create",
    patch: { name: "Ada", metadata: { a: "1" } },
    source: { kind: "token", text: token },
  });
  merchants.plead(scope, `${name}-make`, make, true, (end) => {
    const made: Facts | undefined = end.ok ? end.facts : undefined;
    if (made?.kind !== "customer") return;
    const id: CustomerId = made.id;
    const card: CardId = cardIdOfToken(token);
    const change = (suffix: string, way: "update" | "delete"): Build => {
      const key = `${name}-${suffix}`;
      return (request) => ({
        kind: "customer",
        ...common,
        key,
        operation: `${way === "delete" ? "DELETE" : "POST"} /v1/customers/${id}`,
        request,
        change: way,
        id,
        ...(way === "update" ? { patch: { name: suffix }, default_source: card } : {}),
      });
    };
    for (let i = 1; i <= dice.whole(1, 2); i++) {
      const key = `${name}-paid${i}`;
      const source = dice.chance(0.5)
        ? ({ kind: "customer" } as const)
        : ({ kind: "customer", card_id: card } as const);
      merchants.later(dice.whole(0, 1_500), () =>
        merchants.plead(scope, key, sale(story, key, { source, customer: id }), dice.chance(0.8)),
      );
    }
    if (dice.chance(0.4)) {
      merchants.plead(scope, `${name}-renamed`, change("renamed", "update"), true);
    }
    if (dice.chance(0.7)) {
      merchants.later(dice.whole(0, 2_500), () =>
        merchants.plead(scope, `${name}-left`, change("left", "delete"), true),
      );
    }
  });
}

/** What another account sold is nothing to this one. */
function anothersCharge(story: Story): void {
  const { merchants, scope, name } = story;
  const key = `${name}-sale`;
  merchants.plead(scope, key, sale(story, key), true, (end) => {
    const charge = chargeOf(end);
    if (charge === undefined) return;
    for (const other of [merchants.otherThan(scope), { ...scope, livemode: !scope.livemode }]) {
      const own = `${name}-foreign`;
      const build = operation({ scope: other }, "refund", own, charge.id);
      merchants.plead(other, own, build, true);
    }
    const unknown: Scope = { account: "acct_0000000000000000", livemode: false };
    merchants.plead(unknown, key, sale({ ...story, scope: unknown }, key), true);
  });
}

/** Two requests for one attempt at an order: it is charged once. */
function attemptsAtAnOrder(story: Story): void {
  const { merchants, scope, name, dice } = story;
  for (const key of [`${name}-a`, `${name}-b`]) {
    const order = { order_id: name, attempt_number: 1 };
    merchants.later(dice.whole(0, 500), () =>
      merchants.plead(scope, key, sale(story, key, order), true),
    );
  }
}

const keptOf = (end: End): ObjectFacts | undefined =>
  end.ok && end.facts.kind === "object" ? end.facts : undefined;

/** An intent that several confirm at once, and one may cancel; who hears a decline tries another card. */
function intentsThatRace(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const keep = (
    suffix: string,
    what: Pick<ObjectAsk, "made" | "event"> & Partial<ObjectAsk>,
  ): Build => {
    const common = { key: `${name}-${suffix}`, mac: MACS.usual, operation: `POST /${suffix}` };
    const document: Document = { amount: 700, currency: "usd", attempts: 0, name: suffix };
    return (request) => ({
      ...{ kind: "object", type: "payment_intent", document, ...scope, ...common, request },
      ...what,
    });
  };
  const pay = (intent: ObjectFacts, attempt: number, suffix: string): void => {
    const key = `${name}-${suffix}`;
    const { id, seq, document } = intent;
    const of = { id: id as PaymentIntentId, seq, attempt, document: document ?? {} };
    merchants.plead(scope, key, sale(story, key, { intent: of }), dice.chance(0.85), (end) => {
      if (end.ok || end.failure.kind !== "card_declined" || attempt > 2) return;
      pay(intent, attempt + 1, `${suffix}-again`);
    });
  };
  merchants.plead(
    scope,
    `${name}-intent`,
    keep("intent", { made: true, event: 20 }),
    true,
    (end) => {
      const intent = keptOf(end);
      if (intent === undefined) return;
      for (let i = 1; i <= dice.whole(2, 3); i++) {
        // Some decide on more than they can know.
        const attempt = dice.chance(0.15) ? 2 : 1;
        const atMs = dice.chance(0.7) ? 0 : dice.whole(0, 4_000);
        merchants.later(atMs, () => pay(intent, attempt, `pay${i}`));
      }
      const { id, seq: expects } = intent;
      const cancel = { made: false, id, expects, attempts: 0, event: 22 };
      for (let n = 1; n <= dice.whole(0, 2); n++) {
        const own = `cancel${n}`;
        merchants.later(dice.whole(0, 2_000), () =>
          merchants.plead(scope, `${name}-${own}`, keep(own, cancel), dice.chance(0.7)),
        );
      }
    },
  );
}

/** A merchant is made, twice over for good measure, and sells at once. */
function newMerchant(story: Story): void {
  const { merchants, name, dice } = story;
  const account: AccountId = `acct_${name.padEnd(16, "N")}`;
  const scope: Scope = { account, livemode: dice.chance(0.5) };
  const make: Build = () => ({ kind: "account", ...scope, id: account, slot: SLOT, name });
  merchants.plead(scope, `${name}-account`, make, true, (end) => {
    if (!end.ok) return;
    merchants.plead(scope, `${name}-account`, make, true);
    merchants.plead(scope, `${name}-sale`, sale({ ...story, scope }, `${name}-sale`), true);
  });
}

/** Many at one instant, to share batches; one of them may spoil its batch for the others. */
function rush(story: Story): void {
  const { merchants, scope, name, dice } = story;
  const count = dice.whole(4, 9);
  if (dice.chance(0.5)) {
    const key = `${name}-poison`;
    merchants.later(dice.whole(0, 20), () =>
      merchants.plead(scope, key, sale(story, key, { amount: 0 }), false),
    );
  }
  for (let i = 1; i <= count; i++) {
    const key = `${name}-rush${i}`;
    const over = { capture: dice.chance(0.8) };
    merchants.later(dice.whole(0, 20), () =>
      merchants.plead(scope, key, sale(story, key, over), dice.chance(0.9)),
    );
  }
}
