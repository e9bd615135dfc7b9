# SPDX-License-Identifier: MIT
# Calls go down. From an engine or a system file they come back up only by the functions that
# src/engine.h offers to mechanisms: loop_*, ready_*, pool_*; from src/base they never do.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
objects=$BUILD/src/CMakeFiles/weir_objects.dir
[ -d "$objects" ] || {
    echo "no objects of the library in $objects"
    exit 1
}

find "$objects" -name '*.o' | LC_ALL=C sort | while read -r object; do
    "$NM" -g "$object" | awk -v file="${object#"$objects"/}" '{
        print (NF == 2 ? "uses" : "defines"), $NF, file
    }'
done >"$scratch/symbols"

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
    FNR == NR { if ($1 == "defines") home[$2] = $3; next }
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
