#!/bin/sh
# SPDX-License-Identifier: MIT
# A run that fails is made short, and the command that it prints fails again. Usage: shrinks.sh PROGRAM
# How short depends on the run: one that fails by a coincidence of times keeps what brings it about.
set -eu
said=$(WEIR_CANARY=early_timer "$1" --seeds 1-300) && {
    echo "a planted bug was not found"
    exit 1
}
echo "$said"
steps=$(echo "$said" | sed -n 's/^(\([0-9]*\) of [0-9]*;.*/\1/p' | sort -n | head -n 1)
command=$(echo "$said" | sed -n 's/^run it again: //p' | head -n 1)
[ "$steps" -le 15 ] || {
    echo "$steps steps are left where the fewest are"
    exit 1
}
told=$(eval "$command") && {
    echo "it does not fail again: $command"
    exit 1
}
last=$(echo "$told" | tail -n 1)
echo "$said" | grep -qxF "still: $last" || {
    echo "it fails with another sentence: $last"
    exit 1
}
