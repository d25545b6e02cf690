// What is wrong with an answer to a generated request. Pure, so that its own test can show that it finds what is
// planted.

import type { Contract } from "../contract.ts";
import { CARD_NUMBERS, type GeneratedRequest } from "./request-generator.ts";

export type Said = {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
};

/** Whatever comes, the edge answers for itself: in Stripe's shape, as its document says, and without a card. */
export function faultOf(
  contract: Contract,
  { method, path }: Pick<GeneratedRequest, "method" | "path">,
  { status, contentType, text }: Said,
): string | undefined {
  if (status >= 500) return "a failure of the edge's own";
  const echoed = CARD_NUMBERS.find((number) => text.replaceAll(/[ -]/g, "").includes(number));
  if (echoed !== undefined) return "the number of a card";
  const body = objectIn(text);
  if (body === undefined) return "no JSON object";
  const error = body["error"] as { type?: unknown; message?: unknown } | undefined;
  const isError = typeof error?.type === "string" && typeof error.message === "string";
  if (status >= 400 && !isError) return "a refusal without its error";
  if (status < 400 && error !== undefined) return "an error that is no refusal";
  const { pathname } = new URL(path, "http://edge");
  return contract.complaint({ method, path: pathname, status, contentType, body });
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
