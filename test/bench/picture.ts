// Throughput and latency against concurrency as one SVG, without a library: two panels over one axis of
// requests in flight. Its colours follow the reader's light or dark mode.

import type { Run } from "./run.ts";
import type { Spread, Summary } from "./statistics.ts";

const RATES = ["inside.charge", "inside.empty"];
/** Over HTTP, because the clock inside workerd has steps of a millisecond. */
const LATENCIES = ["http.instant", "http.object"];
/** What is drawn, and at which levels it is measured for that. */
export const PICTURE_ROWS: readonly string[] = [...RATES, ...LATENCIES];
export const PICTURE_LEVELS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const LABELS: Readonly<Record<string, string>> = {
  "inside.charge": "durable charge",
  "inside.empty": "empty object call",
  "http.instant": "durable charge",
  "http.object": "empty object call",
};

const WIDTH = 760;
const LEFT = 64;
const RIGHT = 150;
const PANEL_HEIGHT = 220;
const TOP = 46;
const GAP = 62;
const BOTTOM = 58;
const HEIGHT = TOP + 2 * PANEL_HEIGHT + GAP + BOTTOM;
/** Below each other at the end of a line, labels need so much room. */
const LABEL_ROOM = 14;

const STYLE = `
  svg { --ink: #1f2328; --faint: #59636e; --rule: #d1d9e0; --charge: #0969da; --empty: #8250df; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --faint: #9198a1; --rule: #3d444d; --charge: #58a6ff; --empty: #d2a8ff; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--faint); }
  .title { font-size: 14px; font-weight: 600; fill: var(--ink); }
  .rule { stroke: var(--rule); stroke-width: 1; }
  .line { fill: none; stroke-width: 2; }
  .p99 { stroke-dasharray: 5 4; }
  .charge { stroke: var(--charge); } .empty { stroke: var(--empty); }
  .of-charge { fill: var(--charge); } .of-empty { fill: var(--empty); }`;

/** A place on the picture for a value. */
type Scale = (value: number) => number;
type Series = {
  readonly row: string;
  readonly label: string;
  readonly dashed: boolean;
  readonly points: readonly (readonly [inFlight: number, spread: Spread])[];
};

/** The picture of the first run that measured both rows at several levels. */
export function pictureOf(runs: readonly Run[]): string {
  const run = runs.find(({ summaries }) =>
    PICTURE_ROWS.every((row) => summaries.filter((one) => one.row === row).length > 1),
  );
  if (run === undefined) throw new Error("No run measured what is to be drawn: use --picture");
  const drawn = (rows: readonly string[]) =>
    rows.map((row) => run.summaries.filter((one) => one.row === row));
  const levels = [
    ...new Set(
      drawn(PICTURE_ROWS)
        .flat()
        .map(({ inFlight }) => inFlight),
    ),
  ].sort((a, b) => a - b);
  const x = logScale(levels[0] ?? 1, levels.at(-1) ?? 1, LEFT, WIDTH - RIGHT);
  const rates = drawn(RATES).map((of) => seriesOf(of, "", false, ({ perSecond }) => perSecond));
  const latencies = drawn(LATENCIES).flatMap((of) => [
    seriesOf(of, " p50", false, ({ p50Ms }) => p50Ms),
    seriesOf(of, " p99", true, ({ p99Ms }) => p99Ms),
  ]);
  const lower = TOP + PANEL_HEIGHT + GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"`,
    `  aria-label="Throughput and latency of charges against requests in flight">`,
    `<style>${STYLE}\n</style>`,
    ...ratePanel(rates, x, TOP),
    ...latencyPanel(latencies, x, lower),
    ...levelAxis(levels, x, lower + PANEL_HEIGHT),
    "</svg>",
    "",
  ].join("\n");
}

function seriesOf(
  summaries: readonly Summary[],
  suffix: string,
  dashed: boolean,
  pick: (summary: Summary) => Spread | null,
): Series {
  const row = summaries[0]?.row ?? "";
  const points = summaries.flatMap((summary) => {
    const spread = pick(summary);
    return spread === null ? [] : [[summary.inFlight, spread] as const];
  });
  return { row, label: `${LABELS[row] ?? row}${suffix}`, dashed, points };
}

