# SPDX-License-Identifier: MIT
# Every benchmark measures what it is told, in interleaved rounds with a row for each program and goal,
# says of each that cannot take part why, decides nothing from too few rounds, and refuses wrong options
# with status 2. What is gated on is system calls; no time is judged.
. "$(dirname "$0")/lib.sh"

# refuses_bench NAME SENTENCE-PART OPTION...
refuses_bench()
{
    name=$1 part=$2
    shift 2
    run "$BENCH/$name" "$@"
    [ "$status" = 2 ] || wrong "bench $name $*: status $status"
    grep -qF -e "$part" "$scratch/err" || wrong "bench $name $*: says $(cat "$scratch/err")"
}
for bad in 50 50x x64 50x64x 0x64 50x0 50x64x0 50x64,; do
    refuses_bench echo "--shapes takes 50x64,1000x64 and the like, not '$bad'" --shapes "$bad"
done
refuses_bench echo "--only names nothing of --list: 'dance'" --only dance
refuses_bench echo "--add takes NAME=PROGRAM, not 'dance'" --add dance
refuses_bench echo "--rounds takes a number from 1 to 1000, not 'many'" --rounds many
refuses_bench echo "--dance" --dance
refuses_bench echo "there is no use for 'dance'" dance
refuses_bench idle "--idle takes ascending numbers, not '10,10'" --idle 10,10
refuses_bench idle "--idle takes at most 4 numbers from 0 to 20000, not '1,2,3,4,5'" --idle 1,2,3,4,5
refuses_bench group "--connections takes a number from 1 to 900, not '0'" --connections 0
refuses_bench memory "--connections takes a number from 100 to 20000, not '1'" --connections 1
refuses_bench timers "--timers takes at most 4 numbers from 1 to 10000000, not '0'" --timers 0
refuses_bench udp "--sizes takes at most 4 numbers from 1 to 1400, not '9000'" --sizes 9000

# measures NAME OPTION...: it runs, and every program of its list has a row or a reason.
measures()
{
    name=$1
    shift
    run "$BENCH/$name" --rounds 2 --rounds-max 2 --seconds 0.02 --json "$scratch/$name.json" "$@"
    [ "$status" = 0 ] || wrong "bench $name: status $status: $(cat "$scratch/err")"
    grep -qF '"schema": "weir-bench-1"' "$scratch/$name.json" || wrong "bench $name: no JSON"
    grep -qF '"complete": true' "$scratch/$name.json" || wrong "bench $name: not complete"
    grep -q '"decision": "met"' "$scratch/$name.json" && wrong "bench $name: two rounds decide"
    "$BENCH/$name" --list | sed 's/^[a-z]*://' | LC_ALL=C sort -u >"$scratch/list"
    [ -s "$scratch/list" ] || wrong "bench $name: an empty list"
}

# has_row PROGRAM: in the last output; whatever was measured or refused.
has_row()
{
    grep -qE "^(refused: )?$1(,.*idle)?[: ] *.*[0-9a-z]" "$scratch/out" ||
        wrong "bench $name: nothing of $1: $(cat "$scratch/out")"
}

measures echo --shapes 3x64
prints "3x64, one core"
while read -r program; do
    has_row "$program"
done <"$scratch/list"
measures echo --shapes 3x64,2x100x4 --only 'hand-poll,weir-p*'
prints "2x100 pipelined 4, one core"
[ "$(grep -c '^weir-poll / hand-poll .* goal <= 1.05  *not resolved$' "$scratch/out")" = 2 ] ||
    wrong "two rounds decide: $(cat "$scratch/out")"
grep -qF '"first": "weir-poll"' "$scratch/echo.json" || wrong "no goal in the JSON"

# What an engine cannot hold is refused, and said why; the others are measured.
measures echo --shapes 1020x64 --only weir-select,weir-threads,weir-poll
prints "refused: weir-threads: the engine starts at most 1,024 threads"
prints "refused: weir-select: a set of select() ends at FD_SETSIZE"
has_row weir-poll

measures idle --idle 1,70 --only weir-poll,weir-epoll,hand-epoll
for program in weir-poll weir-epoll hand-epoll; do
    prints "$program, 1 idle"
    prints "$program, 70 idle"
