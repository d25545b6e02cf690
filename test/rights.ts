// Two ways into a ledger: tests look and tamper as its owner, the origins they start come in as origins do.

type Bindings = Readonly<Record<string, string>>;

const REGIONS = ["US", "EU"] as const;

/** The bindings as tests have them: the owner's connection under the usual name, the origin's beside it. */
export function withAllRights(bindings: Bindings): Record<string, string> {
  const all: Record<string, string> = { ...bindings };
  for (const region of REGIONS) {
    all[`ORIGIN_URL_${region}`] = bindings[`DATABASE_URL_${region}`] ?? "";
    all[`DATABASE_URL_${region}`] = bindings[`OWNER_URL_${region}`] ?? "";
  }
  return all;
}

/** The bindings as Workers are to have them; one that a test has put in the place of the owner's stays. */
export function asDeployed(bindings: Bindings): Record<string, string> {
  const deployed: Record<string, string> = { ...bindings };
  for (const region of REGIONS) {
    const [name, origin] = [`DATABASE_URL_${region}`, bindings[`ORIGIN_URL_${region}`]];
    if (origin && bindings[name] === bindings[`OWNER_URL_${region}`]) deployed[name] = origin;
    delete deployed[`ORIGIN_URL_${region}`];
    delete deployed[`OWNER_URL_${region}`];
  }
  return deployed;
}
