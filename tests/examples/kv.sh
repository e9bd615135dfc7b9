# SPDX-License-Identifier: MIT
# kv: three hosts agree, one may be missing, and what was acknowledged outlives all of them.
. "${SOURCE:?}/tests/examples/lib.sh"

# start HOST [early]: its process in $hostHOST. Its first line says that it is there.
start()
{
    host=$1
    peers=$(for other in 1 2 3; do [ "$other" = "$host" ] || echo "unix:$scratch/$other"; done)
    rm -f "$scratch/$host" "$scratch/first.$host"
    mkfifo "$scratch/first.$host"
    "$CLIENT" run "$EXAMPLES/kv" "$host" "unix:$scratch/$host" $peers "$scratch/$host.log" \
        >"$scratch/first.$host" 2>>"$scratch/kv.err" &
    servers="$servers $!"
    eval "host$host=$!"
    read -r line <"$scratch/first.$host" || :
    [ "$line" = "host $host at unix:$scratch/$host ($WEIR_ENGINE)" ] || {
        cat "$scratch/kv.err" >&2
        fail "the first line of host $host is: $line"
    }
    tries=0
    until [ -S "$scratch/$host" ]; do # it listens when its log is read
        tries=$((tries + 1))
        [ "$tries" -le 500 ] || fail "host $host does not listen"
        sleep 0.02
    done
}

# stop SIGNAL HOST STATUS
stop()
{
    eval "process=\$host$2"
    kill "-$1" "$process"
    got=0
    wait "$process" || got=$?
    [ "$got" = "$3" ] || {
        cat "$scratch/kv.err" >&2
        fail "host $2 ended $got, not $3, by SIG$1"
    }
}

# asks HOST LINE ANSWER; a host that was not connected to its peers yet says that it is not available.
asks()
{
    tries=0
    until "$CLIENT" ask "$scratch/$1" "$2" "$3" 2>"$scratch/asked"; do
        tries=$((tries + 1))
        grep -q "is 'unavailable', not" "$scratch/asked" && [ "$tries" -le 5 ] ||
            fail "$(cat "$scratch/asked")"
    done
}

for host in 1 2 3; do start "$host"; done
asks 1 "get colour" none
asks 1 "set colour blue" done
asks 3 "get colour" "value blue"
asks 2 "set colour red" done
asks 1 "get colour" "value red"
stop TERM 2 0
asks 3 "set colour green" done
asks 1 "get colour" "value green"
stop KILL 1 137
"$CLIENT" ask "$scratch/3" "get colour" unavailable || fail "one host of three agrees with itself"
stop KILL 3 137
for host in 1 2 3; do start "$host"; done
asks 2 "get colour" "value green" # which it never heard of
for host in 1 2 3; do stop INT "$host" 0; done
[ ! -s "$scratch/kv.err" ] || fail "a host complained: $(cat "$scratch/kv.err")"

# A log that was torn ends before the tear.
printf '9 1 colour purple 000' >>"$scratch/1.log"
for host in 1 2 3; do start "$host"; done
asks 1 "get colour" "value green"
for host in 1 2 3; do stop TERM "$host" 0; done

ends 2 "$EXAMPLES/kv" 4 :1 :2 :3 "$scratch/x.log"
ends 2 "$EXAMPLES/kv" 1 nowhere :2 :3 "$scratch/x.log"
ends 2 "$EXAMPLES/kv" 1 :1 :2 "$scratch/x.log"
says "$scratch/err" 'usage: kv 1\|2\|3 ADDRESS PEER PEER FILE \[early\]'
ends 1 "$EXAMPLES/kv" 1 "unix:$scratch/1" "unix:$scratch/2" "unix:$scratch/3" "$scratch/none/x.log"
says "$scratch/err" "kv: $scratch/none/x.log: no such file or directory"
