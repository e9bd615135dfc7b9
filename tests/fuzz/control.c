/* SPDX-License-Identifier: MIT */
/* control.c - fuzz target: control data as a kernel, a peer or a bug may have left it.
 *
 * Oracles: a second, simple walk over the same bytes; descriptors are found by it, taken once and
 * never again; what is put is found behind what was there; what a received message tells agrees
 * with the header. Nothing outside the bytes is read or written: each block has its exact size. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "engine.h"
#include "fuzz.h"
#include "os/os.h"
#include "os/posix_control.h"
#include "os/posix_header.h"
#include "weir.h"

enum { BLOCK = 512, FOUND = BLOCK / 4 };

/* What a walk finds: a control message begins where the one before ended, rounded up to a word. */
struct found {
    int    level, type;
    size_t at, length; /* of its data */
};

static size_t walk(const uint8_t *bytes, size_t length, struct found *found)
{
    size_t count = 0;
    for (size_t at = 0; at + sizeof(struct cmsghdr) <= length;) {
        struct cmsghdr head;
        memcpy(&head, bytes + at, sizeof head);
        if (head.cmsg_len < sizeof head || head.cmsg_len > length - at)
            break;
        found[count++] = (struct found){.level = head.cmsg_level,
                                        .type = head.cmsg_type,
                                        .at = at + sizeof head,
                                        .length = head.cmsg_len - sizeof head};
        at += (head.cmsg_len + sizeof(size_t) - 1) / sizeof(size_t) * sizeof(size_t);
    }
    return count;
}

static void check_find(const uint8_t *bytes, size_t length)
{
    struct found   found[BLOCK / sizeof(struct cmsghdr) + 1];
    struct control one = {.next = 0};
    size_t         count = walk(bytes, length, found);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(control_find(bytes, length, one.next, &one));
        FUZZ_CHECK(one.level == found[i].level && one.type == found[i].type);
        FUZZ_CHECK(one.at == found[i].at && one.length == found[i].length);
    }
    FUZZ_CHECK(!control_find(bytes, length, one.next, &one));
}

/* Every descriptor that the walk sees, in order; how many. */
static size_t descriptors_of(const uint8_t *bytes, size_t length, int *descriptors)
{
    struct found found[BLOCK / sizeof(struct cmsghdr) + 1];
    size_t       count = walk(bytes, length, found), all = 0;
    for (size_t i = 0; i < count; i++) {
        if (found[i].level != SOL_SOCKET || found[i].type != SCM_RIGHTS)
            continue;
        for (size_t k = 0; k < found[i].length / sizeof(int); k++) {
            memcpy(&descriptors[all], bytes + found[i].at + k * sizeof(int), sizeof(int));
            all += descriptors[all] >= 0;
        }
    }
    return all;
}

static void check_take(uint8_t *bytes, size_t length)
{
    int             expected[FOUND + 1];
    weir_os_handle  taken[FOUND];
    size_t          count = descriptors_of(bytes, length, expected);
    struct weir_msg message = {
        .control = bytes, .control_room = (uint32_t)length, .control_length = (uint32_t)length};
    if (count) /* no room for one of them: all stay */
        FUZZ_CHECK_EQ(weir_msg_take_handles(&message, taken, count - 1), WEIR_ENOBUFS);
    FUZZ_CHECK_EQ(weir_msg_take_handles(&message, taken, count), count);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK_EQ(taken[i], expected[i]);
    FUZZ_CHECK_EQ(weir_msg_take_handles(&message, taken, FOUND), 0);
    check_find(bytes, length); /* only the descriptors are gone */
}

/* Puts some behind `used` bytes, which stay as they are. */
static void check_put(uint8_t *bytes, size_t room, size_t used, size_t count)
{
    weir_os_handle  handles[260], taken[FOUND];
    int             before[FOUND + 1], after[FOUND + 1];
    uint8_t         copy[BLOCK];
    struct weir_msg message = {
        .control = bytes, .control_room = (uint32_t)room, .control_length = (uint32_t)used};
    for (size_t i = 0; i < count; i++)
        handles[i] = (weir_os_handle)(1000 + i);
    memcpy(copy, bytes, used);
    size_t there = descriptors_of(bytes, used, before);
    int    result = weir_msg_put_handles(&message, handles, count);
    FUZZ_CHECK(!memcmp(bytes, copy, used));
    FUZZ_CHECK(message.control_length <= room);
    size_t start = (used + sizeof(size_t) - 1) / sizeof(size_t) * sizeof(size_t);
    if (count > 253)
        FUZZ_CHECK_EQ(result, WEIR_EINVAL);
    else if (count && start + CMSG_SPACE(count * sizeof(int)) > room)
        FUZZ_CHECK_EQ(result, WEIR_ENOBUFS);
    else
        FUZZ_CHECK_EQ(result, count);
    if (result <= 0) {
        FUZZ_CHECK_EQ(message.control_length, used);
        return;
    }
    struct control one;
    FUZZ_CHECK(control_find(bytes, message.control_length, start, &one));
    FUZZ_CHECK_EQ(one.length, count * sizeof(int));
    /* Behind bytes that end in the middle of a control message it is not found by a walk. */
    size_t all = descriptors_of(bytes, message.control_length, after);
    if (all == there + count)
        FUZZ_CHECK_EQ(weir_msg_take_handles(&message, taken, FOUND), all);
}

