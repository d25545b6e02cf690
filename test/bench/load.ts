// The driver's end of the load generator's thread: one job at a time.

import { Worker } from "node:worker_threads";
import type { Job, JobResult, Target } from "./generator.ts";

export type Load = {
  run(job: Job): Promise<JobResult>;
  stop(): Promise<void>;
};

export function startLoad(): Load {
  const worker = new Worker(new URL("./generator.ts", import.meta.url));
  return {
    run(job) {
      const { promise, resolve, reject } = Promise.withResolvers<JobResult>();
      worker.once("error", reject);
      worker.once("message", (answer: { result?: JobResult; error?: string }) => {
        worker.off("error", reject);
        if (answer.result !== undefined) resolve(answer.result);
        else reject(new Error(`The load generator failed: ${answer.error}`));
      });
      worker.postMessage(job);
      return promise;
    },
    async stop() {
      await worker.terminate();
    },
  };
}

/** A GET; a key has no place in it, so what the generator puts there is a header nobody reads. */
export const get = (url: URL): Target => ({
  before: `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nx-number: `,
  after: "\r\n\r\n",
});

/** A POST of a form by a key's holder, with its own Idempotency-Key. */
export function post(url: URL, secret: string, form: Readonly<Record<string, string>>): Target {
  const body = new URLSearchParams(form).toString();
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    `authorization: Bearer ${secret}`,
    "content-type: application/x-www-form-urlencoded",
    `content-length: ${body.length}`,
    "idempotency-key: ",
  ];
  return { before: head.join("\r\n"), after: `\r\n\r\n${body}` };
}
