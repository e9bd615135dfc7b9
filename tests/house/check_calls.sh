# SPDX-License-Identifier: MIT
# Calls go down. From an engine or a system file they come back up only by the functions that
# src/engine.h offers to mechanisms: loop_*, ready_*, pool_*; from src/base they never do.
#
# No loop waits for another one: locks are taken where threads are made, and by mechanisms that are
# threads. What an op goes through has none, whatever it does.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
symbols_of_objects -g >"$scratch/found"
awk '{ print ($2 ~ /^[Uvw]$/ ? "uses" : "defines"), $3, $1 }' "$scratch/found" >"$scratch/symbols"

awk '
    function floor(file) {
        if (file ~ /^base\//) return 0
        if (file ~ /^(os|sim)\//) return 1
        if (file ~ /^engine\//) return 2
        return file ~ /^(ready|offload)\./ ? 3 : 4
    }
    # An engine of several files shares its first name: uring.c, uring_entries.c.
    function first_name(file) {
        sub(/[_.][^\/]*$/, "", file)
        return file
    }
    function is_lock(symbol) {
        return symbol ~ /^_?(pthread_(mutex|cond|rwlock|spin|barrier)_|sem_|mtx_|cnd_)/
    }
    # Of the core and its engines; the system below them is asked by name for what it locks.
    function may_lock(file) {
        return file ~ /^(os|base|sim)\// || file ~ /^(group|group_listen|offload)\./ ||
               file ~ /^engine\/(threads|posix_aio)/
    }
    FNR == NR { if ($1 == "defines") home[$2] = $3; next }
    $1 == "uses" && is_lock($2) && !may_lock($3) {
        printf "src/%s: uses a lock, %s\n", $3, $2
    }
    $1 == "uses" && ($2 in home) {
        mine = floor($3)
        theirs = floor(home[$2])
        if (mine == 2 && theirs == 2 && first_name(home[$2]) != first_name($3))
            printf "src/%s: calls %s of another engine, src/%s\n", $3, $2, home[$2]
        if (mine > 2 || theirs <= mine)
            next
        if (mine > 0 && $2 ~ /^(loop|ready|pool)_/)
            next
        printf "src/%s: calls up to %s of src/%s\n", $3, $2, home[$2]
    }
' "$scratch/symbols" "$scratch/symbols" | sed 's/\.o:/:/; s/\.o$//' >"$scratch/findings"
echo "$(grep -c ^uses "$scratch/symbols") uses of symbols"
verdict "$scratch/findings"
