# SPDX-License-Identifier: MIT
# tail: what is appended, also after the file was cut, and nothing of what was there before.
. "${SOURCE:?}/tests/examples/lib.sh"
cd "$scratch"

# holds FILE LINES: waits until the file has so many lines, at most 20 seconds.
holds()
{
    for _ in $(seq 400); do
        [ "$(wc -l <"$1")" -ge "$2" ] && return 0
        sleep 0.05
    done
    fail "$1 has $(wc -l <"$1") lines, not $2"
}

echo "before" >file
: >out
"$CLIENT" run "$EXAMPLES/tail" file >>out 2>err &
server=$!
servers=$server
# It has begun once something that was appended is told; how often that took does not matter.
for _ in $(seq 400); do
    echo "begin" >>file
    [ -s out ] && break
    sleep 0.05
done
begun=$(grep -c . file)
echo "one" >>file
"$CLIENT" pattern 300001 >>file
echo >>file
tail=$(wc -c <file)
for _ in $(seq 400); do
    grep -aq one out && [ "$(sed '1,/^one$/d' out | wc -c)" -eq 300002 ] && break
    sleep 0.05
done
sed '1,/^one$/d' out >told
"$CLIENT" pattern 300001 >wanted
echo >>wanted
same wanted told
! grep -aqx before out || fail "it told what was there before"
[ "$begun" -gt 1 ] && [ "$tail" -gt 300000 ] || fail "the file is not what it should be"

# Cut, and shorter than before.
: >out
echo "anew" >file
holds out 1
says out "anew"
echo "and more" >>file
holds out 2
stopped INT 0
printf '%s\n' "anew" "and more" >wanted
same wanted out
[ ! -s err ] || fail "tail complained: $(cat err)"

ends 1 "$EXAMPLES/tail" missing
says err "tail: no such file or directory"
ends 1 "$EXAMPLES/tail" .
says err "tail: is a directory"
ends 2 "$EXAMPLES/tail"
says err "usage: tail FILE"
export WEIR_ENGINE=none-such
ends 1 "$EXAMPLES/tail" file
says err "tail: WEIR_ENGINE: no engine of that name.*"
