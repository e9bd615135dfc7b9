/* SPDX-License-Identifier: MIT */
/* double.c - kqueue() and kevent() over epoll: queues, changes and waiting.
 *
 * A queue is an epoll, so that it can be polled itself. One descriptor has one entry in an epoll,
 * but may have a knote for each direction, each triggered in its own way: those of writing stand in
 * a second epoll inside the first. EV_CLEAR is EPOLLET; what epoll told is asked of poll(2) once
 * more before it is told, since it may have gone. As in a kernel, closing a descriptor ends its
 * knotes, and a forked child has no queue: close(2) and fork(2) are looked after. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "double.h"

#define BUCKETS 4096u
#define HARVEST 1024

struct queue {
    struct queue *next;
    int           fd;
    int           writing; /* the inner epoll */
    struct knote *knotes[BUCKETS];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct queue   *queues, *spare_queues;
static struct knote   *spare_knotes; /* kept, so that a steady state asks for no memory */

/* The close() that this file's own stands before: a sanitizer's, if there is one, which has to hear
 * that a number is free. */
static int (*close_beneath)(int fd);

/* ---- Knotes ---------------------------------------------------------------------------------- */

static struct queue *find_queue(int fd)
{
    struct queue *queue = queues;
    while (queue && queue->fd != fd)
        queue = queue->next;
    return queue;
}

static struct knote **place_of(struct queue *queue, uintptr_t ident, int filter)
{
    struct knote **at = &queue->knotes[(ident * 11u + (unsigned)-filter) % BUCKETS];
    while (*at && ((*at)->kevent.ident != ident || (*at)->kevent.filter != filter))
        at = &(*at)->next;
    return at;
}

static uint64_t key_of(const struct kevent *kevent)
{
    return (uint64_t)(unsigned)-kevent->filter << 32 | (uint32_t)kevent->ident;
}

static int epoll_of(struct queue *queue, const struct knote *knote)
{
    return knote->kevent.filter == EVFILT_WRITE ? queue->writing : queue->fd;
}

static void unwatch(struct queue *queue, struct knote *knote)
{
    struct epoll_event none = {0};
    if (knote->watched)
        epoll_ctl(epoll_of(queue, knote), EPOLL_CTL_DEL, knote->source, &none);
    knote->watched = false;
}

/* What epoll never watches, no kernel has a filter for. */
static bool has_no_filter(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) == 0 && !S_ISSOCK(stat.st_mode) && !S_ISFIFO(stat.st_mode);
}

/* Also of one that is watched: its condition is looked at anew. */
static int watch(struct queue *queue, struct knote *knote)
{
    const struct filter *filter = filter_of(knote->kevent.filter);
    struct epoll_event   event = {.events = filter->mask, .data.u64 = key_of(&knote->kevent)};
    if (knote->kevent.flags & EV_CLEAR)
        event.events |= EPOLLET;
    int epoll = epoll_of(queue, knote);
    if (knote->watched && epoll_ctl(epoll, EPOLL_CTL_MOD, knote->source, &event) == 0)
        return 0;
    knote->watched = epoll_ctl(epoll, EPOLL_CTL_ADD, knote->source, &event) == 0;
    return knote->watched ? 0 : errno == EPERM && has_no_filter(knote->source) ? EINVAL : errno;
}

static void remove_knote(struct queue *queue, struct knote **at)
{
    struct knote *knote = *at;
    unwatch(queue, knote);
    if (knote->owned)
        close_beneath(knote->source);
    if (knote->behind >= 0)
        close_beneath(knote->behind);
    *at = knote->next;
    knote->next = spare_knotes;
    spare_knotes = knote;
}

static int add_knote(struct queue *queue, struct knote **at, const struct kevent *change)
{
    const struct filter *filter = filter_of(change->filter);
    struct knote        *knote = spare_knotes;
    if (!filter)
        return EINVAL;
    if (knote)
        spare_knotes = knote->next;
    else
        knote = malloc(sizeof *knote);
    if (!knote)
        return ENOMEM;
    *knote = (struct knote){
        .next = *at, .kevent = *change, .source = -1, .behind = -1, .enabled = true};
    knote->kevent.flags |= (uint16_t)filter->implied;
    *at = knote;
    int error = filter->attach(knote);
    if (!error && filter->touch)
        error = filter->touch(knote, change);
    if (!error && (change->flags & EV_DISABLE))
        knote->enabled = false;
    else if (!error)
        error = watch(queue, knote);
    if (error)
        remove_knote(queue, at);
    return error;
}

