# SPDX-License-Identifier: MIT
# What the documents name between backquotes exists: paths of the repository, functions, environment
# variables of weir and CMake options. A link to a heading leads to one. Every document begins with its
# licence.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
: >"$scratch/findings"

find README.md CHANGELOG.md docs -name '*.md' | LC_ALL=C sort >"$scratch/documents"
for folder in include src tool examples bench tests; do
    find "$folder" -name '*.[ch]'
done | xargs cat >"$scratch/sources"
cat CMakeLists.txt CMakePresets.json >"$scratch/build"

# named DOCUMENT: what stands between backquotes on one line, outside of blocks of code.
named()
{
    awk '/^ *```/ { block = !block; next } !block' "$1" | grep -o '`[^`]*`' | tr -d '`' | LC_ALL=C sort -u
}

# headings DOCUMENT: the anchors of its headings, as the forges make them.
headings()
{
    awk '/^```/ { block = !block; next } !block && /^#+ /' "$1" |
        sed 's/^#* //; s/[^A-Za-z0-9 _-]//g; s/ /-/g' | tr '[:upper:]' '[:lower:]'
}

while read -r document; do
    head -n 1 "$document" | grep -qx '<!-- SPDX-License-Identifier: MIT -->' ||
        echo "$document: the first line is not the licence"
    named "$document" | while read -r name; do
        case $name in
        *[\ \*\{\<]* | *NAME* | *PID* | *VERSION*) continue ;; # a pattern, or a command
        build/* | build-*) continue ;;
        include/* | src/* | tool/* | examples/* | bench/* | tests/* | docs/* | scripts/* | cmake/* | .ci/*)
            [ -e "$name" ] || echo "$document: there is no $name" ;;
        WEIR_BUILD_* | WEIR_WITH_LIBURING | WEIR_WERROR | WEIR_SANITIZE)
            grep -q "$name" "$scratch/build" || echo "$document: there is no option $name" ;;
        WEIR_*[!A-Z0-9_]* | WEIR_*_) continue ;;
        WEIR_[A-Z]*)
            grep -q "\b$name\b" "$scratch/sources" ||
                grep -q "X(${name#WEIR_}," include/weir/error.h || echo "$document: there is no $name" ;;
        [a-z]*_*'()')
            grep -q "\b${name%()} \{0,1\}(" "$scratch/sources" || echo "$document: there is no $name" ;;
        esac
    done
    { grep -o '](\([^)]*#[^)]*\))' "$document" || true; } | sed 's/^](//; s/)$//' |
    while read -r link; do
        case $link in
        http:* | https:*) continue ;;
        '#'*) target=$document ;;
        *) target=$(dirname "$document")/${link%%#*} ;;
        esac
        headings "$target" | grep -qx -e "${link#*#}" || echo "$document: no heading for the link $link"
    done
done <"$scratch/documents" >>"$scratch/findings"
verdict "$scratch/findings"
