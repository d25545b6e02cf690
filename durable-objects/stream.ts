// What happens to one account in one mode, told to whoever wants to know: webhook endpoints, each event at least
// once, and listeners of Server-Sent Events. Pulls the account's gap-free sequence from its home region; woken by
// the shard when something was committed, and by its own alarm in case nobody told it. What is delivered when is
// decided in delivery-machine.ts; here its actions are performed.

import { DurableObject } from "cloudflare:workers";
import type { SaveObject, Scope } from "../protocol/command.ts";
import type { EventFacts } from "../protocol/event-object.ts";
import { eventObjects } from "../protocol/event-object.ts";
import { type AccountId, mintRequestId, partOf as partOfId, sequenceId } from "../protocol/ids.ts";
import type { StripeObject } from "../protocol/object.ts";
import type { Row } from "../protocol/query.ts";
import type { KeyedRequest, Recalled } from "../protocol/remembered.ts";
import { assert } from "../protocol/result.ts";
import { homeOf, slotOf } from "../protocol/slot.ts";
import type { DeliveryFacts } from "../protocol/webhook-delivery.ts";
import {
  ENDPOINT_DISABLED,
  endpointDocumentOf,
  failingEndpoint,
} from "../protocol/webhook-endpoint.ts";
import { webhookSecrets } from "../protocol/webhook-secret.ts";
import type { Outcome } from "./delivery-attempts.ts";
import { type Action, type Input, step } from "./delivery-machine.ts";
import { hasRoom } from "./delivery-pull.ts";
import { type AttemptsAsk, keep, readAttempts, readState } from "./delivery-rows.ts";
import { sendWebhook } from "./delivery-sending.ts";
import {
  type DeliveryClock,
  type DeliveryState,
  type Endpoint,
  type EndpointConfig,
  type Entry,
  type Event,
  isWatching,
  type Page,
  partOf,
  placeOf,
  restore,
  seqOf,
} from "./delivery-state.ts";
import { EventFeed } from "./event-feed.ts";
import { LazyTables } from "./lazy-tables.ts";
import { applyAt, type OriginBindings, readAt } from "./origin-client.ts";
import { RememberedRequests } from "./remembered-requests.ts";

export type StreamEnv = OriginBindings & {
  /** Base64url, 32 bytes, several versions with commas: the secrets of all endpoints are derived from it. */
  readonly WEBHOOK_ROOT_SECRET: string;
  /** "allow" on a developer's machine: webhooks may go to this machine itself. */
  readonly WEBHOOK_LOOPBACK?: string;
};

const ENTRIES_PER_PULL = 100;
/** Entries remembered after they were read, so that a first attempt reads nothing; about 1 MiB. */
const ENTRIES_KNOWN_MAX = 500;
/** For how long: what is sent later is read again, since words of it may have been erased meanwhile. */
const ENTRY_KNOWN_MS = 5_000;

const SCHEMA = `
  create table if not exists progress (
    row integer primary key,
    cursor integer not null,
    watch_until_ms integer not null
  );
  create table if not exists endpoints (
    id text primary key,
    seq integer not null,
    url text not null,
    events text not null,
    ordered integer not null,
    enabled integer not null,
    secret_version integer not null,
    former_until integer,
    cursor integer not null,
    listens integer not null,
    failing_since_ms integer,
    failures integer not null,
    resume_ms integer not null,
    replay_cursor integer,
    replay_until integer
  ) without rowid;
  create table if not exists deliveries (
    endpoint text not null,
    place integer not null,
    type text not null,
    attempts integer not null,
    first_ms integer,
    next_ms integer not null,
    redelivery integer not null,
    primary key (endpoint, place)
  ) without rowid;
  create table if not exists attempts (
    number integer primary key autoincrement,
    endpoint text not null,
    place integer not null,
    type text not null,
    at_ms integer not null,
    attempt integer not null,
    redelivery integer not null,
    status integer,
    failure text,
    took_ms integer not null,
    next_ms integer
  );
  create index if not exists attempts_of_endpoint on attempts (endpoint, number)`;

const clock: DeliveryClock = {
  get nowMs() {
    return Date.now();
  },
  chance: () => Math.random(),
};

type EventRow = Extract<Row, { kind: "event" }> & EventFacts;

/**
 * How a redelivery was taken: `unknown` where the endpoint's own entry has not been read yet, `full` where so much
 * waits already that nothing is added; or what an earlier request with its key was.
 */
export type RedeliveryTaken = "taken" | "unknown" | "disabled" | "under_way" | "full" | Recalled;

export class Stream extends DurableObject<StreamEnv> {
  readonly #scope: Scope;
  /** Account and mode. */
  readonly #name: string;
  readonly #feed: EventFeed;
  readonly #requests: RememberedRequests;
  readonly #tables: LazyTables<SqlStorage>;
  readonly #entries = new Map<number, { readonly row: EventRow; readonly untilMs: number }>();
  #state: DeliveryState;

