// The events of one account as they happen, as Server-Sent Events. Pulls the account's gap-free sequence from
// its home region while somebody listens; each listener has a cursor of its own, so a reconnect with the last
// id it saw misses nothing and repeats nothing, also when that was one of several events of an entry.

import type { Scope } from "../protocol/command.ts";
import { eventObjects } from "../protocol/event-object.ts";
import { type OriginBindings, readAt } from "./origin-client.ts";

/** How often the sequence is pulled while somebody listens. */
const PULL_MS = 500;
/** A comment line this often keeps proxies from closing a silent connection. */
const HEARTBEAT_MS = 15_000;
const EVENTS_PER_PULL = 100;
/** Events written to a listener that it has not read; about 1 MiB. */
const UNREAD_CHUNKS_MAX = 500;
/** Listeners of one account; a dashboard left open in many tabs must not starve the object. */
const LISTENERS_MAX = 100;

type Listener = {
  after: number;
  readonly seen: string | undefined;
  readonly send: (text: string) => boolean;
};

export class EventFeed {
  readonly #env: OriginBindings;
  readonly #scope: Scope;
  readonly #listeners = new Set<Listener>();
  #pulling = false;

  constructor(env: OriginBindings, scope: Scope) {
    this.#env = env;
    this.#scope = scope;
  }

  /**
   * Opens a stream of the events of the entries after a number, and of those of them after the event `seen`;
   * `outlive` keeps the work going after the answer.
   */
  listen(
    { after, seen }: { readonly after: number; readonly seen?: string },
    outlive: (work: Promise<void>) => void,
  ): Response {
    if (this.#listeners.size >= LISTENERS_MAX) {
      return new Response("Too many listeners", { status: 429 });
    }
    const encoder = new TextEncoder();
    let listener: Listener | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        listener = {
          after,
          seen,
          send: (text) => {
            // One that stopped reading reconnects with the last id it saw; its backlog is not kept.
            if ((controller.desiredSize ?? 0) < -UNREAD_CHUNKS_MAX) {
              controller.close();
              return false;
            }
            try {
              controller.enqueue(encoder.encode(text));
              return true;
            } catch {
              return false; // the browser has gone
            }
          },
        };
        this.#listeners.add(listener);
        listener.send(": connected\n\n");
      },
      cancel: () => {
        if (listener !== undefined) this.#listeners.delete(listener);
      },
    });
    if (!this.#pulling) outlive(this.#pull());
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    try {
      await this.#pullWhileHeard();
    } finally {
      this.#pulling = false;
    }
  }

  async #pullWhileHeard(): Promise<void> {
    let beatMs = Date.now();
    while (this.#listeners.size > 0) {
      for (const listener of this.#listeners) await this.#feed(listener);
      if (Date.now() - beatMs > HEARTBEAT_MS) {
        beatMs = Date.now();
        for (const listener of this.#listeners) this.#sendTo(listener, ": beat\n\n");
      }
      await scheduler.wait(PULL_MS);
    }
  }

  async #feed(listener: Listener): Promise<void> {
    const answer = await readAt(this.#env, this.#scope, {
      kind: "events_after",
      seq: listener.after,
      limit: EVENTS_PER_PULL,
    });
    // An unreachable region is asked again at the next turn.
    if (answer === undefined) return;
    for (const row of answer.rows) {
      if (row.kind !== "event") continue;
      const events = eventObjects(row, this.#scope);
      const seen = events.findIndex(({ id }) => id === listener.seen);
      for (const event of events.slice(seen + 1)) {
        const text = `id: ${event["id"]}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`;
        if (!this.#sendTo(listener, text)) return;
      }
      listener.after = row.seq;
    }
  }

  #sendTo(listener: Listener, text: string): boolean {
    const sent = listener.send(text);
    if (!sent) this.#listeners.delete(listener);
    return sent;
  }
}
