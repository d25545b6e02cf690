// That the search can fail: every spelling is found wherever it stands, in every kind of place, and what is no
// canary is not.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { afterAll, describe, expect, inject, test } from "vitest";
import { withSession } from "../../local/session.ts";
import { generator, seedOf } from "../ledger/region.ts";
import { Matcher } from "./matcher.ts";
import { Numbers } from "./numbers.ts";
import { placesBelow, searchFile, searchPlaces } from "./places.ts";
import { leaksOf } from "./plants.ts";
import { RowSearch, searchLedger, searchObjects } from "./rows.ts";
import { codeNeedles, panNeedles } from "./spellings.ts";

const seed = seedOf();
const numbers = new Numbers(seed);
const random = generator(seed);
// A few of each series, and every spelling of each.
const cards = Array.from({ length: 2 * numbers.series.length }, () => numbers.fresh());
cards.push(numbers.declined());
const matcher = new Matcher([...panNeedles(numbers), ...codeNeedles(numbers)]);
const folder = mkdtempSync(join(tmpdir(), "tessera-search-"));
afterAll(() => rmSync(folder, { recursive: true }));

const noise = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, () => Math.floor(random() * 256)));
const spellings = [...new Set(cards.flatMap(({ pan }) => leaksOf(pan)).map((l) => l.spelling))];

describe(`the search (seed ${seed})`, () => {
  test.each(spellings)("finds a number of every series: %s", (spelling) => {
    const missed = cards.filter(({ pan }) => {
      const leaks = leaksOf(pan).filter((leak) => leak.spelling === spelling);
      return leaks.some(({ bytes }) => {
        // At every remainder of every stride.
        const before = noise(64 + Math.floor(random() * 32));
        return !matcher.isIn(Buffer.concat([before, bytes, noise(64)]));
      });
    });
    expect(missed).toEqual([]);
  });

  test("finds a number at any place around the edge of a piece of a file", () => {
    const piece = 8 * 1024 * 1024;
    const path = join(folder, "large");
    const [first] = cards;
    for (const { bytes } of leaksOf(first?.pan ?? "").filter((_, i) => i % 8 === 0)) {
      for (const start of [piece - bytes.length, piece - 1, piece, piece - (bytes.length >> 1)]) {
        const content = Buffer.alloc(piece + 1000, 0xaa);
        bytes.copy(content, start);
        writeFileSync(path, content);
        expect(searchFile(path, matcher).length).toBeGreaterThan(0);
      }
    }
  });

  test("finds a whole number in base64 behind any other bytes", () => {
    for (const before of ["", "x", "xy", "{", '{"number":"']) {
      const text = `${before}${cards[0]?.pan} and more`;
      expect(matcher.isIn(Buffer.from(Buffer.from(text).toString("base64")))).toBe(true);
      expect(matcher.isIn(Buffer.from(Buffer.from(text).toString("base64url")))).toBe(true);
    }
  });

  test("finds nothing in noise, in digits, or in binary numbers that were not issued", () => {
    const digits = Buffer.from(
      Uint8Array.from({ length: 1 << 20 }, () => 48 + Math.floor(random() * 10)),
    );
    expect(matcher.isIn(noise(1 << 20))).toBe(false);
    expect(matcher.isIn(digits)).toBe(false);
    const series = numbers.series[0];
    const unissued = `${series?.head}99999`.padEnd(series?.length ?? 0, "9");
    expect(numbers.isIssued(unissued)).toBe(false);
    expect(matcher.isIn(Buffer.from(`${unissued}0`.slice(0, 16), "hex"))).toBe(false);
  });

  test.each([
    (cvc: string) => JSON.stringify({ card: { cvc } }),
    (cvc: string) => JSON.stringify({ body: JSON.stringify({ cvc }) }),
    (cvc: string) => new URLSearchParams({ "card[cvc]": cvc }).toString(),
    (cvc: string) => `card[cvc]=${cvc}&x=1`,
    (cvc: string) => `{ number: '…', cvc: '${cvc}' }`,
    (cvc: string) => `insert into cards (cvc) … "cvc"=>"${cvc}"`,
    (cvc: string) => Buffer.from(JSON.stringify({ a: 1, cvc })).toString("base64"),
    (cvc: string) => Buffer.from(JSON.stringify({ cvc })).toString("hex"),
  ])("finds a security code beside its field's name, %#", (write) => {
    for (const code of [...numbers.codes.three, ...numbers.codes.four]) {
      expect(matcher.isIn(Buffer.from(`before ${write(code)}`)), write(code)).toBe(true);
    }
  });
});

