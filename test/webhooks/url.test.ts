// Which URLs a webhook may have: a table of ways in that are known from attacks on other senders, and every
// address of every special block in every spelling.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPublicAddress } from "../../protocol/public-address.ts";
import { webhookUrl } from "../../protocol/webhook-url.ts";

const LIVE = { livemode: true, loopback: false };
const TEST = { livemode: false, loopback: false };
const LOCAL = { livemode: false, loopback: true };

/** Hosts that no webhook may name, by why; each is tried with https:// in both modes and http:// in test mode. */
const HOSTS: Record<string, string> = {
  loopback: `127.0.0.1 127.1 127.0.1 127.255.255.254 127.127.127.127 2130706433 017700000001 0177.0.0.1
    0177.0.0.01 0177.1 0x7f000001 0x7f.0.0.1 0x7f.1 0x7F.0x0.0x0.0x1 0x7f.0.0.0x1 127.0.0.0x1 127.0x1
    00000177.0.0.1 0x000000007f.0.0.1 127.0.0.1. 127.000.000.001 localhost LOCALHOST localhost. LocalHost
    foo.localhost localhost.localdomain [::1] [0:0:0:0:0:0:0:1] [0000::0001] [::0:1] [::01]`,
  "this network":
    "0 0.0.0.0 0x0 00 0.0 000.000.000.000 0.1.2.3 0.255.255.255 [::] [0:0:0:0:0:0:0:0]",
  "private, RFC 1918": `10.0.0.0 10.0.0.1 10.255.255.255 10.1 0xa.1 012.0.0.1 167772161 0x0a000001 172.16.0.1
    172.31.255.255 0xac100001 2886729729 172.16.1 0254.020.0.1 192.168.0.1 192.168.255.255 192.168.1 0xc0a80001
    3232235521 030052000001 0300.0250.0.1 192.168.0x0.01`,
  "carrier-grade NAT":
    "100.64.0.1 100.127.255.254 100.100.100.200 0x64400001 1681915905 0144.0100.0.1",
  "link-local and metadata": `169.254.0.1 169.254.169.254 169.254.170.2 169.254.169.253 169.254.169.123
    2852039166 0xa9fea9fe 0251.0376.0251.0376 0xa9.0xfe.0xa9.0xfe 025177524776 169.16689662 169.254.43518
    169.254.169.254. 192.0.0.192 192.0.0.8 192.0.0.170 168.63.129.16 0xa83f8110 metadata.google.internal
    metadata metadata.internal instance-data instance-data.ec2.internal metadata.goog.internal
    metadata.azure.internal metadata.tencentyun.internal rancher-metadata kubernetes.default.svc
    kubernetes.default.svc.cluster.local [fd00:ec2::254] [fd20:ce::254]`,
  "documentation, tests, relays": `192.0.2.1 198.51.100.7 203.0.113.255 198.18.0.1 198.19.255.255 192.88.99.1
    192.31.196.1 192.52.193.1 192.175.48.1`,
  "multicast and reserved": `224.0.0.1 239.255.255.250 240.0.0.1 250.1.2.3 255.255.255.255 0xffffffff
    4294967295 037777777777`,
  "IPv6 of one network": `[fc00::1] [fd00::1] [fdff:ffff::1] [fe80::1] [fe80::a9fe:a9fe] [febf::1] [fec0::1]
    [ff02::1] [ff0e::1] [2001:db8::1] [3fff::1] [100::1] [5f00::1] [4000::1] [8000::1] [1::1] [1fff::1]`,
  "IPv4 within IPv6": `[::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:0:127.0.0.1]
    [::ffff:10.0.0.1] [::ffff:a00:1] [::ffff:192.168.0.1] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]
    [::ffff:8.8.8.8] [::127.0.0.1] [::7f00:1] [::10.0.0.1] [64:ff9b::7f00:1] [64:ff9b::127.0.0.1]
    [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [64:ff9b::8.8.8.8] [2002:7f00:1::] [2002:a00:1::1]
    [2002:c0a8:1::1] [2002:a9fe:a9fe::1] [2001:0:7f00:1::] [2001::1] [2001:2::1] [2001:20::1] [2001:10::1]
    [2620:4f:8000::1]`,
  "full-width and other digits": `１２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1 ⑫7.0.0.1 ①②⑦.⓪.⓪.① ⑯⑨。②⑤④。⑯⑨｡②⑤④
    ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ loc𝐚lhost ⓪x7f.1`,
  "names inside networks": `intranet server server. db.internal api.internal. x.local printer.local. nas.lan
    router.home wiki.corp mail.corp x.localdomain x.home.arpa 1.0.0.127.in-addr.arpa x.private x.intranet
    x.test x.example x.invalid facebookcorewwwi.onion x.alt x.i2p vault.service.consul x.docker x.svc
    10-0-0-1.ec2.internal ip-10-0-0-1.us-west-2.compute.internal host.docker.internal
    gateway.docker.internal kubernetes.docker.internal INTERNAL x.INTERNAL x.Local`,
  "names that point where one likes": `127.0.0.1.nip.io 10-0-0-1.nip.io 7f000001.nip.io nip.io www.127.0.0.1.sslip.io
    a9fea9fe.sslip.io 10.0.0.1.xip.io localtest.me foo.localtest.me lvh.me a.lvh.me x.vcap.me lacolhost.com
    x.localdev.me 127.0.0.1.traefik.me 127.0.0.1.backname.io fuf.me local.gd make-127-0-0-1-rr.1u.ms
    7f000001.c0a80001.rbndr.us LVH.ME x.lvh.me.`,
  "no host of the internet": `example..com .example.com -a.com a-.com example.c example.1 example.123 1.2.3.4.5
    256.256.256.256.256 a%00.com %6c%6f%63%61%6c%68%6f%73%74 %31%32%37.0.0.1 a_.-com
    ${"a".repeat(64)}.com ${"a.".repeat(130)}com [::1%25eth0] [::1%eth0] [fe80::1%25lo] [::ffff:127.0.0.1.]
    [:::1] [1:2:3:4:5:6:7:8:9] [12345::1] [::g] 0x.com.0x7f 08.0.0.1 0x100000000 1.256.1.1 999.1.1.1 xn--.0`,
};

