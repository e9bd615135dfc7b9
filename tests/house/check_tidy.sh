# SPDX-License-Identifier: MIT
# clang-tidy finds nothing in the library, the tool and the examples.
. "${SOURCE:?}/tests/house/lib.sh"
[ -n "${CLANG_TIDY:-}" ] || skip "clang-tidy is not installed"
case $("$CLANG_TIDY" --version) in
*"version 14."*) ;;
*) skip "the checks are chosen for clang-tidy 14" ;;
esac
make_scratch

# Only what this build compiles can be analysed: an engine of another system has no commands here.
sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$BUILD/compile_commands.json" | LC_ALL=C sort -u |
    sed "s|^$SOURCE/||" | grep -E '^(src|tool|examples)/.*\.c$' >"$scratch/files" ||
    skip "this build compiles none of the sources"
echo "$(wc -l <"$scratch/files") files"

# The analyser follows paths as long as it may: to the end of all takes twenty times as long as to the end
# of most. scripts/soak lint gives it all the way.
argument()
{
    printf ' --extra-arg=%s' -Xclang -analyzer-config -Xclang "max-nodes=$1"
}
xargs -P 2 -n 2 "$CLANG_TIDY" -p "$BUILD" --quiet --extra-arg=-Wno-unknown-warning-option \
    $(argument "${TIDY_NODES:-10000}") <"$scratch/files" >"$scratch/said" 2>"$scratch/noise" && failed=0 || failed=1
grep -E '(warning|error):' "$scratch/said" | LC_ALL=C sort -u >"$scratch/findings" || true
if [ "$failed" = 1 ]; then
    cat "$scratch/said"
    [ -s "$scratch/findings" ] || {
        cat "$scratch/noise"
        echo "clang-tidy failed" >"$scratch/findings"
    }
fi
verdict "$scratch/findings"
