// What the delivery of webhooks promises, over days of simulated time: receivers that are down for three of
// them, hosts that die between any two actions, pokes and answers that are lost or come twice.

import { describe, expect, test } from "vitest";
import { WINDOW_MAX } from "../../durable-objects/delivery-pull.ts";
import { placeOf } from "../../durable-objects/delivery-state.ts";
import { chanceOf, configOf, type Faults, NO_FAULTS, type Receiver, World } from "./world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const HARD: Faults = { crash: 0.01, lostPoke: 0.2, unreachable: 0.1, twice: 0.05 };
const seeds =
  process.env["WEBHOOK_SEED"]?.split(",").map(Number) ?? [1, 2, 3, 4, 5].map((n) => n * 7919);

const up: Receiver = () => 200;
/** Down in all the ways there are from one time to another. */
const downBetween =
  (fromMs: number, untilMs: number): Receiver =>
  (_, nowMs, chance) => {
    if (nowMs < fromMs || nowMs >= untilMs) return 200;
    return ([500, 503, 302, 404, "timeout"] as const)[Math.floor(chance() * 5)] ?? 500;
  };

/** The events at a receiver that has seen each id once. */
function deduplicated(world: World, endpoint: string): number[] {
  const good = world.arrivals.filter(
    (a) =>
      a.endpoint === endpoint &&
      (a.answer === "lost" || (typeof a.answer === "number" && a.answer < 300)),
  );
  return [...new Set(good.map(({ place }) => place))];
}

const ascending = (places: readonly number[]): number[] => places.toSorted((a, b) => a - b);

describe("an endpoint that is down for three days", () => {
  const cases = seeds.flatMap((seed) =>
    [true, false].flatMap((ordered) =>
      [NO_FAULTS, HARD].map((faults) => ({
        seed,
        ordered,
        faults,
        kind: faults === HARD ? "with crashes and losses" : "without faults",
      })),
    ),
  );

  test.each(cases)(
    "is sent everything afterwards (seed $seed, ordered: $ordered, $kind)",
    ({ seed, ordered, faults }) => {
      const world = new World(seed, faults);
      const start = world.nowMs;
      const outage = [start + HOUR_MS, start + HOUR_MS + 3 * DAY_MS] as const;
      world.makeEndpoint({ id: "we_down", ordered }, downBetween(...outage));
      world.makeEndpoint({ id: "we_up" }, up);
      const expected: number[] = [];
      const chance = chanceOf(seed ^ 0x5eed);
      while (world.nowMs < outage[1] + 2 * HOUR_MS) {
        const types =
          chance() < 0.3 ? ["charge.succeeded", "payment_intent.succeeded"] : ["charge.succeeded"];
        const seq = world.commit(types);
        expected.push(...types.map((_, part) => placeOf(seq, part)));
        world.run(chance() * 12 * MINUTE_MS);
      }
      world.run(6 * HOUR_MS);
      expect(expected.length).toBeGreaterThan(WINDOW_MAX);
      const seen = deduplicated(world, "we_down");
      expect(ascending(seen)).toEqual(expected);
      if (ordered) expect(seen).toEqual(expected);
      expect(ascending(deduplicated(world, "we_up"))).toEqual(expected);
      expect(world.repeats).toEqual([]);
      expect(world.deliveries.size).toBe(0);
      expect(world.rows.get("we_down")?.enabled).toBe(true);
      if (faults === NO_FAULTS) {
        const good = world.log.filter(({ failure }) => failure === null);
        expect(good.length).toBe(2 * expected.length);
        expect(world.arrivals.length).toBe(world.log.length);
      } else {
        expect(world.crashes).toBeGreaterThan(10);
      }
      // A dead receiver is knocked at some times an hour, however many events wait for it.
      const knocks = world.log.filter(
        ({ endpoint, failure }) => endpoint === "we_down" && failure !== null,
      );
      expect(knocks.length).toBeLessThan(3 * 24 * 6 + 40 + world.crashes);
    },
  );

  test("is back at once: what waits is sent within minutes of the first success", () => {
    const world = new World(11);
    const until = world.nowMs + 3 * DAY_MS;
    world.makeEndpoint({ id: "we_1" }, downBetween(world.nowMs, until));
    for (let i = 0; i < 300; i++) world.commit(["charge.succeeded"]);
    world.run(3 * DAY_MS + 20 * MINUTE_MS);
    expect(deduplicated(world, "we_1").length).toBe(300);
  });
});

