/* SPDX-License-Identifier: MIT */
/* sigio_thread.c - the signal of the sigio engine: which it is, in which threads it is blocked, and
 * to which loop of a thread each one goes. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../os/os.h"
#include "sigio.h"

#define NEWS_ROUNDS 16 /* reads in one harvest; then what was heard has its turn */

/* The loops that this thread runs. Signals are the thread's, so each takes those of all. */
static THREAD_LOCAL struct sigio *first_here;
static THREAD_LOCAL sigset_t      blocked_here; /* by the first, let through after the last */

/* How many loops have the signal, shifted, and its number. */
static _Atomic uint32_t shared;

int sigio_take_signal(void)
{
    uint32_t before = atomic_load(&shared);
    for (;;) {
        bool first = !(before >> 8);
        int  number = first ? os_realtime_take() : (int)(before & 0xff);
        if (number < 0)
            return number;
        uint32_t after = ((before >> 8) + 1) << 8 | (uint32_t)number;
        if (atomic_compare_exchange_weak(&shared, &before, after))
            return number;
        if (first)
            os_realtime_give(number);
    }
}

void sigio_give_signal(void)
{
    uint32_t before = atomic_fetch_sub(&shared, 1 << 8);
    if (before >> 8 == 1)
        os_realtime_give((int)(before & 0xff));
}

bool sigio_is_alive(const struct sigio *s)
{
    return s->loop->generation == os_fork_generation();
}

void sigio_unbind(struct sigio *s)
{
    const struct timespec none = {0};
    struct sigio        **at = &first_here;
    s->bound = false;
    while (*at && *at != s)
        at = &(*at)->next_here;
    if (!*at)
        return; /* in a child of fork(), by another thread */
    *at = s->next_here;
    if (first_here)
        return;
    /* What is still queued would be the death of the process. */
    while (sigtimedwait(&s->heard, NULL, &none) > 0 || errno == EINTR)
        ;
    pthread_sigmask(SIG_UNBLOCK, &blocked_here, NULL);
}

int sigio_bind(struct sigio *s)
{
    sigset_t before;
    s->thread = (pid_t)syscall(SYS_gettid);
    struct f_owner_ex owner = {F_OWNER_TID, s->thread};
    s->bound = true;
    if (!first_here) {
        pthread_sigmask(SIG_BLOCK, &s->heard, &before);
        blocked_here = s->heard;
        for (int number = 1; number <= SIGRTMAX; number++)
            if (sigismember(&before, number) == 1)
                sigdelset(&blocked_here, number);
    }
    s->next_here = first_here;
    first_here = s;
    if (fcntl(s->loop->notifier[0], F_SETOWN_EX, &owner) < 0) {
        int error = -errno;
        sigio_unbind(s);
        return error;
    }
    sigio_name(s, s->loop->notifier[0]); /* whoever woke it before sent no signal */
    return 0;
}

static void name_all(struct sigio *s)
{
    for (int number = 0; number < s->room; number++)
        sigio_name(s, number);
}

void sigio_rouse(struct sigio *s)
{
    if (s->loop->embedded)
        ready_wake(s->loop);
}

void sigio_hear(struct sigio *self, int signal, int number)
{
    bool all = signal == SIGIO;
    if (!all && sigio_name(self, number))
        return;
    for (struct sigio *s = first_here; s; s = s->next_here) {
        if (!sigio_is_alive(s))
            continue;
        int before = s->name_count;
        if (all)
            name_all(s);
        else
            sigio_name(s, number);
        if (s != self && s->name_count > before && (all || number != s->loop->notifier[0]))
            sigio_rouse(s);
    }
}

int sigio_hear_queued(struct sigio *s)
{
    int heard = 0;
    for (int round = 0; round < NEWS_ROUNDS; round++) {
        ssize_t size = read(s->signals, s->news, SIGIO_NEWS * sizeof *s->news);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? heard : -errno;
        int count = (int)((size_t)size / sizeof *s->news);
        for (int i = 0; i < count; i++)
            sigio_hear(s, (int)s->news[i].ssi_signo, s->news[i].ssi_fd);
        heard += count;
        if (count < SIGIO_NEWS)
            break;
    }
    return heard;
}
