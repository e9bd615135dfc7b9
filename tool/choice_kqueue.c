/* SPDX-License-Identifier: MIT */
/* choice_kqueue.c - the engines that a comparison takes by itself on macOS and the BSDs. */
#include "choice.h"

const char choice_stream_engines[] = "threads,spin,select,poll,kqueue,kqueue-et,kqueue-oneshot";

/* A file is never awaited by readiness: kqueue stands for all readiness engines. */
const char choice_file_engines[] = "threads,kqueue,posix-aio";
