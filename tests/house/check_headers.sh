# SPDX-License-Identifier: MIT
# Each public header compiles alone, as C99, C11 and C++17, without a warning.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
warnings="-Wall -Wextra -Wpedantic -Werror -Wshadow -Wundef"
compiled=0

# one COMPILER LANGUAGE STANDARD HEADER
one()
{
    compiled=$((compiled + 1))
    # The second include sees that the guard works.
    printf '#include "%s"\n#include "%s"\nint weir_here;\n' "$4" "$4" >"$scratch/one.$2"
    "$1" -x "$2" -std="$3" $warnings -Iinclude -fsyntax-only "$scratch/one.$2" \
        >"$scratch/said" 2>&1 || {
        echo "$4 as $3 with $1:"
        cat "$scratch/said"
    } >>"$scratch/findings"
}

: >"$scratch/findings"
headers=$(cd include && find . -name '*.h' | LC_ALL=C sort | sed 's/^\.\///')
[ -n "$headers" ] || echo "include/ holds no header" >>"$scratch/findings"
for header in $headers; do
    for compiler in "$CC" ${CLANG:-}; do
        one "$compiler" c c99 "$header"
        one "$compiler" c c11 "$header"
    done
    for compiler in ${CXX:-} ${CLANG:-}; do
        one "$compiler" c++ c++17 "$header"
    done
done
echo "$compiled compilations"
[ ! -s "$scratch/findings" ] || verdict "$scratch/findings"
[ -n "${CXX:-}${CLANG:-}" ] || skip "C was right, but there is no C++ compiler"
verdict "$scratch/findings"
