# SPDX-License-Identifier: MIT
# Every file says its licence near the top; text files have no tab where C has none, no blank at the
# end of a line, no line over 100 columns in code, and end with a newline.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

find . \( -name .git -o -path './build*' \) -prune -o -type f -print | LC_ALL=C sort |
while read -r file; do
    case $file in
    ./LICENSE | *.json) continue ;;   # the licence itself, and a format without comments
    ./tests/fuzz/corpus/* | ./tests/fuzz/found/*) continue ;;   # inputs, in which each byte counts
    esac
    head -n 5 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
        echo "$file: no line SPDX-License-Identifier: MIT in the first five"
    [ -z "$(tail -c 1 "$file")" ] || echo "$file: no newline at the end"
done >"$scratch/findings"

sources | xargs awk '
    /\t/ { printf "%s:%d: tab\n", FILENAME, FNR }
    /[ \t\r]$/ { printf "%s:%d: blank at the end of the line\n", FILENAME, FNR }
    length($0) > 100 { printf "%s:%d: %d columns\n", FILENAME, FNR, length($0) }
' >>"$scratch/findings"
verdict "$scratch/findings"
