/* SPDX-License-Identifier: MIT */
/* pending.h - bytes that a full socket did not take yet; memory only while there are any.
 * Who uses it ignores SIGPIPE. */
#ifndef HANDWRITTEN_PENDING_H
#define HANDWRITTEN_PENDING_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct pending {
    char  *data; /* owned, NULL when nothing waits */
    size_t length, sent;
};

enum sending { SENT_ALL, SENT_PART, SENT_FAILED };

/* Sends what was just received straight from the shared buffer; what does not fit is kept. */
static inline enum sending send_or_keep(struct pending *p, int fd, const char *data, size_t length)
{
    ssize_t n = send(fd, data, length, 0);
    if (n == (ssize_t)length)
        return SENT_ALL;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return SENT_FAILED;
    size_t sent = n > 0 ? (size_t)n : 0;
    *p = (struct pending){.data = malloc(length - sent), .length = length - sent};
    if (!p->data)
        return SENT_FAILED;
    memcpy(p->data, data + sent, p->length);
    return SENT_PART;
}

/* Goes on with what was kept. */
static inline enum sending send_kept(struct pending *p, int fd)
{
    ssize_t n = send(fd, p->data + p->sent, p->length - p->sent, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return SENT_FAILED;
    p->sent += n > 0 ? (size_t)n : 0;
    if (p->sent < p->length)
        return SENT_PART;
    free(p->data);
    *p = (struct pending){0};
    return SENT_ALL;
}

#endif
