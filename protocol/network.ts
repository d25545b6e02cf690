// The network that an IP address belongs to, as far as one party is likely to hold it: /24 of IPv4, /48
// of IPv6 (what a site is given, RFC 6177; a tunnel broker gives one to anybody). Pure.

/** The name of a network; undefined for an address that says nothing of who calls, or is none. */
export function networkOf(address: string | null): string | undefined {
  if (address === null) return undefined;
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address;
  return mapped.includes(":") ? network6(mapped) : network4(mapped);
}

function network4(address: string): string | undefined {
  const parts = address.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]{1,3}$/.test(part))) return undefined;
  const [a = 256, b = 256, c = 256, d = 256] = parts.map(Number);
  if (Math.max(a, b, c, d) > 255) return undefined;
  // Loopback, private and link-local (RFC 6890): one machine or one house, and everybody in it.
  const isLocal =
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254);
  return isLocal ? undefined : `${a}.${b}.${c}.0/24`;
}

function network6(address: string): string | undefined {
  if (!/^[0-9a-f:]{2,39}$/i.test(address)) return undefined;
  const halves = address.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const [first = 0, second = 0, third = 0] = groups.map((group) => Number.parseInt(group, 16));
  // Loopback and unspecified, unique local, link-local (RFC 6890).
  const isLocal = first === 0 || (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80;
  if (isLocal) return undefined;
  return `${first.toString(16)}:${second.toString(16)}:${third.toString(16)}::/48`;
}
