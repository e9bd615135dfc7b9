# SPDX-License-Identifier: MIT
# pass-fd: the worker serves on the socket that it was passed, and ends with its parent.
. "${SOURCE:?}/tests/examples/lib.sh"

serve pass-fd 0
for try in 1 2 3 4 5; do
    "$CLIENT" line "$port" "hello from the worker" || fail "client $try"
done
ends 1 "$EXAMPLES/pass-fd" "$port"
says "$scratch/err" "pass-fd: 127\.0\.0\.1:$port: address already in use"
[ ! -s "$scratch/pass-fd.err" ] || fail "a process complained: $(cat "$scratch/pass-fd.err")"

# The worker, too, holds the output open; it hears that its parent is gone, and the port is free then.
exec 9<"$scratch/first"
stopped TERM 143
read -r rest <&9 || rest=ended
[ "$rest" = ended ] || fail "the server said more: $rest"
exec 9<&-
first=$port
serve pass-fd "$first"
[ "$port" -eq "$first" ] || fail "asked for port $first, got $port"
"$CLIENT" line "$port" "hello from the worker"
stopped INT 130

for argument in "" x 65536 -1; do
    ends 2 "$EXAMPLES/pass-fd" "$argument"
    says "$scratch/err" "usage: pass-fd PORT"
done
export WEIR_ENGINE=none-such
ends 1 "$EXAMPLES/pass-fd" 0
says "$scratch/err" "pass-fd: .*no engine of that name.*"