function ratePanel(series: readonly Series[], x: Scale, top: number): string[] {
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, { max }]) => max)));
  const step = niceStep(most / 4);
  const ceiling = Math.ceil(most / step) * step;
  const y: Scale = (value) => top + PANEL_HEIGHT * (1 - value / ceiling);
  const ticks = Array.from({ length: Math.round(ceiling / step) + 1 }, (_, i) => i * step);
  return [
    title("calls per second, inside workerd", top),
    ...ticks.flatMap((tick) => horizontal(y(tick), tick.toLocaleString("en"))),
    ...lines(series, x, y),
  ];
}

function latencyPanel(series: readonly Series[], x: Scale, top: number): string[] {
  const all = series.flatMap(({ points }) => points.map(([, { median }]) => median));
  const positive = all.filter((ms) => ms > 0);
  const from = 10 ** Math.floor(Math.log10(Math.min(...positive)));
  const to = 10 ** Math.ceil(Math.log10(Math.max(...positive)));
  const y = logScale(from, to, top + PANEL_HEIGHT, top);
  const decades = Math.round(Math.log10(to / from));
  const ticks = Array.from({ length: decades + 1 }, (_, i) => from * 10 ** i);
  const floored: Scale = (value) => y(Math.max(value, from));
  return [
    title("latency over HTTP, ms (logarithmic)", top),
    ...ticks.flatMap((tick) => horizontal(y(tick), String(Number(tick.toPrecision(1))))),
    ...lines(series, x, floored),
  ];
}

function levelAxis(levels: readonly number[], x: Scale, bottom: number): string[] {
  const middle = round((LEFT + WIDTH - RIGHT) / 2);
  // Of levels that lie closer than a label is wide, the first is named.
  let last = Number.NEGATIVE_INFINITY;
  const named = levels.filter((level) => {
    if (x(level) - last < 2 * LABEL_ROOM) return false;
    last = x(level);
    return true;
  });
  return [
    ...named.map((level) => text(round(x(level)), bottom + 20, String(level), "middle")),
    text(middle, bottom + 42, "requests in flight", "middle"),
  ];
}

function lines(series: readonly Series[], x: Scale, y: Scale): string[] {
  const ends = apart(series.map(({ points }) => y(points.at(-1)?.[1].median ?? 0)));
  return series.flatMap(({ row, label, dashed, points }, i) => {
    const name = LABELS[row]?.includes("charge") ? "charge" : "empty";
    const path = points.map(([level, { median }]) => `${round(x(level))},${round(y(median))}`);
    const whiskers = dashed
      ? []
      : points.map(
          ([level, { min, max }]) =>
            `<path class="line ${name}" opacity="0.45" d="M${round(x(level))} ${round(y(min))}V${round(y(max))}"/>`,
        );
    const dots = points.map(
      ([level, { median }]) =>
        `<circle class="of-${name}" cx="${round(x(level))}" cy="${round(y(median))}" r="2.5"/>`,
    );
    return [
      `<polyline class="line ${name}${dashed ? " p99" : ""}" points="${path.join(" ")}"/>`,
      ...whiskers,
      ...dots,
      text(WIDTH - RIGHT + 10, (ends[i] ?? 0) + 4, label, "start", `of-${name}`),
    ];
  });
}

/** The same places, moved down where two labels would lie on one another. */
function apart(places: readonly number[]): number[] {
  const order = places.map((place, i) => ({ place, i })).sort((a, b) => a.place - b.place);
  const moved: number[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const { place, i } of order) {
    last = Math.max(place, last + LABEL_ROOM);
    moved[i] = round(last);
  }
  return moved;
}

function logScale(from: number, to: number, start: number, end: number): Scale {
  const span = Math.log(to / from) || 1;
  return (value) => start + ((end - start) * Math.log(value / from)) / span;
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((times) => times * power >= least) ?? 10);
}

const title = (words: string, top: number): string => text(LEFT, top - 16, words, "start", "title");

const horizontal = (y: number, label: string): string[] => [
  `<path class="rule" d="M${LEFT} ${round(y)}H${WIDTH - RIGHT}"/>`,
  text(LEFT - 8, round(y) + 4, label, "end"),
];

const text = (x: number, y: number, words: string, anchor: string, name = ""): string =>
  `<text x="${x}" y="${round(y)}" text-anchor="${anchor}"${name && ` class="${name}"`}>${words}</text>`;

const round = (value: number): number => Math.round(value * 10) / 10;
