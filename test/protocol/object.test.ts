import { describe, expect, test } from "vitest";
import { balanceObject, transactionObject } from "../../protocol/balance.ts";
import { eventObjects } from "../../protocol/event-object.ts";
import type { CardSummary, ChargeFacts, OperationFacts, Outcome } from "../../protocol/facts.ts";
import {
  accountObject,
  cardIdOfToken,
  chargeObject,
  customerObject,
  listObject,
  objectOf,
  tokenObject,
} from "../../protocol/object.ts";
import { refundObject } from "../../protocol/refund.ts";
import { termsOf, USUAL_TERMS } from "../../protocol/terms.ts";

const scope = { account: "acct_AbCdEfGhIjKlMnOp", livemode: false } as const;

const card: CardSummary = {
  brand: "Visa",
  last4: "4242",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "f1ngerpr1ntf1nge",
  funding: "credit",
  country: "US",
  name: "Ada Lovelace",
  address_line1: "1 Mosaic Street",
  address_zip: "10115",
};

const captured: ChargeFacts = {
  kind: "charge",
  id: "ch_0000000000000000000001",
  created: 1_800_000_000,
  state: "captured",
  amount: 2000,
  currency: "usd",
  capture: true,
  request: "req_AbCdEfGhIjKlMnOp",
  token: "tok_0000000000000000000001",
  card_id: null,
  customer: null,
  intent: null,
  authentication: null,
  card,
  description: "Two “tesserae” \u2028",
  receipt_email: "ada@example.com",
  statement_descriptor: "TESSERA",
  statement_descriptor_suffix: null,
  transfer_group: null,
  shipping: null,
  metadata: { order: "A-17", "2": "b", "10": "a" },
  processor_ref: "auth_1",
  outcome: {
    checks: { cvc: "pass", address_line1: "pass", address_zip: "fail" },
    network_code: "00",
    risk_level: "normal",
  },
  amount_captured: 2000,
  amount_refunded: 500,
  balance_seq: 42,
  changes: null,
  dispute: null,
};

const refusal: Outcome = {
  checks: { cvc: null, address_line1: null, address_zip: null },
  network_code: "51",
  risk_level: "normal",
  decline: {
    code: "card_declined",
    decline_code: "insufficient_funds",
    message: "Your card has insufficient funds.",
  },
};

const declined: ChargeFacts = {
  ...captured,
  state: "failed",
  card: { ...card, brand: "American Express", country: null },
  outcome: refusal,
  amount_captured: 0,
  amount_refunded: 0,
  balance_seq: null,
};

const refund: OperationFacts = {
  kind: "operation",
  id: "re_0000000000000000000001",
  created: 1_800_000_001,
  charge: captured.id,
  operation: "refund",
  state: "succeeded",
  amount: 500,
  currency: "usd",
  request: "req_AbCdEfGhIjKlMnOq",
  reason: "requested_by_customer",
  metadata: { ticket: "7" },
  balance_seq: 43,
  intent: null,
  pending: false,
  reversed_seq: null,
  changes: null,
  authorization: null,
};

const customer = {
  kind: "customer",
  id: "cus_000000000000000000000a",
  created: 1_800_000_002,
  deleted: false,
  default_source: "card_0000000000000000000001",
  card: null,
  document: { email: "ada@example.com", metadata: { a: "1" }, address: { city: "Berlin" } },
} as const;

