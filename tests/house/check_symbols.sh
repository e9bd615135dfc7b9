# SPDX-License-Identifier: MIT
# The shared library exports what the public headers declare, all of it and no more, under the version
# of the ABI; the static library shows no internal name to the program that links it.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

public_functions | cut -f1 >"$scratch/declared"
[ -s "$scratch/declared" ] || echo "no WEIR_API function found in include/" >"$scratch/findings"

"$NM" -D --defined-only --with-symbol-versions "$LIBRARY" | awk '$2 != "A" { print $3 }' |
    LC_ALL=C sort >"$scratch/versioned"
sed 's/@.*//' "$scratch/versioned" >"$scratch/exported"
{
    comm -23 "$scratch/declared" "$scratch/exported" | sed 's/$/: declared, but not exported/'
    comm -13 "$scratch/declared" "$scratch/exported" | sed 's/$/: exported, but in no public header/'
    grep -v "@@WEIR_$ABI_VERSION\$" "$scratch/versioned" |
        sed "s/\$/: does not carry the version WEIR_$ABI_VERSION/" || true
    "$NM" -g --defined-only "$ARCHIVE" | awk 'NF == 3 && $3 !~ /^weir_/ {
        print $3 ": an internal name that the static library shows"
    }'
} >>"$scratch/findings"

# The SONAME is what makes an incompatible library a different one for the dynamic linker.
case $(readlink "$BUILD/libweir.so") in
"libweir.so.$ABI_VERSION" | "$(basename "$LIBRARY")") ;;
*) echo "libweir.so does not lead to libweir.so.$ABI_VERSION" >>"$scratch/findings" ;;
esac
echo "$(wc -l <"$scratch/exported") symbols"
verdict "$scratch/findings"
