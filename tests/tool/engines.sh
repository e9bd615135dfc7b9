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

# The choice can be asked for by name, and the list says what a program would then get.
refused=$("$weir" engines | awk '$3 == "no" { print $1; exit }')
reason=$("$weir" engines | awk -v name="$refused" '$1 == name' | sed 's/^[^ ]*  *[^ ]*  *no  *//')
refuses 1 "the engine $refused is refused here: $reason" \
    "$weir" compare echo --engines "$default,$refused"
finish
