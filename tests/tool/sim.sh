# SPDX-License-Identifier: MIT
# weir sim: planted bugs are found, shrunk and told with the command that shows them again; a program
# without any passes; what proves nothing is refused.
. "$(dirname "$0")/lib.sh"
planted=${PLANTED:?PLANTED names the program with bugs}
cd "$scratch"

refuses 2 "a program is missing" "$weir" sim
refuses 2 "a program is missing" "$weir" sim --runs 5 --
refuses 2 "--runs takes a whole number from 1 to 1000000000, not 'x'" "$weir" sim --runs x true
refuses 2 "--jobs takes a whole number from 1 to 256, not '0'" "$weir" sim --jobs 0 true
refuses 2 "--timeout takes seconds from 0.1 to 86400, not '0'" "$weir" sim --timeout 0 true
refuses 2 "--model takes completion, level, edge or oneshot, not 'kqueue'" "$weir" sim --model kqueue true
refuses 2 "there is no option --dance" "$weir" sim --dance true
refuses 1 "opened no simulated world: it has to be linked with weir" "$weir" sim true
refuses 1 "cannot run the program: $scratch/none: No such file or directory" "$weir" sim "$scratch/none"
refuses 1 "is not the same from run to run: the traces of seed 1 differ in line" \
    "$weir" sim --runs 5 --calm "$planted" time

succeeds "$weir" sim --runs 200 "$planted" fine
prints "200 runs, seeds 1 to 200: none failed"
succeeds "$weir" sim --runs 20 --seed 7 --jobs 1 --calm --model edge -- "$planted" fine
prints "20 runs, seeds 7 to 26: none failed"
[ -z "$(ls ./*.trace 2>/dev/null)" ] || wrong "runs that passed leave a trace"

# A failing run: what it printed, the faults it takes, the trace, and a command that is true.
run "$weir" sim --runs 500 --trace found.trace "$planted" whole
[ "$status" = 1 ] || wrong "a bug ends with status $status: $(cat "$scratch/out" "$scratch/err")"
prints "fails: exit status 1, with"
prints "a message of"
prints "All of it is in found.trace."
kept=$(sed -n 's/.*fails: .* with \([0-9]*\) of \([0-9]*\) faults.*/\1 \2/p' "$scratch/out")
command=$(grep 'gdb --args' "$scratch/out" | sed 's/gdb --args//; s/^ *//')
seed=$(printf '%s\n' "$command" | sed 's/.*WEIR_SIM_SEED=\([0-9]*\).*/\1/')
[ -n "$seed" ] || wrong "no command is told"
run env $command
[ "$status" = 1 ] || wrong "the command that is told ends with $status"
grep -q 'a message of' "$scratch/err" || wrong "the command that is told prints something else"
grep -q "seed $seed\$" found.trace || wrong "the trace is not of seed $seed"
run "$weir" sim --runs 500 --trace found.trace "$planted" whole
[ "$kept" = "$(sed -n 's/.*fails: .* with \([0-9]*\) of \([0-9]*\) faults.*/\1 \2/p' "$scratch/out")" ] ||
    wrong "two runs of the tool find different things"
[ "${kept%% *}" -le 1 ] || wrong "one short transfer is enough, but ${kept%% *} faults were kept"

run "$weir" sim --runs 5 "$planted" status
[ "$status" = 1 ] || wrong "a program that always fails ends with $status"
prints "Seed 1 fails: exit status 3, with 0 of"
run "$weir" sim --runs 2 --timeout 0.3 --trace hang.trace "$planted" hang
[ "$status" = 1 ] || wrong "a program that hangs ends with $status"
prints "fails: no end in time"

refuses 1 "the trace cannot be written to $scratch/none/x" \
    "$weir" sim --runs 5 --trace "$scratch/none/x" "$planted" status
leaves_nothing "a simulation"
finish
