# SPDX-License-Identifier: MIT
# cp: files of every size, byte for byte; what fails is told, and leaves nothing behind.
. "${SOURCE:?}/tests/examples/lib.sh"
cp_of_weir=$EXAMPLES/cp
cd "$scratch"

for bytes in 0 1 65535 65536 65537 262144 262145 10000000; do
    "$CLIENT" pattern $bytes >from
    "$cp_of_weir" from to
    same from to
done

# A longer file is replaced, permissions are those of the source, and of an old target its own.
"$CLIENT" pattern 100 >from
"$cp_of_weir" from to
same from to
chmod 750 from
(umask 022 && "$cp_of_weir" from new)
[ "$(stat -c %a new)" = 750 ] || fail "permissions $(stat -c %a new)"

ends 1 "$cp_of_weir" missing other
says err "cp: missing: no such file or directory"
[ ! -e other ] || fail "a copy of nothing is there"
ends 1 "$cp_of_weir" from nowhere/other
says err "cp: nowhere/other: no such file or directory"
ends 1 "$cp_of_weir" . other
says err "cp: \.: is a directory"
[ ! -e other ] || fail "a copy of a folder is there"
ln from link
ends 1 "$cp_of_weir" from link
says err "cp: from: is the same file as the target"
[ "$(wc -c <from)" -eq 100 ] || fail "the file was lost"

# A full device is told; what is not a file is left alone. (By a link, so that no device is lost.)
ln -s /dev/full full
ends 1 "$cp_of_weir" from full
says err "cp: full: no space left on the device"
[ -L full ] || fail "the link to a device is gone"

# A target that fails half-way is removed.
"$CLIENT" pattern 1000000 >from
ends 1 sh -c 'trap "" XFSZ 2>/dev/null || trap "" 25; ulimit -f 1000; exec "$0" from other' \
    "$cp_of_weir"
says err "cp: other: file too large"
[ ! -e other ] || fail "half a copy is left"

ends 2 "$cp_of_weir" from
says err "usage: cp FROM TO"
ends 2 "$cp_of_weir" from to more
export WEIR_ENGINE=none-such
ends 1 "$cp_of_weir" from to
says err "cp: WEIR_ENGINE: no engine of that name.*"
