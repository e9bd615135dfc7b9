# SPDX-License-Identifier: MIT
# groff has nothing to complain about in a manual page.
set -eu
cd "${SOURCE:?}/docs/man"
command -v groff >/dev/null || {
    echo "skipped: groff is not installed"
    exit 77
}
warnings=$(for page in *.[137]; do
    groff -mandoc -Tutf8 -ww "$page" 2>&1 >/dev/null | sed "s/^/$page: /"
done)
[ -z "$warnings" ] || {
    echo "$warnings"
    exit 1
}
