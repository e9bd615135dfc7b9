/* SPDX-License-Identifier: MIT */
/* sigio_description.c - which descriptors tell their changes by signals, what is set on their open
 * file descriptions for it, and how that is put back. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sigio.h"

enum telling { TELLS_NOTHING, TELLS_INPUT, TELLS_ALL };

static int option_of(int descriptor, int name)
{
    int       value = -1;
    socklen_t length = sizeof value;
    getsockopt(descriptor, SOL_SOCKET, name, &value, &length);
    return value;
}

/* What of a descriptor is signalled whenever it changes, on Linux 6.18: of TCP, UDP and pipes
 * everything. Of unix sockets only what comes in: that there is room again is signalled after a
 * send that failed for the lack of it, and not for a poll. ttys do not signal a hang-up. What else
 * has signals (inotify, tun, other families) is not trusted to have all of them. */
static enum telling telling_of(const struct weir_handle *handle)
{
    int descriptor = handle->in.descriptor;
    if (handle->in.kind == WEIR_HANDLE_PIPE)
        return TELLS_ALL;
    if (!handle_is_socket(handle))
        return TELLS_NOTHING;
    int family = option_of(descriptor, SO_DOMAIN), protocol = option_of(descriptor, SO_PROTOCOL);
    if (family == AF_UNIX)
        return TELLS_INPUT;
    bool internet = family == AF_INET || family == AF_INET6;
    return internet && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) ? TELLS_ALL
                                                                            : TELLS_NOTHING;
}

static void put_back(int descriptor, const struct signalled *entry)
{
    struct f_owner_ex owner = entry->owner_before;
    fcntl(descriptor, F_SETSIG, entry->signal_before);
    if (fcntl(descriptor, F_SETOWN_EX, &owner) == 0)
        return;
    owner.pid = 0; /* it is gone meanwhile */
    fcntl(descriptor, F_SETOWN_EX, &owner);
}

static int set_async(int descriptor, int on)
{
    return ioctl(descriptor, FIOASYNC, &on);
}

/* Whether it is done. A description that is asynchronous already belongs to somebody else, who goes
 * on getting its signals: an earlier handle with a duplicate of this descriptor, the program, or
 * another process. */
static bool take_description(const struct sigio *s, int descriptor, struct signalled *entry)
{
    struct f_owner_ex owner = {F_OWNER_TID, s->thread};
    int               flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || (flags & O_ASYNC))
        return false;
    entry->signal_before = fcntl(descriptor, F_GETSIG);
    if (entry->signal_before < 0 || fcntl(descriptor, F_GETOWN_EX, &entry->owner_before) < 0)
        return false;
    if (fcntl(descriptor, F_SETOWN_EX, &owner) == 0 &&
        fcntl(descriptor, F_SETSIG, s->signal) == 0 && set_async(descriptor, 1) == 0)
        return true;
    put_back(descriptor, entry);
    return false;
}

int sigio_sign(struct weir_loop *loop, struct weir_handle *handle)
{
    struct sigio    *s = loop->mechanism;
    int              number = handle->in.descriptor;
    struct signalled entry = {.handle = handle};
    enum telling     telling = telling_of(handle);
    if (telling == TELLS_NOTHING)
        return 0;
    if (sigio_grow(loop, number))
        return WEIR_ENOMEM;
    entry.partly = telling == TELLS_INPUT;
    if (take_description(s, number, &entry))
        s->by_number[number] = entry;
    return 0;
}

static void take_out_of_names(struct sigio *s, int number)
{
    int at = 0;
    while (s->names[at] != number)
        at++;
    memmove(s->names + at, s->names + at + 1, (size_t)(--s->name_count - at) * sizeof *s->names);
}

void sigio_unsign(struct weir_loop *loop, struct weir_handle *handle)
{
    struct sigio     *s = loop->mechanism;
    struct signalled *entry = sigio_signalled(s, handle);
    if (!entry)
        return;
    set_async(handle->in.descriptor, 0);
    put_back(handle->in.descriptor, entry);
    if (entry->named)
        take_out_of_names(s, handle->in.descriptor);
    *entry = (struct signalled){0};
}
