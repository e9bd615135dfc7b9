# SPDX-License-Identifier: MIT
# Every script parses, is executable, stops at its first failure, and explains itself with --help.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

for script in scripts/* scripts/platform.d/* .ci/run; do
    [ -f "$script" ] || continue
    [ -x "$script" ] || echo "$script: not executable"
    sh -n "$script" 2>&1 || echo "$script: does not parse"
    grep -q '^set -eu$' "$script" || echo "$script: no line: set -eu"
    (cd / && "$SOURCE/$script" --help) >"$scratch/help" 2>&1 </dev/null ||
        echo "$script: --help fails"
    grep -q '^usage: ' "$scratch/help" || echo "$script: --help shows no usage"
done >"$scratch/findings"
verdict "$scratch/findings"
