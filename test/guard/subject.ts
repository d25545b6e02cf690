// What is put to the test: the guard's real code, as modules, so that a mutant can take its place.

import type * as Guard from "../../durable-objects/card-guard.ts";
import * as guard from "../../durable-objects/card-guard.ts";
import type * as Velocity from "../../durable-objects/card-velocity.ts";
import * as velocity from "../../durable-objects/card-velocity.ts";

export type Subject = {
  readonly guard: Pick<typeof Guard, "CardGuard">;
  readonly velocity: Pick<typeof Velocity, "CardVelocity" | "MARKS">;
};

export const REAL: Subject = { guard, velocity };
