# SPDX-License-Identifier: MIT
# docs/api.md lists every public function, and none that is not there; links between the documents
# lead to a file.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

public_functions >"$scratch/functions"
[ -s "$scratch/functions" ] || echo "no WEIR_API function found in include/" >"$scratch/findings"
[ -f docs/api.md ] || {
    echo "docs/api.md is not there" >>"$scratch/findings"
    verdict "$scratch/findings"
}

# A signature may be broken over lines in the document.
tr '\n' ' ' <docs/api.md | sed 's/  */ /g' >"$scratch/document"
while IFS='	' read -r name signature; do
    grep -qF -e "$signature" "$scratch/document" || echo "docs/api.md lacks: $signature"
done <"$scratch/functions" >>"$scratch/findings"

cut -f1 "$scratch/functions" >"$scratch/names"
# What a document calls with parentheses must exist, be it a function, a macro or a type of function.
find include -name '*.h' | xargs cat >"$scratch/headers"
find . \( -name .git -o -path './build*' \) -prune -o -name '*.md' -print | LC_ALL=C sort |
while read -r document; do
    grep -o '\bweir_[a-z0-9_]*(' "$document" | LC_ALL=C sort -u | tr -d '(' |
    while read -r name; do
        grep -q "\b$name\b" "$scratch/headers" || echo "$document: there is no $name()"
    done
    # Relative links, without an anchor.
    grep -o '](\([^)]*\))' "$document" | sed 's/^](//; s/)$//; s/#.*//' |
    while read -r link; do
        case $link in
        "" | http:* | https:* | mailto:*) continue ;;
        esac
        [ -e "$(dirname "$document")/$link" ] || echo "$document: link to $link leads nowhere"
    done
done >>"$scratch/findings"
verdict "$scratch/findings"
