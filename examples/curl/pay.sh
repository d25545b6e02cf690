#!/bin/sh
# A card becomes a token, the token a charge, and part of the charge goes back, with nothing but curl.
#
#   sh examples/curl/pay.sh       while `npm start` runs; keys come from .local/keys.json or from
#                                 TESSERA_URL, TESSERA_SECRET_KEY and TESSERA_PUBLISHABLE_KEY
set -eu

KEYS="$(dirname "$0")/../../.local/keys.json"
URL="${TESSERA_URL:-$(grep -o 'http://[^"]*' "$KEYS")}"
SECRET="${TESSERA_SECRET_KEY:-$(grep -o 'sk_test_[0-9A-Za-z]*' "$KEYS" | tail -1)}"
PUBLISHABLE="${TESSERA_PUBLISHABLE_KEY:-$(grep -o 'pk_test_[0-9A-Za-z]*' "$KEYS" | tail -1)}"

# The first field of this name in an answer that is read from standard input.
field() { grep -o "\"$1\": *\"\{0,1\}[^\",]*" | head -1 | sed 's/.*: *"\{0,1\}//'; }

# A page does this, with the key that may be printed in pages.
TOKEN=$(curl -sS "$URL/v1/tokens" -u "$PUBLISHABLE:" \
  -d "card[number]=4242424242424242" -d "card[exp_month]=12" -d "card[exp_year]=2034" -d "card[cvc]=123" \
  | field id)
echo "token    $TOKEN"

# The merchant's server does the rest. Sent again with the same key, a request is executed once.
ORDER="order-$(date +%s)-$$"
pay() {
  curl -sS "$URL/v1/charges" -u "$SECRET:" -H "Idempotency-Key: $ORDER" \
    -d amount=2000 -d currency=usd -d source="$TOKEN" -d "metadata[order]=$ORDER"
}
CHARGE=$(pay | field id)
echo "charge   $CHARGE"
[ "$(pay | field id)" = "$CHARGE" ] && echo "again    the same"

echo "refund   $(curl -sS "$URL/v1/refunds" -u "$SECRET:" -d charge="$CHARGE" -d amount=500 | field status)"
echo "refunded $(curl -sS "$URL/v1/charges/$CHARGE" -u "$SECRET:" | field amount_refunded)"
