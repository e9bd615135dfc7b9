# SPDX-License-Identifier: MIT
# The echo benchmark measures what it is told, pairs weir with the hand-written servers, decides nothing
# from too few rounds, and refuses wrong options with status 2. No time is judged.
. "$(dirname "$0")/lib.sh"

refuses_bench()
{
    part=$1
    shift
    run "$BENCH" "$@"
    [ "$status" = 2 ] || wrong "bench echo $*: status $status"
    grep -qF -e "$part" "$scratch/err" || wrong "bench echo $*: says $(cat "$scratch/err")"
}
for bad in 50 50x x64 50x64x 0x64 50x0 50x64x0 50x64,; do
    refuses_bench "--shapes takes 50x64,1000x64 and the like, not '$bad'" --shapes "$bad"
done
refuses_bench "--servers: there is no server 'dance'" --servers dance
refuses_bench "--add takes NAME=PROGRAM, not 'dance'" --add dance
refuses_bench "--rounds takes a number from 1 to 1000, not 'many'" --rounds many
refuses_bench "--dance" --dance
refuses_bench "there is no use for 'dance'" dance

run "$BENCH" --list
[ "$status" = 0 ] && grep -qx weir-epoll "$scratch/out" || wrong "the list lacks weir-epoll"

run "$BENCH" --shapes 3x64,2x100x4 --servers hand-poll,weir-poll --rounds 2 --rounds-max 2 \
    --seconds 0.05 --json "$scratch/bench.json"
[ "$status" = 0 ] || wrong "status $status: $(cat "$scratch/err")"
prints "echo, 3 connections x 64 bytes, server and load on one core"
prints "echo, 2 connections (4 outstanding on each) x 100 bytes"
[ "$(grep -c '^weir-poll / hand-poll .* goal <= 1.08  *not resolved$' "$scratch/out")" = 2 ] ||
    wrong "two rounds decide: $(cat "$scratch/out")"
grep -qF '"schema": "weir-bench-echo-1"' "$scratch/bench.json" || wrong "no JSON"
grep -qF '"decision": "not resolved"' "$scratch/bench.json" || wrong "no decision in the JSON"

# A server that answers wrongly fails the run with its sentence.
printf '#!/bin/sh\nexec "%s" "$1" corrupt\n' "$PLANTED" >"$scratch/planted"
chmod +x "$scratch/planted"
run "$BENCH" --shapes 3x64 --add "planted=$scratch/planted" --servers hand-poll --rounds 2 --seconds 0.05
[ "$status" = 1 ] || wrong "a corrupting server: status $status"
grep -q "wrong byte" "$scratch/err" || wrong "a corrupting server: $(cat "$scratch/err")"
finish
