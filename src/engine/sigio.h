/* SPDX-License-Identifier: MIT */
/* sigio.h - what the files of the sigio engine share. */
#ifndef WEIR_SIGIO_H
#define WEIR_SIGIO_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "../engine.h"

/* A handle whose changes are signalled, and what its open file description was set to before. */
struct signalled {
    struct weir_handle *handle; /* NULL: none has this number */
    struct f_owner_ex   owner_before;
    int                 signal_before;
    bool                partly; /* what may be received is signalled, the rest has to be polled */
    bool                named;  /* its number is in names[] */
};

struct sigio {
    struct weir_loop        *loop;
    struct sigio            *next_here; /* the next loop of this thread */
    bool                     bound; /* to the thread that runs it: the signals are blocked there */
    pid_t                    thread;
    int                      signal;    /* real-time, the same for all loops of the process */
    sigset_t                 heard;     /* that signal, and SIGIO for when its queue is full */
    int                      signals;   /* signalfd of both */
    int                      epoll;     /* for an outer loop; -1 until it is asked for */
    struct signalled        *by_number; /* owned; indexed by descriptor */
    int                     *names;     /* owned; the descriptors to be asked what holds for them */
    int                      room, name_count;
    struct pollfd           *fds;    /* owned; fds[0] is the signalfd, the others what is polled */
    struct weir_handle     **polled; /* owned array of borrowed handles, beside fds */
    int                      polled_count, polled_room; /* with fds[0] */
    struct signalfd_siginfo *news;                      /* owned; the harvest of one read */
};

#define SIGIO_NEWS 64 /* signals taken by one read */
#define SIGIO_EVERYTHING (WEIR_IN | WEIR_OUT | WEIR_RDHUP)

/* ---- sigio_thread.c -------------------------------------------------------------------------- */

/* One number for the process, since thread-directed signals of many threads do not meet. Or
 * WEIR_EBUSY when none is left. */
int  sigio_take_signal(void);
void sigio_give_signal(void);

/* In the loop's thread, from its first wait until it is closed: the signals are blocked there.
 * After the thread's last one the mask is as it was. 0 or WEIR_E*. */
int  sigio_bind(struct sigio *s);
void sigio_unbind(struct sigio *s);

/* False in a child of fork(). */
bool sigio_is_alive(const struct sigio *s);

/* One signal, of whichever loop of this thread. One that names nobody is of a descriptor that was
 * closed meanwhile. */
void sigio_hear(struct sigio *self, int signal, int number);

/* Takes the signals that are queued, many in one call. How many, or WEIR_E*. */
int sigio_hear_queued(struct sigio *s);

/* The loop has something to tell, and its outer loop may sleep. */
void sigio_rouse(struct sigio *s);

/* ---- sigio_description.c --------------------------------------------------------------------- */

/* Makes the descriptor of a handle send its changes as signals, where the kernel signals them
 * reliably; else it has to be polled. 0 or WEIR_ENOMEM. */
int sigio_sign(struct weir_loop *loop, struct weir_handle *handle);

/* Puts everything back that sigio_sign() changed, if anything. */
void sigio_unsign(struct weir_loop *loop, struct weir_handle *handle);

/* The record of a handle that is signalled, or NULL. */
static inline struct signalled *sigio_signalled(const struct sigio       *s,
                                                const struct weir_handle *handle)
{
    int number = handle->in.descriptor;
    return number < s->room && s->by_number[number].handle == handle ? &s->by_number[number] : NULL;
}

/* ---- sigio_poll.c ---------------------------------------------------------------------------- */

/* What of an interest no signal tells; the record is NULL for a handle without signals. */
unsigned sigio_untold(const struct signalled *entry, unsigned interest);

/* Polls the handle for an interest, in the outer loop's epoll too. 0 or WEIR_E*. */
int  sigio_poll_for(struct weir_loop *loop, struct weir_handle *handle, unsigned interest);
void sigio_unpoll(struct sigio *s, struct weir_handle *handle);

/* Before a wait: each is polled for what its ops wait for now. */
void sigio_trim_polled(struct weir_loop *loop, struct sigio *s);

/* Puts what is polled of a number into the outer loop's epoll, if there is one. 0 or WEIR_E*. */
int sigio_embed(struct sigio *s, int number);

/* ---- sigio_wait.c ---------------------------------------------------------------------------- */

/* The descriptor is to be asked what holds for it; whether this loop has it. */
bool sigio_name(struct sigio *s, int number);

/* Of each number that was named, what holds is told; *woken when the notifier was among them. 0 or
 * WEIR_E*. */
int sigio_ask(struct weir_loop *loop, struct sigio *s, bool *woken);

int sigio_wait(struct weir_loop *loop, int64_t timeout_ns);

/* ---- sigio.c --------------------------------------------------------------------------------- */

/* Room for the numbers up to this one; for one more that is polled. 0 or WEIR_ENOMEM. */
int sigio_grow(struct weir_loop *loop, int number);
int sigio_grow_polled(struct weir_loop *loop, struct sigio *s);

#endif
