# SPDX-License-Identifier: MIT
# group: an echo server on all processors: many connections, every byte; a clean end; each refusal one
# sentence.
. "${SOURCE:?}/tests/examples/lib.sh"

serve group 0
"$CLIENT" echo "$port" 50 20000
"$CLIENT" echo "$port" 1 3000000
"$CLIENT" late "$port"
"$CLIENT" echo "$port" 3 1
"$CLIENT" reset "$port" 20

# Threads of a group share the port with nobody else.
ends 1 "$EXAMPLES/echo" "$port"
says "$scratch/err" "echo: 127\.0\.0\.1:$port: address already in use"
stopped INT 0
[ ! -s "$scratch/group.err" ] || fail "the server complained: $(cat "$scratch/group.err")"

# Connections that are open do not keep it from a clean end.
serve group "$port" 5
mkfifo "$scratch/holding"
"$CLIENT" hold "$port" 30 >"$scratch/holding" 2>"$scratch/hold.err" &
holder=$!
servers="$servers $holder"
read -r line <"$scratch/holding"
[ "$line" = "holding 30 connections" ] || fail "$line"
stopped TERM 0
wait "$holder" || fail "a connection outlived the server: $(cat "$scratch/hold.err")"

serve echo 0
ends 1 "$EXAMPLES/group" "$port"
says "$scratch/err" "group: 127\.0\.0\.1:$port: address already in use"
stopped TERM 0

ends 2 "$EXAMPLES/group"
ends 2 "$EXAMPLES/group" x
says "$scratch/err" "usage: group PORT \[LOOPS\]"
export WEIR_ENGINE=none-such
ends 1 "$EXAMPLES/group" 0
says "$scratch/err" "group: WEIR_ENGINE: no engine of that name.*"
