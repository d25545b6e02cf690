import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBase62 } from "../../protocol/base62.ts";
import {
  createdOf,
  firstUuidAt,
  IdMint,
  idOf,
  mintAccountId,
  mintRequestId,
  mintTokenId,
  parseAccountId,
  partOf,
  sequenceId,
  sequenceOf,
  uuidOf,
} from "../../protocol/ids.ts";

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const MS = 1_800_000_000_123;

function uuid(id: string): string {
  const found = uuidOf("ch", id);
  if (found === undefined) throw new Error(`${id} is no charge`);
  return found;
}

describe("a minted id", () => {
  test("is a UUIDv7 of the moment", () => {
    const id = new IdMint(() => MS, random).mint("ch");
    expect(id).toMatch(/^ch_[0-9A-Za-z]{22}$/);
    expect(uuid(id)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(createdOf(uuid(id))).toBe(1_800_000_000);
  });

  test("is greater than the one before it, 10,000 times in one millisecond", () => {
    const mint = new IdMint(() => MS, random);
    let last = "";
    for (let i = 0; i < 10_000; i++) {
      const id = mint.mint("ch");
      expect(id > last && uuid(id) > (last === "" ? "" : uuid(last))).toBe(true);
      last = id;
    }
  });

  test("is greater than the one before it when the clock steps back, stands or leaps", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 2 }), (steps) => {
        let now = MS;
        const mint = new IdMint(() => now, random);
        let last = mint.mint("ch");
        for (const step of steps) {
          now += step;
          const id = mint.mint("ch");
          expect(id > last).toBe(true);
          last = id;
        }
      }),
      { numRuns: 200 },
    );
  });

  test("borrows a millisecond when 4,096 are minted in one", () => {
    const mint = new IdMint(
      () => MS,
      () => new Uint8Array(8),
    );
    const ids = Array.from({ length: 4097 }, () => uuid(mint.mint("ch")));
    const millis = (at: string) => Number.parseInt(at.slice(0, 8) + at.slice(9, 13), 16);
    expect(ids.slice(0, 4096).every((at) => millis(at) === MS)).toBe(true);
    expect(millis(ids[4096] ?? "")).toBe(MS + 1);
  });
});

describe("an id and its uuid", () => {
  test("stand for each other", () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(uuidOf("ch", idOf("ch", uuid))).toBe(uuid);
      }),
    );
  });

  const good = idOf("ch", "ffffffff-ffff-ffff-ffff-ffffffffffff");
  test.each([
    ["the greatest uuid", good, "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    ["one more than the greatest", `ch_${encodeBase62(2n ** 128n, 22)}`, undefined],
    ["the greatest base62 text", `ch_${"z".repeat(22)}`, undefined],
    ["another prefix", good.replace("ch_", "re_"), undefined],
    ["no prefix", good.slice(3), undefined],
    ["a digit short", good.slice(0, -1), undefined],
    ["a digit long", `${good}0`, undefined],
    ["a dash", `ch_${"-".repeat(22)}`, undefined],
    ["a fullwidth digit", `ch_${"0".repeat(21)}１`, undefined],
    ["the uuid itself", "ffffffff-ffff-ffff-ffff-ffffffffffff", undefined],
    ["nothing", "", undefined],
  ])("%s", (_, id, uuid) => {
    expect(uuidOf("ch", id)).toBe(uuid);
  });
});

describe("the least uuid of a second", () => {
  test.each([0, 1, 1_700_000_000, 4_000_000_000])("bounds what is minted at %i", (second) => {
    const at = (ms: number) => uuid(new IdMint(() => ms, random).mint("ch"));
    expect(at(second * 1000) >= firstUuidAt(second)).toBe(true);
    expect(at(second * 1000 + 999) < firstUuidAt(second + 1)).toBe(true);
    expect(createdOf(firstUuidAt(second))).toBe(second);
  });

  test("is the nil uuid before 1970", () => {
    expect(firstUuidAt(-5)).toBe("00000000-0000-0000-0000-000000000000");
  });
});

describe("the id of an event or balance transaction", () => {
  const account = "acct_AbCdEfGhIjKlMnOp";
  const id = sequenceId("evt", account, false, 42);

  test("is read by its own account in its own mode", () => {
    expect(id).toBe("evt_0AbCdEfGhIjKlMnOp0000000g");
    expect(sequenceOf("evt", account, false, id)).toBe(42);
    const last = 62 ** 7 - 1;
    expect(sequenceOf("txn", account, true, sequenceId("txn", account, true, last))).toBe(last);
  });

  test("tells which of several events of one entry it is; transactions are one each", () => {
    const second = sequenceId("evt", account, false, 42, 1);
    expect(second).toBe("evt_0AbCdEfGhIjKlMnOp1000000g");
    expect([sequenceOf("evt", account, false, second), partOf(second)]).toEqual([42, 1]);
    expect(partOf(id)).toBe(0);
    const txn = sequenceId("txn", account, false, 42, 1);
    expect(sequenceOf("txn", account, false, txn)).toBeUndefined();
  });

  test.each([
    ["another account", "evt", "acct_AbCdEfGhIjKlMnOq", false, id],
    ["another mode", "evt", account, true, id],
    ["another prefix", "txn", account, false, id],
    ["a digit short", "evt", account, false, id.slice(0, -1)],
    ["a digit long", "evt", account, false, `${id}0`],
    ["no digit", "evt", account, false, `${id.slice(0, -1)}-`],
    ["nothing", "evt", account, false, ""],
  ] as const)("is refused to %s", (_, prefix, of, livemode, text) => {
    expect(sequenceOf(prefix, of, livemode, text)).toBeUndefined();
  });
});

describe("random ids", () => {
  test("have their forms and do not repeat", () => {
    const all = new Set<string>();
    for (let i = 0; i < 1000; i++) {
      const [account, request, token] = [
        mintAccountId(random),
        mintRequestId(random),
        mintTokenId(random),
      ];
      expect(account).toMatch(/^acct_[0-9A-Za-z]{16}$/);
      expect(request).toMatch(/^req_[0-9A-Za-z]{16}$/);
      expect(uuidOf("tok", token)).toBeDefined();
      for (const id of [account, request, token]) all.add(id);
    }
    expect(all.size).toBe(3000);
  });

  test.each(["", "acct_", "acct_short", `acct_${"a".repeat(17)}`, `acct_${"é".repeat(16)}`, "x"])(
    "%j is no account",
    (text) => expect(parseAccountId(text)).toBeUndefined(),
  );
});
