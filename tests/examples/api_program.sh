# SPDX-License-Identifier: MIT
# The program at the beginning of docs/api.md prints what the document says.
. "${SOURCE:?}/tests/examples/lib.sh"

echo hello | "${PROGRAM:?}" >"$scratch/out"
says "$scratch/out" "$WEIR_ENGINE read 6 bytes"

# A pipe that stays open and empty: the deadline passes.
mkfifo "$scratch/silence"
exec 3<>"$scratch/silence"
"$PROGRAM" <"$scratch/silence" >"$scratch/out"
says "$scratch/out" "$WEIR_ENGINE read nothing: the deadline given to weir passed"
