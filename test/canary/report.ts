// What the proof says at its end: what was sent, where was looked, what was found.

import { mebibytes, type Outcome } from "./canary.ts";
import type { MemorySearch } from "./memory.ts";

const FINDINGS_SHOWN_MAX = 30;

/** Whether nothing leaked, and the search was shown to be able to find. */
export function isClean({ findings, tally, planted, memory, sealedCards }: Outcome): boolean {
  return (
    findings.length === 0 &&
    tally.wrong.length === 0 &&
    planted.missed.length === 0 &&
    sealedCards > 0 &&
    (countOf(memory.sealed.found) ?? 0) === 0 &&
    countOf(memory.typed.found) !== 0
  );
}

/** Places in memory where something was found; undefined where it could not be looked at. */
function countOf(found: MemorySearch | string): number | undefined {
  if (typeof found === "string") return undefined;
  return [...found.spellings.values()].reduce((sum, n) => sum + n, 0);
}

export function report(outcome: Outcome): string {
  const { options, tally, places, findings, planted, memory } = outcome;
  const answered = [...tally.kinds.values()].flatMap((statuses) => [...statuses]);
  const sent = answered.reduce((sum, [, n]) => sum + n, 0);
  const crashes = [...tally.crashes].map(([victim, n]) => `${victim} ${n}`).join(", ");
  const width = Math.max(
    ...[...tally.kinds.keys(), ...places.map(({ name }) => name)].map((n) => n.length),
  );
  const kinds = [...tally.kinds].map(([kind, statuses]) => {
    const text = [...statuses]
      .sort(([a], [b]) => a - b)
      .map(([status, n]) => `${status === 0 ? "none" : status}: ${n}`)
      .join(", ");
    return `  ${kind.padEnd(width)}  ${text}`;
  });
  const files = places.map(
    ({ name, files, bytes }) =>
      `  ${name.padEnd(width)}  ${String(files.length).padStart(6)}  ${mebibytes(bytes).padStart(8)} MiB`,
  );
  const all = places.reduce((sum, { bytes }) => sum + bytes, 0);
  const shown = findings
    .slice(0, FINDINGS_SHOWN_MAX)
    .map(({ place, where, spelling }) => `  LEAK in ${place}: ${spelling}, ${where}`);
  return [
    `seed ${options.seed}: ${sent} requests with ${outcome.numbers} card numbers in ${outcome.driveSeconds.toFixed(0)} s`,
    `killed: ${crashes || "nothing"}; the bank was bad for ${tally.faultyRequests} requests`,
    "",
    "Requests by kind, and their answers by status (none: the connection ended)",
    ...kinds,
    ...tally.wrong.map((what) => `  WRONG ANSWER to ${what}`),
    "",
    `Searched for ${outcome.spellings} spellings (${outcome.needles} needles), ${mebibytes(all)} MiB in ${outcome.searchSeconds.toFixed(0)} s`,
    ...files,
    `  ${outcome.sealedCards} sealed cards were in the card boxes`,
    "",
    ...memoryLines(memory),
    "",
    `${planted.leaks} leaks planted in copies of files of every place: ${planted.missed.length === 0 ? "all found" : `MISSED ${planted.missed.slice(0, FINDINGS_SHOWN_MAX).join("; ")}`}`,
    ...shown,
    findings.length === 0
      ? "No card number and no security code was found."
      : `${findings.length} LEAKS`,
    ...(outcome.kept === undefined ? [] : [`Everything lies in ${outcome.kept}`]),
  ].join("\n");
}

function memoryLines({ sealed, typed }: Outcome["memory"]): string[] {
  const line = (what: string, cards: number, found: MemorySearch | string): string => {
    if (typeof found === "string") return `  after ${cards} ${what}: skipped, ${found}`;
    const times = countOf(found) ?? 0;
    const where = `${mebibytes(found.bytes)} MiB of ${found.processes} processes`;
    return `  after ${cards} ${what}: ${times === 0 ? "nothing" : `${times} finds`} in ${where}`;
  };
  return [
    "Memory of the edge's processes, each Worker in its own",
    line("sealed cards", sealed.cards, sealed.found),
    line("more requests, typed cards among them, which must be seen", typed.cards, typed.found),
  ];
}
