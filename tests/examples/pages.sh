# SPDX-License-Identifier: MIT
# The manual pages tell every error of include/weir/error.h, in its words and order, and no function
# that is not there.
set -eu
cd "${SOURCE:?}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-pages.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# "NAME text" a line, from the header and from the page; weir's own come first in the page.
sed -n 's/^ *X(\(E[A-Z0-9]*\), -[0-9]*, "\(.*\)").*/\1 \2/p' include/weir/error.h >"$scratch/wanted"
sed -n 's/^ *X(\(E[A-Z0-9]*\), "\(.*\)").*/\1 \2/p' include/weir/error.h >>"$scratch/wanted"
awk '
    /^\.It Dv WEIR_/ { name = substr($3, 6); next }
    name { print name, tolower(substr($0, 1, 1)) substr($0, 2, length($0) - 2); name = "" }
' docs/man/weir_errors.7 >"$scratch/told"
awk '{ print $1, tolower(substr($2, 1, 1)) substr($0, length($1) + 3) }' "$scratch/wanted" \
    >"$scratch/lower"
[ "$(wc -l <"$scratch/lower")" -gt 60 ] || {
    echo "wrong: include/weir/error.h was not understood"
    exit 1
}
diff "$scratch/lower" "$scratch/told" || {
    echo "wrong: docs/man/weir_errors.7 differs from include/weir/error.h"
    exit 1
}

sed -n 's/^\.F[no] \(weir_[a-z_]*\).*/\1/p' docs/man/*.[137] | LC_ALL=C sort -u >"$scratch/functions"
[ "$(wc -l <"$scratch/functions")" -gt 40 ] || {
    echo "wrong: docs/man/ was not understood"
    exit 1
}
while read -r function; do
    grep -q "\b$function(" include/weir.h include/weir/sim.h || echo "there is no $function()"
done <"$scratch/functions" >"$scratch/missing"
[ ! -s "$scratch/missing" ] || {
    cat "$scratch/missing"
    exit 1
}
