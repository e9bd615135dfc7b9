/* SPDX-License-Identifier: MIT */
/* post_eventfd.c - a bare wake: two threads, each of which sleeps in epoll_wait() for its eventfd,
 * empties it, and writes to the other's. A trip is one wake. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../tool/measure/work.h"

struct side {
    int          epoll, event;
    struct side *other;
};

static struct work work;
static struct side sides[2];
static atomic_bool over;

static void wake(const struct side *side)
{
    const uint64_t one = 1;
    if (write(side->event, &one, sizeof one) != sizeof one)
        work_fail(&work, "write to an eventfd", errno);
}

static void sleep_until_woken(const struct side *side)
{
    struct epoll_event event;
    uint64_t           count;
    if (epoll_wait(side->epoll, &event, 1, -1) != 1 ||
        read(side->event, &count, sizeof count) != sizeof count || count != 1)
        work_fail(&work, "a wait for an eventfd", errno);
}

static void side_open(struct side *side)
{
    struct epoll_event event = {.events = EPOLLIN};
    side->epoll = epoll_create1(EPOLL_CLOEXEC);
    side->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (epoll_ctl(side->epoll, EPOLL_CTL_ADD, side->event, &event) < 0)
        work_fail(&work, "epoll_ctl", errno);
}

static void *answer(void *data)
{
    do {
        sleep_until_woken(&sides[1]);
        wake(&sides[0]);
    } while (!over);
    return data;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (work_open(&work, argc, argv) != 1)
        return 2;
    for (int i = 0; i < 2; i++)
        side_open(&sides[i]);
    work_begin(&work);
    if (pthread_create(&thread, NULL, answer, NULL) != 0)
        return 1;
    bool goes_on;
    do {
        wake(&sides[1]);
        sleep_until_woken(&sides[0]);
        goes_on = work_done(&work, 2, clock_ns());
    } while (goes_on);
    over = true;
    wake(&sides[1]); /* it may sleep already */
    pthread_join(thread, NULL);
    return work_end(&work);
}
