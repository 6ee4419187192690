#!/usr/bin/env bash
# polyshop provision with the real program and psql, and what serve refuses: provision_test.sh POLYSHOP. Needs the server that
# POLYSHOP_TEST_POSTGRESQL names (tools/with-postgresql); is skipped where none is named.
set -euo pipefail
polyshop=$1
server=${POLYSHOP_TEST_POSTGRESQL-}
[ -n "$server" ] || { echo "skipped: POLYSHOP_TEST_POSTGRESQL names no server" && exit 77; }
unset POLYSHOP_TEST_POSTGRESQL
name=polyshop_provision_$$
folder=$(mktemp -d)
sql() { psql -X -q -v ON_ERROR_STOP=1 -A -t -d "$server ${2-}" -c "$1"; }
clean() {
  rm -rf "$folder"
  sql "DROP DATABASE IF EXISTS $name WITH (FORCE)"
  sql "DO \$\$ DECLARE r record; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname LIKE '$name\\_%' LOOP EXECUTE format('DROP ROLE %I', r.rolname); END LOOP; END \$\$"
}
trap clean EXIT

export POLYSHOP_DATA=$folder/shop POLYSHOP_DATABASE_ENGINE=postgresql POLYSHOP_HTTP_LISTEN=127.0.0.1:0
export POLYSHOP_DATABASE_URL="$server dbname=$name user=${name}_{module}"
export POLYSHOP_DATABASE_MIGRATE_URL="$server dbname=$name user=${name}_{module}_owner"
export POLYSHOP_DATABASE_PASSWORD_FILE=$folder/{role}

fail() { printf '%s\nprovision_test: %s\n' "${output-}" "$1" >&2 && exit 1; }
# expect STATUS ENVIRONMENT... -- ARGUMENT...: runs polyshop, which serves for two seconds at most.
expect() {
  local wanted=$1 status=0 variables=()
  shift
  while [ "$1" != -- ]; do variables+=("$1") && shift; done
  shift
  output=$(env "${variables[@]}" timeout -s TERM 20 "$polyshop" "$@" 2>&1) || status=$?
  [ "$status" -eq "$wanted" ] || fail "polyshop $* ended with status $status and not $wanted"
}
says() { grep -qF -- "$1" <<<"$output" || fail "it does not say: $1"; }
keeps_quiet_about() { ! grep -qF -- "$1" <<<"$output" || fail "it says: $1"; }

# What is printed holds no password and no verifier unless that is asked for, and psql takes it twice.
expect 0 -- provision --make-passwords
password=$(cat "$folder/${name}_order")
[ "$(stat -c %a "$folder/${name}_order")" = 600 ] || fail "the password file is not for its owner alone"
keeps_quiet_about "$password"
keeps_quiet_about SCRAM
expect 0 -- provision --make-passwords --with-passwords
[ "$(cat "$folder/${name}_order")" = "$password" ] || fail "a password that was there has changed"
keeps_quiet_about "$password"
says "PASSWORD 'SCRAM-SHA-256\$4096:"
for _ in 1 2; do psql -X -q -d "$server" -f - <<<"$output" >"$folder/psql" 2>&1 || { cat "$folder/psql" >&2 && fail "psql does not take the script"; }; done

# The role that runs does not migrate; the one that owns does; then the first is enough.
expect 1 POLYSHOP_DATABASE_MIGRATE_URL= -- audit
says "the role ${name}_auth may not create tables there"
expect 0 -- migrate
expect 0 POLYSHOP_DATABASE_MIGRATE_URL= -- audit

# A grant too many, made and mended.
sql "GRANT SELECT ON payment.payment TO ${name}_order" "dbname=$name"
expect 1 -- serve
says "order: the role ${name}_order has SELECT on the TABLE payment.payment. To mend it: REVOKE SELECT ON TABLE payment.payment FROM ${name}_order."
keeps_quiet_about "$password"
sql "REVOKE SELECT ON TABLE payment.payment FROM ${name}_order" "dbname=$name"
expect 0 -- audit

# One role for all, and a superuser at that: only where somebody says that it is development.
shared=(POLYSHOP_DATABASE_URL="$server dbname=$name" POLYSHOP_DATABASE_MIGRATE_URL= POLYSHOP_DATABASE_PASSWORD_FILE=)
expect 1 "${shared[@]}" -- serve
says "12 modules ("
says "set database.shared_role = true"
expect 0 "${shared[@]}" POLYSHOP_DATABASE_SHARED_ROLE=true -- audit
says "It is for development only"

# One module whose role is a superuser.
expect 1 POLYSHOP_DATABASE_ORDER_URL="$server dbname=$name" POLYSHOP_DATABASE_PASSWORD_FILE= -- serve
says "is SUPERUSER. To mend it: ALTER ROLE"

# SQLite: a file under two names.
sqlite=(POLYSHOP_DATABASE_ENGINE=sqlite POLYSHOP_DATA="$folder/files")
expect 0 "${sqlite[@]}" -- migrate
ln -f "$folder/files/catalog.db" "$folder/files/order.db"
expect 1 "${sqlite[@]}" -- serve
says "order: its file $folder/files/order.db is the same as catalog's"
