// Whose something is where accounts and modes lie side by side: in a card box, and at the processor, which says
// it back in its notices.

import type { Scope } from "../../protocol/command.ts";

export const ownerOf = (scope: Scope): string =>
  `${scope.account}/${scope.livemode ? "live" : "test"}`;