done
prints "weir-epoll, 70 idle / weir-epoll, 1 idle"

measures group --connections 6 --only 'weir-poll-*'
has_row weir-poll-1
has_row weir-poll-2
prints "weir-poll-2 / weir-poll-1"

measures memory --connections 300 --only weir,hand-epoll
prints "300 connections, one active"
prints "300 connections, all active"
prints "bytes/connection"
prints "weir / 8192, peak_kib"

measures udp --sizes 64
while read -r program; do
    has_row "$program"
done <"$scratch/list"

measures timers --timers 1000
while read -r program; do
    has_row "$program"
done <"$scratch/list"
# Setting a timer anew asks the kernel for nothing; the rest is the end of the run.
awk '/"name": "weir-deadline"/ { mine = 1 } mine && /"per_operation"/ { print $2 + 0; exit }' \
    "$scratch/timers.json" | awk '{ exit !($1 < 0.01) }' || wrong "a re-arm makes system calls"

measures post
while read -r program; do
    has_row "$program"
done <"$scratch/list"
prints "posts to a loop that is awake"
prints "a post to a loop that sleeps"
prints "nops, 32 at a time"

measures files --file-size 1 --depths 1,3 --directory "$scratch"
prints "cached, 1 at a time"
prints "O_DIRECT, 3 at a time"
prints "beside: fio"
while read -r program; do
    has_row "$program"
done <"$scratch/list"
for left in "$scratch"/weir-bench-files.*; do
    [ ! -e "$left" ] || wrong "bench files leaves $left"
done
refuses_bench files "--depths takes at most 4 numbers from 1 to 256, not '0'" --depths 0

# The tables that documents are made of have a column for each cell and a row for each program.
run "$BENCH/tables" "$scratch/files.json" "$scratch/echo.json"
[ "$status" = 0 ] || wrong "tables: status $status: $(cat "$scratch/err")"
prints "| program | O_DIRECT, 1 at a time |"
prints "| weir-threads | refused |"
prints "- refused: weir-select: a set of select() ends at FD_SETSIZE"
grep -q '^| weir-epoll | [0-9]' "$scratch/out" || wrong "no figures of weir-epoll: $(cat "$scratch/out")"
grep -q '^`scripts/bench files --rounds 2 .*2 to 2 rounds; Linux' "$scratch/out" ||
    wrong "the tables do not say where they come from: $(cat "$scratch/out")"
# They take the place of what stands between two marks of a document, and of nothing else.
mkdir "$scratch/results"
cp "$scratch/out" "$scratch/results/files.md"
printf '%s\n' before '<!-- table: files -->' old '<!-- end of table -->' between \
    '<!-- table: none -->' kept '<!-- end of table -->' after >"$scratch/document.md"
for time in once twice; do
    run "$(dirname "$0")/../../scripts/bench" fill "$scratch/document.md" "$scratch/results"
    [ "$status" = 0 ] || wrong "fill, $time: status $status: $(cat "$scratch/err")"
    [ "$(wc -l <"$scratch/document.md")" = $(($(wc -l <"$scratch/results/files.md") + 10)) ] ||
        wrong "fill, $time: $(cat "$scratch/document.md")"
done
grep -qx old "$scratch/document.md" && wrong "fill leaves what it replaces"
for kept in before between kept after; do
    grep -qx "$kept" "$scratch/document.md" || wrong "fill lost '$kept'"
done
echo '{}' >"$scratch/other.json"
run "$BENCH/tables" "$scratch/other.json"
[ "$status" = 1 ] || wrong "tables takes any JSON"

# A server that answers wrongly fails the run with its sentence.
printf '#!/bin/sh\nexec "%s" "$1" corrupt\n' "$PLANTED" >"$scratch/planted"
chmod +x "$scratch/planted"
run "$BENCH/echo" --shapes 3x64 --add "planted=$scratch/planted" --only hand-poll,planted --rounds 2 \
    --seconds 0.05
[ "$status" = 1 ] || wrong "a corrupting server: status $status"
grep -q "wrong byte" "$scratch/err" || wrong "a corrupting server: $(cat "$scratch/err")"
finish