describe("an endpoint at which nothing ever succeeds", () => {
  test.each(seeds)("is disabled after three days, and the ledger told once (seed %i)", (seed) => {
    const world = new World(seed, { ...HARD, lostPoke: 0 });
    const made = world.nowMs;
    world.makeEndpoint({ id: "we_dead" }, () => 500);
    world.makeEndpoint({ id: "we_up" }, up);
    for (let i = 0; i < 50; i++) world.commit(["charge.succeeded"]);
    world.run(5 * DAY_MS);
    expect(world.rows.get("we_dead")?.enabled).toBe(false);
    const disabling = world.ledger.filter(({ endpoint }) => endpoint?.config?.enabled === false);
    expect(disabling.length).toBe(1);
    const last = world.log.filter(({ endpoint }) => endpoint === "we_dead").at(-1);
    expect((last?.atMs ?? 0) - made).toBeGreaterThanOrEqual(3 * DAY_MS);
    expect((last?.atMs ?? 0) - made).toBeLessThan(3 * DAY_MS + 1.5 * HOUR_MS);
    // The other endpoint hears of it.
    const told = placeOf(disabling[0]?.seq ?? 0, 0);
    expect(deduplicated(world, "we_up")).toContain(told);
  });

  test("is sent what waited once it is enabled again, and not what happened meanwhile", () => {
    const world = new World(5);
    let works = false;
    world.makeEndpoint({ id: "we_1" }, () => (works ? 200 : 500));
    const before = [world.commit(["charge.succeeded"]), world.commit(["charge.failed"])];
    world.run(4 * DAY_MS);
    const row = world.rows.get("we_1");
    if (row === undefined) throw new Error("the endpoint is gone");
    expect(row.enabled).toBe(false);
    world.commit(["charge.captured"]);
    works = true;
    world.commit([], { ...configOf(row), enabled: true });
    const after = world.commit(["charge.refunded"]);
    world.run(HOUR_MS);
    const sent = deduplicated(world, "we_1");
    expect(sent).toContain(placeOf(after, 0));
    // The first failed to its end; the second had days of its own left or was tried once more.
    expect(sent.every((place) => [...before, after].includes(Math.floor(place / 16)))).toBe(true);
  });

  test("gives an event up after three days while others succeed, and stays", () => {
    const world = new World(3);
    world.makeEndpoint({ id: "we_1" }, ({ type }) => (type === "charge.failed" ? 500 : 200));
    world.run(1000);
    const poison = placeOf(world.commit(["charge.failed"]), 0);
    for (let hour = 0; hour < 96; hour++) {
      world.commit(["charge.succeeded"]);
      world.run(HOUR_MS);
    }
    const tries = world.log.filter(({ place }) => place === poison);
    expect(tries.at(-1)?.nextMs).toBeNull();
    const span = (tries.at(-1)?.atMs ?? 0) - (tries[0]?.atMs ?? 0);
    expect(span / HOUR_MS).toBeGreaterThanOrEqual(72);
    expect(span / HOUR_MS).toBeLessThan(74);
    expect(tries.length).toBeLessThan(200);
    expect(world.rows.get("we_1")?.enabled).toBe(true);
    expect(deduplicated(world, "we_1").length).toBe(96);
  });
});

describe("the pace", () => {
  test("of one event grows from ten seconds to an hour, a quarter more or less", () => {
    const world = new World(9);
    world.makeEndpoint({ id: "we_1" }, () => 500);
    world.commit(["charge.succeeded"]);
    world.run(12 * HOUR_MS);
    const gaps = world.log.slice(1).map(({ atMs }, i) => (atMs - (world.log[i]?.atMs ?? 0)) / 1000);
    const ideal = [10, 30, 90, 270, 810, 2430, 3600, 3600];
    for (const [i, seconds] of ideal.entries()) {
      expect(gaps[i], `gap ${i}`).toBeGreaterThanOrEqual(seconds * 0.75);
      expect(gaps[i], `gap ${i}`).toBeLessThanOrEqual(seconds * 1.25 + 1);
    }
  });

  test("is no faster for more events: four at once to one that works, one to one that fails or is ordered", () => {
    for (const [ordered, receiver, most] of [
      [false, up, 4],
      [true, up, 1],
    ] as const) {
      const world = new World(4);
      world.makeEndpoint({ id: "we_1", ordered }, receiver);
      for (let i = 0; i < 200; i++) world.commit(["charge.succeeded"]);
      world.run(MINUTE_MS);
      expect(world.mostAtOnce).toBe(most);
      expect(deduplicated(world, "we_1").length).toBe(200);
    }
  });

  test("leaves room: one that never answers in time does not hold up another", () => {
    const world = new World(6);
    world.makeEndpoint({ id: "we_slow" }, () => "timeout");
    world.makeEndpoint({ id: "we_up" }, up);
    for (let i = 0; i < 100; i++) world.commit(["charge.succeeded"]);
    world.run(20_000);
    expect(deduplicated(world, "we_up").length).toBe(100);
  });

  test("asks the ledger nothing while nothing happens but once in five minutes", () => {
    const world = new World(8);
    world.makeEndpoint({ id: "we_1" }, up);
    world.run(MINUTE_MS);
    const before = world.pulls;
    world.run(DAY_MS);
    expect(world.pulls - before).toBeLessThanOrEqual(288);
    expect(world.pulls - before).toBeGreaterThan(250);
  });
});