/** Whole URLs that are refused in both modes, by why. */
const URLS: Record<string, readonly string[]> = {
  "no URL": [
    "",
    " ",
    "example.com",
    "//example.com/",
    "/hook",
    "https:",
    "https://",
    "https:///",
    "hook",
  ],
  "read otherwise by others": [
    ...["https:example.com", "https:/example.com", "https:///example.com", "https:\\\\example.com"],
    ...[
      "https://example.com\\@127.0.0.1/",
      "https://example.com\\.evil.com",
      "https:/\\example.com",
    ],
    ...[
      "https://exam\tple.com/",
      "https://exam\nple.com/",
      " https://example.com/",
      "https://example.com/ ",
    ],
    ...[
      "https://example.com/a b",
      "ht\ntps://example.com",
      "https://example.com/\u0000",
      "https://example.com/\u007f",
    ],
    ...[
      "https://example.com/\u200b",
      "https://example.com/\u202e",
      "https://ex\u00adample.com/",
      "https://example.com\u3000/",
    ],
  ],
  "another scheme": [
    ...[
      "ftp://example.com/",
      "file:///etc/passwd",
      "file://example.com/x",
      "gopher://example.com:70/_x",
    ],
    ...[
      "dict://example.com:11211/",
      "ldap://example.com/",
      "ws://example.com/",
      "wss://example.com/",
    ],
    ...[
      "javascript:alert(1)",
      "data:text/plain,x",
      "blob:https://example.com/1",
      "jar:https://example.com!/",
    ],
    ...[
      "tftp://example.com/",
      "sftp://example.com/",
      "ssh://example.com/",
      "httpss://example.com",
      "view-source:https://example.com/",
    ],
  ],
  "a user name": [
    ...[
      "https://user@example.com/",
      "https://user:pass@example.com/",
      "https://:pass@example.com/",
    ],
    ...[
      "https://example.com@127.0.0.1/",
      "https://127.0.0.1@example.com/",
      "https://@example.com/",
    ],
    ...[
      "https://example.com%40127.0.0.1@evil.com/",
      "https://a:b@c:d@example.com/",
      "https://:@example.com/",
    ],
  ],
  "another port": [
    ...[
      "https://example.com:80/",
      "https://example.com:22/",
      "https://example.com:25/",
      "https://example.com:6379/",
    ],
    ...[
      "https://example.com:0/",
      "https://example.com:65535/",
      "https://example.com:65536/",
      "https://example.com:-1/",
    ],
    ...[
      "https://example.com:5432/",
      "https://example.com:11211/",
      "https://example.com:9200/",
      "https://example.com:2375/",
    ],
    ...[
      "https://8.8.8.8:53/",
      "https://[2606:4700::1111]:53/",
      "https://example.com:x/",
      "https://example.com:443x/",
    ],
  ],
  "a fragment": [
    "https://example.com/#",
    "https://example.com/#a",
    "https://example.com#@127.0.0.1/",
    "https://127.0.0.1#example.com",
  ],
  "too long": [`https://example.com/${"a".repeat(2048)}`],
};

