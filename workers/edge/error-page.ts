// GET /docs/errors: the catalogue of errors as a page. It is made of the same rows that the OpenAPI document
// names, needs no script, and each code is its anchor, so `doc_url` can point at it.

import type { Hono } from "hono";
import { html, raw } from "hono/html";
import { type Advice, DECLINES } from "../../protocol/decline.ts";
import { ERROR_CATALOGUE, type ErrorEntry } from "../../protocol/error-catalogue.ts";
import type { EdgeEnv } from "./environment.ts";
import { ERROR_PAGE } from "./error-body.ts";

const KEPT_S = 3_600;

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cache-control": `public, max-age=${KEPT_S}`,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

type Group = {
  readonly id: string;
  readonly title: string;
  readonly lede: string;
  readonly holds: (entry: ErrorEntry) => boolean;
};

const isRetryable = ({ status }: ErrorEntry): boolean =>
  [409, 429].includes(status) || status >= 500;
const isOfKey = ({ status }: ErrorEntry): boolean => status === 401 || status === 403;
const isOfCard = ({ type }: ErrorEntry): boolean => type === "card_error";

/** Each entry stands in the first that holds it. */
const GROUPS: readonly Group[] = [
  {
    id: "retry",
    title: "Try again",
    lede: "Nothing is wrong with the request. Wait a moment and send it again, with the same idempotency key.",
    holds: isRetryable,
  },
  {
    id: "card",
    title: "The card",
    lede: "The request was right and the card was not taken. Show the message to whoever pays.",
    holds: isOfCard,
  },
  { id: "key", title: "The key", lede: "Who asks, and what he may.", holds: isOfKey },
  {
    id: "request",
    title: "The request",
    lede: "Something in it is wrong, so nothing was done. Correct it and send it anew.",
    holds: () => true,
  },
];

const ADVICE: Record<Advice, string> = {
  confirm_card_data: "Ask for the card's data again.",
  try_again_later: "Try again later, or ask for another card.",
  do_not_try_again: "Do not try this card again. Ask for another.",
};

/** `code` in a sentence of the catalogue becomes an element; all else stays text. */
const prose = (text: string) =>
  text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));

type Entry = {
  readonly anchor: string;
  readonly term: string;
  readonly tags: readonly string[];
  readonly meaning: string;
  readonly remedy: string;
};

const entry = ({ anchor, term, tags, meaning, remedy }: Entry) => html`
  <article id="${anchor}" class="entry">
    <h3><a href="#${anchor}"><code>${term}</code></a></h3>
    <p class="tags">${tags.map((tag) => html`<span>${tag}</span>`)}</p>
    <p class="meaning">${prose(meaning)}</p>
    <p class="remedy">${prose(remedy)}</p>
  </article>`;

const section = (id: string, title: string, lede: string, entries: readonly Entry[]) => html`
  <section aria-labelledby="${id}">
    <div class="section-head">
      <h2 id="${id}">${title}</h2>
      <p class="muted">${lede}</p>
    </div>
    <div class="entries">${entries.map(entry)}</div>
  </section>`;

const groupSection = (group: Group) => {
  const first = (entry: ErrorEntry) => GROUPS.find(({ holds }) => holds(entry));
  const entries = ERROR_CATALOGUE.filter((entry) => first(entry) === group)
    .sort((a, b) => a.status - b.status)
    .map((entry) => ({
      ...entry,
      anchor: entry.name,
      term: entry.name,
      tags: [String(entry.status), entry.type, ...(entry.coded ? [] : ["sent without a code"])],
    }));
  return section(`group-${group.id}`, group.title, group.lede, entries);
};

const declines = () =>
  section(
    "declines",
    "Why a card is declined",
    "decline_code, or code, says why, as far as the issuer does; advice_code what to do with the card.",
    DECLINES.map(({ code, meaning, advice }) => ({
      anchor: `decline-${code}`,
      term: code,
      tags: [advice],
      meaning,
      remedy: ADVICE[advice],
    })),
  );

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 22 22' fill='%234763e4'%3E%3Crect width='10' height='10' rx='2'/%3E%3Crect x='12' width='10' height='10' rx='2' opacity='.45'/%3E%3Crect y='12' width='10' height='10' rx='2' opacity='.45'/%3E%3Crect x='12' y='12' width='10' height='10' rx='2'/%3E%3C/svg%3E";

/** The tiles of the mark, row by row: how much of the accent each has. */
const MARK = ["", "soft", "", "faint", "", "faint", "faint", "soft", "faint"];

const mark = () => html`<svg viewBox="0 0 34 34" width="22" height="22" aria-hidden="true">
  <g class="mark">
    ${MARK.map(
      (shade, i) =>
        html`<rect class="${shade}" x="${(i % 3) * 12}" y="${Math.floor(i / 3) * 12}" width="10" height="10" rx="1.5" />`,
    )}
  </g>
</svg>`;

const EXAMPLE = `HTTP/1.1 402 Payment Required

{
  "error": {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "generic_decline",
    "charge": "ch_…",
    "message": "Your card was declined."
  }
}`;

/** The request first: what goes wrong first when one begins. */
const shown = [...GROUPS].reverse();

const page = () => html`${raw("<!doctype html>")}
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="description" content="Every error of Tessera's API: what it means and what to do about it." />
    <title>Tessera · Errors</title>
    <link rel="icon" href="${ICON}" />
    <link rel="stylesheet" href="/base.css" />
    <link rel="stylesheet" href="/docs/frame.css" />
    <link rel="stylesheet" href="/docs/errors.css" />
  </head>
  <body>
    <header class="top">
      <a class="home" href="/">${mark()} Tessera</a>
      <nav aria-label="Documentation">
        <a href="/docs">Reference</a>
        <a href="/docs/errors" aria-current="page">Errors</a>
        <a href="/openapi.json">OpenAPI</a>
      </nav>
    </header>
    <main class="page">
      <div class="intro">
        <div>
          <h1>Errors</h1>
          <p class="lede">
            Whatever is refused says so in one form: a status, a <code>type</code>, mostly a
            <code>code</code>, and a message for people. Branch on the code. <code>doc_url</code>
            leads to its entry here.
          </p>
        </div>
        <pre tabindex="0" role="region" aria-label="An error as it is sent"><code>${EXAMPLE}</code></pre>
      </div>
      <nav class="contents" aria-label="On this page">
        ${shown.map(({ id, title }) => html`<a href="#group-${id}">${title}</a>`)}
        <a href="#declines">Declines</a>
      </nav>
      ${shown.map(groupSection)} ${declines()}
    </main>
  </body>
</html>`;

export function mountErrorPage(app: Hono<{ Bindings: EdgeEnv }>): void {
  app.get(ERROR_PAGE, async (c) => c.html(await page(), 200, HEADERS));
}
