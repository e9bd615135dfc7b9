# SPDX-License-Identifier: MIT
# The echo server of Windows, under its emulator, serves clients of the machine around it: every byte,
# one that reads late, ones that break off, none at all.
set -eu
: "${EMULATOR:?}" "${ECHO:?}" "${SOURCE:?}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-windows.XXXXXX")
server=""
cleanup()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

cc -D_GNU_SOURCE -O1 -o "$scratch/client" "$SOURCE/tests/examples/client.c"
"$EMULATOR" "$ECHO" 0 >"$scratch/out" 2>"$scratch/err" &
server=$!
tries=0
until grep -q 'listening on' "$scratch/out"; do
    tries=$((tries + 1))
    [ "$tries" -le 300 ] && kill -0 "$server" || {
        echo "the server does not listen: $(cat "$scratch/err")" >&2
        exit 1
    }
    sleep 0.1
done
port=$(sed -n 's/.*:\([0-9]*\) (iocp).*/\1/p' "$scratch/out")

"$scratch/client" echo "$port" 50 20000
"$scratch/client" echo "$port" 1 3000000
"$scratch/client" late "$port"
"$scratch/client" echo "$port" 4 0
"$scratch/client" reset "$port" 20
"$scratch/client" echo "$port" 5 100000
kill -0 "$server" || {
    echo "the server has ended: $(cat "$scratch/err")" >&2
    exit 1
}
