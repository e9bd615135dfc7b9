/* SPDX-License-Identifier: MIT */
/* lacking.h - what cases name of POSIX and Linux that Windows has not: whoever comes to it is
 * skipped, with what there is not. */
#ifndef CONTRACT_LACKING_H
#define CONTRACT_LACKING_H

#include <stdint.h>

/* Ends the case as skipped: "Windows has no <what>". */
int plain_lacks(const char *what);

/* ---- Processes, users, signals --------------------------------------------------------------- */

#define CLONE_NEWNET plain_lacks("namespaces")
#define CLONE_NEWUSER plain_lacks("namespaces")
#define unshare(what) (what)
#define fork() plain_lacks("fork")
#define waitpid(process, status, options)                                                          \
    ((void)(process), (void)(status), (void)(options), plain_lacks("fork"))
#define kill(process, number) ((void)(process), (void)(number), plain_lacks("signals of others"))
#define SIGUSR1 plain_lacks("signals of others")
#define geteuid() (uid_t) plain_lacks("users by number")
#define seteuid(user) ((void)(user), plain_lacks("users by number"))
#define setresuid(real, effective, saved)                                                          \
    ((void)(real), (void)(effective), (void)(saved), plain_lacks("users by number"))
#define setresgid(real, effective, saved) setresuid(real, effective, saved)
#define setgroups(count, groups) ((void)(count), (void)(groups), plain_lacks("users by number"))
#define fchmod(fd, mode) ((void)(fd), (void)(mode), plain_lacks("users by number"))
typedef unsigned uid_t, gid_t;

typedef struct {
    unsigned long bits;
} sigset_t;

#define sigismember(set, number) ((void)(set), (void)(number), plain_lacks("signal masks"))

/* ---- Descriptors ----------------------------------------------------------------------------- */

#define O_DIRECTORY 0
#define O_NOCTTY 0
#define EFD_CLOEXEC 0
#define TCSANOW 0
#define eventfd(count, flags) plain_lacks("eventfd")
#define openpty(a, b, name, mode, size)                                                            \
    ((void)(name), (void)(mode), (void)(size), *(a) = *(b) = plain_lacks("terminals"))
#define tcgetattr(fd, mode) ((void)(fd), (void)(mode), plain_lacks("terminals"))
#define tcsetattr(fd, when, mode) ((void)(fd), (void)(mode), plain_lacks("terminals"))
#define cfmakeraw(mode) ((void)(mode))
#define open_memstream(text, length)                                                               \
    (*(text) = malloc(1), *(length) = 0, (FILE *)(intptr_t)plain_lacks("streams of memory"))
#define fmemopen(text, length, mode)                                                               \
    ((void)(text), (void)(length), (void)(mode), (FILE *)(intptr_t)plain_lacks("streams of memory"))

struct termios {
    unsigned flags;
};

/* ---- Networks -------------------------------------------------------------------------------- */

#define TCP_INFO plain_lacks("TCP_INFO")
#define TCP_KEEPIDLE plain_lacks("TCP_KEEPIDLE")
#define if_nametoindex(name) (unsigned)plain_lacks("interfaces by such names")
#define TCP_SYNCNT plain_lacks("TCP_SYNCNT")
#define RTF_UP 0
#define RTF_REJECT 0
#define SIOCSIFFLAGS 0
#define SIOCADDRT 0
#define ioctl(fd, request, argument)                                                               \
    ((void)(fd), (void)(request), (void)(argument), plain_lacks("namespaces"))
#define SYS_socket plain_lacks("system call filters")
#define SYS_io_uring_register plain_lacks("system call filters")

typedef unsigned short sa_family_t;

struct tcp_info {
    uint32_t tcpi_sacked, tcpi_unacked;
};

struct ifreq {
    char  ifr_name[16];
    short ifr_flags;
};

struct rtentry {
    short           rt_flags;
    struct sockaddr rt_dst, rt_genmask;
};

#endif
