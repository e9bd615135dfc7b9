# SPDX-License-Identifier: MIT
# A short comparison prints its tables and a verdict, and writes JSON of the documented shape; no time
# is judged.
. "$(dirname "$0")/lib.sh"
engines=$("$weir" engines | awk '
    $3 == "yes" || $3 == "default" { if (" threads spin select poll epoll epoll-et epoll-oneshot linux-aio sigio io_uring " ~ " " $1 " ") print $1 }')
list=$(echo $engines | tr ' ' ,)
echo "engines: $list"

succeeds "$weir" compare echo --engines "$list" --rounds 1 --seconds 0.3 --connections 4 \
    --json "$scratch/one.json"
prints "echo, 4 connections x 64 bytes, server and load on one core"
prints "1 round of 0.3 s; median min..max; every byte was checked"
prints "how operations were served:"
prints "it takes at least 5 rounds to tell a difference from noise"
for engine in $engines; do
    [ "$(grep -c "^$engine " "$scratch/out")" = 2 ] || wrong "$engine is not in both tables"
done
"$CHECK_JSON" compare "$scratch/one.json" $engines >"$scratch/said" || wrong "JSON: $(cat "$scratch/said")"
grep -q "complete: yes" "$scratch/said" || wrong "a whole run is not complete"
grep -q '^round 1 of 1$' "$scratch/err" || wrong "no plain progress: $(cat "$scratch/err")"
! grep -q "$(printf '\r')" "$scratch/err" || wrong "progress is rewritten though nobody can see it"

# Each mechanism is the one that really waits: its own system call is seen from outside.
while read -r engine call; do
    case " $(echo $engines) " in
    *" $engine "*) ;;
    *) continue ;;
    esac
    grep "^$engine .*[0-9]%" "$scratch/out" | grep -Eq "n/a|$call" ||
        wrong "$engine does not wait in $call: $(grep "^$engine .*[0-9]%" "$scratch/out")"
done <<'CALLS'
threads futex
spin sched_yield|accept4
select p?select
poll p?poll
epoll epoll_p?wait
epoll-et epoll_p?wait
epoll-oneshot epoll_ctl
linux-aio io_submit
sigio ppoll|rt_sigtimedwait
io_uring io_uring_enter
CALLS

# Enough rounds for a verdict; several sizes; JSON on standard output, and nothing else there.
succeeds "$weir" compare echo --engines poll,epoll --rounds 5 --seconds 0.05 --connections 3 \
    --size 20000
prints "echo, 3 connections x 20000 bytes"
prints "verdict for 3 connections x 20000 bytes on this machine:"
grep -Eq 'CPU an operation: (a tie\.|(poll|epoll)( and (poll|epoll))? (is|are) best)' \
    "$scratch/out" || wrong "no verdict: $(cat "$scratch/out")"
succeeds "$weir" compare echo --engines poll --rounds 1 --seconds 0.05 --connections 1 --size 1 --json -
cp "$scratch/out" "$scratch/stdout.json"
"$CHECK_JSON" compare "$scratch/stdout.json" poll || wrong "JSON on standard output"

# What a mechanism cannot hold is not measured, and said; asked for by name, it is an error.
refuses 1 "threads is asked to hold at most 1000 connections, not 1001: a thread for each" \
    "$weir" compare echo --engines poll,threads --connections 1001 --rounds 1 --seconds 0.05
refuses 1 "select is asked to hold at most 1000 connections, not 1001: it knows no descriptor from 1,024 on" \
    "$weir" compare echo --engines poll,select --connections 1001 --rounds 1 --seconds 0.05

if [ "$(nproc)" -gt 1 ]; then
    succeeds "$weir" compare echo --cross-core --engines poll --rounds 1 --seconds 0.05
    prints "server and load on two cores"
else
    refuses 1 "--cross-core needs two CPUs" "$weir" compare echo --cross-core
fi
leaves_nothing "a comparison"

# On a terminal, one line is rewritten and cleared at the end.
run "$ON_TERMINAL" "$weir" compare echo --engines poll --rounds 2 --seconds 0.05
[ "$status" = 0 ] || wrong "on a terminal: status $status"
grep -q "$(printf '\r\033\[K')round 2 of 2: poll" "$scratch/err" || wrong "no live progress on a terminal"
[ "$(wc -l <"$scratch/err")" = 0 ] || wrong "progress on a terminal takes more than one line"
finish
