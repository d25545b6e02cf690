// Draws the balance as a stepped line: it stands still between postings, and so does the line. One SVG in
// the size of its place, read with the pointer, or with the arrow keys as a slider.

import { formatMoney } from "../money.js";
import { ticksOf } from "./balance.js";
import { axisTime, longTime, shortTime, signed } from "./words.js";

/** @typedef {import("./balance.js").Step} Step */

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 220;
const PAD = { top: 14, right: 8, bottom: 28, left: 8 };
const TICKS_MAX = 4;
/** Room that a time under the axis takes. */
const LABEL_WIDTH = 120;

/** @param {string} name @param {Record<string, string | number>} attributes */
function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/**
 * @param {HTMLElement} place filled with the chart, now and whenever its width changes
 * @param {readonly Step[]} steps oldest first
 * @param {string} currency
 */
export function showChart(place, steps, currency) {
  let at = steps.length - 1;
  const draw = () => {
    const focused = document.activeElement?.closest(".chart") === place;
    const chart = drawn(place.clientWidth || 640, steps, currency, (i) => {
      at = i;
    });
    place.replaceChildren(chart.root);
    if (focused) chart.root.focus();
    chart.show(at);
  };
  const watch = new ResizeObserver(draw);
  watch.observe(place);
  return () => watch.disconnect();
}

/**
 * @param {number} width
 * @param {readonly Step[]} steps
 * @param {string} currency
 * @param {(i: number) => void} onRead
 */
function drawn(width, steps, currency, onRead) {
  const scale = scaleOf(width, steps, currency);
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    width,
    height: HEIGHT,
    tabindex: 0,
    role: "slider",
    "aria-label": "Balance over time",
    "aria-valuemin": 1,
    "aria-valuemax": steps.length,
  });
  root.append(...grid(scale, width, currency), ...line(scale, steps), ...times(scale, width));
  const cursor = svg("g", { class: "cursor" });
  const rule = svg("line", { y1: PAD.top, y2: HEIGHT - PAD.bottom, class: "cursor-line" });
  const dot = svg("rect", { width: 9, height: 9, rx: 2, class: "cursor-dot" });
  const told = svg("text", { y: 12, class: "cursor-text" });
  cursor.append(rule, dot, told);
  root.append(cursor);

  let shown = steps.length - 1;
  const show = (/** @type {number} */ i) => {
    shown = Math.max(0, Math.min(steps.length - 1, i));
    onRead(shown);
    const step = steps[shown];
    const [x, y] = [scale.x(step.at), scale.y(step.balance)];
    rule.setAttribute("x1", String(x));
    rule.setAttribute("x2", String(x));
    dot.setAttribute("x", String(x - 4.5));
    dot.setAttribute("y", String(y - 4.5));
    const balance = formatMoney(step.balance, currency);
    told.textContent = `${balance}  ${signed(step.net, currency)} ${step.type}, ${shortTime(step.at)}`;
    // Over the rule, as far as there is room on either side.
    const length = told.getComputedTextLength();
    told.setAttribute("x", String(Math.max(0, Math.min(width - length, x - length / 2))));
    root.setAttribute("aria-valuenow", String(shown + 1));
    root.setAttribute(
      "aria-valuetext",
      `${balance} on ${longTime(step.at)}, after ${signed(step.net, currency)} (${step.type})`,
    );
  };
  listen(root, scale, steps, () => shown, show);
  return { root, show };
}

/**
 * @param {SVGElement} root
 * @param {ReturnType<typeof scaleOf>} scale
 * @param {readonly Step[]} steps
 * @param {() => number} shown
 * @param {(i: number) => void} show
 */
function listen(root, scale, steps, shown, show) {
  root.addEventListener("pointermove", (event) => {
    const x = event.clientX - root.getBoundingClientRect().left;
    const nearest = steps.reduce(
      (best, step, i) =>
        Math.abs(scale.x(step.at) - x) <= Math.abs(scale.x(steps[best].at) - x) ? i : best,
      0,
    );
    root.classList.add("reading");
    show(nearest);
  });
  root.addEventListener("pointerleave", () => root.classList.remove("reading"));
  root.addEventListener("keydown", (event) => {
    const leaps = {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageDown: -10,
      PageUp: 10,
    };
    const goal = { Home: 0, End: steps.length - 1 }[event.key];
    const leap = leaps[/** @type {keyof typeof leaps} */ (event.key)];
    if (goal === undefined && leap === undefined) return;
    event.preventDefault();
    show(goal ?? shown() + (leap ?? 0));
  });
}

/** @param {number} width @param {readonly Step[]} steps @param {string} currency */
function scaleOf(width, steps, currency) {
  const balances = steps.map(({ balance }) => balance);
  const decimals = new Intl.NumberFormat("en-US", { style: "currency", currency }).resolvedOptions()
    .maximumFractionDigits;
  const ticks = ticksOf(
    Math.min(0, ...balances),
    Math.max(0, ...balances),
    TICKS_MAX,
    10 ** (decimals ?? 2),
  );
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  const [from, to] = [steps[0].at, Math.max(steps[steps.length - 1].at, steps[0].at + 1)];
  const inner = width - PAD.left - PAD.right;
  const drop = HEIGHT - PAD.top - PAD.bottom;
  return {
    ticks,
    from,
    to,
    x: (/** @type {number} */ at) => PAD.left + ((at - from) / (to - from)) * inner,
    y: (/** @type {number} */ amount) => PAD.top + (1 - (amount - low) / (high - low)) * drop,
  };
}

/** @param {ReturnType<typeof scaleOf>} scale @param {number} width @param {string} currency */
function grid({ ticks, y }, width, currency) {
  return ticks.flatMap((amount) => {
    const at = y(amount);
    const rule = svg("line", {
      x1: 0,
      x2: width,
      y1: at,
      y2: at,
      class: amount === 0 ? "zero" : "rule",
    });
    const label = svg("text", { x: 0, y: at - 5, class: "tick" });
    label.textContent = formatMoney(amount, currency).replace(/\.0+$/, "");
    return [rule, label];
  });
}

/** @param {ReturnType<typeof scaleOf>} scale @param {readonly Step[]} steps */
function line({ x, y, to }, steps) {
  const first = steps[0];
  let path = `M${x(first.at)} ${y(first.balance - first.net)}`;
  for (const step of steps) path += `H${x(step.at)}V${y(step.balance)}`;
  path += `H${x(to)}`;
  const area = `${path}V${y(0)}H${x(first.at)}Z`;
  return [svg("path", { d: area, class: "area" }), svg("path", { d: path, class: "line" })];
}

/** @param {ReturnType<typeof scaleOf>} scale @param {number} width */
function times({ from, to }, width) {
  const count = Math.max(2, Math.min(5, Math.floor(width / LABEL_WIDTH)));
  return Array.from({ length: count }, (_, i) => {
    const share = i / (count - 1);
    const label = svg("text", {
      x: PAD.left + share * (width - PAD.left - PAD.right),
      y: HEIGHT - 6,
      class: "tick",
      "text-anchor": i === 0 ? "start" : i === count - 1 ? "end" : "middle",
    });
    label.textContent = axisTime(from + share * (to - from), to - from);
    return label;
  });
}
