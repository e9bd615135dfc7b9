# SPDX-License-Identifier: MIT
# Pieces shared by the cases of the examples. Each case runs with EXAMPLES, the folder of the built
# programs, CLIENT, the program from client.c, ENGINE_OF, the one from engine.c, and WEIR_ENGINE; it
# prints what is wrong and ends 0, 1, or 77 where the engine is refused.
set -eu
: "${EXAMPLES:?}" "${CLIENT:?}" "${ENGINE_OF:?}" "${WEIR_ENGINE:?}"
export LC_ALL=C

fail()
{
    echo "wrong: $*" >&2
    exit 1
}

# Only io_uring may be missing: a kernel, a container or a build can be without it.
status=0
"$ENGINE_OF" "$WEIR_ENGINE" || status=$?
case $status,$WEIR_ENGINE in
0,*) ;;
77,io_uring) exit 77 ;;
*) fail "the engine cannot be used" ;;
esac

scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-examples.XXXXXX")
servers=""

cleanup()
{
    for pid in $servers; do
        kill -KILL "$pid" 2>/dev/null || :
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# same FILE FILE: equal byte for byte.
same()
{
    cmp "$1" "$2" || fail "$1 and $2 differ"
}

# ends STATUS COMMAND...: runs it, with its output in $scratch/out and its errors in $scratch/err.
ends()
{
    wanted=$1
    shift
    got=0
    "$@" >"$scratch/out" 2>"$scratch/err" || got=$?
    [ "$got" -eq "$wanted" ] || {
        cat "$scratch/out" "$scratch/err" >&2
        fail "$* ended $got, not $wanted"
    }
}

# says FILE EXTENDED-REGULAR-EXPRESSION: the file is one line, and all of it matches.
says()
{
    if [ "$(wc -l <"$1")" -ne 1 ] || ! grep -Eqx -e "$2" "$1"; then
        cat "$1" >&2
        fail "$1 is not one line: $2"
    fi
}

# serve PROGRAM ARGUMENT...: starts a server, waits for its first line, and sets $server and $port.
serve()
{
    program=$1
    shift
    rm -f "$scratch/first"
    mkfifo "$scratch/first"
    "$CLIENT" run "$EXAMPLES/$program" "$@" >"$scratch/first" 2>"$scratch/$program.err" &
    server=$!
    servers="$servers $server"
    line=""
    read -r line <"$scratch/first" || :
    printf '%s\n' "$line" | grep -Eqx "listening on 127\.0\.0\.1:[1-9][0-9]* \($WEIR_ENGINE\)" || {
        cat "$scratch/$program.err" >&2
        fail "the first line of $program is: $line"
    }
    port=${line#*:}
    port=${port% *}
}

# stopped SIGNAL STATUS: the server ends so when it gets the signal.
stopped()
{
    kill "-$1" "$server"
    got=0
    wait "$server" || got=$?
    servers=$(echo " $servers " | sed "s/ $server / /")
    [ "$got" -eq "$2" ] || {
        cat "$scratch"/*.err >&2
        fail "the server ended $got, not $2, by SIG$1"
    }
}