describe("an object on the wire", () => {
  // Stored answers are facts: a changed byte here would change answers given before.
  const golden: readonly (readonly [string, unknown, string])[] = [
    [
      "a captured charge with a part refunded",
      chargeObject(captured, scope),
      '{"id":"ch_0000000000000000000001","object":"charge","amount":2000,"amount_captured":2000,"amount_refunded":500,"application":null,"application_fee":null,"application_fee_amount":null,"balance_transaction":"txn_0AbCdEfGhIjKlMnOp0000000g","billing_details":{"address":{"city":null,"country":null,"line1":"1 Mosaic Street","line2":null,"postal_code":"10115","state":null},"email":null,"name":"Ada Lovelace","phone":null},"calculated_statement_descriptor":"TESSERA","captured":true,"created":1800000000,"currency":"usd","customer":null,"description":"Two “tesserae” \u2028","disputed":false,"failure_balance_transaction":null,"failure_code":null,"failure_message":null,"fraud_details":{},"invoice":null,"livemode":false,"metadata":{"2":"b","10":"a","order":"A-17"},"on_behalf_of":null,"order":null,"outcome":{"advice_code":null,"network_advice_code":null,"network_decline_code":null,"network_status":"approved_by_network","reason":null,"risk_level":"normal","seller_message":"Payment complete.","type":"authorized"},"paid":true,"payment_intent":null,"payment_method":"card_0000000000000000000001","payment_method_details":{"card":{"amount_authorized":2000,"brand":"visa","checks":{"address_line1_check":"pass","address_postal_code_check":"fail","cvc_check":"pass"},"country":"US","exp_month":12,"exp_year":2034,"fingerprint":"f1ngerpr1ntf1nge","funding":"credit","incremental_authorization":{"status":"unavailable"},"installments":null,"last4":"4242","mandate":null,"network":"visa","three_d_secure":null,"wallet":null},"type":"card"},"receipt_email":"ada@example.com","receipt_number":null,"receipt_url":null,"refunded":false,"review":null,"shipping":null,"source":{"id":"card_0000000000000000000001","object":"card","address_city":null,"address_country":null,"address_line1":"1 Mosaic Street","address_line1_check":"pass","address_line2":null,"address_state":null,"address_zip":"10115","address_zip_check":"fail","brand":"Visa","country":"US","customer":null,"cvc_check":"pass","dynamic_last4":null,"exp_month":12,"exp_year":2034,"fingerprint":"f1ngerpr1ntf1nge","funding":"credit","last4":"4242","metadata":{},"name":"Ada Lovelace","regulated_status":null,"tokenization_method":null,"wallet":null},"source_transfer":null,"statement_descriptor":"TESSERA","statement_descriptor_suffix":null,"status":"succeeded","transfer_data":null,"transfer_group":null}',
    ],
    [
      "a declined charge",
      chargeObject(declined, scope),
      '{"id":"ch_0000000000000000000001","object":"charge","amount":2000,"amount_captured":0,"amount_refunded":0,"application":null,"application_fee":null,"application_fee_amount":null,"balance_transaction":null,"billing_details":{"address":{"city":null,"country":null,"line1":"1 Mosaic Street","line2":null,"postal_code":"10115","state":null},"email":null,"name":"Ada Lovelace","phone":null},"calculated_statement_descriptor":"TESSERA","captured":false,"created":1800000000,"currency":"usd","customer":null,"description":"Two “tesserae” \u2028","disputed":false,"failure_balance_transaction":null,"failure_code":"card_declined","failure_message":"Your card has insufficient funds.","fraud_details":{},"invoice":null,"livemode":false,"metadata":{"2":"b","10":"a","order":"A-17"},"on_behalf_of":null,"order":null,"outcome":{"advice_code":null,"network_advice_code":null,"network_decline_code":"51","network_status":"declined_by_network","reason":"insufficient_funds","risk_level":"normal","seller_message":"The bank did not approve the payment.","type":"issuer_declined"},"paid":false,"payment_intent":null,"payment_method":"card_0000000000000000000001","payment_method_details":{"card":{"amount_authorized":null,"brand":"amex","checks":{"address_line1_check":null,"address_postal_code_check":null,"cvc_check":null},"country":null,"exp_month":12,"exp_year":2034,"fingerprint":"f1ngerpr1ntf1nge","funding":"credit","incremental_authorization":{"status":"unavailable"},"installments":null,"last4":"4242","mandate":null,"network":"amex","three_d_secure":null,"wallet":null},"type":"card"},"receipt_email":"ada@example.com","receipt_number":null,"receipt_url":null,"refunded":false,"review":null,"shipping":null,"source":{"id":"card_0000000000000000000001","object":"card","address_city":null,"address_country":null,"address_line1":"1 Mosaic Street","address_line1_check":null,"address_line2":null,"address_state":null,"address_zip":"10115","address_zip_check":null,"brand":"American Express","country":null,"customer":null,"cvc_check":null,"dynamic_last4":null,"exp_month":12,"exp_year":2034,"fingerprint":"f1ngerpr1ntf1nge","funding":"credit","last4":"4242","metadata":{},"name":"Ada Lovelace","regulated_status":null,"tokenization_method":null,"wallet":null},"source_transfer":null,"statement_descriptor":"TESSERA","statement_descriptor_suffix":null,"status":"failed","transfer_data":null,"transfer_group":null}',
    ],
    [
      "a refund",
      refundObject(refund, scope),
      '{"id":"re_0000000000000000000001","object":"refund","amount":500,"balance_transaction":"txn_0AbCdEfGhIjKlMnOp0000000h","charge":"ch_0000000000000000000001","created":1800000001,"currency":"usd","destination_details":{"card":{"type":"refund"},"type":"card"},"metadata":{"ticket":"7"},"payment_intent":null,"reason":"requested_by_customer","receipt_number":null,"source_transfer_reversal":null,"status":"succeeded","transfer_reversal":null}',
    ],
    [
      "a failed refund",
      refundObject({ ...refund, state: "failed", balance_seq: null }, scope),
      '{"id":"re_0000000000000000000001","object":"refund","amount":500,"balance_transaction":null,"charge":"ch_0000000000000000000001","created":1800000001,"currency":"usd","destination_details":{"card":{"type":"refund"},"type":"card"},"failure_reason":"declined","metadata":{"ticket":"7"},"payment_intent":null,"reason":"requested_by_customer","receipt_number":null,"source_transfer_reversal":null,"status":"failed","transfer_reversal":null}',
    ],
    [
      "a customer",
      customerObject(customer, scope),
      '{"id":"cus_000000000000000000000a","object":"customer","address":{"city":"Berlin"},"balance":0,"created":1800000002,"currency":null,"default_source":"card_0000000000000000000001","delinquent":false,"description":null,"discount":null,"email":"ada@example.com","invoice_prefix":"0000000A","invoice_settings":{"custom_fields":null,"default_payment_method":null,"footer":null,"rendering_options":null},"livemode":false,"metadata":{"a":"1"},"name":null,"next_invoice_sequence":1,"phone":null,"preferred_locales":[],"shipping":null,"tax_exempt":"none","test_clock":null}',
    ],
    [
      "a deleted customer",
      customerObject({ ...customer, deleted: true }, scope),
      '{"id":"cus_000000000000000000000a","object":"customer","deleted":true}',
    ],
    [
      "an account",
      accountObject({
        kind: "account",
        id: scope.account,
        created: 1,
        name: null,
        email: "m@example.com",
        terms: USUAL_TERMS,
      }),
      '{"id":"acct_AbCdEfGhIjKlMnOp","object":"account","business_profile":{"name":null},"charges_enabled":true,"created":1,"email":"m@example.com","fees":{"basis_points":0,"dispute":{},"fixed":{}},"settings":{"payouts":{"schedule":{"interval":"manual"}}},"settlement_days":2}',
    ],
    [
      "an account with terms of its own",
      accountObject({
        kind: "account",
        id: scope.account,
        created: 1,
        name: "Tiles",
        email: null,
        terms: termsOf({
          fee_bps: 290,
          fee_fixed: { usd: 30, eur: 25 },
          settlement_days: 0,
          payouts: "daily",
        }),
      }),
      '{"id":"acct_AbCdEfGhIjKlMnOp","object":"account","business_profile":{"name":"Tiles"},"charges_enabled":true,"created":1,"email":null,"fees":{"basis_points":290,"dispute":{},"fixed":{"eur":25,"usd":30}},"settings":{"payouts":{"schedule":{"interval":"daily"}}},"settlement_days":0}',
    ],
    [
      "a token",
      tokenObject(captured.token, card, { created: 1, livemode: false, used: true }),
      '{"id":"tok_0000000000000000000001","object":"token","card":{"id":"card_0000000000000000000001","object":"card","address_city":null,"address_country":null,"address_line1":"1 Mosaic Street","address_line1_check":null,"address_line2":null,"address_state":null,"address_zip":"10115","address_zip_check":null,"brand":"Visa","country":"US","customer":null,"cvc_check":null,"dynamic_last4":null,"exp_month":12,"exp_year":2034,"fingerprint":"f1ngerpr1ntf1nge","funding":"credit","last4":"4242","metadata":{},"name":"Ada Lovelace","regulated_status":null,"tokenization_method":null,"wallet":null},"client_ip":null,"created":1,"livemode":false,"type":"card","used":true}',
    ],
    [
      "an event",
      eventObjects(
        { seq: 7, code: 6, created: 1, request: "req_1", key: "k", subject: refund },
        scope,
      )[0],
      '{"id":"evt_0AbCdEfGhIjKlMnOp00000007","object":"event","api_version":"2026-10-28.endive","created":1,"data":{"object":{"id":"re_0000000000000000000001","object":"refund","amount":500,"balance_transaction":"txn_0AbCdEfGhIjKlMnOp0000000h","charge":"ch_0000000000000000000001","created":1800000001,"currency":"usd","destination_details":{"card":{"type":"refund"},"type":"card"},"metadata":{"ticket":"7"},"payment_intent":null,"reason":"requested_by_customer","receipt_number":null,"source_transfer_reversal":null,"status":"succeeded","transfer_reversal":null}},"livemode":false,"pending_webhooks":0,"request":{"id":"req_1","idempotency_key":"k"},"type":"refund.created"}',
    ],
    [
      "a balance transaction",
      transactionObject(
        {
          seq: 43,
          created: 1,
          amount: -500,
          currency: "usd",
          type: "refund",
          category: "refund",
          source: refund.id,
          description: null,
          fee: 0,
          available_on: 1,
          available: true,
        },
        scope,
      ),
      '{"id":"txn_0AbCdEfGhIjKlMnOp0000000h","object":"balance_transaction","amount":-500,"available_on":1,"created":1,"currency":"usd","description":null,"exchange_rate":null,"fee":0,"fee_details":[],"net":-500,"reporting_category":"refund","source":"re_0000000000000000000001","status":"available","type":"refund"}',
    ],
    [
      "a balance transaction with a fee that is not there yet",
      transactionObject(
        {
          seq: 43,
          created: 1,
          amount: 1000,
          currency: "usd",
          type: "charge",
          category: "charge",
          source: captured.id,
          description: "Tiles",
          fee: 59,
          available_on: 172_800,
          available: false,
        },
        scope,
      ),
      '{"id":"txn_0AbCdEfGhIjKlMnOp0000000h","object":"balance_transaction","amount":1000,"available_on":172800,"created":1,"currency":"usd","description":"Tiles","exchange_rate":null,"fee":59,"fee_details":[{"amount":59,"application":null,"currency":"usd","description":"Processing fees","type":"stripe_fee"}],"net":941,"reporting_category":"charge","source":"ch_0000000000000000000001","status":"pending","type":"charge"}',
    ],
    [
      "a balance of which a part is to come",
      balanceObject([{ currency: "eur", amount: 90, pending: 100 }], false),
      '{"object":"balance","available":[{"amount":-10,"currency":"eur","source_types":{"card":-10}}],"livemode":false,"pending":[{"amount":100,"currency":"eur","source_types":{"card":100}}]}',
    ],
    [
      "a balance",
      balanceObject([{ currency: "eur", amount: -5, pending: 0 }], false),
      '{"object":"balance","available":[{"amount":-5,"currency":"eur","source_types":{"card":-5}}],"livemode":false,"pending":[{"amount":0,"currency":"eur","source_types":{"card":0}}]}',
    ],
    [
      "an empty balance",
      balanceObject([], true),
      '{"object":"balance","available":[{"amount":0,"currency":"usd","source_types":{"card":0}}],"livemode":true,"pending":[{"amount":0,"currency":"usd","source_types":{"card":0}}]}',
    ],
    [
      "a list",
      listObject("/v1/refunds", [], false),
      '{"object":"list","data":[],"has_more":false,"url":"/v1/refunds"}',
    ],
  ];
  test.each(golden)("of %s has these bytes", (_, object, bytes) => {
    expect(JSON.stringify(object)).toBe(bytes);
  });

  test("has the same bytes after its facts were stored as JSON in any order", () => {
    const reversed = (value: unknown): unknown =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, inner]) => [name, name === "metadata" ? inner : reversed(inner)]),
          )
        : value;
    for (const facts of [captured, declined, refund, customer]) {
      const stored = reversed(JSON.parse(JSON.stringify(facts))) as typeof facts;
      expect(JSON.stringify(objectOf(stored, scope))).toBe(JSON.stringify(objectOf(facts, scope)));
    }
  });
});