const hostVectors = Object.entries(HOSTS).flatMap(([why, hosts]) =>
  hosts.split(/[ \n]+/).map((host) => [why, host] as const),
);
const urlVectors = Object.entries(URLS).flatMap(([why, urls]) =>
  urls.map((url) => [why, url] as const),
);

const takes = (url: string, rules = TEST) => webhookUrl(url, rules).ok;

describe("a webhook's URL", () => {
  test("is held to more than two hundred vectors, each there once", () => {
    const all = [...hostVectors, ...urlVectors].map(([, vector]) => vector);
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(300);
  });

  test.each(hostVectors)("is refused when its host is %s: %s", (_, host) => {
    expect(takes(`https://${host}/hook`, LIVE)).toBe(false);
    expect(takes(`https://${host}/hook`)).toBe(false);
    expect(takes(`http://${host}/hook`)).toBe(false);
    expect(takes(`http://${host}:8080/hook`)).toBe(false);
  });

  test.each(urlVectors)("is refused as %s: %j", (_, url) => {
    expect(takes(url, LIVE)).toBe(false);
    expect(takes(url)).toBe(false);
    expect(takes(url, LOCAL)).toBe(false);
  });

  test.each([
    ["https://example.com/", "https://example.com/"],
    ["https://EXAMPLE.com", "https://example.com/"],
    ["https://example.com:443/hook?a=b&c=%20d", "https://example.com/hook?a=b&c=%20d"],
    ["https://example.com:8443/hook", "https://example.com:8443/hook"],
    ["https://example.com./hook", "https://example.com./hook"],
    ["https://bücher.example.de/", "https://xn--bcher-kva.example.de/"],
    ["https://例え.jp/", "https://xn--r8jz45g.jp/"],
    ["https://a_b.example.com/", "https://a_b.example.com/"],
    ["https://internal.example.com/", "https://internal.example.com/"],
    ["https://localhost.example.com/", "https://localhost.example.com/"],
    ["https://notnip.io/", "https://notnip.io/"],
    ["https://8.8.8.8/", "https://8.8.8.8/"],
    ["https://134744072/", "https://8.8.8.8/"],
    ["https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"],
    ["https://example.com/a/../b", "https://example.com/b"],
    ["https://example.com/@user", "https://example.com/@user"],
    ["https://example.com/?at=me@example.com", "https://example.com/?at=me@example.com"],
    ["https://example.xn--p1ai/", "https://example.xn--p1ai/"],
  ])("is taken in both modes and kept as fetch reads it: %s", (url, kept) => {
    expect(webhookUrl(url, LIVE)).toEqual({ ok: true, value: kept });
    expect(webhookUrl(url, TEST)).toEqual({ ok: true, value: kept });
  });

  test.each(["http://example.com/", "http://example.com:80/", "http://example.com:8080/hook"])(
    "may be plain http in test mode only: %s",
    (url) => {
      expect([takes(url, TEST), takes(url, LIVE)]).toEqual([true, false]);
      expect(webhookUrl(url, LIVE)).toMatchObject({ failure: expect.stringContaining("https://") });
    },
  );
});

describe("where loopback is let in", () => {
  test.each([
    ...[
      "http://localhost:3000/hook",
      "http://127.0.0.1:1/",
      "http://[::1]:3000/",
      "https://localhost/",
    ],
    ...["http://127.0.0.2:3000/", "http://2130706433:3000/", "http://LOCALHOST:3000/"],
  ])("%s is taken, and nowhere else", (url) => {
    expect([takes(url, LOCAL), takes(url, TEST)]).toEqual([true, false]);
  });

  const stillRefused = hostVectors.filter(([, host]) => {
    const name = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : host;
    return !(name === "localhost" || name === "[::1]" || name.startsWith("127."));
  });

  test.each(stillRefused)("nothing else is opened: %s, %s", (_, host) => {
    expect(takes(`http://${host}/`, LOCAL)).toBe(false);
    expect(takes(`http://${host}:3000/`, LOCAL)).toBe(false);
  });

  test("live mode is as closed to http as ever", () => {
    expect(takes("http://localhost:3000/", { livemode: true, loopback: true })).toBe(false);
  });
});

