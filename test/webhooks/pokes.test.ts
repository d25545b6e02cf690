// When the stream of an account hears of a commit: soon, seldom, and not where it has nobody to tell.

import { expect, test } from "vitest";
import { Pokes } from "../../durable-objects/pokes.ts";
import type { Command, Scope, Verdict } from "../../protocol/command.ts";

const ACCOUNT = "acct_AAAAAAAAAAAAAAAA";
const SCOPE: Scope = { account: ACCOUNT, livemode: false };

type Poked = {
  readonly scope: Scope;
  readonly seq: number;
  readonly answer: (awake: boolean) => void;
  readonly fail: () => void;
};

/** Pokes with a clock by hand: what was sent, and what waits. */
function byHand() {
  const poked: Poked[] = [];
  const timers: { atMs: number; then: () => void }[] = [];
  const at = { ms: 0 };
  const pokes = new Pokes({
    poke: (scope, seq) =>
      new Promise((resolve, reject) => {
        poked.push({ scope, seq, answer: resolve, fail: () => reject(new Error("gone")) });
      }),
    nowMs: () => at.ms,
    wait: (ms, then) => timers.push({ atMs: at.ms + ms, then }),
  });
  const pass = async (ms: number) => {
    at.ms += ms;
    await new Promise((resume) => setImmediate(resume));
    const due = timers.filter((timer) => timer.atMs <= at.ms);
    for (const timer of due) {
      timers.splice(timers.indexOf(timer), 1);
      timer.then();
    }
  };
  return { pokes, poked, pass };
}

const close = (scope = SCOPE) => ({ ...scope, kind: "close_charge" }) as Command;
const open = () => ({ ...SCOPE, kind: "open_charge" }) as Command;
const endpoint = () => ({ ...SCOPE, kind: "save_object", type: "webhook_endpoint" }) as Command;
const closed = (seq: number): Verdict => ({ outcome: "charge_closed", seq });
const opened = (seq: number): Verdict => ({ outcome: "charge_opened", seq });
const done = (seq: number) => ({ outcome: "done", seq }) as Verdict;

test("the first commit is told at once, and all that follow within a quarter of a second by one more", async () => {
  const { pokes, poked, pass } = byHand();
  pokes.heard([close()], [closed(2)]);
  for (let seq = 4; seq <= 40; seq += 2) pokes.heard([close()], [closed(seq)]);
  expect(poked.map(({ seq }) => seq)).toEqual([2]);
  poked[0]?.answer(true);
  await pass(0);
  await pass(249);
  expect(poked.length).toBe(1);
  await pass(1);
  expect(poked.map(({ seq }) => seq)).toEqual([2, 40]);
  poked[1]?.answer(true);
  await pass(0);
  await pass(10_000);
  expect(poked.length).toBe(2);
});

test("what was only begun, refused or known before is not told", () => {
  const { pokes, poked } = byHand();
  const refused = { outcome: "refused", seq: 5 } as Verdict;
  const known = { outcome: "known", seq: 5 } as Verdict;
  pokes.heard([open(), close(), close()], [opened(1), refused, known]);
  expect(poked).toEqual([]);
});

test("each account and mode is told of its own", () => {
  const { pokes, poked } = byHand();
  const live: Scope = { account: ACCOUNT, livemode: true };
  const other: Scope = { account: "acct_AAAAAAAAAAAAAAAB", livemode: false };
  pokes.heard([close(), close(live), close(other)], [closed(1), closed(2), closed(3)]);
  expect(poked.map(({ scope, seq }) => [scope, seq])).toEqual([
    [SCOPE, 1],
    [live, 2],
    [other, 3],
  ]);
});

test("a stream without endpoints is left alone for an hour, or until one is made", async () => {
  const { pokes, poked, pass } = byHand();
  pokes.heard([close()], [closed(1)]);
  poked[0]?.answer(false);
  await pass(0);
  await pass(30 * 60_000);
  pokes.heard([close()], [closed(2)]);
  expect(poked.length).toBe(1);
  pokes.heard([endpoint()], [done(3)]);
  expect(poked.map(({ seq }) => seq)).toEqual([1, 3]);
  poked[1]?.answer(false);
  await pass(0);
  await pass(60 * 60_000);
  pokes.heard([close()], [closed(4)]);
  expect(poked.map(({ seq }) => seq)).toEqual([1, 3, 4]);
});

test("one that said it has no endpoints, asked before one was made, is asked again", async () => {
  const { pokes, poked, pass } = byHand();
  pokes.heard([close()], [closed(1)]);
  pokes.heard([endpoint()], [done(2)]);
  poked[0]?.answer(false);
  await pass(0);
  await pass(250);
  expect(poked.map(({ seq }) => seq)).toEqual([1, 2]);
});

test("a stream that cannot be reached is told of the next commit, and not in a ring of the same", async () => {
  const { pokes, poked, pass } = byHand();
  pokes.heard([close()], [closed(1)]);
  poked[0]?.fail();
  await pass(0);
  await pass(10_000);
  expect(poked.length).toBe(1);
  pokes.heard([close()], [closed(2)]);
  expect(poked.map(({ seq }) => seq)).toEqual([1, 2]);
});
