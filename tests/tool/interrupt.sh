# SPDX-License-Identifier: MIT
# Ctrl-C ends a comparison within moments, prints what was measured so far, and leaves no process
# behind; even a tool that is killed takes its servers and loads with it.
. "$(dirname "$0")/lib.sh"
mkfifo "$scratch/progress"

# interrupt SIGNAL LINE OPTION...: runs a comparison and sends the signal when it says the line.
interrupt()
{
    signal=$1 line=$2
    shift 2
    "$weir" compare echo --engines poll,epoll --seconds 0.05 "$@" >"$scratch/out" 2>"$scratch/progress" &
    tool=$!
    while read -r said; do
        echo "$said" >>"$scratch/err"
        [ "$said" != "$line" ] || kill -"$signal" "$tool"
    done <"$scratch/progress"
    status=0
    wait "$tool" || status=$?
}

interrupt INT "round 3 of 900" --rounds 900 --json "$scratch/part.json"
[ "$status" = 130 ] || wrong "interrupted: status $status"
prints "(stopped early)"
prints "server CPU us/op"
"$CHECK_JSON" compare "$scratch/part.json" poll epoll >"$scratch/said" || wrong "$(cat "$scratch/said")"
grep -q "complete: no" "$scratch/said" || wrong "a stopped run calls itself complete"
leaves_nothing "an interrupt"

interrupt INT "counting system calls" --rounds 1
[ "$status" = 130 ] || wrong "interrupted while counting: status $status"
prints "(stopped early)"
leaves_nothing "an interrupt while system calls were counted"

interrupt INT "round 1 of 900" --rounds 900 --seconds 30
[ "$status" = 130 ] || wrong "interrupted in the first round: status $status"
grep -q "stopped before anything was measured" "$scratch/err" || wrong "$(cat "$scratch/err")"
leaves_nothing "an interrupt in the first round"

interrupt TERM "round 2 of 900" --rounds 900
[ "$status" = 143 ] || wrong "terminated: status $status"
leaves_nothing "a termination"

# Its children die with it, but not in the same moment.
interrupt KILL "round 2 of 900" --rounds 900
tries=0
while [ -n "$(tool_processes)" ] && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
leaves_nothing "a killed tool"
finish
