#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that the plan is kept: every case of plan.txt exists, or stands in later.txt; every case that
# exists is planned; no row of later.txt or skips.txt is stale, and each of emulated.txt names a case.
# Prints how many run, are skipped, come later.
# Usage: plan.sh FOLDER-OF-THE-LISTS FOLDER-OF-THE-PROGRAMS "ENGINES" TOPIC...
set -eu
lists=$1 programs=$2 engines=$3
shift 3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

rows()
{
    grep -v -e '^#' -e '^$' "$1" || true
}

# What is there: topic.case, one a line.
for topic; do
    "$programs/contract-$topic" --list | sed "s/^/$topic./"
done >"$scratch/there"
rows "$lists/plan.txt" | sed 's/ /./' >"$scratch/planned"
rows "$lists/later.txt" >"$scratch/later"
rows "$lists/skips.txt" >"$scratch/skips"

# A case whose name is a planned one's with _tcp6, _unix, ... behind it is that case on another transport.
awk '
    FILENAME ~ /\/there$/ { there[$1] = 1; next }
    FILENAME ~ /\/later$/ {
        if (NF != 2 || $2 !~ /^(Linux|sim|limit|kqueue|Windows)$/)
            print "later.txt: not \"topic.case area\": " $0
        if ($1 in later)
            print "later.txt: twice: " $1
        later[$1] = 1
        next
    }
    {
        if (NF != 1 || $1 !~ /^[a-z_]+\.[A-Za-z0-9_]+$/)
            print "plan.txt: not \"topic case\": " $0
        if ($1 in planned)
            print "plan.txt: twice: " $1
        planned[$1] = 1
    }
    END {
        for (name in planned) {
            if (!(name in there) && !(name in later))
                print "planned, but there is no such case: " name
            if ((name in there) && (name in later))
                print "later.txt: stale, the case is there: " name
        }
        for (name in later)
            if (!(name in planned))
                print "later.txt: not planned: " name
        for (name in there) {
            base = name
            sub(/_(tcp6|unix|blocking|pipe|fifo)$/, "", base)
            if (!(name in planned) && !(base in planned))
                print "not planned, but there is a case: " name
        }
    }
' "$scratch/there" "$scratch/later" "$scratch/planned" | LC_ALL=C sort >"$scratch/findings"

# Each skip has to happen, on each engine that it names (* is all of them); with ? for the engine the
# machine decides.
skipped=0
while read -r name engine reason; do
    case " $engines " in
    *" $engine "*) on=$engine ;;
    *)  on=
        [ "$engine" != '*' ] || on=$engines ;;
    esac
    pattern=$(echo "$name" | sed 's/[.]/[.]/g; s/[*]/.*/g')
    if ! grep -qx -e "$pattern" "$scratch/there"; then
        echo "skips.txt: there is no such case: $name" >>"$scratch/findings"
        continue
    fi
    for one in $on; do
        said=$("$programs/contract-${name%%.*}" --engine "$one" --case "${name#*.}") || true
        case $said in
        *"skip "${name#*.}": $reason"*) skipped=$((skipped + $(echo "$said" | grep -c ": $reason\$"))) ;;
        *"skip "${name#*.}": "*) skipped=$((skipped + 1)) ;; # something that this machine lacks came before
        "skip every case"*) ;;
        *)  echo "skips.txt: stale, it is not skipped on $one: $name" >>"$scratch/findings" ;;
        esac
    done
done <"$scratch/skips"

# Whether a row is stale is seen under the emulator.
rows "$lists/emulated.txt" | awk '
    FILENAME ~ /\/there$/ { there[++count] = $1; next }
    !/^[^ ]+ [^ ]+ "[^"]+" ./ { print "emulated.txt: not \"topic.case engine \\\"words\\\" reason\": " $0; next }
    $1 != "every_case" {
        pattern = $1
        gsub(/[.]/, "[.]", pattern)
        sub(/[*]/, ".*", pattern)
        found = 0
        for (i = 1; i <= count; i++)
            found += there[i] ~ "^" pattern "$"
        if (!found)
            print "emulated.txt: there is no such case: " $1
    }
' "$scratch/there" - >>"$scratch/findings"

count=$(wc -l <"$scratch/there") kinds=$(set -- $engines; echo $#)
cat "$scratch/findings"
echo "$((count)) cases on $kinds engines: $((count * kinds - skipped)) run, $skipped skipped;" \
    "$(wc -l <"$scratch/later") planned ones come later"
[ ! -s "$scratch/findings" ]
