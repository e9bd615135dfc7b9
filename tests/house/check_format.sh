# SPDX-License-Identifier: MIT
# The layout is clang-format's. Blanks inside a line do not count, so that the members of a struct or
# a table may stand in columns, which clang-format 14 cannot ask for without asking for it everywhere.
. "${SOURCE:?}/tests/house/lib.sh"
[ -n "${CLANG_FORMAT:-}" ] || skip "clang-format is not installed"
case $("$CLANG_FORMAT" --version) in
*" 14."*) ;;
*) skip "the layout is written for clang-format 14; this is $("$CLANG_FORMAT" --version)" ;;
esac
make_scratch

# Keeps the indentation, squeezes what follows it, and drops blanks around brackets and the padding
# of a macro's line ends.
squeeze()
{
    awk '{
        indent = $0
        sub(/[^ ].*/, "", indent)
        rest = substr($0, length(indent) + 1)
        gsub(/ +/, " ", rest)
        gsub(/ ?\( ?/, "(", rest)
        gsub(/ ?\) ?/, ")", rest)
        gsub(/\{ /, "{", rest)
        gsub(/ \}/, "}", rest)
        print indent rest
    }'
}

sources >"$scratch/files"
while read -r file; do
    squeeze <"$file" >"$scratch/is"
    "$CLANG_FORMAT" --style=file "$file" | squeeze >"$scratch/wanted"
    cmp -s "$scratch/is" "$scratch/wanted" || {
        line=$(cmp "$scratch/is" "$scratch/wanted" 2>&1 | sed 's/.*line //')
        echo "$file:$line: layout differs; see it with: clang-format $file | diff -b $file -"
    }
done <"$scratch/files" >"$scratch/findings"
verdict "$scratch/findings"
