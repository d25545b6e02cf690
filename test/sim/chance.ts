// All randomness of a run, out of one seed. Every kind of decision has a stream of its own and every
// decision a number, so that one fault can be taken out of a run and the others stay what they were:
// that is how a failing run is made smaller.

/** What can go wrong. The names are shown in traces and counted in the report. */
export const FAULTS = [
  // Between a merchant's server and its shard.
  "call lost",
  "answer lost",
  "call doubled",
  "call slow",
  // The shard's object.
  "evicted",
  "evicted in mid-step",
  "two live objects",
  "deployed",
  "disk slow",
  "evicted while it writes",
  "alarm late",
  "alarm twice",
  "clock jumps",
  // Between shard and origin, and the database behind it.
  "batch lost",
  "batch doubled",
  "batch slow",
  "batch in parts",
  "verdicts lost",
  "partition",
  "crash before commit",
  "crash after commit",
  "late commit",
  "fence moved",
  "find lost",
  "replica stale",
  // Between shard, vault and processor.
  "vault cut off",
  "vault unreachable",
  "line slow",
  "line doubled",
  "question lost",
  "question doubled",
  "processor fails before",
  "processor fails after",
  "processor silent after",
  "card slow",
] as const;
export type Fault = (typeof FAULTS)[number];

/** What is left out of a run while it is made smaller. */
export type Mask = {
  /** Whole kinds, e.g. `evicted`, and single ones, e.g. `evicted#12`. */
  readonly faults: ReadonlySet<string>;
  /** Stories of merchants, by number. */
  readonly stories: ReadonlySet<number>;
};

export const NO_MASK: Mask = { faults: new Set(), stories: new Set() };

/** Faults that hide best behind others come more often on days when there are few. */
const WATCHED: readonly Fault[] = [
  ...FAULTS,
  "batch doubled",
  "batch doubled",
  "late commit",
  "late commit",
  "verdicts lost",
  "crash after commit",
  "evicted",
  "two live objects",
];

const INDEX = new Map<string, number>(FAULTS.map((fault, i) => [fault, i]));

/** A number of 32 bits that depends on all of its arguments (Murmur3's finalizer, twice). */
function mix(seed: number, stream: number, n: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h ^= Math.imul(n + 1, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A stream of numbers that depends on nothing but seed and name. */
export class Dice {
  readonly #seed: number;
  readonly #stream: number;
  #n = 0;

  constructor(seed: number, name: string) {
    this.#seed = seed;
    let stream = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) {
      stream = Math.imul(stream ^ name.charCodeAt(i), 0x01000193);
    }
    this.#stream = stream;
  }

  /** 0 ≤ x < 1. */
  next(): number {
    return mix(this.#seed, this.#stream, this.#n++) / 0x1_0000_0000;
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(of: number): boolean {
    return this.next() < of;
  }

  pick<T>(among: readonly T[]): T {
    return among[Math.floor(this.next() * among.length)] as T;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = mix(this.#seed, this.#stream, this.#n++);
      for (let k = 0; k < 4 && i + k < length; k++) bytes[i + k] = (word >>> (8 * k)) & 0xff;
    }
    return bytes;
  }
}

/** The weather of one run: how likely each fault is, and which of them struck. */
export class Weather {
  /** True from the moment on when nothing may fail any more. */
  calm = false;
  /** How often each fault struck, in the order of `FAULTS`. */
  readonly struck = new Uint32Array(FAULTS.length);
  /** Every fault that struck, e.g. `evicted#12`. */
  readonly log: string[] = [];
  readonly #seed: number;
  readonly #rates = new Float64Array(FAULTS.length);
  readonly #asked = new Uint32Array(FAULTS.length);
  readonly #mask: Mask;

  /** `rates` are those of a bad day; each run has only some of them, and some more than others. */
  constructor(seed: number, rates: Readonly<Record<Fault, number>>, mask: Mask) {
    this.#seed = seed;
    this.#mask = mask;
    const dice = new Dice(seed, "weather");
    // On some days only a few things go wrong, and those all the time: what one fault hides another shows.
    const isOneSided = dice.chance(0.45);
    const few = new Set(isOneSided ? Array.from({ length: 3 }, () => dice.pick(WATCHED)) : []);
    const strength = dice.pick([0.3, 1, 1, 1, 2]);
    FAULTS.forEach((fault, i) => {
      const share = isOneSided ? (few.has(fault) ? 5 : 0) : dice.pick([0, 0.5, 1, 1, 3]);
      this.#rates[i] = mask.faults.has(fault) ? 0 : Math.min(0.6, rates[fault] * share * strength);
    });
  }

  strikes(fault: Fault): boolean {
    const i = INDEX.get(fault) as number;
    const rate = this.#rates[i] as number;
    if (this.calm || rate === 0) return false;
    const n = this.#asked[i] as number;
    this.#asked[i] = n + 1;
    if (mix(this.#seed, 1000 + i, n) >= rate * 0x1_0000_0000) return false;
    const name = `${fault}#${n}`;
    if (this.#mask.faults.has(name)) return false;
    this.struck[i] = (this.struck[i] as number) + 1;
    this.log.push(name);
    return true;
  }
}
