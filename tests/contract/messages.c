/* SPDX-License-Identifier: MIT */
/* messages.c - messages with control data: descriptors, credentials, and messages on streams. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "datagrams_ends.h"

#define HANDLES 5

/* Room for descriptors in control data. */
struct room {
    uint64_t bytes[8];
};

static struct weir_msg message_with(struct weir_buf *piece, const void *data, size_t length,
                                    struct room *room)
{
    struct weir_msg message = message_of(piece, data, length);
    message.control = room->bytes;
    message.control_room = sizeof room->bytes;
    return message;
}

/* The pairs that can pass descriptors: streams, datagrams, sequenced packets. */
static void (*const passing_pairs[])(struct contract *, struct weir_handle *,
                                     struct weir_handle *) = {contract_unix_pair,
                                                              unix_datagram_pair, sequenced_pair};
#define PASSING_PAIRS                                                                              \
    (sizeof passing_pairs / sizeof *passing_pairs - (contract_simulated() ? 1 : 0))

/* Sends these with one message; the number of descriptors of the process stays as it was. */
static void pass(struct contract *c, struct weir_handle *handle, const weir_os_handle *handles,
                 size_t count, const char *text)
{
    struct weir_op  send = {0};
    struct weir_buf piece;
    struct room     room;
    struct weir_msg message = message_with(&piece, text, strlen(text), &room);
    CHECK_EQ(weir_msg_put_handles(&message, handles, count), count);
    weir_send_msg(&send, handle, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), strlen(text));
    CHECK_EQ(message.result, strlen(text));
}

/* `count` pipes: what is written to written[i] is read from read[i]. */
static void open_pipes(weir_os_handle *read_ends, weir_os_handle *write_ends, int count)
{
    for (int i = 0; i < count; i++) {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        read_ends[i] = ends[0];
        write_ends[i] = ends[1];
    }
}

static void close_all(const weir_os_handle *handles, int count)
{
    for (int i = 0; i < count; i++)
        contract_raw_close((int)handles[i]);
}

/* What was taken is the other end of what was passed, close-on-exec, and the caller's. */
static void check_taken(const weir_os_handle *taken, const weir_os_handle *read_ends, int count)
{
    for (int i = 0; i < count; i++) {
        char byte = (char)('a' + i), got;
        CHECK(fcntl((int)taken[i], F_GETFD) == FD_CLOEXEC);
        CHECK_EQ(write((int)taken[i], &byte, 1), 1);
        CHECK_EQ(read((int)read_ends[i], &got, 1), 1);
        CHECK_EQ(got, byte);
    }
}

static void receive_message(struct weir_op *op, struct weir_handle *handle,
                            struct weir_msg *message, bool batch)
{
    if (batch)
        weir_recv_batch(op, handle, message, 1, 0, contract_done);
    else
        weir_recv_msg(op, handle, message, 0, contract_done);
}

