# SPDX-License-Identifier: MIT
# cat: files, pipes, a terminal and the standard input, byte for byte; each error told, the rest goes on.
. "${SOURCE:?}/tests/examples/lib.sh"
cat_of_weir=$EXAMPLES/cat

: >"$scratch/empty"
"$CLIENT" pattern 1 >"$scratch/one"
"$CLIENT" pattern 300001 >"$scratch/some"
"$CLIENT" pattern 5000000 >"$scratch/many"
cd "$scratch"

"$cat_of_weir" empty >out
same empty out
"$cat_of_weir" one some empty many one >out
cat one some empty many one >wanted
same wanted out
"$cat_of_weir" some >>out
cat some >>wanted
same wanted out

# Pipes on either side, and both; the standard input twice has nothing the second time.
"$cat_of_weir" some many one | cat >out
cat some many one >wanted
same wanted out
cat many | "$cat_of_weir" one - some | cat >out
cat one many some >wanted
same wanted out
cat some | "$cat_of_weir" - - >out
same some out

# The standard input may be a file that is already read in part.
{
    head -c 0 >head
    "$cat_of_weir" - one
} <many >out
cat many one >wanted
same wanted out
"$cat_of_weir" - </dev/null >out
same empty out

"$CLIENT" terminal "$cat_of_weir" some one >out
cat some one >wanted
same wanted out

# What cannot be read is told; what comes after it is still written.
ends 1 "$cat_of_weir" one missing some
cat one some >wanted
same wanted out
says err "cat: missing: no such file or directory"
ends 1 "$cat_of_weir" . one
same one out
says err "cat: \.: is a directory"

got=0
"$cat_of_weir" one >/dev/full 2>err || got=$?
[ "$got" -eq 1 ] || fail "cat to a full device ended $got"
says err "cat: standard output: no space left on the device"

# A reader that goes away ends it with a sentence, not by a signal.
{
    got=0
    "$cat_of_weir" many many 2>err || got=$?
    echo "$got" >status
} | head -c 1 >/dev/null
[ "$(cat status)" -eq 1 ] || fail "cat into a closed pipe ended $(cat status)"
says err "cat: standard output: the other end no longer reads"

ends 2 "$cat_of_weir"
says err "usage: cat FILE\.\.\."
export WEIR_ENGINE=none-such
ends 1 "$cat_of_weir" one
says err "cat: WEIR_ENGINE: no engine of that name.*"
