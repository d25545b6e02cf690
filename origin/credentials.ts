// Which login a statement goes by. A connection string may stand with others behind it, of the same database:
// when PostgreSQL does not admit the one in use, the next is tried with the same statement, of which nothing
// was done. So one role's password can end while another's already works, and whoever makes short-lived roles
// (Vault's database secrets engine, or a second role made by hand) is asked only when the last one has ended.

/** Gives the connection strings that may be used now; the origin uses the first that is admitted. */
export type Credentials = () => readonly string[] | Promise<readonly string[]>;

/** The connection strings of a setting, with spaces between. */
export const loginsIn = (setting: string): readonly [string, ...string[]] => {
  const [first = "", ...others] = setting.split(/\s+/).filter((login) => login !== "");
  return [first, ...others];
};

// 28P01 wrong password, 28000 no such login; a proxy in front of PostgreSQL may only pass on the message.
const NOT_ADMITTED = /"code":"28(?:P01|000)"|password authentication failed/;
const HEADER = "Neon-Connection-String";

type Login = { readonly credentials: Credentials; admitted: string };

const logins = new Map<string, Login>();

// The driver adds its own name to the connection string that it sends.
function nameOf(connectionString: string): string {
  if (!URL.canParse(connectionString)) return connectionString;
  const url = new URL(connectionString);
  url.searchParams.delete("application_name");
  return url.href;
}

/** Lets every statement that is sent for `name`, a connection string, go by what `credentials` gives. */
export function admitBy(name: string, credentials: Credentials): void {
  const login = nameOf(name);
  if (!logins.has(login)) logins.set(login, { credentials, admitted: name });
}

type Init = RequestInit & { readonly headers: Record<string, string> };

/** `fetch` for the database driver. */
export async function fetchAdmitted(url: string, init: Init): Promise<Response> {
  const login = logins.get(nameOf(init.headers[HEADER] ?? ""));
  if (login === undefined) return fetch(url, init);
  const { admitted } = login;
  const first = await attempt(url, init, admitted);
  if (first.admitted) return first.response;
  for (const other of await login.credentials()) {
    if (other === admitted) continue;
    const again = await attempt(url, init, other);
    if (!again.admitted) continue;
    login.admitted = other;
    return again.response;
  }
  return first.response;
}

async function attempt(
  url: string,
  init: Init,
  login: string,
): Promise<{ readonly response: Response; readonly admitted: boolean }> {
  const headers = { ...init.headers, [HEADER]: login };
  const response = await fetch(url, { ...init, headers });
  if (response.ok) return { response, admitted: true };
  const text = await response.text();
  const { status } = response;
  return { response: new Response(text, { status }), admitted: !NOT_ADMITTED.test(text) };
}
