/* SPDX-License-Identifier: MIT */
/* freezer.h - memory whose second page is not there until it is allowed: whoever copies from or to
 * it stands still in the middle of the copy (userfaultfd(2)). */
#ifndef FREEZER_H
#define FREEZER_H

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contract.h"

/* The same words stand in skips.txt. */
#define NO_FREEZER "this process may not hold page faults"
#define STALLS "the copy is made on the thread that runs the loop"

#define FROZEN_PAGE 4096u
#define FROZEN_LENGTH (2 * FROZEN_PAGE)
#define FREEZER_WAIT_MS 20000

struct freezer {
    int                    descriptor;
    unsigned char         *data; /* two pages: the first is there, the second is frozen */
    unsigned char          content[FROZEN_PAGE]; /* of the second, when it thaws */
    struct contract_thread thread;
    struct contract_gate   thaw, thawed;
    atomic_int             faulted; /* the thread that stands in the copy, or 0 */
    int                    loop_thread;
    struct weir_loop      *loop;
    struct weir_op         post; /* made while it is frozen, by another thread */
    weir_done             *posted;
};

/* Waits for the fault and tells the loop. It thaws the page a moment after it was allowed to, and
 * without that where the loop's own thread stands in the copy: nobody could allow it. */
static inline void *freezer_run(void *argument)
{
    struct freezer    *f = argument;
    struct pollfd      ready = {.fd = f->descriptor, .events = POLLIN};
    struct uffd_msg    message;
    struct uffdio_copy copy = {.src = (uintptr_t)f->content, .len = FROZEN_PAGE};
    CHECK_EQ(poll(&ready, 1, FREEZER_WAIT_MS), 1);
    CHECK_EQ(read(f->descriptor, &message, sizeof message), sizeof message);
    CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
    int thread = (int)message.arg.pagefault.feat.ptid;
    weir_post(&f->post, f->loop, f->posted);
    atomic_store(&f->faulted, thread);
    weir_wake(f->loop);
    if (thread != f->loop_thread)
        contract_gate_wait(&f->thaw);
    for (int i = 0; i < 3; i++)
        contract_breathe();
    copy.dst = (uintptr_t)f->data + FROZEN_PAGE;
    CHECK_EQ(ioctl(f->descriptor, UFFDIO_COPY, &copy), 0);
    contract_gate_open(&f->thawed);
    return NULL;
}

/* `posted` runs on the loop, for a post that is made when the copy stands still. */
static inline void freezer_open(struct freezer *f, struct contract *c, weir_done *posted)
{
    struct uffdio_api      api = {.api = UFFD_API, .features = UFFD_FEATURE_THREAD_ID};
    struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
    memset(f, 0, sizeof *f);
    f->loop = c->loop;
    f->posted = posted;
    f->loop_thread = (int)syscall(SYS_gettid);
    f->descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (f->descriptor < 0 || ioctl(f->descriptor, UFFDIO_API, &api) != 0)
        SKIP(NO_FREEZER);
    f->data = mmap(NULL, FROZEN_LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(f->data != MAP_FAILED);
    contract_fill(f->data, FROZEN_PAGE, 0, 1);
    contract_fill(f->content, FROZEN_PAGE, FROZEN_PAGE, 1);
    range.range.start = (uintptr_t)f->data + FROZEN_PAGE;
    range.range.len = FROZEN_PAGE;
    CHECK_EQ(ioctl(f->descriptor, UFFDIO_REGISTER, &range), 0);
    contract_thread_start(&f->thread, freezer_run, f);
}

/* Turns until somebody stands in the copy. Whether it is the loop's own thread. */
static inline bool freezer_stalls_the_loop(struct freezer *f, struct contract *c)
{
    while (!atomic_load(&f->faulted)) {
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_breathe();
    }
    return atomic_load(&f->faulted) == f->loop_thread;
}

static inline void freezer_thaw(struct freezer *f)
{
    contract_gate_open(&f->thaw);
    contract_gate_wait(&f->thawed);
}

static inline void freezer_close(struct freezer *f)
{
    contract_thread_join(&f->thread);
    CHECK_EQ(munmap(f->data, FROZEN_LENGTH), 0);
    contract_raw_close(f->descriptor);
}

#endif
