#!/usr/bin/env bash
# The replay passes on a shop that does as it should, and catches one that does not: replay_test.sh REPLAY POLYSHOP.
set -euo pipefail
replay=$1
export REAL_POLYSHOP=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/month.csv" <<'CSV'
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,10001,CUP,2,2010-12-01 08:26:00,1.50,,United Kingdom
1,10002,PLATE,1,2010-12-01 08:26:00,2.25,,United Kingdom
1,10002,PLATE,1,2010-12-01 08:26:00,2.25,,United Kingdom
2,10002,PLATE,3,2010-12-01 08:26:00,2.25,,United Kingdom
C3,10003,FORK,-3,2010-12-01 08:26:00,0.85,,United Kingdom
CSV

# A shop that takes a penny more for cups and has a plate more than it was told.
cat >"$folder/wrong" <<'SCRIPT'
#!/usr/bin/env bash
set -euo pipefail
file=${*: -1}
case " $* " in
  *" import products "*) sed -i 's/^10001,CUP,1.50,/10001,CUP,1.51,/' "$file" ;;
  *" import stock "*) sed -i 's/^10002,5$/10002,6/' "$file" ;;
esac
exec "$REAL_POLYSHOP" "$@"
SCRIPT
# A shop that never gets to serve.
cat >"$folder/silent" <<'SCRIPT'
#!/usr/bin/env bash
case " $* " in *" serve "*) echo "out of order" >&2 && exit 3 ;; esac
exec "$REAL_POLYSHOP" "$@"
SCRIPT
chmod +x "$folder/wrong" "$folder/silent"

fail() { printf '%s\nreplay_test: %s\n' "$output" "$1" >&2 && exit 1; }
# expect STATUS PROGRAM FILE TEXT...: what the replay of a file ends with, and what it says.
expect() {
  local wanted=$1 status=0 text
  output=$("$replay" "$3" --polyshop "$2" --shoppers 2 2>&1) || status=$?
  shift 3
  [ "$status" -eq "$wanted" ] || fail "the status is $status and not $wanted"
  for text in "$@"; do grep -qF -- "$text" <<<"$output" || fail "it does not say: $text"; done
}

expect 0 "$REAL_POLYSHOP" "$folder/month.csv" "3 products, 2 invoices with 4 lines" "2 orders, 14.25 GBP"
expect 1 "$folder/wrong" "$folder/month.csv" "invoice 1 (3 lines, 7.50 GBP): order" "is of 7.52 GBP" \
  "stock of 10002: 1 on hand and 0 reserved are left" "one more of 10002 was sold"
expect 1 "$folder/silent" "$folder/month.csv" "polyshop serve ended at once" "out of order"
expect 1 "$REAL_POLYSHOP" "$folder/none.csv" "There is no such file"
expect 1 "$REAL_POLYSHOP" "$folder/wrong" "has no column InvoiceNo"
