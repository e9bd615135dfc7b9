# SPDX-License-Identifier: MIT
# The program in docs/simulation.md prints what is shown there, whatever the seed.
set -eu
: "${SOURCE:?}" "${PROGRAM:?}"
unset WEIR_SIM_SEED WEIR_SIM_SWARM WEIR_SIM_FAULTS WEIR_SIM_MODEL WEIR_SIM_STEPS WEIR_SIM_TRACE
seed=1
while [ $seed -le 100 ]; do
    said=$(WEIR_SIM_SEED=$seed "$PROGRAM") || {
        echo "the program ends badly with seed $seed: $said"
        exit 1
    }
    grep -qxF -e "$said" "$SOURCE/docs/simulation.md" || {
        echo "docs/simulation.md does not show what seed $seed prints: $said"
        exit 1
    }
    seed=$((seed + 1))
done
