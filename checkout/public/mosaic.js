// Draws a product as a small mosaic, the same one for the same id: no images needed.

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 7;
const STEP = 12;
const TONES = 4;

/** @param {string} seed */
export function mosaicOf(seed) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SIDE * STEP - 2} ${SIDE * STEP - 2}`);
  svg.setAttribute("class", "thumb");
  svg.setAttribute("aria-hidden", "true");
  const tones = pattern(seed);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const column = i % SIDE;
    const row = Math.floor(i / SIDE);
    const tile = document.createElementNS(SVG, "rect");
    tile.setAttribute("x", String(column * STEP));
    tile.setAttribute("y", String(row * STEP));
    tile.setAttribute("width", "10");
    tile.setAttribute("height", "10");
    tile.setAttribute("rx", "1.5");
    tile.setAttribute("data-tone", String(tones(fold(column), fold(row))));
    svg.append(tile);
  }
  return svg;
}

/** Mirrored both ways, as a Roman floor is. @param {number} place */
function fold(place) {
  return Math.abs(place - (SIDE - 1) / 2);
}

/**
 * @param {string} seed
 * @returns {(x: number, y: number) => number} the tone of a tile by its distance from the middle
 */
function pattern(seed) {
  let state = 2166136261;
  for (const letter of seed) state = Math.imul(state ^ letter.charCodeAt(0), 16777619);
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
  const half = Math.ceil(SIDE / 2);
  const cells = Array.from({ length: half * half }, () => Math.floor(next() * TONES));
  cells[0] = TONES - 1;
  // The smaller coordinate first: symmetric about the diagonals too.
  return (x, y) => cells[Math.min(x, y) * half + Math.max(x, y)];
}
