#!/usr/bin/env bash
# What tools/new-module lays out builds, passes the checker of ownership and its own tests, and the program constructs with it:
# new_module_test.sh ROOT BUILD. It is done in a copy of the tree; what the new module does not change is taken from BUILD, which
# has to be built: only the files that see the module are compiled.
set -euo pipefail
root=$1 build=$2
name=gift_note
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
fail() { echo "new_module_test: $1" >&2 && exit 1; }

mkdir "$copy/tree"
cp -a "$root/CMakeLists.txt" "$root/CMakePresets.json" "$root/cmake" "$root/src" "$root/schemas" "$root/tests" "$root/tools" "$root/docs" "$copy/tree"
cd "$copy/tree"
for wrong in Gift 1st class http catalog a_very_long_name_for_a_module; do
  ! tools/new-module "$wrong" >"$copy/said" 2>&1 || fail "the name $wrong was taken"
done
diff -rq "$root/src" src >&2 || fail "a name that cannot be used has changed something"
tools/new-module $name >"$copy/said"

# Built as BUILD is, or the two would not fit together.
mapfile -t settings < <(sed -n 's/^\(CMAKE_BUILD_TYPE\|POLYSHOP_SANITIZE\):STRING=/-D\1=/p' "$build/CMakeCache.txt")
cmake -G Ninja -S . -B build "${settings[@]}" >"$copy/said" 2>&1 || { cat "$copy/said" >&2 && fail "the tree cannot be configured with the module"; }
cd build
for archive in src/libpolyshop_kernel.a src/libpolyshop_bus.a tests/libtest_ground.a tests/libdoctest_main.a; do cp "$build/$archive" "$archive"; done

# The module's own sources, by Ninja: the checker reads from its log what the compiler has read.
mapfile -t objects < <(ninja -t targets all | sed -n "s/^\(src\/.*module_${name}_objects.dir\/.*\.o\): .*/\1/p")
[ ${#objects[@]} -ge 4 ] || fail "Ninja knows ${#objects[@]} sources of the module"
schemas=$(ninja -t targets all | sed -n 's/^\(src\/.*polyshop_kernel.*schemas\.cpp\.o\): .*/\1/p')
ninja --quiet "${objects[@]}" "$schemas" >&2 || fail "the module does not compile"
ar r src/libpolyshop_kernel.a "$schemas" 2>/dev/null
"$build/tools/ownership_check" --tree "$PWD/ownership/tree.txt" --module $name --stamp "$copy/stamp" >&2 || fail "the checker refuses the module"

# Its tests, and the program's list of modules. Ninja would first build everything those depend on.
run_last() { ninja -t commands "$1" | tail -n 1 | bash >&2 || fail "$1 cannot be built"; }
test_object=$(ninja -t targets all | sed -n "s/^\(tests\/.*${name}_test\.cpp\.o\): .*/\1/p")
app_object=$(ninja -t targets all | sed -n 's/^\(src\/.*polyshop_program.dir\/program\/app\.cpp\.o\): .*/\1/p')
run_last "$test_object" &
tests=$!
run_last "$app_object"
wait $tests || fail "the module's tests do not compile"
run_last "src/modules/libmodule_$name.a"
run_last "tests/${name}_test"
"tests/${name}_test" --no-intro >&2 || fail "the module's tests fail"
