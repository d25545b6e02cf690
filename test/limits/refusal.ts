// A refused call as every refusal must look: Stripe's error body, a request id, nothing to cache.

import { expect } from "vitest";
import { ERROR_CATALOGUE } from "../../protocol/error-catalogue.ts";
import type { Call } from "../system.ts";

export type WireError = {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
  readonly doc_url?: string;
};

/** The error of a refusal, after its shape was checked. */
export function errorOf({ status, headers, body }: Call): WireError {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(headers.get("request-id")).toMatch(/^req_[0-9A-Za-z]{16}$/);
  expect(headers.get("content-type")).toMatch(/^application\/json/);
  expect(headers.get("cache-control")).toBe("no-cache, no-store");
  expect(headers.get("access-control-allow-origin")).toBe("*");
  expect(body).toEqual({ error: expect.any(Object) });
  const { error } = body as { error: Record<string, unknown> };
  expect(error["type"]).toMatch(/^(invalid_request|card|idempotency|api)_error$/);
  expect(error["message"]).toEqual(expect.stringMatching(/\S/));
  for (const field of ["code", "param", "decline_code", "charge"]) {
    if (field in error) expect(error[field]).toEqual(expect.any(String));
  }
  const [, entry] = /^https?:\/\/[^/]+\/docs\/errors#(.+)$/.exec(String(error["doc_url"])) ?? [];
  const told = ERROR_CATALOGUE.find(({ name }) => name === entry);
  expect(told).toMatchObject({ status, type: error["type"] });
  expect(told?.coded === true ? told.name : undefined).toBe(error["code"]);
  return error as WireError;
}

/** Status, code and param in one, as the tables of refusals have them. */
export function verdictOf(call: Call): string {
  const { code = "-", param = "-" } = errorOf(call);
  return `${call.status} ${code} ${param}`;
}
