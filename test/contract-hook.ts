// Fails whichever test received an answer that the OpenAPI document does not describe.

import { afterAll, afterEach, expect } from "vitest";
import { breaches } from "./contract.ts";

const hold = () => expect(breaches(), "answers that /openapi.json does not describe").toEqual([]);

afterEach(hold);
// What came in a hook of the file itself.
afterAll(hold);
