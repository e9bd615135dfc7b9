# SPDX-License-Identifier: MIT
# The tool as it is on a system of which nothing but POSIX is known: it measures what can be measured, and
# says of the rest in one sentence that this system does not offer it. WEIR is such a tool.
. "$(dirname "$0")/lib.sh"

# What it makes for itself has no name when it is there.
mkdir "$scratch/temporary" "$scratch/place"
TMPDIR=$scratch/temporary
export TMPDIR

# none_in FOLDER WHAT
none_in()
{
    set -- "$2" "$1"/*
    [ ! -e "$2" ] || wrong "$1 leaves $2"
}

list=$("$weir" compare echo --help | sed -n '/allowed here of/,/)/{ s/.* //; s/)$//; p; }' | tail -n 1)
case $list in
*kqueue*) hand=hand-kqueue watched=kqueue ;;
*) hand=hand-epoll watched=epoll ;;
esac
engines=$("$weir" engines | awk -v list=",$list," '
    ($3 == "yes" || $3 == "default") && index(list, "," $1 ",") { print $1 }')

succeeds "$weir" compare echo --engines "$(echo $engines | tr ' ' ,)" --rounds 1 --seconds 0.05 \
    --connections 70 --json "$scratch/one.json"
prints "echo, 70 connections x 64 bytes, server and load on any cores"
for engine in $engines; do
    [ "$(grep -c "^$engine .* n/a" "$scratch/out")" = 2 ] || wrong "$engine is not in both tables"
    grep -q "^$engine .*[0-9]%.* n/a: this system stops no process at its system calls" "$scratch/out" ||
        wrong "$engine: nobody says why its system calls are not counted: $(cat "$scratch/out")"
done
! grep -q "counting system calls" "$scratch/err" || wrong "it says that it counts system calls"
"$CHECK_JSON" compare "$scratch/one.json" $engines >"$scratch/said" || wrong "JSON: $(cat "$scratch/said")"
grep -q '"cores": "any"' "$scratch/one.json" || wrong "JSON tells cores that nobody chose"
leaves_nothing "a comparison"
none_in "$scratch/temporary" "a comparison"

for option in --same-core --cross-core; do
    refuses 1 "$option cannot be had: this system binds no process to a CPU" \
        "$weir" compare echo "$option"
done

succeeds "$weir" compare idle --engines "poll,$watched" --idle 0,70 --rounds 1 --seconds 0.05
prints "server and load on any cores"
for server in poll "$watched" blocking "$hand"; do
    [ "$(grep -c "^$server .* n/a$" "$scratch/out")" = 1 ] || wrong "$server is not in the table"
done

succeeds "$weir" compare files --engines "$watched,threads" --depths 1,3 --file-size 1 --rounds 1 \
    --seconds 0.02 --directory "$scratch/place" --json "$scratch/files.json"
for reader in "$watched" threads blocking; do
    [ "$(grep -c "^$reader .*[0-9]" "$scratch/out")" = 2 ] || wrong "$reader is not in both tables"
done
prints "not measured: direct: $scratch/place cannot be read past the cache"
"$CHECK_JSON" files "$scratch/files.json" "$watched" threads blocking >"$scratch/said" ||
    wrong "JSON: $(cat "$scratch/said")"
none_in "$scratch/place" "a comparison of files"
none_in "$scratch/temporary" "a comparison of files"
run "$weir" compare files --engines "$watched" --direct --file-size 1 --directory "$scratch/place"
[ "$status" = 1 ] || wrong "reads past the cache alone: status $status"
grep -q "cannot be read past the cache" "$scratch/err" || wrong "$(cat "$scratch/err")"

# It finds itself again when it was found by PATH.
PATH="$scratch:$PATH" succeeds weir compare echo --engines poll --rounds 1 --seconds 0.05 --connections 1

# Ctrl-C takes servers and loads with it.
mkfifo "$scratch/progress"
"$weir" compare echo --engines "poll,$watched" --rounds 900 --seconds 0.05 >"$scratch/out" \
    2>"$scratch/progress" &
tool=$!
while read -r said; do
    [ "$said" != "round 3 of 900" ] || kill -INT "$tool"
done <"$scratch/progress"
status=0
wait "$tool" || status=$?
[ "$status" = 130 ] || wrong "interrupted: status $status"
prints "(stopped early)"
leaves_nothing "an interrupt"
none_in "$scratch/temporary" "an interrupt"
finish
