#!/usr/bin/env bash
# docs/modules.md says what the program is: modules_test.sh POLYSHOP ROOT.
set -euo pipefail
polyshop=$1 document=$2/docs/modules.md
if ! diff -u "$document" <("$polyshop" modules --markdown) >&2; then
  echo "modules_test: docs/modules.md is stale; write it anew with: build/release/src/polyshop modules --markdown > docs/modules.md" >&2
  exit 1
fi
# The other forms say the same.
"$polyshop" modules --mermaid | grep -qx '  order --> payment'
"$polyshop" modules --mermaid | grep -qx '  payment -. "payment_changed" .-> order'
"$polyshop" modules --json | grep -qF '{"name":"order","uses":["cart","inventory","payment"]'
"$polyshop" modules | grep -qx '  publishes  auth.user_registered.v1'
