// The stream object of an account: who listens to its events, and where they are delivered.

import type { Stream } from "../../durable-objects/stream.ts";
import type { Scope } from "../../protocol/command.ts";
import type { EdgeEnv } from "./environment.ts";

type Answers<T> = {
  [Verb in keyof T]: T[Verb] extends (...given: infer Given) => infer Answer
    ? (...given: Given) => Promise<Awaited<Answer>>
    : never;
};

/** What the edge asks of a stream. */
export type StreamVerbs = Answers<
  Pick<Stream, "listen" | "arm" | "recall" | "redeliver" | "replay" | "attempts">
>;

/** The stream of an account in its mode. */
export const streamOf = (env: EdgeEnv, { account, livemode }: Scope): StreamVerbs =>
  env.STREAM.getByName(`${account}/${livemode ? "live" : "test"}`) as unknown as StreamVerbs;