/* ---- Changes --------------------------------------------------------------------------------- */

/* The flags of a knote are those of its first EV_ADD. */
static int change_knote(struct queue *queue, struct knote *knote, const struct kevent *change)
{
    const struct filter *filter = filter_of(change->filter);
    int                  error = 0;
    if (change->flags & EV_ADD) {
        knote->kevent.udata = change->udata;
        knote->kevent.fflags = change->fflags;
        knote->kevent.data = change->data;
    }
    if (filter->touch && ((change->flags & EV_ADD) || change->filter == EVFILT_USER))
        error = filter->touch(knote, change);
    if (change->flags & EV_DISABLE) {
        unwatch(queue, knote);
        knote->enabled = false;
    } else if (change->flags & (EV_ADD | EV_ENABLE)) {
        knote->enabled = true;
        error = error ? error : watch(queue, knote);
    }
    return error;
}

/* 0 or an errno. */
static int apply(struct queue *queue, const struct kevent *change)
{
    struct knote **at = place_of(queue, change->ident, change->filter);
    if (!filter_of(change->filter))
        return EINVAL;
    if (!*at)
        return change->flags & EV_ADD ? add_knote(queue, at, change) : ENOENT;
    if (!(change->flags & EV_DELETE))
        return change_knote(queue, *at, change);
    remove_knote(queue, at);
    return 0;
}

/* How many answers there are, or -1: without room for one, its error is the call's, and what comes
 * after it is not done. */
static int apply_all(struct queue *queue, const struct kevent *changes, int count,
                     struct kevent *events, int room)
{
    int told = 0;
    for (int i = 0; i < count; i++) {
        struct kevent change = changes[i]; /* events may be the same array */
        int           error = apply(queue, &change);
        if (!error && !(change.flags & EV_RECEIPT))
            continue;
        if (told == room && !error)
            continue;
        if (told == room) {
            errno = error;
            return -1;
        }
        change.flags |= EV_ERROR;
        change.data = error;
        events[told++] = change;
    }
    return told;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* One that epoll told of; 1 if it is an event. */
static int deliver(struct queue *queue, uint64_t key, struct kevent *event)
{
    struct knote **at = place_of(queue, (uint32_t)key, -(int)(key >> 32));
    struct knote  *knote = *at;
    if (!knote || !knote->enabled)
        return 0;
    *event = knote->kevent;
    event->flags &= EV_ADD | EV_ONESHOT | EV_CLEAR | EV_DISPATCH;
    event->fflags = 0;
    event->data = 0;
    if (!filter_of(event->filter)->fill(knote, event))
        return 0;
    if (knote->kevent.flags & EV_ONESHOT) {
        remove_knote(queue, at);
    } else if (knote->kevent.flags & EV_DISPATCH) {
        unwatch(queue, knote);
        knote->enabled = false;
    }
    return 1;
}

/* Takes at most `room` events out of one of the queue's epolls; -1 and errno where it cannot be
 * asked. */
static int take(struct queue *queue, int epoll, struct kevent *events, int room)
{
    struct epoll_event told[HARVEST];
    int                count = 0;
    bool               writing = false;
    int                seen = epoll_wait(epoll, told, room < HARVEST ? room : HARVEST, 0);
    for (int i = 0; i < seen; i++) {
        if (told[i].data.u64)
            count += deliver(queue, told[i].data.u64, &events[count]);
        else
            writing = true;
    }
    if (writing && count < room) {
        int more = take(queue, queue->writing, events + count, room - count);
        count += more > 0 ? more : 0;
    }
    return seen < 0 ? -1 : count;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int sleep_until(int fd, int64_t deadline_ns)
{
    struct pollfd   entry = {.fd = fd, .events = POLLIN};
    int64_t         left = deadline_ns < 0 ? 0 : deadline_ns - now_ns();
    struct timespec time = {0};
    if (left > 0)
        time = (struct timespec){left / 1000000000, left % 1000000000};
    return ppoll(&entry, 1, deadline_ns < 0 ? NULL : &time, NULL);
}

static int collect(int fd, struct kevent *events, int room)
{
    pthread_mutex_lock(&mutex);
    struct queue *queue = find_queue(fd);
    int           count = queue ? take(queue, queue->fd, events, room) : -1;
    if (!queue)
        errno = EBADF;
    pthread_mutex_unlock(&mutex);
    return count;
}

int kevent(int fd, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout)
{
    int64_t deadline = -1;
    if (timeout)
        deadline = now_ns() + (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec;
    pthread_mutex_lock(&mutex);
    struct queue *queue = find_queue(fd);
    int           told = queue ? apply_all(queue, changes, change_count, events, event_count) : -1;
    if (!queue)
        errno = EBADF;
    pthread_mutex_unlock(&mutex);
    if (told || !event_count)
        return told;
    bool sleeps = !timeout || timeout->tv_sec || timeout->tv_nsec;
    for (;;) {
        if (sleeps && sleep_until(fd, deadline) < 0)
            return -1;
        int count = collect(fd, events, event_count);
        if (count || (timeout && now_ns() >= deadline))
            return count;
    }
}

/* ---- Queues, and what the kernel would do by itself ------------------------------------------ */

static void remove_queue(struct queue **at)
{
    struct queue *queue = *at;
    for (unsigned i = 0; i < BUCKETS; i++)
        while (queue->knotes[i])
            remove_knote(queue, &queue->knotes[i]);
    close_beneath(queue->writing);
    *at = queue->next;
    queue->next = spare_queues;
    spare_queues = queue;
}

/* A child has no queue of its parent's; the epoll behind it is the parent's still. */
static void child_of_fork(void)
{
    while (queues) {
        int fd = queues->fd;
        for (unsigned i = 0; i < BUCKETS; i++)
            for (struct knote *knote = queues->knotes[i]; knote; knote = knote->next)
                knote->watched = false;
        remove_queue(&queues);
        close_beneath(fd);
    }
    pthread_mutex_unlock(&mutex);
}

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&mutex);
}

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    void *found = dlsym(RTLD_NEXT, "close");
    memcpy(&close_beneath, &found, sizeof close_beneath);
    pthread_atfork(before_fork, after_fork, child_of_fork);
}

