# SPDX-License-Identifier: MIT
# Pieces shared by the tests of the tool. WEIR is the tool; each test works in a directory of its own,
# $scratch, with a copy of the tool, so that its processes can be told from those of other tests.
set -eu
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-tool.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cp "${WEIR:?WEIR names the tool}" "$scratch/weir"
weir=$scratch/weir
failures=0

wrong()
{
    echo "wrong: $*"
    failures=$((failures + 1))
}

# run COMMAND...: its output goes to $scratch/out and $scratch/err, its status to $status.
run()
{
    status=0
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
}

# refuses STATUS SENTENCE-PART COMMAND...: the command ends with the status and says exactly one line,
# on standard error, that holds the part.
refuses()
{
    expected=$1 part=$2
    shift 2
    run "$@"
    shift
    [ "$status" = "$expected" ] || wrong "weir $*: status $status, not $expected"
    grep -qF -e "$part" "$scratch/err" || wrong "weir $*: says '$(cat "$scratch/err")', not '$part'"
    [ "$(wc -l <"$scratch/err")" = 1 ] || wrong "weir $*: says $(wc -l <"$scratch/err") lines"
    grep -q '^weir: ' "$scratch/err" || wrong "weir $*: the line does not begin with the tool's name"
    [ ! -s "$scratch/out" ] || wrong "weir $*: prints on standard output: $(cat "$scratch/out")"
}

# succeeds COMMAND...
succeeds()
{
    run "$@"
    shift
    [ "$status" = 0 ] || wrong "weir $*: status $status: $(cat "$scratch/err")"
}

# prints PART: the last run's output holds it.
prints()
{
    grep -qF -e "$1" "$scratch/out" || wrong "nothing like '$1' is printed: $(cat "$scratch/out")"
}

# Processes of this test's copy of the tool, one a line; servers and loads are such, too.
tool_processes()
{
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
        "$weir" | "$weir (deleted)") echo "${process#/proc/}" ;;
        esac
    done
}

# leaves_nothing WHAT: no process of the tool is there; zombies have no exe, and no parent but the tool.
leaves_nothing()
{
    [ -z "$(tool_processes)" ] || wrong "$1 leaves processes behind: $(tool_processes | tr '\n' ' ')"
}

finish()
{
    [ "$failures" = 0 ] || echo "$failures wrong"
    [ "$failures" = 0 ]
}
