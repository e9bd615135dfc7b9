# SPDX-License-Identifier: MIT
# One active connection among idle ones: every server is measured with each number, what a mechanism
# cannot hold is said, and the JSON has the documented shape; no time is judged.
. "$(dirname "$0")/lib.sh"

refuses 2 "--idle takes a whole number from 0 to 20000, not 'ten'" "$weir" compare idle --idle 1,ten
refuses 2 "each greater than the one before" "$weir" compare idle --idle 10,10
refuses 2 "--idle takes at most 4 numbers" "$weir" compare idle --idle 1,2,3,4,5
refuses 2 "there is no engine 'eepoll'; weir knows" "$weir" compare idle --engines eepoll
refuses 2 "takes options only, but got '50'" "$weir" compare idle 50
refuses 1 "cannot be written: Is a directory" "$weir" compare idle --json "$scratch"

succeeds "$weir" compare idle --engines poll,epoll --idle 0,70 --rounds 1 --seconds 0.05 \
    --json "$scratch/idle.json"
prints "one active connection among idle ones, 64 bytes a request, server and load on one core"
prints "CPU us/op, 70 idle"
prints "server CPU an operation, from 0 to 70 idle connections:"
for server in poll epoll blocking hand-epoll; do
    [ "$(grep -c "^$server " "$scratch/out")" = 1 ] || wrong "$server is not in the table"
done
"$CHECK_JSON" idle "$scratch/idle.json" 0 70 >"$scratch/said" || wrong "JSON: $(cat "$scratch/said")"
grep -q "complete: yes" "$scratch/said" || wrong "a whole run is not complete"

# The silent connections are really there: poll looks at each of them at every wait, epoll at none, and
# so both make the same calls.
calls=$(awk '/^(poll|epoll) / { print $NF }' "$scratch/out" | sort -u | wc -l)
[ "$calls" = 1 ] || wrong "system calls differ: $(cat "$scratch/out")"
leaves_nothing "a comparison"
finish
