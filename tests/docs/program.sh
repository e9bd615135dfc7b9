# SPDX-License-Identifier: MIT
# The program in README.md prints what README.md shows.
set -eu
: "${SOURCE:?}" "${PROGRAM:?}" "${ENGINES:?}" "${WEIR_ENGINE:?}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-docs.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

status=0
"$ENGINES" "$WEIR_ENGINE" || status=$?
case $status,$WEIR_ENGINE in
0,*) ;;
77,io_uring) echo "skipped: io_uring is refused here"; exit 77 ;;
*) echo "the engine $WEIR_ENGINE cannot be used"; exit 1 ;;
esac

# expect WORDS: the program said "ENGINE: WORDS", and README.md shows that of some engine.
expect()
{
    grep -qx "[a-z_-]*: $1" "$SOURCE/README.md" || {
        echo "README.md does not show: $1"
        exit 1
    }
    [ "$(cat "$scratch/out")" = "$WEIR_ENGINE: $1" ] || {
        echo "the program did not say \"$WEIR_ENGINE: $1\", but:"
        cat "$scratch/out"
        exit 1
    }
}

echo hello | "$PROGRAM" >"$scratch/out"
expect "6 bytes"

# A pipe that stays open and empty: the deadline passes.
mkfifo "$scratch/silence"
exec 3<>"$scratch/silence"
"$PROGRAM" <"$scratch/silence" >"$scratch/out"
expect "the deadline given to weir passed"
