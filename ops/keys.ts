// `npm run keys -- <step>`: the rotation of the card keys in the running system, slot by slot, over
// POST /v1/card_keys with the platform key. It can be stopped at any time and started again: how far a slot
// has come is written in its card box. Takes TESSERA_URL and TESSERA_PLATFORM_KEY, or those of the Tessera that
// runs on this machine.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KEY_STEPS, type KeyReport, type KeyStep } from "../protocol/keys.ts";
import { SLOTS } from "../protocol/slot.ts";

const USAGE = `npm run keys -- status|rotate|rewrap|raise|retire [--fingerprint]
npm run keys -- destroy acct_…

  status   how many cards there are, and how many are under an older key
  rotate   makes new keys (transit), current from then on
  rewrap   moves all cards to the current keys
  raise    has older keys refused (transit)
  retire   destroys refused keys that no card needs (transit)
  destroy  destroys an account's keys and so every copy of its cards (transit)`;

/** Slots asked at once: enough to hide the way, too few to be felt by those who pay. */
const SLOTS_AT_ONCE = 8;
/** A slot that fails is asked so many times in all. */
const TRIES_MAX = 5;
const TRY_AGAIN_MS = 1_000;

export type System = { readonly url: string; readonly key: string };

/** What all slots together answered. */
export type Total = {
  readonly provider: string;
  readonly changed: number;
  readonly failed: number;
  readonly cards: number;
  readonly behind: number;
  /** Slots that did not come to their end. */
  readonly unfinished: readonly number[];
  readonly byConfiguration: boolean;
};

/** Takes a step with every slot named; tells after each answer how many slots are done and what was changed. */
export async function takeStep(
  system: System,
  step: KeyStep,
  purpose: "card" | "fingerprint",
  slots: readonly number[],
  tell: (done: number, changed: number) => void,
): Promise<Total> {
  const waiting = [...slots];
  const unfinished: number[] = [];
  let [provider, changed, failed, cards, behind, done] = ["", 0, 0, 0, 0, 0];
  let byConfiguration = false;
  const work = async () => {
    for (let slot = waiting.shift(); slot !== undefined; slot = waiting.shift()) {
      for (let tries = 1; ; ) {
        const report = await ask(system, "POST", "/v1/card_keys", {
          step,
          purpose,
          slot: String(slot),
        });
        if (report !== undefined) {
          provider = report.provider;
          changed += report.changed;
          byConfiguration ||= report.outcome === "by_configuration";
        }
        tell(done, changed);
        if (report?.outcome === "more") {
          failed += report.failed;
          continue;
        }
        if (report === undefined || report.outcome === "failed") {
          if (tries++ < TRIES_MAX) {
            await new Promise((resume) => setTimeout(resume, TRY_AGAIN_MS));
            continue;
          }
          unfinished.push(slot);
        } else {
          failed += report.failed;
          cards += Math.max(0, report.cards);
          behind += Math.max(0, report.behind);
        }
        break;
      }
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: SLOTS_AT_ONCE }, work));
  return { provider, changed, failed, cards, behind, unfinished, byConfiguration };
}

async function ask(
  { url, key }: System,
  method: string,
  path: string,
  form: Record<string, string>,
): Promise<KeyReport | undefined> {
  try {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(method === "POST" ? { body: new URLSearchParams(form) } : {}),
    });
    const body = (await response.json()) as KeyReport & { error?: { message: string } };
    if (response.ok) return body;
    if (response.status < 500 && response.status !== 429) throw new Refused(body.error?.message);
    return undefined;
  } catch (error) {
    if (error instanceof Refused) throw error;
    return undefined;
  }
}

class Refused extends Error {}

function systemOf(environment: NodeJS.ProcessEnv): System | undefined {
  const { TESSERA_URL: url, TESSERA_PLATFORM_KEY: key, TESSERA_HOME } = environment;
  if (url && key) return { url, key };
  const home = TESSERA_HOME ?? join(fileURLToPath(new URL("..", import.meta.url)), ".local");
  const path = join(home, "keys.json");
  if (!existsSync(path)) return undefined;
  const local = JSON.parse(readFileSync(path, "utf8"));
  return { url: local.url, key: local.platform.secret };
}

async function main([verb = "", ...rest]: readonly string[]): Promise<number> {
  const system = systemOf(process.env);
  if (system === undefined) {
    console.error("Set TESSERA_URL and TESSERA_PLATFORM_KEY, or run `npm start` first.");
    return 1;
  }
  if (verb === "destroy" && /^acct_/.test(rest[0] ?? "")) {
    const report = await ask(system, "DELETE", `/v1/card_keys/${rest[0]}`, {});
    console.log(`${rest[0]}: ${report?.outcome ?? "failed"}`);
    if (report?.outcome === "by_configuration") {
      console.log("This provider cannot destroy one account's keys; see docs/storage.md.");
    }
    return report?.outcome === "done" ? 0 : 1;
  }
  const step = KEY_STEPS.find((name) => name === verb);
  if (step === undefined) {
    console.error(USAGE);
    return 1;
  }
  const purpose = rest.includes("--fingerprint") ? "fingerprint" : "card";
  const began = performance.now();
  let toldMs = 0;
  const total = await takeStep(
    system,
    step,
    purpose,
    Array.from({ length: SLOTS }, (_, slot) => slot),
    (done, changed) => {
      const seconds = (performance.now() - began) / 1000;
      if (seconds * 1000 - toldMs < 1000) return;
      toldMs = seconds * 1000;
      console.log(
        `${done}/${SLOTS} slots, ${changed} changed, ${Math.round(changed / seconds)} a second`,
      );
    },
  );
  const seconds = (performance.now() - began) / 1000;
  if (total.byConfiguration) {
    console.log(`${total.provider} takes this step by its configuration; see ops/runbook.md.`);
    return 1;
  }
  if (step === "status") {
    console.log(`${total.provider}: ${total.cards} cards, ${total.behind} under an older key`);
  } else {
    const rate = Math.round(total.changed / seconds);
    console.log(
      `${total.provider}: ${total.changed} changed in ${seconds.toFixed(1)} s (${rate} a second)`,
    );
  }
  if (total.failed > 0) console.error(`${total.failed} did not open and stay as they are`);
  if (total.unfinished.length > 0) {
    console.error(`Slots that did not answer: ${total.unfinished.join(", ")}. Run it again.`);
  }
  return total.failed + total.unfinished.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
