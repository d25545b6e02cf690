// A ledger of its own, with nothing in front of it: a migrated database beside the platform's, spoken
// to over plain connections by the shard's own conveyor. Here the price of the ledger is measured
// without workerd, HTTP and signatures, by the driver that the peer is measured with.

import type pg from "pg";
import { Conveyor } from "../../durable-objects/conveyor.ts";
import type { SendFailure } from "../../durable-objects/machine.ts";
import { withSession } from "../../local/session.ts";
import { parametersOf } from "../../protocol/batch.ts";
import type { Command, Scope, Verdict } from "../../protocol/command.ts";
import { type VerdictRow, verdictsOf } from "../../protocol/row.ts";
import { connect, EPOCH, type OwnLedger, ownLedger } from "../ledger/region.ts";
import { makeOwners } from "./crowd.ts";

export type Ledger = OwnLedger & {
  readonly client: pg.Client;
  /** All connections: that one and those of the belt. */
  readonly clients: readonly pg.Client[];
  readonly belt: Belt;
  readonly hot: Scope;
  readonly crowd: readonly Scope[];
  /** Charges that were closed here, for the audit. */
  captured: number;
  close(): Promise<void>;
};

/** Batches in flight at once, as in a shard. */
const BATCHES_AT_ONCE = 2;

const APPLY = {
  name: "apply",
  text: `select coalesce(json_agg(json_build_array(v.i, v.outcome, v.seq, v.detail)), '[]') as verdicts
    from apply_batch($1::integer, $2::text[], $3::boolean[], $4::json, $5::json, $6::json, $7::json,
      $8::json, $9::json, $10::json) v`,
};

/** A batch in one statement, prepared once for each connection as the SQL endpoint does. */
export async function applyPrepared(
  client: pg.Client,
  commands: readonly Command[],
): Promise<Verdict[]> {
  const values = [...parametersOf(EPOCH, commands)];
  const { rows } = await client.query<{ verdicts: VerdictRow[] }>({ ...APPLY, values });
  return verdictsOf(rows[0]?.verdicts ?? []);
}

/** A verdict, or why the batch has none. */
export type Pushed = Verdict | SendFailure | undefined;
type Settle = (answer: Pushed) => void;

/** A shard's conveyor with connections for its origin: what waits while they are taken is the next batch. */
export class Belt {
  readonly #conveyor: Conveyor<Settle>;
  readonly #idle: pg.Client[];
  #flushing = false;

  constructor(clients: readonly pg.Client[]) {
    this.#conveyor = new Conveyor(clients.length);
    this.#idle = [...clients];
  }

  push(command: Command): Promise<Pushed> {
    return new Promise((settle) => {
      this.#conveyor.push(command, settle);
      if (this.#flushing) return;
      this.#flushing = true;
      // Those who come in one turn leave together, as in a shard.
      queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    this.#flushing = false;
    for (let b = this.#conveyor.next(); b !== undefined; b = this.#conveyor.next()) {
      void this.#send(b.number, b.commands);
    }
  }

  async #send(number: number, commands: readonly Command[]): Promise<void> {
    const client = this.#idle.pop();
    if (client === undefined) throw new Error("Bug: a batch on its way has a connection");
    let verdicts: Verdict[] = [];
    let failure: SendFailure | undefined;
    try {
      verdicts = await applyPrepared(client, commands);
    } catch (error) {
      // Data that cannot be held is one command's fault: the batch is sent again in halves.
      failure = /^2[23]/.test((error as { code?: string }).code ?? "") ? "conflict" : "unreachable";
    }
    this.#idle.push(client);
    this.#conveyor.arrive(number, failure).forEach(({ owner }, i) => {
      owner(failure ?? verdicts[i]);
    });
    this.#flush();
  }
}

/** Opens a ledger of its own in the cluster of `url`, for one hot merchant and a crowd. */
export async function openLedger(url: string, crowdMerchants: number): Promise<Ledger> {
  const own = await ownLedger(url);
  const [hot, ...crowd] = await withSession(own.url, (client) =>
    makeOwners(client, 1 + crowdMerchants),
  );
  if (hot === undefined) throw new Error("Bug: a merchant was made");
  return attachLedger(own, { hot, crowd });
}

/** Opens a copy of a ledger that nobody is connected to. */
export async function copyLedger(url: string, of: OwnLedger, hot: Scope): Promise<Ledger> {
  return attachLedger(await ownLedger(url, of.name), { hot, crowd: [] });
}

export async function attachLedger(
  own: OwnLedger,
  merchants: Pick<Ledger, "hot" | "crowd">,
): Promise<Ledger> {
  const clients: pg.Client[] = [];
  for (let n = 0; n <= BATCHES_AT_ONCE; n++) clients.push(await connect(own.url));
  const [client, ...others] = clients;
  if (client === undefined) throw new Error("Bug: there is a connection");
  return {
    ...own,
    ...merchants,
    client,
    clients,
    belt: new Belt(others),
    captured: 0,
    async close() {
      await Promise.all(clients.map((one) => one.end()));
      await own.drop();
    },
  };
}
