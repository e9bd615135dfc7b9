# SPDX-License-Identifier: MIT
# The ABI is the one that was written down for its version: no signature, member, size or constant
# changes silently. See docs/compatibility.md; scripts/abi-update writes it down anew.
. "${SOURCE:?}/tests/house/lib.sh"
[ "$MACHINE" = x86_64 ] || skip "the ABI is written down for x86_64, this is $MACHINE"
make_scratch
baseline=tests/house/abi-$ABI_VERSION-x86_64.txt
[ -f "$baseline" ] || {
    echo "$baseline is not there: a new ABI is written down with scripts/abi-update"
    exit 1
}

sh tests/house/abi_text.sh >"$scratch/is"
grep -v '^#' "$baseline" >"$scratch/was"
LC_ALL=C comm -23 "$scratch/was" "$scratch/is" | sed 's/^/gone or changed: /' >"$scratch/findings"
LC_ALL=C comm -13 "$scratch/was" "$scratch/is" | sed 's/^/new: /' >"$scratch/new"
if [ -s "$scratch/findings" ]; then
    echo "This breaks programs linked to libweir.so.$ABI_VERSION. If that version was released, raise"
    echo "WEIR_VERSION_MINOR; then, or before the release: scripts/abi-update"
elif [ -s "$scratch/new" ]; then
    echo "This adds to the ABI: write it down with scripts/abi-update"
fi
cat "$scratch/new" >>"$scratch/findings"
echo "$(wc -l <"$scratch/was") lines in $baseline"
verdict "$scratch/findings"
