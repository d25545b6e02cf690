// The system with a demo account of its own, and its pages in Chromium where there is one.

import { startWithDemo } from "../system.ts";
import { launch, missing, openPage, type Watched } from "./chromium.ts";

export type Demo = Awaited<ReturnType<typeof startDemo>>;

export async function startDemo(bindings: Record<string, string>) {
  const { system, merchant } = await startWithDemo(bindings);
  const browser = missing === undefined ? await launch() : undefined;
  if (missing !== undefined) console.warn(`browser tests skipped: ${missing}`);
  const opened: Watched[] = [];
  const at = (path: string): string => new URL(path, system.url).href;
  return {
    system,
    merchant,
    at,
    /** Opens a page of the demo in a window of its own. */
    async open(path = "/dashboard", options = {}): Promise<Watched> {
      if (browser === undefined) throw new Error(missing);
      const watched = await openPage(browser, options);
      opened.push(watched);
      await watched.page.goto(at(path));
      return watched;
    },
    async closePages(): Promise<void> {
      for (const { page } of opened.splice(0)) await page.context().close();
    },
    async close(): Promise<void> {
      await browser?.close();
      await system.close();
    },
  };
}