describe("what is wanted", () => {
  test("is what the endpoint names, from its own making on, until its own end", () => {
    const world = new World(12);
    world.commit(["charge.succeeded"]);
    world.makeEndpoint({ id: "we_1", events: ["charge.failed", "charge.refunded"] }, up);
    world.run(1000);
    const wanted = [world.commit(["charge.failed"]), world.commit(["charge.refunded"])];
    world.commit(["charge.succeeded"]);
    world.run(1000);
    world.commit([], { id: "we_1", gone: true });
    world.commit(["charge.failed"]);
    world.run(DAY_MS);
    expect(ascending(deduplicated(world, "we_1"))).toEqual(wanted.map((seq) => placeOf(seq, 0)));
    expect(world.rows.size).toBe(0);
    expect(world.deliveries.size).toBe(0);
  });

  test("is decided in the order of the sequence, though many changes lie in one page", () => {
    const world = new World(13, { ...NO_FAULTS, lostPoke: 1 });
    world.makeEndpoint({ id: "we_1", events: ["charge.failed"] }, up);
    world.run(MINUTE_MS);
    const row = world.rows.get("we_1");
    if (row === undefined) throw new Error("the endpoint is gone");
    const expected: number[] = [];
    for (let round = 0; round < 10; round++) {
      for (const name of ["charge.failed", "charge.captured"]) {
        world.commit([], { ...configOf(row), events: [name] });
        for (const type of ["charge.failed", "charge.captured"]) {
          const seq = world.commit([type]);
          if (type === name) expected.push(placeOf(seq, 0));
        }
      }
    }
    world.run(HOUR_MS);
    expect(ascending(deduplicated(world, "we_1"))).toEqual(expected);
  });

  test("is nothing where no endpoint came of it: the sequence is left alone again", () => {
    const world = new World(14);
    world.take({ kind: "armed", head: 0 });
    world.run(HOUR_MS);
    const before = world.pulls;
    world.commit(["charge.succeeded"]);
    world.run(DAY_MS);
    expect(world.pulls).toBe(before);
    // A new endpoint begins where the sequence stands then.
    world.makeEndpoint({ id: "we_1" }, up);
    const seq = world.commit(["charge.failed"]);
    world.run(HOUR_MS);
    expect(deduplicated(world, "we_1")).toEqual([placeOf(seq, 0)]);
  });

  test("two endpoints that are made at once both count", () => {
    const world = new World(15);
    world.take({ kind: "armed", head: 0 });
    world.makeEndpoint({ id: "we_1" }, up);
    world.makeEndpoint({ id: "we_2" }, up);
    const seq = world.commit(["charge.failed"]);
    world.run(HOUR_MS);
    expect(deduplicated(world, "we_1")).toEqual([placeOf(seq, 0)]);
    expect(deduplicated(world, "we_2")).toEqual([placeOf(seq, 0)]);
  });
});

describe("an endpoint that is switched off and on again", () => {
  test.each(seeds)(
    "is sent what happened while it was on, also what it had not taken up, and nothing else (seed %i)",
    (seed) => {
      for (const faults of [NO_FAULTS, HARD]) {
        const world = new World(seed, faults);
        const chance = chanceOf(seed ^ 0x0ff);
        let works = false;
        world.makeEndpoint({ id: "we_1", ordered: seed % 2 === 0 }, () => (works ? 200 : 500));
        world.makeEndpoint({ id: "we_up" }, up);
        while (!world.rows.has("we_1")) world.run(1000);
        const known = world.rows.get("we_1");
        if (known === undefined) throw new Error("the endpoint is gone");
        const expected: number[] = [];
        // More than may wait, so that the first time on is not taken up before it is off.
        for (const [count, enabled] of [
          [WINDOW_MAX + 150, true],
          [120, false],
          [90, true],
          [250, false],
          [30, true],
        ] as const) {
          world.commit([], { ...configOf(known), enabled });
          for (let i = 0; i < count; i++) {
            const seq = world.commit(["charge.succeeded"]);
            if (enabled) expected.push(placeOf(seq, 0));
            if (chance() < 0.05) world.run(chance() * MINUTE_MS);
          }
          world.run(HOUR_MS);
        }
        works = true;
        world.run(12 * HOUR_MS);
        expect(ascending(deduplicated(world, "we_1"))).toEqual(expected);
        expect(world.deliveries.size).toBe(0);
        expect(world.repeats).toEqual([]);
      }
    },
  );

  test("asks the ledger for nothing of the time between when it had taken up all before it", () => {
    const world = new World(21);
    world.makeEndpoint({ id: "we_1" }, up);
    world.makeEndpoint({ id: "we_up" }, up);
    world.run(MINUTE_MS);
    const known = world.rows.get("we_1");
    if (known === undefined) throw new Error("the endpoint is gone");
    world.commit([], { ...configOf(known), enabled: false });
    for (let i = 0; i < 2000; i++) world.commit(["charge.succeeded"]);
    world.run(HOUR_MS);
    const before = world.pulls;
    world.commit([], { ...configOf(known), enabled: true });
    const seq = world.commit(["charge.succeeded"]);
    world.run(MINUTE_MS);
    expect(deduplicated(world, "we_1")).toEqual([placeOf(seq, 0)]);
    expect(world.pulls - before).toBeLessThanOrEqual(3);
  });
});

