// Bodies that are not what they say, break off or are too large; callers that do not wait; what is no HTTP.

import { bearer, card, encode, FORM_TYPE, http, json, post, postJson } from "../http-message.ts";
import { type Kind, money, PAID, REFUSED } from "../kind.ts";

const HUGE_BYTES = 70 * 1024;
const LEAVE_MS_MAX = 40;

export const broken: readonly Kind[] = [
  {
    name: "body of another type than it says",
    share: 3,
    // A content-encoding is not undone, so what is not encoded is read.
    rightly: [200, ...REFUSED],
    make: (m, c) => {
      const asForm = encode(card("card", c));
      const asJson = JSON.stringify(json(c));
      const type = m.pick([
        "text/plain",
        "application/xml",
        "application/octet-stream",
        "image/png",
        c.pan,
        `text/${c.pan}`,
      ]);
      const head = bearer(m.merchant.secret);
      const parts = `--x\r\ncontent-disposition: form-data; name="card[number]"\r\n\r\n${c.pan}\r\n--x--\r\n`;
      return {
        bytes: m.pick([
          http("POST", "/v1/tokens", { ...head, "content-type": FORM_TYPE }, asJson),
          http("POST", "/v1/tokens", { ...head, "content-type": "application/json" }, asForm),
          http("POST", "/v1/tokens", { ...head, "content-type": type }, asForm),
          http(
            "POST",
            "/v1/tokens",
            { ...head, "content-type": "multipart/form-data; boundary=x" },
            parts,
          ),
          http(
            "POST",
            "/v1/tokens",
            { ...head, "content-type": "application/json", "content-encoding": "gzip" },
            asJson,
          ),
          http(
            "POST",
            "/v1/tokens",
            { ...head, "content-type": `${FORM_TYPE}; charset=utf-16` },
            Buffer.from(asForm, "utf16le"),
          ),
        ]),
      };
    },
  },
  {
    name: "JSON that is none, or not of the right shape",
    share: 3,
    rightly: REFUSED,
    make: (m, c) => {
      const whole = JSON.stringify(json(c));
      const cut = whole.slice(0, whole.indexOf(c.pan) + c.pan.length + Math.floor(m.random() * 20));
      return {
        bytes: postJson(
          "/v1/tokens",
          m.merchant.secret,
          m.pick<string | Buffer>([
            cut,
            `${whole}${c.pan}`,
            JSON.stringify([c.pan]),
            JSON.stringify(c.pan),
            c.pan,
            JSON.stringify({ card: c.pan }),
            JSON.stringify({ card: { number: { value: c.pan } } }),
            JSON.stringify({ card: { number: [c.pan] } }),
            JSON.stringify({ card: { [c.pan]: c.pan } }),
            JSON.stringify({ __proto__: null, constructor: { number: c.pan } }),
            `{"card":{"number":"${c.pan}","number":"${c.pan}","cvc":"${m.numbers.longCode}","exp_month":"`,
            Buffer.concat([
              Buffer.from(`{"card":{"number":"${c.pan}`),
              Buffer.from([0xff, 0xfe, 0x22]),
            ]),
            JSON.stringify({ a: { b: { c: { d: { e: { f: { g: c.pan } } } } } } }),
          ]),
        ),
      };
    },
  },
  {
    name: "body that is too large",
    share: 1,
    rightly: [0, ...REFUSED],
    make: (m, c) => {
      const body = encode({
        ...card("card", c),
        padding: `${c.pan} `.repeat(HUGE_BYTES / (c.pan.length + 1)),
      });
      const head = { ...bearer(m.merchant.secret), "content-type": FORM_TYPE };
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      return {
        bytes:
          m.random() < 0.5
            ? http("POST", "/v1/tokens", head, body)
            : http("POST", "/v1/tokens", { ...head, "transfer-encoding": "chunked" }, chunk),
      };
    },
  },
  {
    name: "body that breaks off",
    share: 2,
    rightly: [0],
    make: (m, c) => {
      const bytes = post("/v1/tokens", m.merchant.secret, card("card", c));
      const from = bytes.indexOf(c.pan.slice(0, 6));
      return { bytes, cutAt: from + 6 + Math.floor(m.random() * (bytes.length - from - 6)) };
    },
  },
  {
    name: "caller that does not wait",
    share: 3,
    rightly: [0, ...PAID],
    make: (m, c) => ({
      bytes: m.pick([
        post("/v1/tokens", m.merchant.secret, card("card", c)),
        post("/v1/charges", m.merchant.secret, {
          ...money(m),
          "source[object]": "card",
          ...card("source", c),
        }),
      ]),
      leaveMs: Math.floor(m.random() * LEAVE_MS_MAX),
    }),
  },
  {
    name: "request that is no HTTP",
    share: 1,
    rightly: [0, 200, ...REFUSED],
    make: (m, c) => {
      const key = m.merchant.secret;
      return {
        bytes: m.pick([
          http(`X${c.pan}`, "/v1/tokens", bearer(key)),
          Buffer.from(`POST /v1/tokens HTTP/${c.pan}\r\nhost: x\r\n\r\n`),
          Buffer.from(`GET / HTTP/1.1\r\nhost: x\r\n${c.pan}\r\n\r\n`),
          Buffer.from(`${c.pan}\r\n\r\n`),
          http("POST", "/v1/tokens", { ...bearer(key), "content-length": c.pan }),
          http("GET", "/v1/balance", { ...bearer(key), host: c.pan }),
          http("GET", `/${c.pan}%`, bearer(key)),
          Buffer.from([0x16, 3, 1, 0, 20, ...Buffer.from(c.pan), 13, 10, 13, 10]),
        ]),
        leaveMs: 300,
      };
    },
  },
];