/* 0, or -1 and errno; the descriptors are then closed. */
static int open_epolls(int *outer, int *inner)
{
    struct epoll_event event = {.events = EPOLLIN};
    *outer = epoll_create1(EPOLL_CLOEXEC);
    *inner = *outer < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (*inner >= 0 && epoll_ctl(*outer, EPOLL_CTL_ADD, *inner, &event) == 0)
        return 0;
    int error = errno;
    if (*inner >= 0)
        close_beneath(*inner);
    if (*outer >= 0)
        close_beneath(*outer);
    errno = error;
    return -1;
}

int kqueue(void)
{
    int fd, writing;
    pthread_once(&prepared, prepare);
    if (open_epolls(&fd, &writing) < 0)
        return -1;
    pthread_mutex_lock(&mutex);
    struct queue *queue = spare_queues;
    if (queue)
        spare_queues = queue->next;
    else
        queue = calloc(1, sizeof *queue);
    if (queue) {
        queue->fd = fd;
        queue->writing = writing;
        queue->next = queues;
        queues = queue;
    }
    pthread_mutex_unlock(&mutex);
    if (queue)
        return fd;
    close_beneath(writing);
    close_beneath(fd);
    errno = ENOMEM;
    return -1;
}

/* Stands before the C library's: the knotes of a descriptor end with it, duplicates or not. */
int close(int fd)
{
    pthread_once(&prepared, prepare);
    pthread_mutex_lock(&mutex);
    for (struct queue **at = &queues; *at;) {
        if ((*at)->fd == fd) {
            remove_queue(at);
            continue;
        }
        static const int of_descriptors[] = {EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE};
        for (int i = 0; i < 3; i++) {
            struct knote **knote = place_of(*at, (uintptr_t)fd, of_descriptors[i]);
            if (*knote)
                remove_knote(*at, knote);
        }
        at = &(*at)->next;
    }
    pthread_mutex_unlock(&mutex);
    return close_beneath(fd);
}
