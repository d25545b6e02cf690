"""A payment, a declined one, and a refund, with Stripe's Python library pointed at Tessera.

    pip install -r requirements.txt
    TESSERA_SECRET_KEY=sk_test_… python pay.py

TESSERA_URL says where Tessera is, if not at http://localhost:8787.
"""

import os
import uuid

import stripe

client = stripe.StripeClient(
    os.environ["TESSERA_SECRET_KEY"],
    base_addresses={"api": os.environ.get("TESSERA_URL", "http://localhost:8787").rstrip("/")},
)


def pay(amount, source, order):
    """Charges a token. The order's number is the key, so an order is paid once."""
    return client.v1.charges.create(
        {"amount": amount, "currency": "usd", "source": source, "metadata": {"order": order}},
        {"idempotency_key": f"order-{order}"},
    )


order = str(uuid.uuid4())
charge = pay(2000, "tok_visa", order)
print("paid", charge.id, charge.status, charge.source.last4)
print("again", "the same" if pay(2000, "tok_visa", order).id == charge.id else "another")

try:
    pay(2000, "tok_chargeDeclinedInsufficientFunds", str(uuid.uuid4()))
except stripe.CardError as error:
    print("declined", error.error.decline_code, error.user_message)

refund = client.v1.refunds.create({"charge": charge.id, "amount": 500})
print("refunded", refund.amount, refund.status)

for known in client.v1.charges.list({"limit": 100}).auto_paging_iter():
    if known.id == charge.id:
        print("left", known.amount_captured - known.amount_refunded)
        break
