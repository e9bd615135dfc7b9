/* SPDX-License-Identifier: MIT */
/* linux_deny.c - system calls that fail on demand: seccomp filters, written out by hand. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "simulated.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAIL_WITH(error) ANSWER(SECCOMP_RET_ERRNO | ((uint32_t)(error)&SECCOMP_RET_DATA))
/* Goes on when the loaded word is `value`, else skips so many instructions. */
#define EXPECT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (skip))
/* The low half of an argument, on little-endian machines. */
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))

static void install(struct sock_filter *filter, unsigned short length)
{
    struct sock_fprog program = {.len = length, .filter = filter};
    contract_needs("kernel that denies calls");
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        SKIP("this kernel has no system call filters");
}

/* On a 32-bit machine the C library makes another call where offsets or times have 64 bits. */
static int wide(int number)
{
    switch (number) {
#ifdef SYS_fcntl64
    case SYS_fcntl:
        return SYS_fcntl64;
    case SYS_ftruncate:
        return SYS_ftruncate64;
#endif
#ifdef SYS_ppoll_time64
    case SYS_ppoll:
        return SYS_ppoll_time64;
    case SYS_pselect6:
        return SYS_pselect6_time64;
    case SYS_rt_sigtimedwait:
        return SYS_rt_sigtimedwait_time64;
#endif
    default:
        return number;
    }
}

void contract_deny(int number, int error)
{
    struct sock_filter filter[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        EXPECT(ARCHITECTURE, 3),
        LOAD(offsetof(struct seccomp_data, nr)),
        EXPECT(number, 1),
        FAIL_WITH(error),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    install(filter, sizeof filter / sizeof *filter);
    if (wide(number) != number)
        contract_deny(wide(number), error);
}

void contract_deny_when(int number, unsigned argument, uint32_t value, int error)
{
    struct sock_filter filter[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        EXPECT(ARCHITECTURE, 5),
        LOAD(offsetof(struct seccomp_data, nr)),
        EXPECT(number, 3),
        LOAD(ARGUMENT(argument)),
        EXPECT(value, 1),
        FAIL_WITH(error),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    install(filter, sizeof filter / sizeof *filter);
    if (wide(number) != number)
        contract_deny_when(wide(number), argument, value, error);
}

void contract_deny_waiting(int error)
{
    contract_deny_when(SYS_epoll_pwait, 3, UINT32_MAX, error);
#ifdef SYS_epoll_wait
    contract_deny_when(SYS_epoll_wait, 3, UINT32_MAX, error);
#endif
    contract_deny_when(SYS_ppoll, 2, 0, error);
    contract_deny_when(SYS_rt_sigtimedwait, 2, 0, error);
    contract_deny_when(SYS_pselect6, 4, 0, error);
    contract_deny(SYS_sched_yield, error); /* what never sleeps makes room for others */
    contract_deny_when(SYS_io_uring_enter, 2, 1, error);
}

void contract_deny_threads(int error)
{
    /* clone() also forks: only its calls that share memory as a thread does are denied. */
    struct sock_filter filter[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        EXPECT(ARCHITECTURE, 7),
        LOAD(offsetof(struct seccomp_data, nr)),
        EXPECT(SYS_clone3, 1),
        FAIL_WITH(error),
        EXPECT(SYS_clone, 3),
        LOAD(ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
        FAIL_WITH(error),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    install(filter, sizeof filter / sizeof *filter);
}

/* ---- For a while: each call is asked about, and goes on when the while is over --------------- */

static struct {
    int                    listener, error;
    unsigned               times;
    atomic_uint            denied;
    struct contract_thread thread;
} spell;

/* Answers until the process ends. */
static void *answer_calls(void *argument)
{
    struct seccomp_notif      call;
    struct seccomp_notif_resp answer;
    for (;;) {
        call = (struct seccomp_notif){0};
        if (ioctl(spell.listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
            continue; /* who asked was interrupted */
        answer = (struct seccomp_notif_resp){.id = call.id};
        if (atomic_load(&spell.denied) < spell.times) {
            answer.error = -spell.error;
            atomic_fetch_add(&spell.denied, 1);
        } else {
            answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        (void)ioctl(spell.listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    return argument;
}

void contract_deny_for_a_while(int number, int error, unsigned times)
{
    struct sock_filter filter[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        EXPECT(ARCHITECTURE, 3),
        LOAD(offsetof(struct seccomp_data, nr)),
        EXPECT(number, 1),
        ANSWER(SECCOMP_RET_USER_NOTIF),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    contract_needs("kernel that denies calls");
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    spell.error = error;
    spell.times = times;
    spell.listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (spell.listener < 0)
        SKIP("this kernel asks nobody about a system call");
    contract_thread_start(&spell.thread, answer_calls, NULL);
}

unsigned contract_denied_times(void)
{
    return atomic_load(&spell.denied);
}
