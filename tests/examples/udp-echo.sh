# SPDX-License-Identifier: MIT
# udp-echo: each datagram comes back to its sender, empty ones too; a clean end by signals.
. "${SOURCE:?}/tests/examples/lib.sh"

serve udp-echo 0
"$CLIENT" datagrams "$port" 1
"$CLIENT" datagrams "$port" 100
"$CLIENT" datagrams "$port" 7

ends 1 "$EXAMPLES/udp-echo" "$port"
says "$scratch/err" "udp-echo: 127\.0\.0\.1:$port: address already in use"
stopped INT 0
[ ! -s "$scratch/udp-echo.err" ] || fail "the server complained: $(cat "$scratch/udp-echo.err")"
first=$port
serve udp-echo "$first"
[ "$port" -eq "$first" ] || fail "asked for port $first, got $port"
stopped TERM 0

for argument in "" x 65536 -1; do
    ends 2 "$EXAMPLES/udp-echo" "$argument"
    says "$scratch/err" "usage: udp-echo PORT"
done
ends 2 "$EXAMPLES/udp-echo"
export WEIR_ENGINE=none-such
ends 1 "$EXAMPLES/udp-echo" 0
says "$scratch/err" "udp-echo: .*no engine of that name.*"