describe("a redelivery", () => {
  test.each([
    ["four at once to one that works", false, 4],
    ["one at a time to one that fails", true, 1],
  ])("is an attempt like others: %s", (_, fails, most) => {
    const world = new World(17);
    let works = true;
    world.makeEndpoint({ id: "we_1" }, () => (works ? 200 : 500));
    const seqs = Array.from({ length: 60 }, () => world.commit(["charge.succeeded"]));
    world.run(MINUTE_MS);
    works = !fails;
    world.commit(["charge.failed"]);
    world.run(MINUTE_MS);
    world.mostAtOnce = 0;
    for (const seq of seqs) {
      const event = { place: placeOf(seq, 0), type: "charge.succeeded" };
      world.take({ kind: "redeliver", endpoint: "we_1", event });
    }
    world.run(MINUTE_MS);
    expect(world.mostAtOnce).toBe(most);
    expect(world.log.some(({ redelivery }) => redelivery)).toBe(true);
  });

  test("takes a place of those that may wait, or is not taken", () => {
    const world = new World(18);
    let works = true;
    world.makeEndpoint({ id: "we_1" }, () => (works ? 200 : 500));
    const seqs = Array.from({ length: 40 }, () => world.commit(["charge.succeeded"]));
    world.run(MINUTE_MS);
    works = false;
    for (let i = 0; i < WINDOW_MAX - 10; i++) world.commit(["charge.succeeded"]);
    world.run(HOUR_MS);
    expect(world.deliveries.size).toBe(WINDOW_MAX - 10);
    for (const seq of seqs) {
      const event = { place: placeOf(seq, 0), type: "charge.succeeded" };
      world.take({ kind: "redeliver", endpoint: "we_1", event });
    }
    expect(world.deliveries.size).toBe(WINDOW_MAX);
  });

  test("of one event sends it once more, at once, also to one that is failing", () => {
    const world = new World(16);
    let works = true;
    world.makeEndpoint({ id: "we_1" }, () => (works ? 200 : 500));
    const seq = world.commit(["charge.failed"]);
    world.run(MINUTE_MS);
    works = false;
    world.commit(["charge.succeeded"]);
    world.run(2 * HOUR_MS);
    works = true;
    const event = { place: placeOf(seq, 0), type: "charge.failed" };
    world.take({ kind: "redeliver", endpoint: "we_1", event });
    world.run(1000);
    const sent = world.arrivals.filter(
      ({ place, answer }) => place === event.place && answer === 200,
    );
    expect(sent.length).toBe(2);
    expect(world.log.filter(({ redelivery }) => redelivery).length).toBe(1);
    // Its success is the end of the outage.
    expect(world.deliveries.size).toBe(0);
  });

  test.each(seeds)(
    "of a span sends each of its events at least once more and no other (seed %i)",
    (seed) => {
      const world = new World(seed, { ...HARD, crash: 0.005 });
      world.makeEndpoint({ id: "we_1", events: ["charge.failed"], ordered: true }, up);
      const seqs: number[] = [];
      for (let i = 0; i < 1500; i++) {
        seqs.push(world.commit([i % 2 === 0 ? "charge.failed" : "charge.captured"]));
        world.run(500);
      }
      world.run(HOUR_MS);
      const before = world.arrivals.length;
      const [after, until] = [seqs[99] ?? 0, seqs[1299] ?? 0];
      while (!world.take({ kind: "replay", endpoint: "we_1", after, until })) world.run(3000);
      const during = world.commit(["charge.failed"]);
      world.run(HOUR_MS);
      const again = [...new Set(world.arrivals.slice(before).map(({ place }) => place))];
      const span = seqs.slice(100, 1300).filter((_, i) => i % 2 === 0);
      expect(ascending(again)).toEqual([...span, during].map((s) => placeOf(s, 0)));
      expect(again.filter((place) => place !== placeOf(during, 0))).toEqual(
        span.map((s) => placeOf(s, 0)),
      );
      expect(world.rows.get("we_1")?.replay).toBeNull();
    },
  );
});