/* A mechanism may open what it needs for a handle when it is first used, and keep it. */
static void warm(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    struct weir_op recv = {0};
    char           byte;
    weir_recv(&recv, b, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    send_one(c, a, "w", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
}

static void handles_are_passed(struct contract *c)
{
    for (unsigned i = 0; i < 4 * PASSING_PAIRS; i++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        struct weir_buf    piece;
        struct room        room;
        char               bytes[8];
        struct weir_msg    message = message_with(&piece, bytes, sizeof bytes, &room);
        weir_os_handle     read_ends[HANDLES], write_ends[HANDLES], taken[HANDLES];
        bool               waits = i & 1, batch = (i & 2) && i / 4;
        passing_pairs[i / 4](c, &a, &b);
        warm(c, &a, &b);
        unsigned before = contract_fd_count();
        open_pipes(read_ends, write_ends, HANDLES);
        if (!waits)
            pass(c, &a, write_ends, HANDLES, "five");
        receive_message(&recv, &b, &message, batch);
        if (waits) {
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            pass(c, &a, write_ends, HANDLES, "five");
        }
        CHECK_EQ(contract_await(c, &recv), batch ? 1 : 4);
        CHECK_EQ(message.result, 4);
        CHECK_EQ(recv.told, 0);
        CHECK_EQ(weir_msg_take_handles(&message, taken, HANDLES), HANDLES);
        CHECK_EQ(weir_msg_take_handles(&message, taken, HANDLES), 0); /* none is taken twice */
        check_taken(taken, read_ends, HANDLES);
        close_all(taken, HANDLES);
        close_all(read_ends, HANDLES);
        close_all(write_ends, HANDLES);
        CHECK_EQ(contract_fd_count(), before);
        close_both(c, &a, &b);
    }
}

/* Control data that is too short for all, for one, or not there at all: what had no room is told of
 * and closed by the system, and nothing is left open. */
static void what_has_no_room_is_closed(struct contract *c)
{
    static const uint32_t rooms[] = {0, CMSG_LEN(0), CMSG_LEN(sizeof(int)),
                                     CMSG_LEN(3 * sizeof(int))};
    for (unsigned i = 0; i < 8 * PASSING_PAIRS; i++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        struct weir_buf    piece;
        struct room        room;
        char               bytes[8];
        struct weir_msg    message = message_with(&piece, bytes, sizeof bytes, &room);
        weir_os_handle     read_ends[HANDLES], write_ends[HANDLES], taken[HANDLES];
        unsigned           pair = i / 8;
        bool               batch = (i & 4) && pair;
        int                fit = i % 4 == 2 ? 1 : i % 4 == 3 ? 3 : 0;
        passing_pairs[pair](c, &a, &b);
        warm(c, &a, &b);
        open_pipes(read_ends, write_ends, HANDLES);
        unsigned before = contract_fd_count();
        if (!rooms[i % 4])
            message.control = NULL;
        message.control_room = rooms[i % 4];
        receive_message(&recv, &b, &message, batch);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        pass(c, &a, write_ends, HANDLES, "five");
        contract_await(c, &recv);
        CHECK_EQ(message.result, 4);
        CHECK_EQ(recv.told, WEIR_TOLD_CONTROL_TRUNCATED);
        CHECK_EQ(message.told, WEIR_TOLD_CONTROL_TRUNCATED);
        CHECK_EQ(weir_msg_take_handles(&message, taken, HANDLES), fit);
        check_taken(taken, read_ends, fit);
        close_all(taken, fit);
        CHECK_EQ(contract_fd_count(), before);
        close_all(read_ends, HANDLES);
        close_all(write_ends, HANDLES);
        close_both(c, &a, &b);
    }
}

/* A plain receive has no room for them either. */
static void plain_receive_leaves_none_open(struct contract *c)
{
    for (unsigned pair = 0; pair < PASSING_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        weir_os_handle     read_end, write_end;
        char               bytes[8];
        passing_pairs[pair](c, &a, &b);
        warm(c, &a, &b);
        open_pipes(&read_end, &write_end, 1);
        unsigned before = contract_fd_count();
        pass(c, &a, &write_end, 1, "one");
        weir_recv(&recv, &b, bytes, sizeof bytes, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 3);
        CHECK_EQ(contract_fd_count(), before);
        close_all(&read_end, 1);
        close_all(&write_end, 1);
        close_both(c, &a, &b);
    }
}

/* More than the caller asked for: none is taken, and it may ask again. */
static void take_tells_when_room_is_short(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0};
    struct weir_buf    piece;
    struct room        room;
    char               bytes[8] = {0};
    struct weir_msg    message = message_with(&piece, bytes, sizeof bytes, &room);
    weir_os_handle     read_ends[3], write_ends[3], taken[3] = {-7, -7, -7};
    contract_unix_pair(c, &a, &b);
    open_pipes(read_ends, write_ends, 3);
    pass(c, &a, write_ends, 3, "three");
    weir_recv_msg(&recv, &b, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 5);
    CHECK_EQ(weir_msg_take_handles(&message, taken, 2), WEIR_ENOBUFS);
    CHECK_EQ(weir_msg_take_handles(&message, NULL, 0), WEIR_ENOBUFS);
    CHECK_EQ(taken[0], -7);
    CHECK_EQ(weir_msg_take_handles(&message, taken, 3), 3);
    check_taken(taken, read_ends, 3);
    close_all(taken, 3);
    close_all(read_ends, 3);
    close_all(write_ends, 3);
    close_both(c, &a, &b);
}

/* Passes one without running the loop. */
static void raw_pass(int to, int descriptor, const char *text)
{
    struct room    room = {{0}};
    struct iovec   piece = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr  header = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(sizeof descriptor)};
    struct cmsghdr head = {
        .cmsg_len = CMSG_LEN(sizeof descriptor), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(room.bytes, &head, sizeof head);
    memcpy((char *)room.bytes + CMSG_LEN(0), &descriptor, sizeof descriptor);
    CHECK_EQ(sendmsg(to, &header, MSG_NOSIGNAL), strlen(text));
}

/* A receive stops behind descriptors; it is short, and yet more is there. */
static void short_receive_at_descriptors(struct contract *c)
{
    for (int message_too = 0; message_too < 2; message_too++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        struct weir_buf    piece;
        char               all[7] = {0}, bytes[16];
        struct weir_msg    message = message_of(&piece, bytes, sizeof bytes);
        weir_os_handle     read_end, write_end;
        size_t             count = 0;
        contract_unix_pair(c, &a, &b);
        open_pipes(&read_end, &write_end, 1);
        while (count < 6) {
            if (message_too)
                weir_recv_msg(&recv, &b, &message, 0, contract_done);
            else
                weir_recv(&recv, &b, bytes, sizeof bytes, 0, contract_done);
            if (!count) { /* it waits, and is told of all of it at once */
                CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
                contract_raw_send((int)weir_handle_os(&a), "aa", 2);
                raw_pass((int)weir_handle_os(&a), (int)write_end, "bb");
                contract_raw_send((int)weir_handle_os(&a), "cc", 2);
            }
            CHECK(contract_await(c, &recv) > 0);
            CHECK(count + (size_t)recv.result <= 6);
            memcpy(all + count, bytes, (size_t)recv.result);
            count += (size_t)recv.result;
        }
        CHECK(!strcmp(all, "aabbcc"));
        close_all(&read_end, 1);
        close_all(&write_end, 1);
        close_both(c, &a, &b);
    }
}

/* The same on a connection that a listener accepted, and whose other end is weir's too. */
static void accepted_unix_stream_passes_handles(struct contract *c)
{
    struct weir_handle  listener = {0}, client = {0}, accepted = {0};
    struct weir_op      accept = {0}, recv = {0};
    struct weir_address name;
    char                text[150], bytes[16];
    weir_os_handle      read_end, write_end;
    size_t              count = 0;
    snprintf(text, sizeof text, "unix:%s/listener", c->directory);
    CHECK_EQ(weir_address_parse(&name, text), 0);
    CHECK_EQ(weir_listen(&listener, c->loop, name.data.bytes, name.length, 0, 0), 0);
    CHECK_EQ(weir_socket(&client, c->loop, AF_UNIX, SOCK_STREAM, 0), 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    connect_to(c, &client, &name);
    CHECK_EQ(contract_await(c, &accept), 0);
    CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_STREAM);
    open_pipes(&read_end, &write_end, 1);
    while (count < 4) {
        weir_recv(&recv, &accepted, bytes, sizeof bytes, 0, contract_done);
        if (!count) {
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            raw_pass((int)weir_handle_os(&client), (int)write_end, "bb");
            contract_raw_send((int)weir_handle_os(&client), "cc", 2);
        }
        CHECK(contract_await(c, &recv) > 0);
        count += (size_t)recv.result;
    }
    close_all(&read_end, 1);
    close_all(&write_end, 1);
    close_both(c, &client, &accepted);
    contract_close(c, &listener);
}

/* More than the socket takes at once, with a descriptor: it comes with the first byte, once. */
static void control_goes_with_the_first_byte(struct contract *c)
{
    const size_t       length = 2u << 20;
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0}, recv = {0};
    struct weir_buf    out_piece, in_piece;
    struct room        out_room, in_room;
    char              *out_bytes = contract_buffer(c, length), *in_bytes = malloc(length);
    struct weir_msg    out = message_with(&out_piece, out_bytes, length, &out_room);
    struct weir_msg    in = message_with(&in_piece, in_bytes, 1, &in_room);
    weir_os_handle     read_end, write_end, taken;
    contract_fill(out_bytes, length, 0, 4);
    contract_unix_pair(c, &a, &b);
    open_pipes(&read_end, &write_end, 1);
    CHECK_EQ(weir_msg_put_handles(&out, &write_end, 1), 1);
    weir_send_msg(&send, &a, &out, 0, contract_done);
    weir_recv_msg(&recv, &b, &in, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(weir_msg_take_handles(&in, &taken, 1), 1);
    check_taken(&taken, &read_end, 1);
    close_all(&taken, 1);
    size_t sent = (size_t)contract_await(c, &send);
    CHECK(sent > 0 && sent < length);
    weir_send(&send, &a, out_bytes + sent, length - sent, WEIR_ALL, contract_done);
    for (size_t got = 1; got < length; got += (size_t)recv.result) {
        in_piece = (struct weir_buf){in_bytes + got, length - got};
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        CHECK(contract_await(c, &recv) > 0);
        CHECK_EQ(weir_msg_take_handles(&in, &taken, 1), 0);
    }
    CHECK(contract_filled(in_bytes, length, 0, 4));
    CHECK_EQ(contract_await(c, &send), length - sent);
    free(in_bytes);
    close_all(&read_end, 1);
    close_all(&write_end, 1);
    close_both(c, &a, &b);
}

/* What a message carries beside descriptors is the system's and the program's: weir adds nothing
 * and takes nothing away. */
static void credentials_pass_through(struct contract *c)
{
    for (unsigned pair = 0; pair < PASSING_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0}, send = {0};
        struct weir_buf    out_piece, in_piece;
        struct room        out_room = {{0}}, in_room = {{0}};
        struct ucred       credentials = {getpid(), getuid(), getgid()};
        struct cmsghdr     head = {.cmsg_len = CMSG_LEN(sizeof credentials),
                                   .cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_CREDENTIALS};
        char               bytes[4];
        int                on = 1;
        struct weir_msg    out = message_with(&out_piece, "who", 3, &out_room);
        struct weir_msg    in = message_with(&in_piece, bytes, sizeof bytes, &in_room);
        passing_pairs[pair](c, &a, &b);
        CHECK_EQ(setsockopt((int)weir_handle_os(&b), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
        memcpy(out_room.bytes, &head, sizeof head);
        memcpy((char *)out_room.bytes + CMSG_LEN(0), &credentials, sizeof credentials);
        out.control_length = CMSG_SPACE(sizeof credentials);
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        weir_send_msg(&send, &a, &out, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), 3);
        CHECK_EQ(contract_await(c, &recv), 3);
        CHECK_EQ(in.control_length, CMSG_SPACE(sizeof credentials));
        CHECK(!memcmp(in_room.bytes, out_room.bytes, CMSG_LEN(sizeof credentials)));
        CHECK_EQ(weir_msg_take_handles(&in, NULL, 0), 0);
        close_both(c, &a, &b);
    }
}

static void put_and_take_refuse_what_is_wrong(struct contract *c)
{
    weir_os_handle  handles[254] = {0}, wrong[2] = {0, -1};
    struct room     room;
    struct weir_buf piece;
    struct weir_msg message = message_with(&piece, "x", 1, &room);
    (void)c;
    CHECK_EQ(weir_msg_put_handles(NULL, handles, 1), WEIR_EINVAL);
    CHECK_EQ(weir_msg_put_handles(&message, NULL, 1), WEIR_EINVAL);
    CHECK_EQ(weir_msg_put_handles(&message, handles, 254), WEIR_EINVAL);
    CHECK_EQ(weir_msg_put_handles(&message, wrong, 2), WEIR_EINVAL);
    CHECK_EQ(weir_msg_put_handles(&message, handles, 253), WEIR_ENOBUFS);
    CHECK_EQ(message.control_length, 0);
    CHECK_EQ(weir_msg_put_handles(&message, NULL, 0), 0);
    CHECK_EQ(message.control_length, 0);
    CHECK_EQ(weir_msg_put_handles(&message, handles, 2), 2);
    CHECK_EQ(message.control_length, CMSG_SPACE(2 * sizeof(int)));
    CHECK_EQ(weir_msg_put_handles(&message, handles, 1), 1); /* behind the others */
    CHECK_EQ(message.control_length, CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(int)));
    message.control_room = message.control_length + (uint32_t)CMSG_SPACE(sizeof(int)) - 1;
    CHECK_EQ(weir_msg_put_handles(&message, handles, 1), WEIR_ENOBUFS);
    message.control = NULL;
    message.control_room = message.control_length = 0;
    CHECK_EQ(weir_msg_put_handles(&message, handles, 1), WEIR_ENOBUFS);
    CHECK_EQ(weir_msg_take_handles(&message, handles, 3), 0);
    CHECK_EQ(weir_msg_take_handles(NULL, handles, 3), WEIR_EINVAL);
    CHECK_EQ(weir_msg_take_handles(&message, NULL, 3), WEIR_EINVAL);
    message.control_length = 16;
    CHECK_EQ(weir_msg_take_handles(&message, handles, 3), WEIR_EINVAL);
}

