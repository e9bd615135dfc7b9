# SPDX-License-Identifier: MIT
# A function fits a screen: at most 60 lines. A file stays readable: at most 700 lines. What is longer
# stands in long.txt with its reason. The ten longest functions are printed in any case.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

# The layout check holds a function's braces in the first column, so that lines are enough here.
sources | xargs awk '
    FNR == 1 { inside = 0; head = "" }
    /^{/ { inside = 1; first = FNR; name = head }
    /^}/ && inside {
        inside = 0
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        print FNR - first + 1, FILENAME, name
    }
    /^[a-zA-Z_].*\(/ { head = $0 }
' | LC_ALL=C sort -k1,1nr -k2 >"$scratch/functions"
echo "the ten longest functions:"
head -n 10 "$scratch/functions"

sources | xargs awk '
    FNR == 1 && file { print count, file }
    { file = FILENAME; count = FNR }
    END { if (file) print count, file }
' >"$scratch/lengths"

# long.txt: "file [function]: reason" allows one file or function to be longer.
awk '
    FNR == 1 { part++ }
    part == 1 && /^[^#]/ {
        place = $0
        sub(/:.*/, "", place)
        reason = $0
        sub(/^[^:]*: */, "", reason)
        if (length(reason) < 20)
            printf "tests/house/long.txt: no reason for %s\n", place
        allowed[place] = 1
        next
    }
    part == 2 {
        place = $2 " " $3
        if ($1 <= 60)
            next
        if (place in allowed)
            used[place] = 1
        else
            printf "%s: function %s has %d lines, over 60\n", $2, $3, $1
    }
    part == 3 {
        if ($1 <= 700)
            next
        if ($2 in allowed)
            used[$2] = 1
        else
            printf "%s: %d lines, over 700\n", $2, $1
    }
    END {
        for (place in allowed)
            if (!(place in used))
                printf "tests/house/long.txt: %s is not long, or not there\n", place
    }
' tests/house/long.txt "$scratch/functions" "$scratch/lengths" >"$scratch/findings"
verdict "$scratch/findings"
