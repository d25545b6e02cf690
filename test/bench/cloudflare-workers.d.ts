// What floor.ts needs of workerd's own module. The tests are compiled with the types of Node, which do
// not go together with the generated types of workerd.

declare module "cloudflare:workers" {
  export class DurableObject<Env = unknown> {
    protected readonly env: Env;
    constructor(state: unknown, env: Env);
  }
}
