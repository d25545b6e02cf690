// examples/node: the merchant's server, asked as its page and as Tessera would ask it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Merchant, type System, startSystem } from "../system.ts";
import { environmentOf, root } from "./example.ts";

const WEBHOOK_SECRET = "whsec_of_this_example";

let system: System;
let m: Merchant;
let shop: ChildProcess;
let url: string;
const lines: string[] = [];

beforeAll(async () => {
  system = await startSystem(inject("bindings"));
  m = await system.merchant();
  shop = spawn(process.execPath, ["examples/node/server.mjs"], {
    cwd: root,
    env: {
      ...environmentOf(system, m),
      TESSERA_WEBHOOK_SECRET: WEBHOOK_SECRET,
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (shop.stdout === null) throw new Error("the shop has no output");
  const output = createInterface(shop.stdout);
  const [first] = (await once(output, "line")) as [string];
  url = /http:\S+/.exec(first)?.[0] ?? "";
  output.on("line", (line) => lines.push(line));
});
afterAll(async () => {
  shop?.kill();
  await system?.close();
});

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(url + path, { method: "POST", headers, body: text });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe("the merchant's server", () => {
  test("takes a payment once, however often the page asks", async () => {
    const order = { order: "A-1", amount: 2400, token: "tok_visa" };
    const first = await post("/pay", order);
    expect(first).toMatchObject({ status: 200, body: { status: "succeeded", card: "4242" } });
    expect(await post("/pay", order)).toEqual(first);
    const charges = await m.stripe.charges.list();
    expect(charges.data.filter((c) => c.metadata["order"] === "A-1")).toHaveLength(1);
  });

  test("tells the payer of a decline, and of nothing else", async () => {
    const declined = await post("/pay", { order: "A-2", amount: 100, token: "tok_chargeDeclined" });
    expect(declined).toMatchObject({ status: 402, body: { message: /declined/ } });
    const wrong = await post("/pay", { order: "A-3", amount: -1, token: "tok_visa" });
    expect(wrong).toEqual({ status: 400, body: { message: "Not accepted." } });
  });

  test("gives a payment back", async () => {
    const { body } = await post("/pay", { order: "A-4", amount: 700, token: "tok_mastercard" });
    const back = await post("/refund", { charge: body["charge"] });
    expect(back).toMatchObject({ status: 200, body: { amount: 700, status: "succeeded" } });
  });

  test("hears events that are signed, and no others", async () => {
    const payload = JSON.stringify({
      id: "evt_1",
      object: "event",
      type: "charge.succeeded",
      data: { object: { id: "ch_heard" } },
    });
    const signed = (secret: string) => ({
      "stripe-signature": m.stripe.webhooks.generateTestHeaderString({ payload, secret }),
    });
    expect((await post("/hook", payload, signed(WEBHOOK_SECRET))).status).toBe(200);
    expect((await post("/hook", payload, signed("whsec_of_another"))).status).toBe(400);
    expect((await post("/hook", `${payload} `, signed(WEBHOOK_SECRET))).status).toBe(400);
    expect(lines).toEqual(["charge.succeeded ch_heard"]);
  });
});
