#!/usr/bin/env bash
# docs/modules.md says what the program is: modules_test.sh POLYSHOP ROOT.
set -euo pipefail
polyshop=$1 document=$2/docs/modules.md
if ! diff -u "$document" <("$polyshop" modules --markdown) >&2; then
  echo "modules_test: docs/modules.md is stale; write it anew with: build/release/src/polyshop modules --markdown > docs/modules.md" >&2
  exit 1
fi
# The other forms say the same. Each is read whole: grep -q in a pipe would end the program before it has printed all.
says() { grep -q "$2" "$3" <<<"$("$polyshop" modules $1)" || { echo "modules_test: polyshop modules $1 does not say: $3" >&2 && exit 1; }; }
says --mermaid -x '  order --> payment'
says --mermaid -x '  payment -. "payment_changed" .-> order'
says --json -F '{"name":"order","uses":["cart","inventory","payment"]'
says "" -x '  publishes  auth.user_registered.v1'
