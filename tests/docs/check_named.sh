# SPDX-License-Identifier: MIT
# What the documents name between backquotes exists: paths of the repository, functions, constants,
# environment variables and build options of weir. A link to a heading leads to one. Every document begins
# with its licence.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

find README.md CHANGELOG.md SECURITY.md docs -name '*.md' | LC_ALL=C sort >"$scratch/documents"
# Every word of the sources and of the build; constants of error.h have their prefix given.
{
    for folder in include src tool examples bench tests; do
        find "$folder" -name '*.[ch]'
    done | xargs cat | tr -cs 'A-Za-z0-9_' '\n'
    cat CMakeLists.txt CMakePresets.json | tr -cs 'A-Za-z0-9_' '\n'
    sed -n 's/^ *X(\(E[A-Z0-9]*\),.*/WEIR_\1/p' include/weir/error.h
} | LC_ALL=C sort -u >"$scratch/words"

# Paths are looked for by the shell, everything else by awk: "document<TAB>name" of each path.
awk -v paths="$scratch/paths" '
    FILENAME ~ /\/words$/ { words[$1] = 1; next }
    FNR == 1 {
        block = 0
        if ($0 != "<!-- SPDX-License-Identifier: MIT -->")
            printf "%s: the first line is not the licence\n", FILENAME
    }
    /^ *```/ { block = !block; next }
    block { next }
    /^#+ / { # the anchors of headings, as the forges make them
        heading = $0
        sub(/^#+ /, "", heading)
        gsub(/[^A-Za-z0-9 _-]/, "", heading)
        gsub(/ /, "-", heading)
        anchors[FILENAME "#" tolower(heading)] = 1
    }
    {
        count = split($0, parts, "`")
        for (i = 2; i < count; i += 2) {
            name = parts[i]
            if (name ~ /[ *{<]/ || name ~ /NAME|PID|VERSION/) # a command, or a pattern
                continue
            if (name ~ /^(include|src|tool|examples|bench|tests|docs|scripts|cmake|[.]ci)\//)
                printf "%s\t%s\n", FILENAME, name >paths
            else if (name ~ /^WEIR_[A-Z0-9_]*[A-Z0-9]$/ || name ~ /^[a-z][a-z0-9]*_[a-z0-9_]*[(][)]$/) {
                word = name
                sub(/[(][)]$/, "", word)
                if (!(word in words))
                    printf "%s: there is no %s\n", FILENAME, name
            }
        }
        rest = $0
        while (match(rest, /[]][(][^)]*#[^)]*[)]/)) {
            link = substr(rest, RSTART + 2, RLENGTH - 3)
            rest = substr(rest, RSTART + RLENGTH)
            if (link ~ /^https?:/)
                continue
            target = FILENAME
            if (link !~ /^#/) {
                sub(/[^\/]*$/, "", target)
                target = target link
            } else
                target = target link
            wanted[target] = FILENAME ": no heading for the link " link
        }
    }
    END {
        for (target in wanted)
            if (!(target in anchors))
                print wanted[target]
    }
' "$scratch/words" $(cat "$scratch/documents") >"$scratch/findings"
LC_ALL=C sort -u "$scratch/paths" | while IFS='	' read -r document name; do
    [ -e "$name" ] || echo "$document: there is no $name"
done >>"$scratch/findings"
verdict "$scratch/findings"
