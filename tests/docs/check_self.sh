# SPDX-License-Identifier: MIT
# The checks of the documents can fail: each finds what is planted in a copy, one at a time.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
original=$SOURCE
copy=$scratch/copy
: >"$scratch/findings"
planted=0

# plant CHECK TEXT-EXPECTED COMMAND: runs COMMAND in a fresh copy; CHECK must then print the text.
plant()
{
    planted=$((planted + 1))
    rm -rf "$copy"
    mkdir "$copy"
    (cd "$original" && tar -cf - --exclude=.git --exclude='./build*' .) | tar -C "$copy" -xf -
    (cd "$copy" && eval "$3")
    if (SOURCE=$copy sh "$copy/tests/docs/check_$1.sh") >"$scratch/said" 2>&1; then
        echo "check_$1.sh does not see: $3" >>"$scratch/findings"
    elif ! grep -qF -e "$2" "$scratch/said"; then
        {
            echo "check_$1.sh fails, but not with '$2', on: $3"
            cat "$scratch/said"
        } >>"$scratch/findings"
    fi
}

plant contract 'there is no lifecycle.planted' 'echo "| x | \`lifecycle.planted\` |" >>docs/contract.md'
plant contract 'there is no house.planted' 'echo "| x | \`house.planted\` |" >>docs/contract.md'
plant contract 'names no proof' 'echo "| x | by looking at it |" >>docs/contract.md'
plant contract 'which it does not say' 'echo "| x | \`pool.planted\` |" >>docs/contract.md
    echo "pool planted" >>tests/plan.txt; echo "pool.planted limit" >>tests/later.txt'
plant contract 'says later' 'echo "| x | later: \`lifecycle.run_empty_returns\` |" >>docs/contract.md'
plant contract 'says nothing of weir_planted()' 'echo "WEIR_API int weir_planted(void);" >>include/weir.h'
plant contract 'docs/security.md' 'echo "| x | \`lifecycle.planted\` |" >>docs/security.md'
plant contract 'names no case' 'echo "| x | by looking at it |" >>docs/security.md'
plant contract 'docs/engines.md' 'echo "\`lifecycle.planted\`" >>docs/engines.md'
plant named 'there is no src/planted.c' 'echo "\`src/planted.c\`" >>docs/design.md'
plant named 'there is no planted_call()' 'echo "\`planted_call()\`" >>docs/design.md'
plant named 'there is no WEIR_PLANTED' 'echo "\`WEIR_PLANTED\`" >>docs/design.md'
plant named 'no heading for the link design.md#planted' 'echo "[x](design.md#planted)" >>docs/engines.md'
plant named 'the first line is not the licence' 'echo "# Planted" >docs/decisions/planted.md'
plant readme 'README.md does not say: poll' 'sed -i "/^| .poll. /d" README.md'
plant readme 'the library does not know: planted' \
    'sed -i "s/^| .poll. .*/&\n| \`planted\` | readiness | here | works |/" README.md'
plant readme 'no section on poll' 'sed -i "s/^## .*poll.*/## Planted/" docs/engines.md'
plant readme 'not in docs/benchmarks.md' 'echo "| planted | 1.00 (0.99..1.01) met |" >>README.md'
echo "$planted violations planted"
verdict "$scratch/findings"
