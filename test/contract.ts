// Holds answers to the OpenAPI document that the same edge serves: the status, the content type and every
// field must be in it. What is not is kept until the test that met it ends, and then fails it
// (test/contract-hook.ts): thrown at once, an SDK would make a refusal of it, and a test might want one.

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import Stripe from "stripe";

type Operation = { readonly responses: Record<string, unknown> };
export type Document = {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, unknown>;
};

export type Answer = {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  /** Parsed; undefined when there was none, as after HEAD. */
  readonly body: unknown;
};

/** A URL that is no route may be refused before that is noticed. */
const UNROUTED = new Set([400, 404, 426]);
const COMPLAINTS_SHOWN = 4;

const pointer = (...parts: readonly string[]): string =>
  parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

export class Contract {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  readonly #routes: readonly { readonly template: string; readonly form: RegExp }[];
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
    this.#ajv.addSchema(document, "api");
    // Names before placeholders: /v1/customers/search is not a customer.
    const order = (template: string) => template.split("{").length;
    this.#routes = Object.keys(document.paths)
      .sort((a, b) => order(a) - order(b))
      .map((template) => ({
        template,
        form: new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+").replaceAll(".", "\\.")}$`),
      }));
  }

  /** What the document does not say of this answer; undefined when it says it all. */
  complaint(answer: Answer): string | undefined {
    const { path, status } = answer;
    const method = answer.method === "HEAD" ? "GET" : answer.method;
    if (method === "OPTIONS") return undefined;
    const matching = this.#routes.filter(({ form }) => form.test(path));
    const found = matching.find(
      ({ template }) => this.#document.paths[template]?.[method.toLowerCase()] !== undefined,
    );
    const said = (what: string) => `${method} ${found?.template ?? path} ${status}: ${what}`;
    if (found === undefined) {
      if (!path.startsWith("/v1/")) return undefined;
      if (!UNROUTED.has(status)) return said("is a route that the document does not have");
      return this.#shape(answer, pointer("components", "schemas", "error"), said);
    }
    const { template } = found;
    const responses = this.#document.paths[template]?.[method.toLowerCase()]?.responses ?? {};
    const response = responses[String(status)];
    if (response === undefined) return said("is a status that the document does not have");
    const at =
      status < 400
        ? pointer("paths", template, method.toLowerCase(), "responses", String(status))
        : pointer("components", "responses", String(status));
    return this.#shape(answer, at + pointer("content", "application/json", "schema"), said);
  }

  #shape(
    { contentType, body }: Answer,
    at: string,
    said: (what: string) => string,
  ): string | undefined {
    if (!/^application\/json\b/.test(contentType ?? "")) return said(`is ${contentType}`);
    if (body === undefined) return undefined;
    const validate: ValidateFunction | undefined = this.#ajv.getSchema(
      `api#${encodeURI(at).replaceAll("#", "%23")}`,
    );
    if (validate === undefined) return said(`has no schema at ${at}`);
    if (validate(body)) return undefined;
    const complaints = (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${instancePath || "the body"} ${message} ${JSON.stringify(params)}`,
    );
    return said(complaints.slice(0, COMPLAINTS_SHOWN).join("; "));
  }
}

let known: Promise<Contract> | undefined;

/** The contract of the code under test, from the first system that is asked. */
function contractAt(url: URL): Promise<Contract> {
  known ??= fetch(new URL("/openapi.json", url)).then(
    async (response) => new Contract((await response.json()) as Document),
  );
  return known;
}

const broken: string[] = [];

/** Checks an answer; a breach is told by `breaches`. */
export async function checkAnswer(url: URL, answer: Answer): Promise<void> {
  const contract = await contractAt(url);
  let complaint: string | undefined;
  try {
    complaint = contract.complaint(answer);
  } catch (error) {
    complaint = `the document cannot be used: ${error}`;
  }
  if (complaint !== undefined) broken.push(complaint);
}

/** Breaches since this was last asked. */
export const breaches = (): string[] => [...new Set(broken.splice(0))];

type Client = Stripe.HttpClient;
type Request = Parameters<Client["makeRequest"]>;

/** The SDK's own client for Node, with every answer checked. */
export function checkingClient(url: URL): Client {
  const client = Stripe.createNodeHttpClient();
  const asked = client.makeRequest.bind(client);
  client.makeRequest = async (...request: Request) => {
    const response = await asked(...request);
    const [, , path, method] = request;
    const read = response.toJSON.bind(response);
    response.toJSON = async () => {
      const body: unknown = await read();
      const contentType = String(response.getHeaders()["content-type"]);
      const { pathname } = new URL(path, url);
      const status = response.getStatusCode();
      await checkAnswer(url, { method, path: pathname, status, contentType, body });
      return body;
    };
    return response;
  };
  return client;
}
