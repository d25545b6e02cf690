// A secret with its versions: the current one first, then those that are still accepted, with commas
// between. Rotation is three deployments: the new one is added at the end (everybody accepts it), moved to the
// front (everybody uses it), and the old one taken away once nothing made with it is left.

/** The versions of a secret, the current one first; never empty, though the one version may be. */
export function versionsOf(secret: string): readonly [current: string, ...accepted: string[]] {
  const [current = "", ...accepted] = secret.split(",").map((version) => version.trim());
  return [current, ...accepted.filter((version) => version !== "")];
}
