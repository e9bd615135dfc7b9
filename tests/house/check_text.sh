# SPDX-License-Identifier: MIT
# Every file says its licence near the top; text files have no tab where C has none, no blank at the
# end of a line, no line over 100 columns in code, and end with a newline.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

find . \( -name .git -o -path './build*' \) -prune -o -type f -print | LC_ALL=C sort |
grep -vE '^[.]/(LICENSE|.*[.]json|tests/fuzz/(corpus|found)/.*)$' >"$scratch/files" # no comments; inputs
tr '\n' '\0' <"$scratch/files" | xargs -0 awk '
    function judge() {
        if (file && !licensed)
            print file ": no line SPDX-License-Identifier: MIT in the first five"
    }
    FNR == 1 { judge(); file = FILENAME; licensed = 0 }
    FNR <= 5 && /SPDX-License-Identifier: MIT/ { licensed = 1 }
    END { judge() }
' >"$scratch/findings"
tr '\n' '\0' <"$scratch/files" | xargs -0 tail -q -c 1 | tr -d '\n' >"$scratch/ends"
[ ! -s "$scratch/ends" ] || while read -r file; do
    [ -z "$(tail -c 1 "$file")" ] || echo "$file: no newline at the end"
done <"$scratch/files" >>"$scratch/findings"

sources | xargs awk '
    /\t/ { printf "%s:%d: tab\n", FILENAME, FNR }
    /[ \t\r]$/ { printf "%s:%d: blank at the end of the line\n", FILENAME, FNR }
    length($0) > 100 { printf "%s:%d: %d columns\n", FILENAME, FNR, length($0) }
' >>"$scratch/findings"
verdict "$scratch/findings"
