// What the benchmark's Workers need of workerd's own module. The tests are compiled with the types of
// Node, which do not go together with the generated types of workerd.

declare module "cloudflare:workers" {
  export class DurableObject<Env = unknown> {
    protected readonly env: Env;
    constructor(state: unknown, env: Env);
  }
  export class WorkerEntrypoint<Env = unknown> {
    protected readonly env: Env;
    constructor(state: unknown, env: Env);
  }
}
