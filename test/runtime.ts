// `wrangler dev` on the composite as its own process, on files that outlive it, so that it can be killed,
// started again, and searched. For tests that only need answers, test/system.ts is quicker.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../local/port.ts";
import { mintApiKey, PLATFORM_ACCOUNT } from "../protocol/api-key.ts";
import type { AccountId } from "../protocol/ids.ts";
import { asDeployed } from "./rights.ts";
import { isOurs } from "./slots.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const ANSWER_LOOKS_MAX = 300;
const LOOK_MS = 100;

export type Keys = {
  readonly account: AccountId;
  readonly secret: string;
  readonly publishable: string;
};

export class Runtime {
  /** Everything this runtime writes: Durable Object files under `state`, its output in `runtime.log`. */
  readonly home = mkdtempSync(join(tmpdir(), "tessera-runtime-"));
  readonly #bindings: Record<string, string>;
  #port = 0;
  #process: ChildProcess | undefined;

  constructor(bindings: Record<string, string>) {
    this.#bindings = bindings;
    const vars = { DEMO_SECRET_KEY: "", DEMO_PUBLISHABLE_KEY: "", ...asDeployed(bindings) };
    const lines = Object.entries(vars).map(([k, v]) => `${k}='${v.replaceAll("$", "\\$")}'`);
    writeFileSync(join(this.home, "dev.vars"), lines.join("\n"));
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  async start(): Promise<void> {
    this.#port ||= await freePort();
    const log = openSync(join(this.home, "runtime.log"), "a");
    this.#process = spawn(
      process.execPath,
      [
        join(root, "node_modules/wrangler/bin/wrangler.js"),
        "dev",
        ...["--port", String(this.#port), "--ip", "127.0.0.1", "--inspector-port", "0"],
        ...["--persist-to", join(this.home, "state"), "--env-file", join(this.home, "dev.vars")],
        ...["--show-interactive-dev-session=false", "--log-level", "warn"],
      ],
      {
        cwd: root,
        detached: true,
        stdio: ["ignore", log, log],
        env: {
          ...process.env,
          TESSERA_PREFLIGHT: "off",
          CLOUDFLARE_CF_FETCH_ENABLED: "false",
          // As `npm start` sets it: traces keep whole URLs.
          X_LOCAL_OBSERVABILITY: "false",
          WRANGLER_SEND_METRICS: "false",
          WRANGLER_LOG_PATH: join(this.home, "logs"),
        },
      },
    );
    for (let looked = 0; looked < ANSWER_LOOKS_MAX; looked++) {
      const up = await fetch(this.url("/healthz")).then(
        (response) => response.ok,
        () => false,
      );
      if (up) return;
      await new Promise((resume) => setTimeout(resume, LOOK_MS));
    }
    throw new Error("the runtime does not answer");
  }

  /** SIGKILL to every workerd of ours, then to wrangler: nothing gets to say goodbye. */
  kill(): void {
    const group = this.#process?.pid;
    if (group === undefined) return;
    this.#process = undefined;
    const { stdout } = spawnSync("ps", ["-eo", "pid=,pgid=,comm="], { encoding: "utf8" });
    for (const line of stdout.split("\n")) {
      const [pid, pgid, name] = line.trim().split(/\s+/);
      if (Number(pgid) === group && name?.startsWith("workerd"))
        process.kill(Number(pid), "SIGKILL");
    }
    process.kill(-group, "SIGKILL");
  }

  async merchant(): Promise<Keys> {
    const kind = { kind: "platform", livemode: false, account: PLATFORM_ACCOUNT } as const;
    const platform = await mintApiKey(kind, this.#bindings["API_KEY_SECRET"] ?? "");
    for (;;) {
      const made = await fetch(this.url("/v1/accounts"), {
        method: "POST",
        headers: { authorization: `Bearer ${platform}` },
      });
      const { id, keys } = (await made.json()) as { id: AccountId; keys: Omit<Keys, "account"> };
      if (isOurs(id)) return { account: id, ...keys };
    }
  }

  remove(): void {
    this.kill();
    rmSync(this.home, { recursive: true, force: true });
  }
}
