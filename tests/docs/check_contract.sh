# SPDX-License-Identifier: MIT
# docs/contract.md names every public function, each row of it names what proves the promise, and what
# it names exists: a case of plan.txt or of its topic's table, or a test of another folder. A promise
# without a proof says "no case"; one whose case stands in later.txt says "later".
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
document=docs/contract.md
: >"$scratch/findings"

public_functions | cut -f1 >"$scratch/functions"
[ -s "$scratch/functions" ] || echo "no WEIR_API function found in include/" >>"$scratch/findings"
while read -r name; do
    grep -q "\b$name\b" "$document" || echo "$document: says nothing of $name()"
done <"$scratch/functions" >>"$scratch/findings"

# "line<TAB>proof" of each row of a table, without heads and rules.
awk -F' [|] ' '/^[|] / && !/^[|] Promise / {
    if (NF != 2) {
        printf "%d\tnot a row of two columns\n", FNR
        next
    }
    sub(/ [|]$/, "", $2)
    printf "%d\t%s\n", FNR, $2
}' "$document" >"$scratch/rows"
[ "$(wc -l <"$scratch/rows")" -ge 50 ] || echo "$document: fewer than 50 rows" >>"$scratch/findings"

# exists NAME: topic.case of the contract, or folder.test of another folder.
exists()
{
    topic=${1%%.*} case=${1#*.}
    case $topic in
    house) [ -f "tests/house/check_$case.sh" ] ;;
    examples | tool) [ -f "tests/$topic/$case.sh" ] ;;
    unit) [ -f "tests/unit/$case.c" ] ;;
    contract) [ -f "tests/contract/$case.c" ] ;;
    *)  grep -qx "$topic $case" tests/plan.txt ||
            grep -q "{\"$case\"," "tests/contract/$topic.c" 2>/dev/null ;;
    esac
}

while IFS='	' read -r line proof; do
    at=$document:$line
    later=false
    for name in $(printf '%s\n' "$proof" | grep -o '`[^`]*`' | tr -d '`'); do
        exists "$name" || echo "$at: there is no $name"
        ! grep -q "^$name " tests/later.txt || later=true
    done
    case $proof in
    *"no case"*) ;;
    *'`'*'`'*) ;;
    *) echo "$at: names no proof: $proof" ;;
    esac
    case $later,$proof in
    true,*later*) ;;
    true,*) echo "$at: its case is in tests/later.txt, which it does not say" ;;
    false,*later*) echo "$at: says later, but no case of it is in tests/later.txt" ;;
    esac
done <"$scratch/rows" >>"$scratch/findings"
echo "$(wc -l <"$scratch/rows") promises, $(grep -c 'no case' "$scratch/rows" || true) without a case"
verdict "$scratch/findings"
