# SPDX-License-Identifier: MIT
# Too few file descriptors are told before anything starts; a soft limit is raised without a word.
. "$(dirname "$0")/lib.sh"

# limited SOFT HARD COMMAND...
limited()
{
    (
        ulimit -Sn "$1"
        ulimit -Hn "$2"
        shift 2
        exec "$@"
    )
}
refuses 1 "100 connections need 132 file descriptors a process, but the hard limit is 64" \
    limited 64 64 "$weir" compare echo --connections 100
refuses 1 "raise it (ulimit -Hn 132) or use fewer --connections" \
    limited 32 131 "$weir" compare echo --connections 100
succeeds limited 32 132 "$weir" compare echo --connections 100 --rounds 1 --seconds 0.05 --engines poll
prints "poll"
leaves_nothing "a limit"
finish
