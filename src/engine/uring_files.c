/* SPDX-License-Identifier: MIT */
/* uring_files.c - files that the ring knows by a place of its own, which spares the kernel the
 * look-up of a descriptor for each read and write: options.registered_files. io_uring_register(2),
 * "IORING_REGISTER_FILES". handle->in.slot is the place, NO_PLACE once the kernel refused one. */
#include <liburing.h>

#include "uring.h"

#define NO_PLACE (-2)

/* By the call itself: liburing's own raises RLIMIT_NOFILE of the process where that is too low. */
static int register_places(struct uring *u, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        u->places[i] = -1;
    return io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_FILES, u->places, count);
}

void uring_places_open(struct weir_loop *loop, struct uring *u, const struct weir_options *options)
{
    unsigned count = options->registered_files;
    if (!count || (options->features_off & WEIR_WITHOUT_REGISTERED))
        return;
    u->places = loop_resize(loop, NULL, count * sizeof *u->places);
    u->places_error = u->places ? register_places(u, count) : WEIR_ENOMEM;
    if (u->places_error) {
        loop_log(loop, WEIR_LOG_NOTICE,
                 "options.registered_files is without effect: IORING_REGISTER_FILES: %s",
                 weir_error_name(u->places_error));
        return;
    }
    for (unsigned i = 0; i < count; i++)
        u->places[i] = (int)(count - 1 - i);
    u->has_places = true;
    u->places_free = count;
}

static bool tell_place(const struct uring *u, int place, int descriptor)
{
    struct io_uring_files_update update = {.offset = (unsigned)place,
                                           .fds = (uint64_t)(uintptr_t)&descriptor};
    return io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_FILES_UPDATE, &update, 1) ==
           1;
}

void uring_use_place(struct uring *u, struct io_uring_sqe *entry, struct weir_handle *handle)
{
    if (handle->in.slot == -1 && u->places_free) {
        int place = u->places[u->places_free - 1];
        handle->in.slot = NO_PLACE;
        if (tell_place(u, place, handle->in.descriptor)) {
            handle->in.slot = place;
            u->places_free--;
        }
    }
    if (handle->in.slot < 0)
        return;
    entry->fd = handle->in.slot;
    entry->flags |= IOSQE_FIXED_FILE;
}

/* What is in flight keeps the file until it ended, as it would without a place. */
void uring_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    struct uring *u = loop->mechanism;
    if (handle->in.slot >= 0 && tell_place(u, handle->in.slot, -1))
        u->places[u->places_free++] = handle->in.slot;
    handle->in.slot = -1;
}
