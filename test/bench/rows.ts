// All rows, in the order in which they are measured within a repetition: what is divided by one another
// stands close together.

import { HTTP_ROWS } from "./http-rows.ts";
import { INSIDE_ROWS } from "./inside-rows.ts";
import { LEDGER_ROWS } from "./ledger-rows.ts";
import { peerRow } from "./peer.ts";
import { RAW_ROWS } from "./raw-rows.ts";
import type { Row } from "./row.ts";

export const ROWS: readonly Row[] = [
  ...HTTP_ROWS,
  ...INSIDE_ROWS,
  peerRow,
  ...LEDGER_ROWS,
  ...RAW_ROWS,
];
