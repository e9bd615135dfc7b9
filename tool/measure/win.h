/* SPDX-License-Identifier: MIT */
/* win.h - what the kit's files for Windows share. Its descriptors are those of the C library. */
#ifndef MEASURE_WIN_H
#define MEASURE_WIN_H

#include <winsock2.h>

#include <io.h>
#include <stdint.h>
#include <sys/types.h>

#include "load.h"

enum { WIN_PATH = 4096, WIN_INHERITED = 4 };

static inline HANDLE win_handle(int fd)
{
    return (HANDLE)_get_osfhandle(fd);
}

/* How a process is started. */
struct win_start {
    const char *const *argv;         /* UTF-8; argv[0] is the program */
    DWORD              flags;        /* of CreateProcessW() */
    HANDLE inherited[WIN_INHERITED]; /* it has them, by the same numbers; NULL: no more */
    HANDLE in, out, err;             /* its own, if out is not NULL */
    int    cpu;                      /* or -1 */
};

/* Its number, or -1 with GetLastError(). It ends with this process. */
pid_t win_process_start(const struct win_start *start);

/* What a process does that process_hidden() found to be the load: its three words. */
#define WIN_LOAD_ARGUMENT "--load"
int win_load_run(char **words);

#endif
