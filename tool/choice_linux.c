/* SPDX-License-Identifier: MIT */
/* choice_linux.c - the engines that a comparison takes by itself on Linux. */
#include "choice.h"

const char choice_stream_engines[] =
    "threads,spin,select,poll,epoll,epoll-et,epoll-oneshot,linux-aio,sigio,io_uring";

/* A file is never awaited by readiness: epoll stands for all readiness engines. */
const char choice_file_engines[] = "threads,epoll,linux-aio,posix-aio,io_uring";