describe("a leak that was planted", () => {
  const pan = cards[3]?.pan ?? "";
  const code = numbers.codes.four[0] ?? "";

  test("in a table of PostgreSQL is found in its files, its WAL and its rows", async () => {
    const url = new URL(inject("bindings")["DATABASE_URL_US"] ?? "");
    const name = `planted_${seed}`;
    await withSession(url.href, async (admin) => {
      await admin.query(`create database ${pg.escapeIdentifier(name)}`);
      url.pathname = `/${name}`;
      await withSession(url.href, async (client) => {
        await client.query("create table leak (note text, body jsonb)");
        await client.query("insert into leak values ($1, $2)", [pan, { deep: [{ cvc: code }] }]);
        await client.query("checkpoint");
        const directory = await client.query<{ data_directory: string }>("show data_directory");
        const places = placesBelow([directory.rows[0]?.data_directory ?? ""]);
        const found = searchPlaces(places.values(), matcher).map(({ place }) => place);
        expect(new Set(found)).toEqual(
          new Set(["PostgreSQL us: tables and indexes", "PostgreSQL us: WAL"]),
        );
      });
      const search = new RowSearch("rows", matcher, numbers);
      await searchLedger(url.href, search);
      expect(search.findings.map(({ where }) => where)).toEqual(
        expect.arrayContaining([
          "public.leak.note",
          "public.leak.body",
          "public.leak.body.deep.0.cvc",
        ]),
      );
      await admin.query(`drop database ${pg.escapeIdentifier(name)}`);
    });
  });

  test("in a Durable Object is found in its file, its WAL and its rows", () => {
    const path = join(folder, "tessera-Shard.sqlite");
    const db = new DatabaseSync(path);
    db.exec("pragma journal_mode = wal; create table t (a text, b blob, c integer)");
    db.prepare("insert into t values (?, ?, ?)").run(code, Buffer.from(pan), BigInt(pan));
    const places = [...placesBelow([folder]).values()].filter(({ name }) =>
      name.startsWith("Durable Objects"),
    );
    expect(searchPlaces(places, matcher).map(({ place }) => place)).toContain(
      "Durable Objects: their WAL",
    );
    db.close();
    expect(searchFile(path, matcher).length).toBeGreaterThan(0);
    const search = new RowSearch("rows", matcher, numbers);
    searchObjects(folder, search, () => {});
    expect(search.findings.map(({ where }) => where.split(": ").at(-1))).toEqual([
      "t.a",
      "t.b",
      "t.c",
    ]);
  });

  test.each([
    ["a part of it", () => `v1.${code}.AbC_d`, ["cards.sealed"]],
    ["a number", () => `v1.AbC.${pan}`, ["cards.sealed"]],
    ["digits within a part, which is base64url", () => `v1.AbC_${code}_dEf.x`, []],
  ])("in a sealed card is found, and chance is not: %s", (_, text, places) => {
    const path = join(folder, "sealed.sqlite");
    rmSync(path, { force: true });
    const db = new DatabaseSync(path);
    db.exec("create table cards (sealed text)");
    db.prepare("insert into cards values (?)").run(text());
    db.close();
    const search = new RowSearch("rows", matcher, numbers);
    searchObjects(folder, search, () => {});
    const found = search.findings.filter(({ where }) => where.startsWith(path));
    expect(found.map(({ where }) => where.split(": ").at(-1))).toEqual(places);
    rmSync(path);
  });

  test("in a log is found", () => {
    writeFileSync(join(folder, "edge.log"), `unexpected req_1 ${pan}\n`);
    const found = searchPlaces(placesBelow([folder]).values(), matcher);
    expect(found.map(({ place }) => place)).toContain("output of the processes");
  });
});