/* ------------------------------------------------------------------------------------------------
 * On streams
 * ---------------------------------------------------------------------------------------------- */

/* Bytes in pieces, the end, and a result of 0 for no bytes at all. */
static void messages_over_streams(struct contract *c)
{
    for (int local = 0; local < 2; local++) {
        struct weir_handle  a = {0}, b = {0};
        struct weir_op      send = {0}, recv = {0};
        char                bytes[8] = {0};
        char                letters[6] = {'a', 'b', 'c', 'd', 'e', 'f'};
        struct weir_buf     out_pieces[3] = {{letters, 2}, {NULL, 0}, {letters + 2, 4}};
        struct weir_buf     in_pieces[2] = {{bytes, 1}, {bytes + 1, 3}};
        struct weir_msg     out = {.buffers = out_pieces, .count = 3}, in, empty = {0};
        struct weir_address from;
        in = (struct weir_msg){.buffers = in_pieces, .count = 2};
        if (local)
            contract_unix_pair(c, &a, &b);
        else
            contract_tcp_pair(c, &a, &b);
        ask_source(&in, &from);
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        weir_send_msg(&send, &a, &out, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), 6);
        CHECK_EQ(contract_await(c, &recv), 4);
        CHECK(!memcmp(bytes, "abcd", 4));
        CHECK_EQ(recv.told, 0); /* the rest is not lost: it is a stream */
        CHECK_EQ(in.address_length, 0);
        weir_recv_msg(&recv, &b, &empty, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 0);
        weir_send_msg(&send, &a, &empty, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), 0);
        weir_recv_msg(&recv, &b, &in, WEIR_PEEK, contract_done);
        CHECK_EQ(contract_await(c, &recv), 2);
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 2);
        CHECK(!memcmp(bytes, "ef", 2));
        contract_close(c, &a);
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 0);
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 0);
        contract_close(c, &b);
    }
}

