/* SPDX-License-Identifier: MIT */
/* posix_several.h - several messages by one call, and by several where the system has no such call
 * (macOS); descriptors in messages that are closed on exec from the beginning, or not. */
#ifndef WEIR_POSIX_SEVERAL_H
#define WEIR_POSIX_SEVERAL_H

#include <sys/socket.h>

#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0 /* they are marked afterwards: control_close_on_exec() */
#endif

#ifndef MSG_WAITFORONE
#define MSG_WAITFORONE 0

struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned      msg_len;
};

/* The first waits, unless it is told not to; how many were moved, or -1. */
static inline int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
                           void *none)
{
    int moved = 0;
    (void)none;
    for (unsigned i = 0; i < count; i++, moved++, flags |= MSG_DONTWAIT) {
        ssize_t length = recvmsg(descriptor, &messages[i].msg_hdr, flags);
        if (length < 0)
            break;
        messages[i].msg_len = (unsigned)length;
    }
    return moved ? moved : -1;
}

static inline int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags)
{
    int moved = 0;
    for (unsigned i = 0; i < count; i++, moved++) {
        ssize_t length = sendmsg(descriptor, &messages[i].msg_hdr, flags);
        if (length < 0)
            break;
        messages[i].msg_len = (unsigned)length;
    }
    return moved ? moved : -1;
}
#endif

#endif
