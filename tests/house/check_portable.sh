# SPDX-License-Identifier: MIT
# What only Linux has is called from src/os/linux*.c and the engines of Linux alone: the rest of the
# library is the same on macOS and the BSDs.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
# Batches of messages have calls of their own on Linux; posix_several.h is what stands for them elsewhere.
symbols_of_objects -u >"$scratch/found"
sed 's/@.*//' "$scratch/found" | awk '
    $1 ~ /^os\/linux/ || $1 ~ /^engine\/(epoll|uring|linux_aio|sigio)/ { next }
    { seen++ }
    $3 ~ /^(epoll_|eventfd|signalfd|timerfd_|inotify_|io_uring_|memfd_|pidfd_)/ ||
    $3 ~ /^(accept4|pipe2|dup3|ppoll|preadv2|pwritev2|splice|tee|vmsplice|sendfile(64)?|copy_file_range)$/ ||
    $3 ~ /^(syscall|prctl|statx|fallocate(64)?|posix_fallocate(64)?|posix_fadvise(64)?|fdatasync)$/ ||
    $3 ~ /^(sched_setaffinity|sched_getaffinity|sigtimedwait|gettid|getrandom)$/ {
        sub(/[.]o$/, "", $1)
        print "src/" $1 ": calls " $3 ", which only Linux has"
    }
    END { print seen " calls" >"/dev/stderr" }
' >"$scratch/findings"
verdict "$scratch/findings"
