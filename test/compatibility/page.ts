// docs/compatibility.md out of three things: Stripe's paths for card payments (paths.ts), the parameters that
// the official SDK's types name for each, and what /openapi.json says is taken here.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { STRIPE_PATHS, type StripePath } from "./paths.ts";

type Schema = { readonly properties?: Readonly<Record<string, unknown>> };
type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: { readonly "application/x-www-form-urlencoded": { readonly schema: Schema } };
  };
};
export type OpenApi = { readonly paths: Readonly<Record<string, Record<string, Operation>>> };

const TYPES = fileURLToPath(new URL("../../node_modules/stripe/esm/resources/", import.meta.url));
const PAGE = ["limit", "starting_after", "ending_before"];

/** The names of an interface's own fields: those one step within it. Throws where there is no such interface. */
export function parametersOf(file: string, name: string): string[] {
  const text = readFileSync(`${TYPES}${file}.d.ts`, "utf8");
  const form = new RegExp(
    `^export interface ${name}Params( extends PaginationParams)? \\{(.*?)^\\}`,
    "ms",
  );
  const found = form.exec(text);
  if (found === null) throw new Error(`${file} of the SDK has no ${name}Params`);
  const [, paged, body = ""] = found;
  const own = [...body.matchAll(/^ {4}(?:'([^']+)'|(\w+))\??:/gm)].map(([, a, b]) => a ?? b ?? "");
  return [...new Set([...own, ...(paged === undefined ? [] : PAGE)])].sort();
}

const nameless = (path: string): string => path.replaceAll(/\{\w+\}/g, "{id}");

/** What our document says of a path of Stripe's; undefined when there is no such route. */
export function ourOperation(
  document: OpenApi,
  { method, path }: StripePath,
): Operation | undefined {
  const ours = Object.keys(document.paths).find((known) => nameless(known) === path);
  return ours === undefined ? undefined : document.paths[ours]?.[method.toLowerCase()];
}

/** The names of all that an operation takes in its form or its query. */
export const takenBy = (operation: Operation): string[] => [
  ...Object.keys(
    operation.requestBody?.content["application/x-www-form-urlencoded"].schema.properties ?? {},
  ),
  ...(operation.parameters ?? []).filter((p) => p.in === "query").map(({ name }) => name),
];

const listed = (names: readonly string[]): string =>
  names.length === 0 ? "–" : names.map((name) => `\`${name}\``).join(", ");

/** One row: the path, whether it is there, what it takes, what it does not take, and what else differs. */
function rowOf(document: OpenApi, stripe: StripePath): string {
  const theirs = stripe.params === undefined ? [] : parametersOf(...stripe.params);
  const operation = ourOperation(document, stripe);
  const taken = operation === undefined ? [] : takenBy(operation);
  const missing = theirs.filter((name) => !taken.includes(name));
  const state =
    operation === undefined
      ? "not"
      : missing.length > 0 || stripe.note !== undefined
        ? "different"
        : "supported";
  const cells = [
    `\`${stripe.method} ${stripe.path}\``,
    state,
    listed(theirs.filter((name) => taken.includes(name))),
    operation === undefined ? "–" : listed(missing),
    stripe.note ?? "–",
  ];
  return `| ${cells.join(" | ")} |`;
}

/** The whole page. */
export function compatibilityPage(document: OpenApi, sdk: string): string {
  const rows = STRIPE_PATHS.map((stripe) => rowOf(document, stripe));
  return `# Compatibility with Stripe

Each path of Stripe's v1 API that card payments take, with the parameters that the types of \`stripe\` ${sdk} name
for it. \`supported\`: all of them are taken, and nothing is known to be different. \`different\`: some are refused as
unknown (\`parameter_unknown\`), or the remark says what differs. \`not\`: there is no such route. Nothing is taken and
ignored. \`npm run compatibility:page\` writes this page; \`test/compatibility/page.test.ts\` holds it to the types and
to \`/openapi.json\`.

Of what is expanded in the answer of a write, the rest is the first answer's bytes; the expanded objects are read anew
(decision 22). \`Stripe-Version\` decides what is embedded, not every field's history (decision 23). Stripe Connect,
taxes, invoices and payment methods other than cards are out of scope.

| path | state | taken | refused | remark |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}
