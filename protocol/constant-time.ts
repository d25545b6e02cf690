// The one place where what a caller presents is compared with a secret or with a MAC made of one. How long
// it takes depends on the lengths and on nothing else, so nobody can find a secret byte by byte.

type Compare = { timingSafeEqual?(a: Uint8Array, b: Uint8Array): boolean };

/** Whether two MACs or digests are the same; their length is no secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  // workerd's own where there is one, so that no compiler can shorten it.
  const { subtle } = crypto as unknown as { subtle: Compare };
  if (subtle.timingSafeEqual !== undefined) return subtle.timingSafeEqual(a, b);
  let difference = 0;
  for (let i = 0; i < a.byteLength; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** What is kept of a secret to compare others with: SHA-256, so that its length shows in no comparison. */
export async function digestOfSecret(secret: string): Promise<Uint8Array> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return new Uint8Array(digest);
}
