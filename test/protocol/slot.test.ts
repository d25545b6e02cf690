import { describe, expect, test } from "vitest";
import { mintAccountId } from "../../protocol/ids.ts";
import { homeOf, REGIONS, regionsOf, SLOTS, slotOf } from "../../protocol/slot.ts";

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const slots = Array.from({ length: SLOTS }, (_, slot) => slot);

describe("the slot of an account", () => {
  // An account that changed its slot would lose its ledger: these values are for ever.
  test.each([
    ["acct_0000000000000000", 5, "eu"],
    ["acct_zzzzzzzzzzzzzzzz", 708, "eu"],
    ["acct_Tessera000000001", 381, "us"],
    ["acct_Tessera000000002", 972, "eu"],
    ["acct_aB3dE5gH7jK9mN1p", 937, "us"],
  ] as const)("of %s is %i, at home in %s", (account, slot, home) => {
    expect(slotOf(account)).toBe(slot);
    expect(homeOf(slot)).toBe(home);
  });

  test("is filled evenly by 100,000 random accounts", () => {
    const load = new Array<number>(SLOTS).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const slot = slotOf(mintAccountId(random));
      load[slot] = (load[slot] ?? 0) + 1;
    }
    const mean = 100_000 / SLOTS;
    // Uniform chance gives a standard deviation of a tenth of the mean; six of them never happen.
    expect(Math.max(...load) / mean).toBeLessThan(1.6);
    expect(Math.min(...load) / mean).toBeGreaterThan(0.4);
    const variance = load.reduce((sum, n) => sum + (n - mean) ** 2, 0) / SLOTS;
    expect(variance / mean).toBeGreaterThan(0.75);
    expect(variance / mean).toBeLessThan(1.25);
  });
});

describe("the regions of a slot", () => {
  test("keep their order for ever", () => {
    const first = slots.slice(0, 16).map((slot) => homeOf(slot));
    expect(first.join(" ")).toBe("eu eu us eu us eu us eu eu us eu us eu us eu us");
    expect(slots.filter((slot) => homeOf(slot) === "us").length).toBe(501);
  });

  test("are all regions, each once, however they are listed", () => {
    for (const slot of slots) {
      const order = regionsOf(slot, ["us", "eu", "ap"]);
      expect([...order].sort()).toEqual(["ap", "eu", "us"]);
      expect(regionsOf(slot, ["ap", "eu", "us"])).toEqual(order);
    }
  });

  test("share the slots evenly", () => {
    for (const region of REGIONS) {
      const share = slots.filter((slot) => homeOf(slot) === region).length / SLOTS;
      expect(Math.abs(share - 1 / REGIONS.length)).toBeLessThan(0.05);
    }
  });

  test("give a third region a third of the slots and move no other", () => {
    const moved = slots.filter((slot) => regionsOf(slot, [...REGIONS, "ap"])[0] !== homeOf(slot));
    expect(Math.abs(moved.length / SLOTS - 1 / 3)).toBeLessThan(0.05);
    for (const slot of moved) expect(regionsOf(slot, [...REGIONS, "ap"])[0]).toBe("ap");
  });

  test("send the slots of a lost region to the next in their order", () => {
    for (const slot of slots) {
      const [home, next] = regionsOf(slot, ["us", "eu", "ap"]);
      const left = (["us", "eu", "ap"] as const).filter((region) => region !== home);
      expect(regionsOf(slot, left)[0]).toBe(next);
    }
  });
});
