# SPDX-License-Identifier: MIT
# proxy: in front of echo, every byte and both ends of each stream; a target that is not there;
# names.
. "${SOURCE:?}/tests/examples/lib.sh"

serve echo 0
echo_server=$server
echo_port=$port
serve proxy 0 "127.0.0.1:$port"
"$CLIENT" echo "$port" 50 20000
"$CLIENT" echo "$port" 1 3000000
"$CLIENT" late "$port"
"$CLIENT" echo "$port" 3 0
"$CLIENT" reset "$port" 20
"$CLIENT" echo "$port" 5 100000

ends 1 "$EXAMPLES/proxy" "$port" "127.0.0.1:$echo_port"
says "$scratch/err" "proxy: 127\.0\.0\.1:$port 127\.0\.0\.1: address already in use"

# Without its target the proxy tells each client so by an end, and goes on.
proxy_server=$server
server=$echo_server
stopped INT 0
[ ! -s "$scratch/echo.err" ] || fail "echo complained: $(cat "$scratch/echo.err")"
[ ! -s "$scratch/proxy.err" ] || fail "proxy complained: $(cat "$scratch/proxy.err")"
"$CLIENT" closed "$port"
"$CLIENT" closed "$port"
server=$proxy_server
stopped TERM 143
sort -u "$scratch/proxy.err" >"$scratch/told"
says "$scratch/told" "proxy: target: connection refused"

for arguments in "" "0" "x 127.0.0.1:1" "0 127.0.0.1" "0 localhost" "0 localhost:" "0 127.0.0.1:1 2"; do
    ends 2 "$EXAMPLES/proxy" $arguments
    says "$scratch/err" "usage: proxy PORT HOST:PORT"
done

# A name is looked up; one that is none is told, and nobody is served.
serve echo 0
serve proxy 0 "localhost:$port"
"$CLIENT" echo "$port" 3 20000
stopped TERM 143
ends 1 "$EXAMPLES/proxy" 0 "localhost:no-such-service"
says "$scratch/err" "proxy: 127\.0\.0\.1:0 localhost: host or service name not known"
export WEIR_ENGINE=none-such
ends 1 "$EXAMPLES/proxy" 0 127.0.0.1:1
says "$scratch/err" "proxy: .*no engine of that name.*"
