/* SPDX-License-Identifier: MIT */
/* calls.h - what cases call by the names of Linux, on macOS: made of what there is, or the case is
 * skipped with what there is not. The build includes it in front of every file of the contract
 * (-include), and the headers beside it stand for those that only Linux has. */
#ifndef CONTRACT_DARWIN_CALLS_H
#define CONTRACT_DARWIN_CALLS_H

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Ends the case as skipped: "macOS has no <what>". */
int darwin_lacks(const char *what);

/* ---- Descriptors: flags are set behind the call ---------------------------------------------- */

#define SOCK_CLOEXEC 0x10000000
#define SOCK_NONBLOCK 0x20000000

int darwin_socket(int family, int type, int protocol);
int darwin_socketpair(int family, int type, int protocol, int ends[2]);
int darwin_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
int darwin_pipe2(int ends[2], int flags);
int darwin_memfd_create(void);

#define socket(family, type, protocol) darwin_socket(family, type, protocol)
#define socketpair(family, type, protocol, ends) darwin_socketpair(family, type, protocol, ends)
#define accept4(listener, address, length, flags) darwin_accept4(listener, address, length, flags)
#define pipe2(ends, flags) darwin_pipe2(ends, flags)
#define memfd_create(name, flags) darwin_memfd_create()
#define setresuid(real, effective, saved) ((void)(saved), setreuid(real, effective))
#define setresgid(real, effective, saved) ((void)(saved), setregid(real, effective))

/* ---- By other names -------------------------------------------------------------------------- */

#define TCP_KEEPIDLE TCP_KEEPALIVE
#define IP_MTU_DISCOVER IP_DONTFRAG
#define IP_PMTUDISC_DO 1
#define st_atim st_atimespec
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#define SIGRTMIN NSIG /* no signal is one */
#define SIGRTMAX NSIG

/* ---- Who gets the signals of a description -------------------------------------------------- */

#define F_OWNER_PID 1
#define F_GETOWN_EX darwin_lacks("F_GETOWN_EX")
#define F_SETOWN_EX darwin_lacks("F_SETOWN_EX")
#define F_GETSIG darwin_lacks("F_GETSIG")
#define F_SETSIG darwin_lacks("F_SETSIG")

struct f_owner_ex {
    int   type;
    pid_t pid;
};

/* ---- Files ----------------------------------------------------------------------------------- */

#define POSIX_FADV_RANDOM 1
#define O_DIRECT darwin_lacks("O_DIRECT")

#define fallocate(fd, mode, offset, length) darwin_lacks("fallocate()")
#define posix_fallocate(fd, offset, length) darwin_lacks("posix_fallocate()")
#define posix_fadvise(fd, offset, length, advice) darwin_lacks("posix_fadvise()")

/* ---- Processes ------------------------------------------------------------------------------- */

#define RLIMIT_SIGPENDING darwin_lacks("limit of queued signals")
#define CLONE_NEWNET darwin_lacks("namespaces")
#define CLONE_NEWNS darwin_lacks("namespaces")
#define CLONE_NEWUSER darwin_lacks("namespaces")
#define MS_BIND darwin_lacks("namespaces")
#define MS_NOSUID darwin_lacks("namespaces")
#define MS_PRIVATE darwin_lacks("namespaces")
#define MS_REC darwin_lacks("namespaces")

#define unshare(what) (what)
#define mount(from, to, type, flags, options)                                                      \
    ((void)(from), (void)(to), (void)(type), (void)(options), (flags))
#define sigqueue(process, number, value) darwin_lacks("queued signals")

typedef struct {
    unsigned long bits[16];
} cpu_set_t;

#define sched_getaffinity(process, size, set)                                                      \
    ((void)(set), darwin_lacks("processors that a thread keeps to"))
#define CPU_COUNT(set) ((int)(set)->bits[0])
#define CPU_EQUAL(a, b) ((a)->bits[0] == (b)->bits[0])
#define CPU_AND(both, a, b) ((both)->bits[0] = (a)->bits[0] & (b)->bits[0])

typedef int timer_t;
struct itimerspec {
    struct timespec it_interval, it_value;
};

#define timer_create(clock, event, timer)                                                          \
    ((void)(event), (void)(timer), darwin_lacks("timers that send a signal of choice"))
#define timer_settime(timer, flags, value, before)                                                 \
    ((void)(timer), (void)(value), darwin_lacks("timers that send a signal of choice"))
#define timer_delete(timer) ((void)(timer), 0)

/* ---- Sockets --------------------------------------------------------------------------------- */

#define TCP_INFO darwin_lacks("TCP_INFO")
#define TCP_SYNCNT darwin_lacks("TCP_SYNCNT")
#define TCP_USER_TIMEOUT darwin_lacks("TCP_USER_TIMEOUT")
#define POLLRDHUP darwin_lacks("POLLRDHUP")
#define SO_PASSCRED darwin_lacks("SO_PASSCRED")
#define SCM_CREDENTIALS darwin_lacks("SO_PASSCRED")
#define SIOCADDRT (unsigned long)darwin_lacks("SIOCADDRT")

struct tcp_info {
    uint32_t tcpi_sacked, tcpi_unacked;
};

/* Routes, as Linux is told of them. */
struct rtentry {
    short           rt_flags;
    struct sockaddr rt_dst, rt_genmask;
};

struct in6_rtmsg {
    struct in6_addr rtmsg_dst;
    unsigned        rtmsg_dst_len, rtmsg_metric, rtmsg_flags;
    int             rtmsg_ifindex;
};

struct ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

#endif
