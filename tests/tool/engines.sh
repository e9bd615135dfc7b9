# SPDX-License-Identifier: MIT
# `weir engines` names every mechanism once, says of each whether it can be used here and why not, and
# marks one as the default; its JSON says the same.
. "$(dirname "$0")/lib.sh"
names="threads spin select poll epoll epoll-et epoll-oneshot kqueue kqueue-et kqueue-oneshot iocp
    io_uring linux-aio posix-aio sigio sim"

succeeds "$weir" engines
for name in $names; do
    [ "$(awk -v name="$name" '$1 == name' "$scratch/out" | wc -l)" = 1 ] ||
        wrong "$name stands not once in: $(cat "$scratch/out")"
done
[ "$(awk '$3 == "default"' "$scratch/out" | wc -l)" = 1 ] || wrong "there is not one default"
awk 'NR > 1 && $3 == "no" && NF < 6 { print "no reason: " $0 }' "$scratch/out" >"$scratch/silent"
[ ! -s "$scratch/silent" ] || wrong "$(cat "$scratch/silent")"
default=$(awk '$3 == "default" { print $1 }' "$scratch/out")

succeeds "$weir" engines --json
cp "$scratch/out" "$scratch/engines.json"
"$CHECK_JSON" engines "$scratch/engines.json" || wrong "the JSON is not of the documented shape"
for name in $names; do
    grep -qF "\"name\": \"$name\"" "$scratch/engines.json" || wrong "the JSON lacks $name"
done
succeeds "$weir" engines --json -v
cp "$scratch/out" "$scratch/features.json"
"$CHECK_JSON" engines "$scratch/features.json" || wrong "the JSON of -v is not of the documented shape"
grep -qF '"features"' "$scratch/features.json" || wrong "the JSON of -v has no features"
succeeds "$weir" engines -v
prints "$default"

# How each op is served, as weir_query() tells it: one table for engines that serve alike, or one
# engine, or JSON with the same words.
succeeds "$weir" engines --matrix
prints 'recv-batch'
prints 'N  native: '
for name in $("$weir" engines | awk '$3 == "yes" || $3 == "default" { print $1 }'); do
    [ "$(grep ':$' "$scratch/out" | tr -d : | tr -s ', ' '\n' | grep -cx -e "$name")" = 1 ] ||
        wrong "$name heads not one table: $(grep ':$' "$scratch/out")"
done
succeeds "$weir" engines --matrix "$default"
[ "$(head -n 1 "$scratch/out")" = "$default:" ] || wrong "the table of $default has no heading"
[ "$(awk '$1 == "timer" { print $2 }' "$scratch/out")" = A ] || wrong "a timer is not at once"
[ "$(awk '$1 == "accept" { print $5 }' "$scratch/out")" != . ] || wrong "listeners do not accept"
[ "$(awk '$1 == "accept" { print $3 }' "$scratch/out")" = . ] || wrong "streams accept"
succeeds "$weir" engines --matrix --json
cp "$scratch/out" "$scratch/matrix.json"
"$CHECK_JSON" engines "$scratch/matrix.json" || wrong "the JSON of --matrix is not of the documented shape"
grep -qF '"matrix"' "$scratch/matrix.json" || wrong "the JSON of --matrix has no matrix"
refuses 2 "there is no engine 'nothing'" "$weir" engines --matrix nothing
refuses 2 "no second argument, but got 'poll'" "$weir" engines --matrix poll poll
refuses 1 'the engine iocp is not in this build' "$weir" engines --matrix iocp

# The choice can be asked for by name, and the list says what a program would then get.
refused=$("$weir" engines | awk '$3 == "no" { print $1; exit }')
reason=$("$weir" engines | awk -v name="$refused" '$1 == name' | sed 's/^[^ ]*  *[^ ]*  *no  *//')
refuses 1 "the engine $refused is refused here: $reason" \
    "$weir" compare echo --engines "$default,$refused"
finish
