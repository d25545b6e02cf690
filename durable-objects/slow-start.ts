// How many strangers may be asked about at once. Ten thousand cards that arrive in one second would all
// be at the processor before the first decline is back; so, as TCP does (RFC 5681, slow start), what may
// be under way grows with good news and only while it is used. Pure.

/** Authorizations of unknown cards under way at once. A shop with half a second a card makes 96 a second. */
const AT_FIRST = 48;
const MOST = 4096;
/** What has grown and is not used halves in that time. */
const HALVES_IN_MS = 60_000;

export type Flight = { underWay: number; window: number; usedMs: number };

export const newFlight = (): Flight => ({ underWay: 0, window: AT_FIRST, usedMs: 0 });

/** Starts one, or says that there is no room; `room` is the share of the window that is open. */
export function start(flight: Flight, room: number, nowMs: number): boolean {
  const halvings = Math.max(0, nowMs - flight.usedMs) / HALVES_IN_MS;
  if (halvings >= 1) {
    flight.window = Math.max(AT_FIRST, flight.window / 2 ** halvings);
    flight.usedMs = nowMs;
  }
  if (flight.underWay >= Math.max(1, flight.window * room)) return false;
  flight.underWay++;
  return true;
}

/** One has come back. */
export function land(flight: Flight, approved: boolean, nowMs: number): void {
  const used = flight.underWay * 2 >= flight.window;
  flight.underWay--;
  if (!used) return;
  flight.usedMs = Math.max(flight.usedMs, nowMs);
  if (approved) flight.window = Math.min(MOST, flight.window + 1);
}
