#!/usr/bin/env bash
# What CMake says of uses that cannot be: facade_graph_test.sh CMAKE SOURCE_FOLDER.
set -euo pipefail
cmake=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/CMakeLists.txt" <<'END'
# In the order of the facade graph.
polyshop_module(auth USES order)
polyshop_module(cart USES auth)
polyshop_module(payment USES cart)

polyshop_module(order USES cart payment)
polyshop_module(search USES shipping gone)
polyshop_module(shipping)
END

# refuses MODULE USED TEXT: it ends with an error that has the text, however CMake breaks its lines.
refuses() {
  local said status=0
  printf 'cmake_minimum_required(VERSION 3.24)\ninclude(%s/cmake/facade_graph.cmake)\npolyshop_refuse_use(%s %s %s/CMakeLists.txt)\n' "$source" "$1" "$2" "$folder" >"$folder/refuse.cmake"
  said=$("$cmake" -P "$folder/refuse.cmake" 2>&1 | tr -s ' \n' ' ') || status=$?
  [ "$status" -ne 0 ] || { echo "facade_graph_test: $1 may use $2" >&2 && exit 1; }
  grep -qF -- "$3" <<<"$said" || { printf '%s\nfacade_graph_test: it does not say: %s\n' "$said" "$3" >&2 && exit 1; }
}

refuses auth order "The facade graph has a cycle: auth uses order (CMakeLists.txt:2), order uses cart (CMakeLists.txt:6), cart uses auth (CMakeLists.txt:3)."
refuses search shipping "search uses shipping (CMakeLists.txt:7), which is declared below it (CMakeLists.txt:8)."
refuses search gone "search uses gone (CMakeLists.txt:7), and there is no module gone."
