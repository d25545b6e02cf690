// The drill's table.

import { FINDINGS } from "./comparison.ts";
import type { Outcome } from "./drill.ts";

const SHOWN_MAX = 20;
const LABEL_CHARACTERS = 15;

/** Whether nothing was found. */
export const isSound = ({ findings, verified }: Outcome): boolean =>
  findings.length === 0 && Object.values(verified).every((found) => found.length === 0);

export function report(outcome: Outcome): string {
  const { options, toll, findings, verified, disk, recoveries } = outcome;
  const row = (label: string, text: string) => `${label.padEnd(LABEL_CHARACTERS)} ${text}`;
  const list = (counts: Iterable<readonly [string, number]>) =>
    [...counts].map(([name, n]) => `${name} ${n}`).join(" · ");
  const kills = [...toll.kills.values()].reduce((sum, n) => sum + n, 0);
  const times = recoveries.map(({ ms }) => ms).sort((a, b) => a - b);
  const seconds = (ms = 0) => `${(ms / 1000).toFixed(1)} s`;
  const verdicts = Object.entries(verified).map(
    ([region, found]) => `${region} ${found.length === 0 ? "ok" : `${found.length} findings`}`,
  );
  return [
    "",
    row("seed", String(options.seed)),
    row("kills", `${kills} in ${toll.storms} storms, ${outcome.minutes.toFixed(1)} minutes`),
    row("", list(toll.kills)),
    ...(toll.falls.size === 0 ? [] : [row("fell alone", list(toll.falls))]),
    row("faults", list(outcome.faults.map(({ fault, count }) => [fault, count] as const))),
    row(
      "disk full",
      "skipped" in disk
        ? `skipped: ${disk.skipped}`
        : `${toll.fullDisks} times (${disk.kind}), ${toll.writesRefused} writes refused`,
    ),
    row("charges", `${outcome.charges}, and ${outcome.operations} captures and refunds`),
    row("answers", list([...outcome.answers].sort(([, a], [, b]) => b - a))),
    ...FINDINGS.map((kind) =>
      row(kind, String(findings.filter((finding) => finding.kind === kind).length)),
    ),
    row(
      "all terminal",
      `${seconds(times[Math.floor(times.length / 2)])} after the last restart of a storm (median), ` +
        `${seconds(times.at(-1))} at most; ${options.seconds} s are allowed`,
    ),
    row("verify", verdicts.join(", ")),
    ...findings.slice(0, SHOWN_MAX).map(({ kind, what }) => `${kind}: ${what}`),
    ...Object.values(verified).flat().slice(0, SHOWN_MAX),
  ].join("\n");
}