/** First and last address of each block that IANA calls special, with its neighbours outside. */
const BLOCKS: readonly (readonly [first: string, last: string, outside: readonly string[]])[] = [
  ["0.0.0.0", "0.255.255.255", ["1.0.0.0"]],
  ["10.0.0.0", "10.255.255.255", ["9.255.255.255", "11.0.0.0"]],
  ["100.64.0.0", "100.127.255.255", ["100.63.255.255", "100.128.0.0"]],
  ["127.0.0.0", "127.255.255.255", ["126.255.255.255", "128.0.0.0"]],
  ["169.254.0.0", "169.254.255.255", ["169.253.255.255", "169.255.0.0"]],
  ["172.16.0.0", "172.31.255.255", ["172.15.255.255", "172.32.0.0"]],
  ["192.0.0.0", "192.0.0.255", ["191.255.255.255", "192.0.1.0"]],
  ["192.0.2.0", "192.0.2.255", ["192.0.1.255", "192.0.3.0"]],
  ["192.168.0.0", "192.168.255.255", ["192.167.255.255", "192.169.0.0"]],
  ["198.18.0.0", "198.19.255.255", ["198.17.255.255", "198.20.0.0"]],
  ["198.51.100.0", "198.51.100.255", ["198.51.99.255", "198.51.101.0"]],
  ["203.0.113.0", "203.0.113.255", ["203.0.112.255", "203.0.114.0"]],
  ["224.0.0.0", "255.255.255.255", ["223.255.255.255"]],
  ["168.63.129.16", "168.63.129.16", ["168.63.129.15", "168.63.129.17"]],
];

const numberOf = (address: string): number =>
  address.split(".").reduce((number, byte) => number * 256 + Number(byte), 0);
const bytesOf = (number: number): number[] =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256);

/** Every way in which the URL standard reads an IPv4 address. */
const SPELLINGS: readonly ((number: number) => string)[] = [
  (n) => String(n),
  (n) => `0x${n.toString(16)}`,
  (n) => `0${n.toString(8)}`,
  (n) => bytesOf(n).join("."),
  (n) =>
    bytesOf(n)
      .map((byte) => `0x${byte.toString(16)}`)
      .join("."),
  (n) =>
    bytesOf(n)
      .map((byte) => `0${byte.toString(8)}`)
      .join("."),
  (n) => `${Math.floor(n / 2 ** 24)}.${n % 2 ** 24}`,
  (n) =>
    `${Math.floor(n / 2 ** 24)}.${Math.floor(n / 2 ** 16) % 256}.0x${(n % 2 ** 16).toString(16)}`,
];

describe("an IPv4 address", () => {
  test.each(BLOCKS)("from %s to %s is not public, its neighbours are", (first, last, outside) => {
    expect([first, last].map(isPublicAddress)).toEqual([false, false]);
    expect(outside.map(isPublicAddress)).toEqual(outside.map(() => true));
  });

  test("of any special block is refused in any spelling, also within IPv6; a public one is taken", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 32 - 1 }),
        fc.constantFrom(...SPELLINGS),
        fc.constantFrom(...BLOCKS),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (any, spell, [first, last], part) => {
          const within = numberOf(first) + Math.round(part * (numberOf(last) - numberOf(first)));
          expect(takes(`http://${spell(within)}/`), spell(within)).toBe(false);
          expect(takes(`http://[::ffff:${bytesOf(any).join(".")}]/`)).toBe(false);
          expect(takes(`http://[64:ff9b::${bytesOf(any).join(".")}]/`)).toBe(false);
          expect(takes(`http://${spell(any)}/`), spell(any)).toBe(
            isPublicAddress(bytesOf(any).join(".")),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test("an IPv6 address is public only if it was given out as such", () => {
  const publics = [
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2400::1",
  ];
  expect(publics.map(isPublicAddress)).toEqual(publics.map(() => true));
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const parsed = new URL(`http://[${address}]/`).hostname.slice(1, -1);
      const isGlobal = /^[23][0-9a-f]{3}:/.test(parsed);
      if (isPublicAddress(parsed)) expect(isGlobal).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
