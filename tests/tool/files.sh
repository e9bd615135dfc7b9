# SPDX-License-Identifier: MIT
# Random reads of a file: every reader is measured in each mode and depth, the JSON has the documented
# shape, and the file is gone afterwards, also after a stop and a full disk; no time is judged.
. "$(dirname "$0")/lib.sh"

refuses 2 "--size takes a power of two, not '5000'" "$weir" compare files --size 5000
refuses 2 "--size takes a whole number from 512 to 1048576, not '1'" "$weir" compare files --size 1
refuses 2 "--depths takes a whole number from 1 to 256, not '0'" "$weir" compare files --depths 1,0
refuses 2 "--depths takes at most 4 numbers" "$weir" compare files --depths 1,2,3,4,5
refuses 2 "there is no engine 'eepoll'; weir knows" "$weir" compare files --engines eepoll
refuses 2 "takes options only, but got '50'" "$weir" compare files 50
refuses 1 "cannot be written: Is a directory" "$weir" compare files --json "$scratch"

# none_left WHAT: no file of a comparison lies in the directory that was named.
none_left()
{
    set -- "$1" "$scratch"/place/*
    [ ! -e "$2" ] || wrong "$1 leaves $2"
}
mkdir "$scratch/place"

succeeds "$weir" compare files --engines epoll,poll --depths 1,3 --file-size 1 --rounds 1 \
    --seconds 0.02 --directory "$scratch/place" --json "$scratch/files.json"
prints "random reads of 4096 bytes from a file of 1 MiB in $scratch/place"
prints "cached reads, 1 at a time"
prints "cached reads, 3 at a time"
for reader in epoll poll blocking; do
    grep -q "^$reader .*[0-9]" "$scratch/out" || wrong "$reader is not in a table: $(cat "$scratch/out")"
done
grep -q "O_DIRECT" "$scratch/out" || wrong "nothing is said of O_DIRECT"
"$CHECK_JSON" files "$scratch/files.json" epoll poll blocking >"$scratch/said" ||
    wrong "JSON: $(cat "$scratch/said")"
grep -q "complete: yes" "$scratch/said" || wrong "a whole run is not complete"
none_left "a comparison"

# A stop in the middle.
"$weir" compare files --engines epoll --file-size 1 --seconds 30 --directory "$scratch/place" \
    >"$scratch/out" 2>"$scratch/err" &
process=$!
for attempt in $(seq 100); do
    grep -q "round 1" "$scratch/err" && break
    sleep 0.05
done
kill -TERM "$process"
status=0
wait "$process" || status=$?
[ "$status" = 143 ] || wrong "a stopped comparison ends with $status"
none_left "a stopped comparison"

refuses_there()
{
    run "$@"
    [ "$status" = 1 ] || wrong "status $status, not 1"
    grep -q "name another place by --directory" "$scratch/err" ||
        wrong "no way out is told: $(cat "$scratch/err")"
}
refuses_there "$weir" compare files --engines epoll --directory "$scratch/nowhere"
leaves_nothing "a comparison"
finish
