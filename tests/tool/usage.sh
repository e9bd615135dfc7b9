# SPDX-License-Identifier: MIT
# Every wrong use of the tool ends with status 2 and one sentence that says what was wrong; help and
# version are printed; what --help names, the manual explains.
. "$(dirname "$0")/lib.sh"

refuses 2 "a command is missing" "$weir"
refuses 2 "there is no \`weir dance\`" "$weir" dance
refuses 2 "there is no option --dance" "$weir" --dance
refuses 2 "there is no option -x" "$weir" -x
refuses 2 "the option --version takes no value" "$weir" --version=2

refuses 2 "there is no option --dance" "$weir" engines --dance
refuses 2 "there is no option -x" "$weir" engines -vx
refuses 2 "takes no argument, but got 'epoll'" "$weir" engines epoll
refuses 2 "the option --json takes no value" "$weir" engines --json=file

refuses 2 "a workload is missing" "$weir" compare
refuses 2 "there is no \`weir compare dance\`" "$weir" compare dance
refuses 2 "there is no option --dance" "$weir" compare --dance

compare="compare echo"
for bad in 0 -1 20001 ten 10x '' 99999999999999999999; do
    refuses 2 "--connections takes a whole number from 1 to 20000, not '$bad'" \
        "$weir" $compare --connections "$bad"
done
refuses 2 "--size takes a whole number from 1 to 16777216, not '0'" "$weir" $compare --size 0
refuses 2 "--size takes a whole number from 1 to 16777216, not '64k'" "$weir" $compare --size 64k
refuses 2 "--rounds takes a whole number from 1 to 1000, not '0'" "$weir" $compare --rounds 0
refuses 2 "--seconds takes seconds from 0.01 to 3600, not '0'" "$weir" $compare --seconds 0
refuses 2 "--seconds takes seconds from 0.01 to 3600, not 'nan'" "$weir" $compare --seconds nan
refuses 2 "--seconds takes seconds from 0.01 to 3600, not '1s'" "$weir" $compare --seconds 1s
refuses 2 "there is no engine 'eepoll'; weir knows" "$weir" $compare --engines poll,eepoll
refuses 2 "there is no engine ''; weir knows" "$weir" $compare --engines poll,
refuses 2 "--engines names poll twice" "$weir" $compare --engines poll,epoll,poll
refuses 2 "sim simulates; there is nothing of it to measure" "$weir" $compare --engines sim
refuses 2 "the option --engines needs a value" "$weir" $compare --engines
refuses 2 "the option --same-core takes no value" "$weir" $compare --same-core=1
refuses 2 "there is no option --dance" "$weir" $compare --dance
refuses 2 "there is no option -x" "$weir" $compare -x
refuses 2 "takes options only, but got '50'" "$weir" $compare 50

refuses 1 "cannot be written: No such file or directory" "$weir" $compare --json "$scratch/no/file"
refuses 1 "cannot be written: Is a directory" "$weir" $compare --json "$scratch"

succeeds "$weir" --version
grep -qE '^weir [0-9]+\.[0-9]+\.[0-9]+$' "$scratch/out" || wrong "version: $(cat "$scratch/out")"

for words in "" engines compare "compare echo" "compare idle" "compare files"; do
    # The words are words of the command line.
    succeeds "$weir" $words --help
    prints "usage: weir $words"
    [ -s "$scratch/err" ] && wrong "help of '$words' speaks on standard error"
    for option in $(grep -o -e '--[a-z-]*' "$scratch/out" | sort -u); do
        sed 's/Fl Fl /--/g' "$MANUAL" |
            grep -qF -e "$option" || wrong "weir(1) does not name $option of '$words'"
    done
done
leaves_nothing "wrong use"
finish
