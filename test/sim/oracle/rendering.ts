// Answers as a merchant sees them, byte by byte, with the words about a person or without.

import type { Scope } from "../../../protocol/command.ts";
import { wireOf } from "../../../protocol/failure.ts";
import { objectOf } from "../../../protocol/object.ts";
import type { End } from "../../../protocol/shard.ts";
import type { Seen } from "./seen.ts";

/** What is told of a charge once its customer is deleted; merchants here put words into metadata only. */
export const wordless = (rendered: string): string =>
  rendered.replace(/"metadata":\{[^{}]*\}/, '"metadata":{}');

/** An answer as a merchant sees it: status and body. */
export const render = (end: End, scope: Scope): string => {
  if (end.ok) return `200 ${JSON.stringify(objectOf(end.facts, scope))}`;
  const { status, ...error } = wireOf(end.failure);
  return `${status} ${JSON.stringify(error)}`;
};

/** Whether a text is another without its words about a person, whose customer is deleted. */
export function isErased(seen: Seen, text: string, whole: string): boolean {
  return text === wordless(whole) && [...seen.deleted].some((id) => whole.includes(id));
}
