# SPDX-License-Identifier: MIT
# `tool.sh engines|compare`: the tool of Windows, under its emulator. What it lists, and what it measures:
# no time is judged.
set -eu
: "${EMULATOR:?}" "${WEIR:?}" "${CHECK_JSON:?}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-windows-tool.XXXXXX")
tool=""
cleanup()
{
    [ -z "$tool" ] || kill -KILL "$tool" 2>/dev/null || :
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
cp "$WEIR" "$scratch/weir.exe"
weir=$scratch/weir.exe
failures=0

wrong()
{
    echo "wrong: $*"
    failures=$((failures + 1))
}

# run STATUS ARGUMENT...: its output goes to out and err, without what Windows puts before a line's end.
run()
{
    expected=$1 status=0
    shift
    "$EMULATOR" "$weir" "$@" >"$scratch/out.txt" 2>"$scratch/err.txt" </dev/null || status=$?
    tr -d '\r' <"$scratch/out.txt" >"$scratch/out"
    tr -d '\r' <"$scratch/err.txt" >"$scratch/err"
    [ "$status" = "$expected" ] || wrong "weir $*: status $status: $(cat "$scratch/err")"
}

prints()
{
    grep -qF -e "$1" "$scratch/out" || wrong "nothing like '$1' is printed: $(cat "$scratch/out")"
}

# refuses STATUS SENTENCE-PART ARGUMENT...
refuses()
{
    expected=$1 part=$2
    shift 2
    run "$expected" "$@"
    grep -qF -e "$part" "$scratch/err" || wrong "weir $*: says '$(cat "$scratch/err")', not '$part'"
    [ ! -s "$scratch/out" ] || wrong "weir $*: prints: $(cat "$scratch/out")"
}

# json KIND FILE NAME...: of the documented shape.
json()
{
    "$EMULATOR" "$CHECK_JSON" "$@" >"$scratch/said" 2>/dev/null || wrong "JSON: $(cat "$scratch/said")"
}

processes()
{
    for process in /proc/[0-9]*; do
        line=$(tr '\0\\' ' /' 2>/dev/null <"$process/cmdline") || continue
        case $line in
        *"$scratch/weir.exe"*) echo "${process#/proc/}" ;;
        esac
    done
}

# leaves_nothing WHAT: no process of the tool is there, within some seconds.
leaves_nothing()
{
    tries=0
    while [ -n "$(processes)" ] && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    [ -z "$(processes)" ] || wrong "$1 leaves processes behind: $(processes | tr '\n' ' ')"
}

engines()
{
    run 0 engines
    [ "$(awk '$3 == "default" { print $1 }' "$scratch/out")" = iocp ] || wrong "iocp is not the default"
    awk 'NR > 1 && $3 == "no" && NF < 6 { print "no reason: " $0 }' "$scratch/out" >"$scratch/silent"
    [ ! -s "$scratch/silent" ] || wrong "$(cat "$scratch/silent")"
    for name in io_uring epoll kqueue poll select threads posix-aio sim; do
        [ "$(awk -v name="$name" '$1 == name && $3 == "no"' "$scratch/out" | wc -l)" = 1 ] ||
            wrong "$name is not refused, once: $(cat "$scratch/out")"
    done
    run 0 engines -v
    prints iocp
    run 0 engines --json
    cp "$scratch/out" "$scratch/engines.json"
    json engines "$scratch/engines.json"
    run 0 engines --matrix iocp
    prints "recv-batch"
    run 0 --version
    run 0 compare echo --help
    prints "iocp"
    refuses 2 "there is no option --nothing" engines --nothing
    refuses 2 "weir knows" compare echo --engines nothing
    refuses 1 "the engine epoll is refused here" compare echo --engines epoll
    refuses 1 "cannot be had on Windows" compare files
    refuses 1 "cannot be had on Windows" sim program
}

compare()
{
    run 0 compare echo --rounds 1 --seconds 0.3 --connections 4 --json "$scratch/echo.json"
    prints "echo, 4 connections x 64 bytes, server and load on one core"
    prints "1 round of 0.3 s; median min..max; every byte was checked"
    [ "$(grep -c '^iocp ' "$scratch/out")" = 2 ] || wrong "iocp is not in both tables: $(cat "$scratch/out")"
    grep -q '^iocp .*[1-9][0-9]*%' "$scratch/out" || wrong "nothing says how operations were served"
    prints "this system stops no process at its system calls"
    prints "note: this system counts CPU time in steps of"
    json compare "$scratch/echo.json" iocp
    leaves_nothing "a comparison"

    run 0 compare echo --rounds 2 --seconds 0.2 --connections 3 --size 20000 --json -
    cp "$scratch/out" "$scratch/stdout.json"
    json compare "$scratch/stdout.json" iocp
    run 0 compare idle --rounds 1 --seconds 0.2 --idle 5,70 --json "$scratch/idle.json"
    grep -q '^iocp ' "$scratch/out" || wrong "iocp is not in the table: $(cat "$scratch/out")"
    json idle "$scratch/idle.json" 5 70
    leaves_nothing "compare idle"

    "$EMULATOR" "$weir" compare echo --rounds 2 --seconds 60 >"$scratch/out" 2>"$scratch/err" </dev/null &
    tool=$!
    tries=0
    until [ "$(processes | wc -l)" -ge 3 ] || [ "$tries" -ge 300 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    [ "$tries" -lt 300 ] || wrong "a comparison has no server and no load: $(cat "$scratch/err")"
    kill -KILL "$tool"
    wait "$tool" 2>/dev/null || :
    tool=""
    leaves_nothing "a tool that is killed"
}

"$1"
[ "$failures" = 0 ]
