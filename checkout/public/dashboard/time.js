// A moment as it stands in the page: short to read, whole for machines and for who points at it.

import { element } from "../dom.js";
import { longTime, shortTime } from "./words.js";

/** @param {number} seconds unix @param {(seconds: number) => string} shown how it is written */
export function timeOf(seconds, shown = shortTime) {
  const time = element("time", shown(seconds));
  time.setAttribute("datetime", new Date(seconds * 1000).toISOString());
  time.title = longTime(seconds);
  return time;
}