/* A receive of a message, of which the kernel left these bytes. */
static void check_told(uint8_t *bytes, size_t length, struct input *input)
{
    uint8_t            address[64];
    struct weir_handle handle = {.in = {.kind = WEIR_HANDLE_DATAGRAM}};
    unsigned           how = input_take(input);
    struct weir_msg    message = {.control = how & 1 ? bytes : NULL,
                                  .control_room = how & 1 ? (uint32_t)length : 0,
                                  .address = how & 2 ? address : NULL,
                                  .address_room = how & 2 ? input_take(input) % 64u : 0};
    struct weir_op     op = {.handle = &handle, .kind = WEIR_OP_RECV_MSG};
    handle.in.flags = how & 4 ? HANDLE_UDP : 0;
    op.in.arg.message.messages = &message;
    FUZZ_CHECK_EQ(posix_message_prepare(&op), 0);
    struct msghdr header;
    memcpy(&header, posix_message_header(&message), sizeof header);
    size_t room = header.msg_controllen;
    FUZZ_CHECK_EQ(header.msg_namelen, message.address_room);
    FUZZ_CHECK(how & 1 ? header.msg_control == bytes && room == length : true);
    /* The kernel writes no more than it was given room for, but tells the true length of a name. */
    header.msg_controllen = (header_length)(room < length ? room : length);
    if (header.msg_control && header.msg_control != bytes)
        memcpy(header.msg_control, bytes, header.msg_controllen);
    header.msg_namelen = message.address ? input_take(input) : 0;
    header.msg_flags = (how & 8 ? MSG_TRUNC : 0) | (how & 16 ? MSG_CTRUNC : 0);
    memcpy(posix_message_header(&message), &header, sizeof header);
    posix_message_told(&op, 7);
    FUZZ_CHECK_EQ(message.result, 7);
    FUZZ_CHECK_EQ(op.told, message.told);
    FUZZ_CHECK_EQ(!(message.told & WEIR_TOLD_TRUNCATED), !(how & 8));
    FUZZ_CHECK(!(how & 16) || (message.told & WEIR_TOLD_CONTROL_TRUNCATED));
    FUZZ_CHECK(message.address_length <= message.address_room);
    FUZZ_CHECK_EQ(!(message.told & WEIR_TOLD_ADDRESS_TRUNCATED),
                  !(message.address && header.msg_namelen > message.address_room));
    FUZZ_CHECK(message.control_length <= message.control_room);
    struct found found[BLOCK / sizeof(struct cmsghdr) + 1];
    uint32_t     segment = 0;
    size_t count = header.msg_control ? walk(header.msg_control, header.msg_controllen, found) : 0;
    for (size_t i = 0; i < count; i++) {
        int value;
        if (found[i].level != IPPROTO_UDP || found[i].type != UDP_GRO ||
            found[i].length < sizeof value)
            continue;
        memcpy(&value, (uint8_t *)header.msg_control + found[i].at, sizeof value);
        segment = value > 0 ? (uint32_t)value : 0;
    }
    FUZZ_CHECK_EQ(message.segment, segment);
}

/* Heads that are plausible are rare among bytes: an input builds them from short recipes. */
static size_t build(struct input *input, uint8_t *bytes)
{
    static const int kinds[][2] = {
        {SOL_SOCKET, SCM_RIGHTS}, {IPPROTO_UDP, UDP_GRO}, {SOL_SOCKET, SCM_CREDENTIALS}, {0, 0}};
    size_t length = 0;
    while (!input_is_empty(input) && BLOCK - length >= 40) {
        unsigned       how = input_take(input);
        size_t         data = input_take(input) % 20u;
        struct cmsghdr head = {.cmsg_len = (header_length)CMSG_LEN(data),
                               .cmsg_level = kinds[how & 3][0],
                               .cmsg_type = kinds[how & 3][1]};
        if (how == 0xff)
            break; /* the rest are raw bytes */
        if (how & 4)
            head.cmsg_len = (size_t)(int64_t)(int8_t)input_take(input);
        memcpy(bytes + length, &head, sizeof head);
        length += sizeof head;
        for (size_t i = 0; i < data; i++)
            bytes[length++] = input_take(input);
        if (!(how & 8)) /* rounded up, as it ought to be */
            while (length % sizeof(size_t))
                bytes[length++] = 0;
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    uint8_t      bytes[BLOCK];
    uint8_t      options[6];
    for (size_t i = 0; i < sizeof options; i++)
        options[i] = input_answer(&input);
    size_t length = build(&input, bytes);
    while (length < BLOCK && !input_is_empty(&input))
        bytes[length++] = input_take(&input);
    size_t shift = options[0] & 1, cut = options[1]; /* also where nothing is aligned */
    length -= cut < length ? cut % 24u : 0;
    size_t   room = length + options[2];
    uint8_t *exact = malloc(length + shift), *roomy = malloc(room + shift);
    FUZZ_CHECK(exact && roomy);
    memcpy(exact + shift, bytes, length);
    memcpy(roomy + shift, bytes, length);
    memset(roomy + shift + length, 0x5a, room - length);
    struct input answers = input_of(options + 3, 3);
    check_find(exact + shift, length);
    check_told(exact + shift, length, &answers);
    check_take(exact + shift, length);
    check_put(roomy + shift, room, length, options[3]);
    free(exact);
    free(roomy);
    return 0;
}
