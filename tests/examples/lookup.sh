# SPDX-License-Identifier: MIT
# lookup: addresses, names and services; what is not known is told, the rest goes on.
. "${SOURCE:?}/tests/examples/lib.sh"
lookup=$EXAMPLES/lookup

ends 0 "$lookup" 192.0.2.1 192.0.2.2:80 192.0.2.1
printf '%s\n' "192.0.2.1 192.0.2.1" "192.0.2.2 192.0.2.2:80" "192.0.2.1 192.0.2.1" >"$scratch/wanted"
same "$scratch/wanted" "$scratch/out"

ends 0 "$lookup" localhost
grep -Eqx 'localhost (127\.0\.0\.1|\[::1\])' "$scratch/out" || fail "localhost: $(cat "$scratch/out")"

ends 1 "$lookup" 127.0.0.1:no-such-service 127.0.0.1:7
says "$scratch/err" "lookup: 127\.0\.0\.1: host or service name not known"
says "$scratch/out" "127\.0\.0\.1 127\.0\.0\.1:7"
ends 1 "$lookup" 127.0.0.1:65536
says "$scratch/err" "lookup: 127\.0\.0\.1: host or service name not known"

ends 2 "$lookup"
says "$scratch/err" "usage: lookup NAME\[:SERVICE\]\.\.\."
export WEIR_ENGINE=none-such
ends 1 "$lookup" localhost
says "$scratch/err" "lookup: WEIR_ENGINE: no engine of that name.*"