static void messages_and_bytes_in_order(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recvs[6] = {{0}}, sends[6] = {{0}};
    char               bytes[6], letters[6] = {'a', 'b', 'c', 'd', 'e', 'f'};
    struct weir_buf    out_pieces[6], in_pieces[6];
    struct weir_msg    out[6], in[6];
    contract_tcp_pair(c, &a, &b);
    for (int i = 0; i < 6; i++) {
        in[i] = message_of(&in_pieces[i], &bytes[i], 1);
        out[i] = message_of(&out_pieces[i], &letters[i], 1);
        if (i % 2)
            weir_recv_msg(&recvs[i], &b, &in[i], 0, contract_done);
        else
            weir_recv(&recvs[i], &b, &bytes[i], 1, 0, contract_done);
    }
    for (int i = 0; i < 6; i++) {
        if (i % 2)
            weir_send(&sends[i], &a, &letters[i], 1, 0, contract_done);
        else
            weir_send_msg(&sends[i], &a, &out[i], 0, contract_done);
    }
    contract_run(c);
    for (int i = 0; i < 6; i++) {
        CHECK_RESULT(&sends[i], 1);
        CHECK_RESULT(&recvs[i], 1);
    }
    CHECK(!memcmp(bytes, letters, 6));
    close_both(c, &a, &b);
}

