// A Chromium of the machine for the pages' tests, and a page that notes what it asks for and complains of.
// Playwright's own browsers are not downloaded: without one on the machine a suite says that it is skipped.

import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const executablePath = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

/** Why there are no browser tests here, if there are none. */
export const missing = executablePath ? undefined : "no Chromium found (set CHROMIUM_PATH)";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** The reference is a large script, and the machine may have other things to do. */
const WAIT_MS_MAX = 30_000;

export function launch(): Promise<Browser> {
  if (executablePath === undefined) throw new Error(missing);
  return chromium.launch({ executablePath, args: FLAGS });
}

export type Watched = {
  readonly page: Page;
  /** URLs of every request. */
  readonly asked: string[];
  /** Errors of scripts, and all that the page's security policy kept it from. */
  readonly complaints: string[];
};

export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" || text.includes("Content Security Policy"))
      complaints.push(text);
  });
  return { page, asked, complaints };
}

/** How far a page can be scrolled sideways; 0 is right. */
export const spillOf = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - window.innerWidth");

/** Origins that were asked for anything. */
export const originsOf = (asked: readonly string[]): string[] => [
  ...new Set(asked.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin)),
];

export const PHONE = { width: 390, height: 844 };
