# SPDX-License-Identifier: MIT
# echo: many connections, every byte; a clean end by SIGINT and SIGTERM; each refusal one sentence.
. "${SOURCE:?}/tests/examples/lib.sh"

serve echo 0
"$CLIENT" echo "$port" 50 20000
"$CLIENT" echo "$port" 1 3000000
"$CLIENT" late "$port"
"$CLIENT" echo "$port" 4 0
"$CLIENT" echo "$port" 3 1
"$CLIENT" reset "$port" 20
"$CLIENT" echo "$port" 5 100000

# A busy port, while the first server is there.
ends 1 "$EXAMPLES/echo" "$port"
says "$scratch/err" "echo: 127\.0\.0\.1:$port: address already in use"
[ ! -s "$scratch/out" ] || fail "a server on a busy port says something on its output"
stopped INT 0
[ ! -s "$scratch/echo.err" ] || fail "the server complained: $(cat "$scratch/echo.err")"

# The port is free at once; connections that are open do not keep the server from a clean end.
first=$port
WEIR_STATS=1
export WEIR_STATS
serve echo "$first"
[ "$port" -eq "$first" ] || fail "asked for port $first, got $port"
mkfifo "$scratch/holding"
"$CLIENT" hold "$port" 30 >"$scratch/holding" 2>"$scratch/hold.err" &
holder=$!
servers="$servers $holder"
read -r line <"$scratch/holding"
[ "$line" = "holding 30 connections" ] || fail "$line"
stopped TERM 0
wait "$holder" || fail "a connection outlived the server: $(cat "$scratch/hold.err")"

# 30 accepts, receives and sends at the least; who served them is told. A worker waits for a pooled
# receive, whose call the loop makes, and sends what found no room at once.
says "$scratch/echo.err" \
    "served: at-once [0-9]+, ready [0-9]+, kernel [0-9]+, worker [0-9]+, simulated 0"
awk -v engine="$WEIR_ENGINE" '{
    gsub(",", "")
    if ($3 + $5 + $7 + $9 < 90)
        print "wrong: too few ops were served"
    if (engine == "threads" ? $9 < 30 || $7 > 0 : $9 > 0)
        print "wrong: not served by " engine
    else if (engine != "threads" && (engine == "io_uring" ? $7 < 30 : $7 > 0 || $5 < 30))
        print "wrong: not served by " engine
}' "$scratch/echo.err" >"$scratch/verdict"
[ ! -s "$scratch/verdict" ] || fail "$(cat "$scratch/verdict" "$scratch/echo.err")"
unset WEIR_STATS

for argument in "" x 65536 -1 +1 "1 " 1.5; do
    ends 2 "$EXAMPLES/echo" "$argument"
    says "$scratch/err" "usage: echo PORT"
done
ends 2 "$EXAMPLES/echo"
ends 2 "$EXAMPLES/echo" 0 0
export WEIR_ENGINE=none-such
ends 1 "$EXAMPLES/echo" 0
says "$scratch/err" "echo: WEIR_ENGINE: no engine of that name.*"
[ ! -s "$scratch/out" ] || fail "a server without an engine says something on its output"
