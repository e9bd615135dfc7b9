# SPDX-License-Identifier: MIT
# The examples that need nothing from outside: what they print, and that they end well.
. "${SOURCE:?}/tests/examples/lib.sh"
cd "$scratch"

# Each line told, in its order, and no time earlier than asked.
ends 0 "$EXAMPLES/timer"
awk '
    function line(number, name, least) {
        if (number == NR && ($1 != name || $2 != "after" || $3 < least || $4 != "ms"))
            print "wrong: " $0
    }
    { line(1, "once", 10); line(2, "tick", 20); line(3, "tick", 40); line(4, "tick", 60) }
    { line(5, "moved", 90) }
    NR == 6 && $0 != "idle: ECANCELED" { print "wrong: " $0 }
    END { if (NR != 6) print "wrong: " NR " lines" }
' out >verdict
[ ! -s verdict ] || fail "timer: $(cat verdict)"

ends 0 "$EXAMPLES/cancel"
sort out >sorted
cat >wanted <<'END'
accept ended: ECANCELED, cancelled by the caller
cancel all of the pipe: 3 ops asked
cancel of an op that ended: ENOENT
poll ended: ECANCELED, cancelled by the caller
read ended: ECANCELED, cancelled by the caller
read ended: ECANCELED, cancelled by the caller
signal ended: ECANCELED, cancelled by the caller
timer ended: ECANCELED, cancelled by the caller
END
same wanted sorted

ends 0 "$EXAMPLES/deadline"
awk '
    NR == 1 && !/^connect: OK \(.*\) after [0-9]+ ms$/ { print "wrong: " $0 }
    NR == 2 && !/^recv: EDEADLINE \(the deadline given to weir passed\) after [0-9]+ ms$/ {
        print "wrong: " $0
    }
    NR == 2 && $(NF - 1) < 50 { print "wrong: too early: " $0 }
    END { if (NR != 2) print "wrong: " NR " lines" }
' out >verdict
[ ! -s verdict ] || fail "deadline: $(cat verdict)"

# Of the order between the three descriptors nothing is promised, of each one's own it is.
ends 0 "$EXAMPLES/readiness"
{
    grep '^level' out
    grep '^edge' out
    grep '^one-shot' out
} >sorted
cat >wanted <<'END'
level: read 1
level: read 1
level: read 1
level: read 1
level: ECANCELED
edge: read 2
edge: read 2
edge: ECANCELED
one-shot: read 1, no more to be told
END
same wanted sorted
[ "$(wc -l <out)" -eq 9 ] || fail "readiness told more: $(cat out)"

ends 0 "$EXAMPLES/work"
[ "$(head -n 1 out)" = "78498 primes below 1000000" ] || fail "work: $(cat out)"
tail -n +2 out >told
says told "the loop ticked [1-9][0-9]* times meanwhile"

# These have no descriptor that an outer loop could wait for; every other engine here has.
case $WEIR_ENGINE in
poll | select | spin) embeds=no ;;
*) embeds=yes ;;
esac
if [ $embeds = no ]; then
    ends 1 "$EXAMPLES/embed"
    says err "embed: engine $WEIR_ENGINE has no descriptor to wait for: not supported here"
    [ ! -s out ] || fail "embed: $(cat out)"
else
    ends 0 "$EXAMPLES/embed"
    {
        grep '^weir: tick' out
        grep '^outer: ' out
        grep '^weir: read' out
    } >sorted
    cat >wanted <<'END'
weir: tick 1
weir: tick 2
weir: tick 3
outer: read t from weir
outer: read t from weir
outer: read t from weir
weir: read 1 from the outer loop
weir: read 1 from the outer loop
weir: read 1 from the outer loop
weir: read 0 from the outer loop
END
    same wanted sorted
    [ "$(wc -l <out)" -eq 10 ] || fail "embed told more: $(cat out)"
fi

export WEIR_ENGINE=none-such
for program in timer cancel deadline readiness work embed; do
    ends 1 "$EXAMPLES/$program"
    says err "$program: .*no engine of that name.*"
    [ ! -s out ] || fail "$program without an engine: $(cat out)"
done
