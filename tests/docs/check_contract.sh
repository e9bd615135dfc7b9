# SPDX-License-Identifier: MIT
# docs/contract.md names every public function, each row of it names what proves the promise, and what
# it names exists: a case of plan.txt or of its topic's table, or a test of another folder. A promise
# without a proof says "no case"; one whose case stands in later.txt says "later".
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
document=docs/contract.md

# Everything that may be named.
{
    sed -n 's/^\([a-z_]*\) \([A-Za-z0-9_]*\)$/\1.\2/p' tests/plan.txt
    for file in tests/contract/*.c; do
        topic=$(basename "$file" .c)
        sed -n "s/^    {\"\([A-Za-z0-9_]*\)\",.*/$topic.\1/p
            s/^    [A-Z]*_CASES(\([A-Za-z0-9_]*\),.*/$topic.\1/p" "$file"
        echo "contract.$topic"
    done
    for folder in examples tool; do
        find "tests/$folder" -name '*.sh' | sed "s|.*/\(.*\)[.]sh|$folder.\1|"
    done
    sed -n 's/^add_test(NAME \(differential[.][a-z_]*\) .*/\1/p' tests/differential/CMakeLists.txt
    find tests/sim -maxdepth 1 -name '*.c' | sed 's|.*/\(.*\)[.]c|sim.\1|'
    sed -n 's/^add_test(NAME \(sim[.][a-z.]*\) .*/\1/p' tests/sim/*/CMakeLists.txt
    find tests/unit -name '*.c' | sed 's|.*/\(.*\)[.]c|unit.\1|'
    find tests/house -name 'check_*.sh' | sed 's|.*/check_\(.*\)[.]sh|house.\1|'
} >"$scratch/known"
public_functions | cut -f1 >"$scratch/functions"

awk -v document="$document" '
    FILENAME ~ /\/known$/ { known[$1] = 1; next }
    FILENAME ~ /later.txt$/ { later[$1] = 1; next }
    FILENAME ~ /\/functions$/ { functions[$1] = 1; next }
    {
        rest = $0
        while (match(rest, /weir_[a-z0-9_]+/)) {
            told[substr(rest, RSTART, RLENGTH)] = 1
            rest = substr(rest, RSTART + RLENGTH)
        }
    }
    /^[|] / && !/^[|] (Promise|Failure) / {
        rows++
        count = split($0, cells, / [|] /)
        proof = cells[2]
        if (count != 2)
            printf "%s:%d: not a row of two columns\n", document, FNR
        names = split(proof, parts, "`")
        comes_later = 0
        for (i = 2; i <= names; i += 2) {
            if (parts[i] ~ /\/|\(\)|^WEIR_/) # code, which check_named.sh looks for
                continue
            if (!(parts[i] in known))
                printf "%s:%d: there is no %s\n", document, FNR, parts[i]
            if (parts[i] in later)
                comes_later = 1
        }
        if (proof ~ /no case/)
            without++
        else if (names < 3)
            printf "%s:%d: names no proof: %s\n", document, FNR, proof
        if (comes_later && proof !~ /later:/)
            printf "%s:%d: its case is in tests/later.txt, which it does not say\n", document, FNR
        if (!comes_later && proof ~ /later:/)
            printf "%s:%d: says later, but no case of it is in tests/later.txt\n", document, FNR
    }
    END {
        for (name in functions) {
            found++
            if (!(name in told))
                printf "%s: says nothing of %s()\n", document, name
        }
        if (!found)
            print "no WEIR_API function found in include/"
        if (rows < 50)
            printf "%s: %d rows, fewer than 50\n", document, rows
        printf "%d promises, %d without a case\n", rows, without >"/dev/stderr"
    }
' "$scratch/known" tests/later.txt "$scratch/functions" "$document" >"$scratch/findings"

others=$(ls docs/security.md docs/testing.md docs/engines.md 2>/dev/null) || true
awk '
    FILENAME ~ /\/known$/ {
        known[$1] = 1
        sub(/[.].*/, "")
        topics[$0] = 1
        next
    }
    {
        count = split($0, parts, "`")
        named = 0
        for (i = 2; i < count; i += 2) {
            if (parts[i] !~ /^[a-z_]+[.][A-Za-z0-9_]+$/)
                continue
            topic = parts[i]
            sub(/[.].*/, "", topic)
            if (parts[i] in known)
                named++
            else if (topic in topics && topic != "options") # which is a structure too
                printf "%s:%d: there is no %s\n", FILENAME, FNR, parts[i]
        }
        if (FILENAME ~ /security/ && /^[|] / && !/^[|] Promise / && !named)
            printf "%s:%d: names no case\n", FILENAME, FNR
    }
' "$scratch/known" $others >>"$scratch/findings"
[ -f docs/security.md ] || echo "docs/security.md is not there" >>"$scratch/findings"
verdict "$scratch/findings"
