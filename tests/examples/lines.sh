# SPDX-License-Identifier: MIT
# No example is longer than 90 lines, and each is told by a sentence in its second line.
set -eu
cd "${SOURCE:?}/examples"
awk '
    FNR == 1 { files++ }
    FNR == 2 && index($0, "/* " FILENAME " - ") != 1 {
        printf "%s:2: does not begin with /* %s - \n", FILENAME, FILENAME
        bad = 1
    }
    FNR == 91 { printf "%s: over 90 lines\n", FILENAME; bad = 1 }
    END {
        printf "%d examples\n", files
        exit bad || files < 10
    }
' *.c
