// Where a webhook may be sent: what a merchant names must be a public HTTPS address, so that nobody can have
// Tessera knock at doors inside a network (SSRF). The text is read by the URL standard, as `fetch` will read
// it, so every spelling of an address (octal, hex, one number, full-width digits) is judged as what it means.
// A name is judged as a name: what it resolves to, and that it does so twice, is not seen here (docs/decisions/0025).

import { isPublicAddress } from "./public-address.ts";
import { ok, type Result, refuse } from "./result.ts";

/** Longer than any real one; also what a form may hold. */
export const WEBHOOK_URL_MAX = 2048;

export type UrlRules = {
  /** Live mode takes HTTPS only. */
  readonly livemode: boolean;
  /** On a developer's machine: `localhost`, 127.0.0.0/8 and ::1 are let in, on any port. */
  readonly loopback: boolean;
};

/** What is wrong with a URL, as a sentence for the merchant. */
export type UrlFault = string;

const PORTS: Readonly<Record<string, readonly string[]>> = {
  // The URL standard drops a scheme's own port.
  "https:": ["", "8443"],
  "http:": ["", "8080"],
};

/** Names that mean something else inside a network than outside, or nothing (RFC 6761, RFC 6762, RFC 8375, RFC 9476, ICANN's `.internal`). */
const PRIVATE_ZONES = [
  ...["internal", "local", "localhost", "localdomain", "lan", "home", "corp", "mail", "intranet"],
  ...["private", "home.arpa", "arpa", "test", "example", "invalid", "onion", "alt", "i2p"],
  ...["consul", "docker", "kubernetes", "svc", "cluster", "node", "workgroup"],
];

/** Public names whose only use is to resolve to an address of one's choice, most often a private one. */
const POINTING_ZONES = [
  ...["nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me", "vcap.me", "lacolhost.com"],
  ...["local.gd", "localdev.me", "traefik.me", "backname.io", "fuf.me", "1u.ms", "rbndr.us"],
];

/** The URL as it is kept and called, or what is wrong with it. */
export function webhookUrl(text: string, rules: UrlRules): Result<string, UrlFault> {
  if (text.length > WEBHOOK_URL_MAX) {
    return refuse(`A URL may have at most ${WEBHOOK_URL_MAX} characters.`);
  }
  // The standard drops some of these and turns `\` into `/`: two readers could see two URLs.
  if (/[\s\\]/u.test(text) || [...text].some(isControl)) {
    return refuse("A URL must not hold spaces, control characters or backslashes.");
  }
  const url = parse(text);
  if (url === undefined)
    return refuse("Not a valid URL. Send one such as https://example.com/hook.");
  if (url.protocol !== "https:" && (rules.livemode || url.protocol !== "http:")) {
    return refuse(
      rules.livemode
        ? "A webhook URL must begin with https:// in live mode."
        : "A webhook URL must begin with https:// or, in test mode, http://.",
    );
  }
  if (url.username !== "" || url.password !== "" || /^[a-z]+:\/*[^/?#]*@/i.test(text)) {
    return refuse("A webhook URL must not hold a user name or a password.");
  }
  if (url.hash !== "" || text.includes("#")) {
    return refuse("A webhook URL must not hold a fragment (#).");
  }
  if (rules.loopback && isLoopback(url.hostname)) return ok(url.href);
  const fault = hostFault(url.hostname);
  if (fault !== undefined) return refuse(fault);
  if (PORTS[url.protocol]?.includes(url.port) !== true) {
    return refuse("A webhook URL may name port 443 or 8443, or with http:// 80 or 8080.");
  }
  return ok(url.href);
}

const isControl = (character: string): boolean => /\p{C}/u.test(character);

function parse(text: string): URL | undefined {
  // `https:host` and `https:///host` are read as `https://host`; a person would not read them so.
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(text)) return undefined;
  return URL.canParse(text) ? new URL(text) : undefined;
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);

function hostFault(host: string): UrlFault | undefined {
  const unreachable = "A webhook URL must name a host that is reachable from the public internet.";
  const bare = host.startsWith("[") ? host.slice(1, -1) : host;
  const isAddress = host.startsWith("[") || /^[0-9.]+$/.test(host);
  if (isAddress) return isPublicAddress(bare) ? undefined : unreachable;
  const name = host.replace(/\.$/, "");
  const labels = name.split(".");
  if (labels.length < 2 || labels.includes("") || name.length > 253) return unreachable;
  // Only an address ends in digits; the standard has read those that are one.
  if (!/^(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})$/.test(labels.at(-1) ?? "")) return unreachable;
  if (!labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) {
    return unreachable;
  }
  const within = (zone: string): boolean => name === zone || name.endsWith(`.${zone}`);
  return PRIVATE_ZONES.some(within) || POINTING_ZONES.some(within) ? unreachable : undefined;
}
