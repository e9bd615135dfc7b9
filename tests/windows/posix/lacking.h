/* SPDX-License-Identifier: MIT */
/* lacking.h - what cases name of POSIX and Linux that Windows has not: whoever comes to it is
 * skipped, with what there is not. */
#ifndef CONTRACT_LACKING_H
#define CONTRACT_LACKING_H

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
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

/* No thread has a mask, so that it is empty, and nothing can be put into it. */
int plain_mask(const sigset_t *set, sigset_t *before);

#define SIGUSR2 SIGUSR1
#define SIGKILL 9
#define SIGSTOP 19
#define SIGRTMIN plain_lacks("queued signals")
#define SIGXFSZ plain_lacks("limit of a file's length")
#define sigemptyset(set) ((set)->bits = 0)
#define sigfillset(set) ((set)->bits = ~0ul)
#define sigaddset(set, number) ((void)(set), (void)(number))
#define sigismember(set, number) ((int)((set)->bits >> (number)&1))
#undef pthread_sigmask
#define pthread_sigmask(how, set, before) plain_mask(set, before)
#define pthread_kill(thread, number) ((void)(thread), (number))
#define sigqueue(process, number, value) plain_lacks("queued signals")
#define getuid() (uid_t) plain_lacks("users by number")
#define getgid() (uid_t) plain_lacks("users by number")
#define getegid() (uid_t) plain_lacks("users by number")
#define umask(mode) plain_lacks("users by number")
#define chmod(path, mode) ((void)(path), (void)(mode), plain_lacks("users by number"))
#define symlink(target, path)                                                                      \
    ((void)(target), (void)(path), plain_lacks("links that everybody may make"))

struct sigaction {
    void (*sa_handler)(int);
};

#define sigaction(number, action, before)                                                          \
    ((void)(number), (void)(action), (void)(before), plain_lacks("signals with actions"))

union sigval {
    int sival_int;
};

#define RLIMIT_FSIZE plain_lacks("limit of a file's length")
#define RLIMIT_NOFILE plain_lacks("limit of descriptors")
#define RLIMIT_SIGPENDING plain_lacks("queued signals")
#define getrlimit(what, limit) ((limit)->rlim_cur = (limit)->rlim_max = 0, (what))
#define setrlimit(what, limit) ((void)(limit), (what))

struct rlimit {
    unsigned long long rlim_cur, rlim_max;
};

/* ---- Descriptors ----------------------------------------------------------------------------- */

#define O_DIRECTORY 0
#define O_NOCTTY 0
#define EFD_CLOEXEC 0
#define TCSANOW 0
#define EPOLL_CLOEXEC 0
#define EPOLLIN 1u
#define EPOLL_CTL_ADD 1
#define TFD_CLOEXEC 0
#define SFD_CLOEXEC 0
#define SFD_NONBLOCK 0
#define MFD_CLOEXEC 0
#define LOCK_EX 0
#define NAME_MAX 255
#define POSIX_FADV_RANDOM 0
#define fallocate(fd, mode, offset, length) plain_lacks("fallocate()")
#define posix_fallocate(fd, offset, length) plain_lacks("posix_fallocate()")
#define posix_fadvise(fd, offset, length, advice) plain_lacks("posix_fadvise()")
#define memfd_create(name, flags) plain_lacks("files without a name")
#define flock(fd, how) plain_lacks("flock()")
#define epoll_create1(flags) plain_lacks("epoll")
#define epoll_ctl(set, how, fd, event) ((void)(event), plain_lacks("epoll"))
#define epoll_wait(set, events, count, timeout_ms) ((void)(events), plain_lacks("epoll"))
#define timerfd_create(clock, flags) plain_lacks("timers that are descriptors")
#define timerfd_settime(fd, flags, value, before)                                                  \
    ((void)(value), plain_lacks("timers that are descriptors"))
#define signalfd(fd, mask, flags) ((void)(mask), plain_lacks("signals by descriptors"))
#define EFD_NONBLOCK 0
#define eventfd_write(fd, value) plain_lacks("eventfd")
#define eventfd_read(fd, value) ((void)(value), plain_lacks("eventfd"))
#define F_DUPFD_CLOEXEC 1030
#define POLLRDHUP plain_lacks("POLLRDHUP")
#define posix_memalign(at, alignment, length)                                                      \
    ((*(at) = _aligned_malloc(length, alignment)) ? 0 : ENOMEM)
#define posix_openpt(flags) plain_lacks("terminals")
#define grantpt(master) plain_lacks("terminals")
#define unlockpt(master) plain_lacks("terminals")
#define ptsname(master) ""
#define dup2(from, to) ((void)(from), (void)(to), plain_lacks("numbers of choice"))

typedef uint64_t eventfd_t;

struct epoll_event {
    unsigned events;
};

struct signalfd_siginfo {
    uint32_t ssi_signo;
};

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

#define SYS_copy_file_range plain_lacks("system call filters")
#define SYS_sendfile plain_lacks("system call filters")
#define SYS_splice plain_lacks("system call filters")
#define SIOCSIFMTU 0
#define RTF_LOCAL 0
#define SO_PASSCRED plain_lacks("users by number")
#define SCM_CREDENTIALS plain_lacks("users by number")
#define SCM_RIGHTS plain_lacks("descriptors in messages")
#define CLONE_NEWNS plain_lacks("namespaces")
#define MS_BIND 0
#define MS_NOSUID 0
#define MS_PRIVATE 0
#define MS_REC 0
#define mount(from, to, type, flags, options)                                                      \
    ((void)(from), (void)(to), (void)(type), (void)(options), (flags))

typedef unsigned short sa_family_t;

#define CMSG_LEN(length) ((uint32_t)(sizeof(struct cmsghdr) + (length)))
#define CMSG_SPACE(length) CMSG_LEN(((uint32_t)(length) + 7) & ~7u)
#define cmsghdr _WSACMSGHDR
#define sendmsg(fd, header, flags) ((void)(header), plain_lacks("descriptors in messages"))

struct iovec {
    void  *iov_base;
    size_t iov_len;
};

struct msghdr {
    struct iovec *msg_iov;
    void         *msg_control;
    size_t        msg_iovlen, msg_controllen;
};

struct in6_rtmsg {
    struct in6_addr rtmsg_dst;
    unsigned        rtmsg_dst_len, rtmsg_metric, rtmsg_flags;
    int             rtmsg_ifindex;
};

struct ucred {
    int   pid;
    uid_t uid;
    gid_t gid;
};

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
