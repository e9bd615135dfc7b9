/* SPDX-License-Identifier: MIT */
/* control.c - control data of messages: what was put is found, and no byte beyond it is believed,
 * read or written, whatever a peer or a bug made of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/posix_control.h"
#include "os/posix_header.h"
#include "unit.h"
#include "weir.h"

#define ROOM 400

/* Descriptors and other control messages in turn, until the room is full: each is found again. */
static void put_is_found(void)
{
    unsigned char *room = malloc(ROOM);
    for (size_t limit = 0; limit <= ROOM; limit++) {
        size_t used = 0, next, count = 0;
        memset(room, 0x5a, ROOM);
        while ((next = control_append(room, limit, used, 7, (int)count, "abcdefghij", count % 11)))
            used = next, count++;
        CHECK(used <= limit);
        for (size_t i = used; i < ROOM; i++)
            CHECK_EQ(room[i], 0x5a);
        struct control one = {.next = 0};
        for (size_t i = 0; i < count; i++) {
            CHECK(control_find(room, used, one.next, &one));
            CHECK_EQ(one.level, 7);
            CHECK_EQ(one.type, i);
            CHECK_EQ(one.length, i % 11);
            CHECK(!memcmp(room + one.at, "abcdefghij", one.length));
        }
        CHECK(!control_find(room, used, one.next, &one));
    }
    free(room);
}

/* As the system's own macros have it, also where it was asked to begin behind an odd length. */
static void layout_is_the_systems(void)
{
    uint64_t        bytes[8] = {0};
    weir_os_handle  handles[3] = {4, 5, 6}, taken[3];
    struct weir_msg message = {.control = bytes, .control_room = sizeof bytes};
    CHECK_EQ(weir_msg_put_handles(&message, handles, 3), 3);
    struct msghdr   header = {.msg_control = bytes, .msg_controllen = message.control_length};
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    CHECK(first && !CMSG_NXTHDR(&header, first));
    CHECK_EQ(first->cmsg_len, CMSG_LEN(3 * sizeof(int)));
    CHECK_EQ(first->cmsg_level, SOL_SOCKET);
    CHECK_EQ(first->cmsg_type, SCM_RIGHTS);
    message.control_length = CMSG_LEN(3 * sizeof(int)); /* as some systems count: no padding */
    CHECK_EQ(weir_msg_put_handles(&message, handles, 1), 1);
    header.msg_controllen = message.control_length;
    CHECK(CMSG_NXTHDR(&header, CMSG_FIRSTHDR(&header)) != NULL);
    CHECK_EQ(weir_msg_take_handles(&message, taken, 3), WEIR_ENOBUFS);
    weir_os_handle all[4];
    CHECK_EQ(weir_msg_take_handles(&message, all, 4), 4);
    CHECK(all[0] == 4 && all[1] == 5 && all[2] == 6 && all[3] == 4);
    CHECK_EQ(weir_msg_take_handles(&message, all, 4), 0);
}

/* A head that is plausible now and then, so that the search gets on. */
static void make_hostile(unsigned char *bytes, size_t length, uint64_t *seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)unit_random(seed);
    for (size_t at = 0; length - at >= sizeof(struct cmsghdr);) {
        struct cmsghdr head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        switch (unit_below(seed, 6)) {
        case 0:
            head.cmsg_len = (header_length)unit_random(seed); /* any number at all */
            break;
        case 1:
            head.cmsg_len = (header_length)unit_below(seed, CMSG_LEN(0)); /* shorter than a head */
            break;
        case 2:
            head.cmsg_len = (header_length)((size_t)-1 - unit_below(seed, 32));
            break;
        default:
            head.cmsg_len = (header_length)CMSG_LEN(unit_below(seed, 40));
            break;
        }
        memcpy(bytes + at, &head, sizeof head);
        at += CMSG_SPACE(unit_below(seed, 24));
        if (at > length)
            break;
    }
}

static void hostile_bytes(void)
{
    uint64_t seed = 11, found = 0;
    for (int i = 0; i < 300000; i++) {
        size_t          length = unit_below(&seed, 120);
        size_t          shift = unit_below(&seed, 2);   /* also where nothing is aligned */
        unsigned char  *block = malloc(length + shift); /* a sanitizer watches its end */
        weir_os_handle  handles[64];
        struct weir_msg message = {.control = block + shift,
                                   .control_room = (uint32_t)length,
                                   .control_length = (uint32_t)length};
        make_hostile(block + shift, length, &seed);
        int count = weir_msg_take_handles(&message, NULL, 0);
        CHECK(count == 0 || count == WEIR_ENOBUFS);
        count = weir_msg_take_handles(&message, handles, 64);
        CHECK(count >= 0 && (size_t)count <= length / sizeof(int));
        for (int k = 0; k < count; k++)
            CHECK(handles[k] >= 0 && handles[k] <= INT32_MAX);
        CHECK_EQ(weir_msg_take_handles(&message, handles, 64), 0);
        CHECK_EQ(message.control_length, length);
        found += (unsigned)count;
        free(block);
    }
    CHECK(found > 100000); /* it was no idle search */
}

int main(void)
{
    put_is_found();
    layout_is_the_systems();
    hostile_bytes();
    puts("ok");
    return 0;
}
