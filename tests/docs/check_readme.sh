# SPDX-License-Identifier: MIT
# README.md and docs/engines.md tell the engines that the library knows, and which of them work; and
# every figure in README.md's tables stands, word for word, in docs/benchmarks.md.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
: >"$scratch/findings"

"${ENGINES:?ENGINES is the program from engines.c}" | LC_ALL=C sort >"$scratch/known"
grep -q ' works$' "$scratch/known" || echo "the library tells of no engine" >>"$scratch/findings"

# Rows "| `NAME` | MODEL | WHERE | STATE ... |" of README.md as "NAME MODEL works" or "... not".
awk -F' *[|] *' '/^[|] `[a-z]/ && NF == 6 {
    gsub(/`/, "", $2)
    state = $5 ~ /^works/ ? "works" : $5 ~ /^not yet/ ? "not" : "?"
    count = split($2, names, /, */)
    for (i = 1; i <= count; i++)
        print names[i], $3, state
}' README.md | LC_ALL=C sort >"$scratch/told"
diff "$scratch/known" "$scratch/told" | sed -n 's/^</the library knows, README.md does not say:/p
    s/^>/README.md says, the library does not know:/p' >>"$scratch/findings"

while read -r name model state; do
    if [ "$state" = works ]; then
        grep -q "^## .*\b$name\b" docs/engines.md || echo "docs/engines.md has no section on $name ($model)"
    else
        grep -q "\`$name\`" docs/engines.md || echo "docs/engines.md does not name $name ($model)"
    fi
done <"$scratch/known" >>"$scratch/findings"

# Measured rows hold a digit, and a dot or a parenthesis, in their second column.
awk '/^[|] [a-z][^|`]*[|] [0-9]+[.][0-9]+ \(/' README.md >"$scratch/figures"
[ -s "$scratch/figures" ] || echo "README.md: no figures found" >>"$scratch/findings"
while read -r row; do
    grep -qxF -e "$row" docs/benchmarks.md || echo "README.md: not in docs/benchmarks.md: $row"
done <"$scratch/figures" >>"$scratch/findings"
verdict "$scratch/findings"
