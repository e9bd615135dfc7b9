/* SPDX-License-Identifier: MIT */
/* system.h - what measuring asks of the system, where systems answer differently: system_unix.c and
 * beside it system_linux.c, or system_posix.c with system_darwin.c or system_bsd.c; system_win.c.
 * Which CPUs there are stands in cpus.h, how processes are started in process.h, sockets in
 * sockets.h, how many of them are waited for in watch.h, how system calls are counted in
 * syscalls.h. */
#ifndef MEASURE_SYSTEM_H
#define MEASURE_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Why the last call of these, or of one of those headers, has failed. */
const char *system_error(void);

/* ---- Processes ------------------------------------------------------------------------------- */

/* The file of this program, to start it once more; of a program that was started as argv0. */
const char *system_self(const char *argv0);

/* From now on this process ends with its parent, where the kernel can do that. */
void system_end_with_parent(void);

/* CPU time of all threads of a running process; 0 when it cannot be read. */
uint64_t system_cpu_ns(pid_t pid);

/* The step in which that time grows; 0 where it is too small to matter. */
uint64_t system_cpu_step_ns(void);

/* Private memory that it has resident now: what it wrote to, not the files it mapped. 0 when it
 * cannot be read. */
uint64_t system_private_kib(pid_t pid);

/* The most memory it ever had resident; 0 when it cannot be read. */
uint64_t system_peak_kib(pid_t pid);

/* ---- Files ----------------------------------------------------------------------------------- */

/* A pipe, a file without a name for what two processes share: both are closed on exec. Pipe: 0;
 * file: its descriptor; -1 with errno. */
int system_pipe(int ends[2]);
int system_unnamed_file(void);

/* What such a file begins with, wherever its position is; as read(2). */
ssize_t system_read_start(int fd, void *data, size_t length);

/* Lets this process and its children have so many descriptors; 0, or -1 with the most that it could
 * get. */
int system_allow_descriptors(uint64_t needed, uint64_t *most);

/* What reading past the page cache is called here. */
extern const char system_direct[];

/* Opens a file to read it past the page cache; -1 with errno where that cannot be had. */
int system_open_direct(const char *path);

/* Empties the page cache of an open file that is on the disk, as far as the system lets us. */
void system_forget_cached(int fd);

/* ---- The machine ----------------------------------------------------------------------------- */

/* What system this is: "Linux", its version, the kind of machine; empty where it does not tell. */
struct system_names {
    char system[64], version[128], machine[64];
};
void system_names(struct system_names *names);

/* The processor's own name; empty where the system does not tell it. */
void system_cpu_name(char *text, size_t length);

#endif
