// The dashboard's way to the API, with a restricted key: reads, pages of lists, and a refund. What is refused comes back as Stripe's
// error; what got no answer as one that says so.

/**
 * @typedef {{ type: string, message: string, code?: string }} ApiError
 * @typedef {{ account: string, key: string }} Session
 */

/** A page that waits longer looks broken. */
const ANSWER_MS_MAX = 20_000;
const PAGE_SIZE = 100;

/** @type {Session | undefined} */
let session;

const NO_ANSWER = {
  type: "api_error",
  message: "No answer came. Check the connection, then load the page again.",
};

/** Whether there is an account to show. @returns {Promise<Session | undefined>} */
export async function openSession() {
  const response = await fetch("/dashboard/session");
  session = response.ok ? await response.json() : undefined;
  return session;
}

/**
 * @param {string} path such as /v1/charges
 * @param {{ params?: Record<string, string>, form?: Record<string, string>, key?: string }} [asked]
 * @returns {Promise<{ body: any } | { error: ApiError, unknown: boolean }>}
 */
export async function ask(path, { params = {}, form, key } = {}) {
  const query = new URLSearchParams(params).toString();
  const headers = new Headers({ authorization: `Bearer ${session?.key}` });
  if (key) headers.set("idempotency-key", key);
  try {
    const response = await fetch(`${path}${query && `?${query}`}`, {
      ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
      headers,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const body = await response.json();
    if (response.ok) return { body };
    // In use, too many, or broken: none of these says what became of it.
    const unknown = [409, 429].includes(response.status) || response.status >= 500;
    return { error: body.error ?? NO_ANSWER, unknown };
  } catch {
    return { error: NO_ANSWER, unknown: true };
  }
}

/**
 * The first `most` things of a list, over as many pages as that takes.
 * @param {string} path @param {Record<string, string>} params @param {number} most
 * @returns {Promise<{ data: any[], more: boolean } | { error: ApiError }>}
 */
export async function listAll(path, params, most) {
  /** @type {any[]} */
  const data = [];
  let more = true;
  while (more && data.length < most) {
    const cursor = data.length > 0 ? { starting_after: data.at(-1).id } : {};
    const page = await ask(path, { params: { ...params, ...cursor, limit: String(PAGE_SIZE) } });
    if ("error" in page) return page;
    data.push(...page.body.data);
    more = page.body.has_more;
  }
  return { data, more };
}