describe("a charge", () => {
  const of = (over: Partial<ChargeFacts>) => chargeObject({ ...captured, ...over }, scope);
  const nothing = { amount_captured: 0, amount_refunded: 0, balance_seq: null };

  test.each([
    ["opened", { ...nothing, outcome: null }, "pending", false, false, false],
    ["failed", nothing, "failed", false, false, false],
    ["authorized", nothing, "succeeded", true, false, false],
    ["incrementing", nothing, "succeeded", true, false, false],
    ["capturing", nothing, "succeeded", true, false, false],
    ["captured", {}, "succeeded", true, true, false],
    ["releasing", nothing, "succeeded", true, false, false],
    ["released", nothing, "succeeded", true, false, true],
  ] as const)("that is %s shows its state", (state, over, status, paid, isCaptured, refunded) => {
    expect(of({ ...over, state })).toMatchObject({
      status,
      paid,
      captured: isCaptured,
      refunded,
    });
  });

  test.each([
    [2000, 0, 0, false],
    [2000, 1999, 1999, false],
    [2000, 2000, 2000, true],
    [1200, 0, 800, false],
    [1200, 1200, 2000, true],
  ])("captured for %i with %i given back shows %i refunded", (taken, back, shown, refunded) => {
    expect(of({ amount_captured: taken, amount_refunded: back })).toMatchObject({
      amount: 2000,
      amount_captured: taken,
      amount_refunded: shown,
      refunded,
    });
  });

  test("of a kept card names the card and not the token", () => {
    const shown = of({ card_id: "card_x", customer: customer.id });
    expect(shown).toMatchObject({ payment_method: "card_x", source: { customer: customer.id } });
    expect(JSON.stringify(shown)).not.toContain("tok_");
  });

  test("that was blocked as too risky was not sent to the network", () => {
    const outcome: Outcome = { ...refusal, risk_level: "highest" };
    expect(chargeObject({ ...declined, outcome }, scope)).toMatchObject({
      outcome: { type: "blocked", network_status: "not_sent_to_network" },
    });
  });
});

test("the card of a token has the token's own digits", () => {
  expect(cardIdOfToken("tok_0000000000000000000001")).toBe("card_0000000000000000000001");
});
