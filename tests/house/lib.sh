# SPDX-License-Identifier: MIT
# Pieces shared by the checks. Each check runs with SOURCE, the checkout, and mostly BUILD, the build
# directory; it prints one line a finding and ends 0, 1, or 77 where it cannot run.
set -eu
cd "${SOURCE:?SOURCE names the checkout}"

# sources [suffix-pattern]: the C files of the repository, sorted, one a line.
sources()
{
    for folder in include src tool examples bench tests; do
        [ ! -d "$folder" ] || find "$folder" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' \)
    done | LC_ALL=C sort
}

skip()
{
    echo "skipped: $*"
    exit 77
}

# Makes $scratch, an own directory that is gone when the check ends.
make_scratch()
{
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-house.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 1' HUP INT TERM
}

# verdict FILE: prints the findings collected in FILE; ends the check.
verdict()
{
    if [ -s "$1" ]; then
        cat "$1"
        echo "$(wc -l <"$1") findings"
        exit 1
    fi
    echo "nothing found"
    exit 0
}

# public_functions: "name<TAB>signature" of every WEIR_API function, blanks squeezed, sorted by name.
public_functions()
{
    find include -name '*.h' | LC_ALL=C sort | xargs awk '
        FNR == 1 { text = "" }
        /^WEIR_API / { text = ""; open = 1; sub(/^WEIR_API /, "") }
        open {
            text = text " " $0
            if ($0 ~ /;/) {
                open = 0
                gsub(/\/\*[^*]*\*\//, "", text)
                gsub(/[ \t]+/, " ", text)
                sub(/^ /, "", text)
                sub(/;.*/, ";", text)
                name = text
                sub(/ ?\(.*/, "", name)
                sub(/.*[ *]/, "", name)
                printf "%s\t%s\n", name, text
            }
        }' | LC_ALL=C sort
}

# symbols_of_objects OPTION...: "file kind name" of each symbol that nm finds in the library's objects.
symbols_of_objects()
{
    objects=$BUILD/src/CMakeFiles/weir_objects.dir
    [ -d "$objects" ] || {
        echo "no objects of the library in $objects" >&2
        return 1
    }
    find "$objects" -name '*.o' -print0 | LC_ALL=C sort -z | xargs -0 "$NM" -A "$@" |
        sed "s|^$objects/||; s/[.]o:[0-9a-f ]*/.o /"
}
