/* SPDX-License-Identifier: MIT */
/* posix_control.c - the control data of messages, and the descriptors that it carries. cmsg(3),
 * unix(7), "Ancillary messages". */
#include "posix_control.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "posix_header.h"
#include "weir.h"

#define HANDLES_MAX 253 /* Linux takes no more in one message: unix(7), "SCM_RIGHTS" */

/* The beginning of a control message behind `used` bytes. */
static size_t align(size_t used)
{
    return CMSG_SPACE(used) - CMSG_SPACE(0);
}

bool control_find(const void *bytes, size_t length, size_t at, struct control *found)
{
    if (at > length || length - at < CMSG_LEN(0))
        return false;
    struct cmsghdr head;
    memcpy(&head, (const char *)bytes + at, sizeof head);
    size_t whole = head.cmsg_len;
    if (whole < CMSG_LEN(0) || whole > length - at)
        return false;
    found->level = head.cmsg_level;
    found->type = head.cmsg_type;
    found->at = at + CMSG_LEN(0);
    found->length = whole - CMSG_LEN(0);
    found->next = at + align(whole);
    return true;
}

size_t control_append(void *bytes, size_t room, size_t used, int level, int type, const void *data,
                      size_t length)
{
    struct cmsghdr head = {
        .cmsg_len = (header_length)CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
    size_t start = align(used);
    if (start > room || room - start < CMSG_SPACE(length))
        return 0;
    char *at = (char *)bytes + start;
    memset((char *)bytes + used, 0, start + CMSG_SPACE(length) - used);
    memcpy(at, &head, sizeof head);
    memcpy(at + CMSG_LEN(0), data, length);
    return start + CMSG_SPACE(length);
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

int weir_msg_put_handles(struct weir_msg *message, const weir_os_handle *handles, size_t count)
{
    int descriptors[HANDLES_MAX];
    if (!message || (!handles && count) || count > HANDLES_MAX ||
        message->control_length > message->control_room)
        return WEIR_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (handles[i] < 0 || handles[i] > INT32_MAX)
            return WEIR_EINVAL;
        descriptors[i] = (int)handles[i];
    }
    if (!count)
        return 0;
    size_t used = message->control ? control_append(message->control, message->control_room,
                                                    message->control_length, SOL_SOCKET, SCM_RIGHTS,
                                                    descriptors, count * sizeof *descriptors)
                                   : 0;
    if (!used)
        return WEIR_ENOBUFS;
    message->control_length = (uint32_t)used;
    return (int)count;
}

/* Visits every descriptor in the control data; with `handles` each is written there, and -1 left in
 * its place, so that none is taken twice. Their number. */
static size_t visit_handles(struct weir_msg *message, size_t length, weir_os_handle *handles)
{
    const int      taken = -1;
    size_t         count = 0;
    struct control one = {.next = 0};
    while (control_find(message->control, length, one.next, &one)) {
        if (one.level != SOL_SOCKET || one.type != SCM_RIGHTS)
            continue;
        for (size_t at = one.at; one.at + one.length - at >= sizeof taken; at += sizeof taken) {
            char *place = (char *)message->control + at;
            int   descriptor;
            memcpy(&descriptor, place, sizeof descriptor);
            if (descriptor < 0)
                continue;
            if (handles) {
                handles[count] = descriptor;
                memcpy(place, &taken, sizeof taken);
            }
            count++;
        }
    }
    return count;
}

int weir_msg_take_handles(struct weir_msg *message, weir_os_handle *handles, size_t room)
{
    if (!message || (!handles && room))
        return WEIR_EINVAL;
    size_t length = message->control_length;
    if (length > message->control_room)
        return WEIR_EINVAL;
    size_t count = message->control ? visit_handles(message, length, NULL) : 0;
    if (count > room)
        return WEIR_ENOBUFS;
    if (count)
        visit_handles(message, length, handles);
    return (int)count;
}

void control_close_on_exec(const void *bytes, size_t length)
{
    struct control one = {.next = 0};
    int            descriptor;
    while (bytes && control_find(bytes, length, one.next, &one)) {
        if (one.level != SOL_SOCKET || one.type != SCM_RIGHTS)
            continue;
        for (size_t at = one.at; one.at + one.length - at >= sizeof descriptor;
             at += sizeof descriptor) {
            memcpy(&descriptor, (const char *)bytes + at, sizeof descriptor);
            fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        }
    }
}
