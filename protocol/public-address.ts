// Whether an IP address is one of the public internet: by the special-purpose registries of IANA (RFC 6890 and
// what was added since), and two addresses of clouds that are no special purpose but lead inside. Pure.

type Block4 = readonly [first: string, bits: number];

const NOT_PUBLIC_4: readonly Block4[] = [
  ["0.0.0.0", 8], // this network (RFC 791)
  ["10.0.0.0", 8], // private (RFC 1918)
  ["100.64.0.0", 10], // carrier-grade NAT (RFC 6598); Alibaba's metadata
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local (RFC 3927); the metadata of most clouds
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // IETF protocols; Oracle's metadata
  ["192.0.2.0", 24], // documentation (RFC 5737)
  ["192.31.196.0", 24], // AS112
  ["192.52.193.0", 24], // AMT
  ["192.88.99.0", 24], // 6to4 relays (RFC 7526)
  ["192.168.0.0", 16], // private
  ["192.175.48.0", 24], // AS112
  ["198.18.0.0", 15], // benchmarks (RFC 2544)
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and the broadcast address
  ["168.63.129.16", 32], // Azure's own host
];

type Block6 = readonly [first: bigint, bits: number];

const block6 = (text: string, bits: number): Block6 => [number6(text) ?? 0n, bits];

/** All that is given out as public lies here (RFC 4291); the rest is special or not given out. */
const GLOBAL_UNICAST = block6("2000::", 3);

const NOT_PUBLIC_6: readonly Block6[] = [
  block6("2001::", 23), // IETF protocols: Teredo, benchmarks, ORCHID
  block6("2001:db8::", 32), // documentation (RFC 3849)
  block6("2002::", 16), // 6to4: any IPv4 address, also a private one
  block6("2620:4f:8000::", 48), // AS112
  block6("3fff::", 20), // documentation (RFC 9637)
];

/** `text` as the URL standard writes it: dotted decimal, or IPv6 without brackets. */
export function isPublicAddress(text: string): boolean {
  if (!text.includes(":")) {
    const address = number4(text);
    return address !== undefined && !NOT_PUBLIC_4.some((block) => isIn4(address, block));
  }
  const address = number6(text);
  return (
    address !== undefined &&
    isIn6(address, GLOBAL_UNICAST) &&
    !NOT_PUBLIC_6.some((block) => isIn6(address, block))
  );
}

function isIn4(address: number, [first, bits]: Block4): boolean {
  const size = 2 ** (32 - bits);
  return Math.floor(address / size) === Math.floor((number4(first) ?? 0) / size);
}

const isIn6 = (address: bigint, [first, bits]: Block6): boolean =>
  address >> BigInt(128 - bits) === first >> BigInt(128 - bits);

function number4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]{1,3}$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return Math.max(...bytes) > 255
    ? undefined
    : bytes.reduce((address, byte) => address * 256 + byte, 0);
}

function number6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined;
  return groups.reduce((address, group) => (address << 16n) | BigInt(`0x${group}`), 0n);
}