  constructor(state: DurableObjectState, env: StreamEnv) {
    super(state, env);
    this.#name = state.id.name ?? "";
    const [account, mode] = this.#name.split("/");
    assert(account !== undefined && mode !== undefined, "a stream is named account/mode");
    this.#scope = { account: account as AccountId, livemode: mode === "live" };
    this.#feed = new EventFeed(env, this.#scope);
    const { sql } = state.storage;
    this.#requests = new RememberedRequests(sql);
    this.#tables = new LazyTables(sql, SCHEMA, "progress");
    const kept = this.#tables.toRead();
    this.#state = kept === undefined ? restore(undefined, [], []) : readState(kept);
  }

  /** Opens a stream of the events of the entries after a number, and of those after the event `seen`. */
  async listen(from: { readonly after: number; readonly seen?: string }): Promise<Response> {
    return this.#feed.listen(from, (work) => this.ctx.waitUntil(work));
  }

  /**
   * Follows the account from here on, before an endpoint of it is made: so its entry cannot be missed, whatever
   * is lost after it. False when the ledger cannot be read, and then no endpoint must be made.
   */
  async arm(): Promise<boolean> {
    const answer = await readAt(this.env, this.#scope, { kind: "events_after", seq: 0, limit: 1 });
    if (answer === undefined) return false;
    this.#tables.toWrite();
    this.#take({ kind: "armed", head: answer.seq });
    return true;
  }

  /** The account's sequence has reached this number. Whether that is of any interest here. */
  poke(seq: number): boolean {
    if (!isWatching(this.#state, Date.now())) return false;
    this.#take({ kind: "poked", seq });
    return true;
  }

  /** Has an event sent to an endpoint once more, now; once for its key, where there is one. */
  redeliver(
    endpoint: string,
    { seq, part, type }: { seq: number; part: number; type: string },
    asked?: KeyedRequest,
  ): RedeliveryTaken {
    const place = placeOf(seq, part);
    return this.#once(endpoint, asked, (known) => {
      if (!known.waiting.has(place) && !hasRoom(known)) return "full";
      this.#take({ kind: "redeliver", endpoint, event: { place, type } });
      return "taken";
    });
  }

  /** Has all that an endpoint wants of the entries after one number, up to another, sent once more; once for its key. */
  replay(endpoint: string, after: number, until: number, asked?: KeyedRequest): RedeliveryTaken {
    return this.#once(endpoint, asked, (known) => {
      if (known.row.replay !== null) return "under_way";
      this.#take({ kind: "replay", endpoint, after, until });
      return "taken";
    });
  }

  /** What a redelivery that was asked for under a key is to hear; undefined when it is the first with it. */
  recall(asked: KeyedRequest): Recalled | undefined {
    return this.#requests.recall(this.#name, asked, Date.now());
  }

  /** Attempts to deliver to an endpoint, newest first. */
  attempts(
    endpoint: string,
    ask: Omit<AttemptsAsk, "place"> & { event?: { seq: number; part: number } },
  ): { readonly attempts: readonly DeliveryFacts[]; readonly more: boolean } {
    if (this.#state.endpoints.size === 0) return { attempts: [], more: false };
    const { event, ...rest } = ask;
    const place = event && placeOf(event.seq, event.part);
    return readAttempts(this.ctx.storage.sql, endpoint, {
      ...rest,
      ...(place === undefined ? {} : { place }),
    });
  }

  override alarm(): void {
    this.#take({ kind: "alarm" });
  }

  // In one turn, so that what is taken and its key are kept together or not at all.
  #once(
    id: string,
    asked: KeyedRequest | undefined,
    take: (endpoint: Endpoint) => RedeliveryTaken,
  ): RedeliveryTaken {
    const before = asked && this.recall(asked);
    if (before !== undefined) return before;
    const endpoint = this.#state.endpoints.get(id);
    if (endpoint === undefined) return "unknown";
    const taken = endpoint.row.enabled ? take(endpoint) : "disabled";
    if (taken === "taken" && asked) this.#requests.keep(this.#name, asked, "", Date.now());
    return taken;
  }

  #take(input: Input): void {
    for (const action of step(this.#state, input, clock)) this.#act(action);
  }

  #act(action: Action): void {
    switch (action.kind) {
      // Neither is awaited: the output gate holds what follows until both are durable.
      case "wake":
        void this.ctx.storage.setAlarm(action.atMs);
        break;
      case "keep":
        for (const change of action.changes) keep(this.ctx.storage.sql, change);
        break;
      case "pull":
        this.ctx.waitUntil(this.#pull(action.pull, action.after));
        break;
      case "attempt":
        this.ctx.waitUntil(this.#attempt(action.attempt, action.to, action.event));
        break;
      case "disable":
        this.ctx.waitUntil(this.#disable(action.endpoint, action.seq));
        break;
    }
  }

  async #pull(pull: number, after: number): Promise<void> {
    let page: Page | undefined;
    try {
      const query = { kind: "events_after", seq: after, limit: ENTRIES_PER_PULL } as const;
      const answer = await readAt(this.env, this.#scope, query);
      const rows = answer?.rows.filter((row): row is EventRow => row.kind === "event");
      page = answer &&
        rows && { after, head: answer.seq, entries: rows.map((row) => this.#entryOf(row)) };
    } catch (error) {
      console.error("events could not be read", nameOfError(error));
    }
    this.#take({ kind: "pulled", pull, page });
  }

  #entryOf(row: EventRow): Entry {
    const rendered = eventObjects(row, this.#scope);
    if (rendered.length > 0) this.#remember(row);
    const events = rendered.map((event) => ({
      place: placeOf(row.seq, partOfId(String(event["id"]))),
      type: String(event["type"]),
    }));
    const { subject } = row;
    if (subject.kind !== "object" || subject.type !== "webhook_endpoint") {
      return { seq: row.seq, events };
    }
    const document = endpointDocumentOf(subject);
    const config: EndpointConfig | null =
      document === undefined
        ? null
        : {
            id: subject.id,
            seq: row.seq,
            url: document.url,
            events: document.enabled_events,
            ordered: document.ordered,
            enabled: document.disabled === undefined,
            secretVersion: document.secret_version,
            formerUntil: document.former_secret_until ?? null,
          };
    return { seq: row.seq, events, endpoint: { id: subject.id, config } };
  }

  #remember(row: EventRow): void {
    this.#entries.set(row.seq, { row, untilMs: Date.now() + ENTRY_KNOWN_MS });
    if (this.#entries.size <= ENTRIES_KNOWN_MAX) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  async #attempt(attempt: number, to: EndpointConfig, event: Event): Promise<void> {
    let outcome: Outcome = { kind: "unread" };
    try {
      outcome = await this.#send(to, event);
    } catch (error) {
      console.error("an event could not be sent", nameOfError(error));
    }
    this.#take({ kind: "attempted", attempt, outcome });
  }

  async #send(to: EndpointConfig, { place }: Event): Promise<Outcome> {
    const event = await this.#eventAt(place);
    if (event === "unread") return { kind: "unread" };
    if (event === undefined) return { kind: "failed", failure: "event_gone", tookMs: 0 };
    const { livemode } = this.#scope;
    return sendWebhook({
      url: to.url,
      rules: { livemode, loopback: this.env.WEBHOOK_LOOPBACK === "allow" },
      event,
      secrets: await this.#secretsOf(to),
    });
  }

  async #eventAt(place: number): Promise<StripeObject | undefined | "unread"> {
    const seq = seqOf(place);
    const known = this.#entries.get(seq);
    let row: EventRow;
    if (known !== undefined && Date.now() < known.untilMs) row = known.row;
    else {
      const answer = await readAt(this.env, this.#scope, { kind: "event", seq });
      if (answer === undefined) return "unread";
      const [found] = answer.rows;
      if (found?.kind !== "event") return undefined;
      row = found;
    }
    const { account, livemode } = this.#scope;
    const id = sequenceId("evt", account, livemode, seq, partOf(place));
    return eventObjects(row, this.#scope).find((event) => event["id"] === id);
  }

  async #secretsOf({ id, secretVersion, formerUntil }: EndpointConfig) {
    const versions =
      formerUntil !== null && Date.now() < formerUntil * 1000
        ? [secretVersion, secretVersion - 1]
        : [secretVersion];
    const secrets = versions.map((version) =>
      webhookSecrets(this.env.WEBHOOK_ROOT_SECRET, { ...this.#scope, endpoint: id, version }),
    );
    return (await Promise.all(secrets)).flat();
  }

  async #disable(endpoint: string, seq: number): Promise<void> {
    let told = false;
    try {
      told = await this.#tellDisabled(endpoint, seq);
    } catch (error) {
      console.error("an endpoint could not be disabled", nameOfError(error));
    }
    this.#take({ kind: "disabled", endpoint, told });
  }

  // On the version that failed, under a key of its own: told twice it is done once, and not at all when the
  // merchant has changed the endpoint meanwhile.
  async #tellDisabled(endpoint: string, seq: number): Promise<boolean> {
    const query = { kind: "object", type: "webhook_endpoint", id: endpoint } as const;
    const answer = await readAt(this.env, this.#scope, query);
    if (answer === undefined) return false;
    const [row] = answer.rows;
    const document = row?.kind === "object" ? endpointDocumentOf(row) : undefined;
    if (row?.kind !== "object" || document === undefined || row.seq !== seq) return true;
    const command: SaveObject = {
      ...this.#scope,
      kind: "save_object",
      type: "webhook_endpoint",
      id: endpoint,
      made: false,
      expects: seq,
      event: ENDPOINT_DISABLED,
      document: failingEndpoint(document),
      key: `tessera-disable/${endpoint}/${seq}`,
      operation: "POST /v1/webhook_endpoints",
      mac: "00".repeat(16),
      request: mintRequestId((length) => crypto.getRandomValues(new Uint8Array(length))),
    };
    const home = homeOf(slotOf(this.#scope.account));
    return (await applyAt(this.env, home, [command])).ok;
  }
}

const nameOfError = (error: unknown): string =>
  error instanceof Error ? error.name : typeof error;