static void reset_is_told_to_messages(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     op = {0};
    struct weir_buf    piece;
    char               byte = 'x';
    struct weir_msg    message = message_of(&piece, &byte, 1);
    int                peer = contract_tcp_peer(c, &handle);
    weir_recv_msg(&op, &handle, &message, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_reset(peer);
    CHECK_EQ(contract_await(c, &op), WEIR_ECONNRESET);
    CHECK_EQ(message.result, WEIR_ECONNRESET);
    weir_send_msg(&op, &handle, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
    contract_close(c, &handle);
}

/* A full stream is waited for; what is cancelled there has sent nothing. */
static void full_stream_waits(struct contract *c)
{
    static char        bytes[65536];
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0};
    struct weir_buf    piece;
    struct weir_msg    message = message_of(&piece, "end", 3);
    int64_t            filled = 0, moved;
    contract_unix_pair(c, &a, &b);
    while ((moved = weir_try_send(&a, bytes, sizeof bytes, 0)) > 0)
        filled += moved;
    weir_send_msg(&op, &a, &message, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_cancel(&op), 0);
    CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
    weir_send_msg(&op, &a, &message, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (; filled; filled -= moved) {
        moved = weir_try_recv(&b, bytes,
                              (size_t)filled < sizeof bytes ? (size_t)filled : sizeof bytes, 0);
        CHECK(moved > 0);
    }
    CHECK_EQ(contract_await(c, &op), 3);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 3);
    CHECK(!memcmp(bytes, "end", 3));
    close_both(c, &a, &b);
}

const struct contract_case contract_cases[] = {
    {"handles_are_passed", handles_are_passed, 0},
    {"what_has_no_room_is_closed", what_has_no_room_is_closed, 0},
    {"plain_receive_leaves_none_open", plain_receive_leaves_none_open, 0},
    {"take_tells_when_room_is_short", take_tells_when_room_is_short, 0},
    {"short_receive_at_descriptors", short_receive_at_descriptors, 0},
    {"accepted_unix_stream_passes_handles", accepted_unix_stream_passes_handles, 0},
    {"control_goes_with_the_first_byte", control_goes_with_the_first_byte, 0},
    {"credentials_pass_through", credentials_pass_through, 0},
    {"put_and_take_refuse_what_is_wrong", put_and_take_refuse_what_is_wrong, 0},
    {"messages_over_streams", messages_over_streams, 0},
    {"messages_and_bytes_in_order", messages_and_bytes_in_order, 0},
    {"reset_is_told_to_messages", reset_is_told_to_messages, 0},
    {"full_stream_waits", full_stream_waits, 0},
    {0},
};
