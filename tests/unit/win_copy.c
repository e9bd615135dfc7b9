/* SPDX-License-Identifier: MIT */
/* win_copy.c - weir_copy() on Windows: between files and sockets in every pairing, by workers where
 * a file takes part; places in files; a peer that reads late; what is refused. */
#include <string.h>
#include <windows.h>
#include <winsock2.h>

#include "unit.h"
#include "weir.h"

#define LENGTH ((size_t)3 << 20)

static struct weir_loop *loop;
static unsigned char     sent[LENGTH], received[LENGTH];

static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

static void open_file(struct weir_handle *file, const char *path, unsigned mode)
{
    struct weir_op op = {0};
    *file = (struct weir_handle){0};
    weir_open(&op, loop, file, path, mode, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
}

static void new_file(struct weir_handle *file, const char *path)
{
    open_file(file, path, WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_TRUNCATE);
}

static void write_file(struct weir_handle *file, const void *data, size_t length)
{
    struct weir_op op = {0};
    weir_write(&op, file, data, length, 0, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&op), length);
}

static void check_file(struct weir_handle *file, uint64_t offset, const void *data, size_t length)
{
    struct weir_op op = {0};
    memset(received, 0, sizeof received);
    weir_read(&op, file, received, length, offset, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&op), length);
    CHECK(memcmp(received, data, length) == 0);
}

static void socket_pair(struct weir_handle ends[2])
{
    struct weir_handle  listener = {0};
    struct weir_address address;
    struct weir_op      accept = {0}, connect = {0};
    struct sockaddr_in  any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ends[0] = ends[1] = (struct weir_handle){0};
    CHECK_EQ(weir_listen(&listener, loop, &any, sizeof any, 1, 0), 0);
    CHECK_EQ(weir_local_address(&listener, &address), 0);
    CHECK_EQ(weir_socket(&ends[0], loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_accept(&accept, &listener, &ends[1], 0, NULL);
    weir_connect(&connect, &ends[0], &address.data, address.length, 0, NULL);
    CHECK_EQ(end_of(&connect), 0);
    CHECK_EQ(end_of(&accept), 0);
    CHECK_EQ(weir_close_now(&listener), 0);
}

static struct weir_copy_range whole_of(struct weir_handle *from, uint64_t length)
{
    return (struct weir_copy_range){
        .from = from, .from_offset = WEIR_STREAM, .to_offset = WEIR_STREAM, .length = length};
}

static int64_t copy_now(struct weir_handle *to, struct weir_copy_range range)
{
    struct weir_op op = {0};
    weir_copy(&op, to, &range, 0, NULL);
    return end_of(&op);
}

/* The peer reads nothing at first. */
static void files_go_out_and_come_in(void)
{
    struct weir_handle     from, to, out[2];
    struct weir_op         copy = {0}, send = {0}, recv = {0};
    struct weir_copy_range range;
    new_file(&from, "unit-win-from");
    new_file(&to, "unit-win-to");
    write_file(&from, sent, LENGTH);
    socket_pair(out);
    range = whole_of(&from, UINT64_MAX);
    weir_copy(&copy, &out[0], &range, 0, NULL);
    for (int i = 0; i < 20 && !weir_ended(&copy); i++)
        CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    weir_recv(&recv, &out[1], received, LENGTH, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&copy), LENGTH);
    CHECK_EQ(end_of(&recv), LENGTH);
    CHECK(memcmp(received, sent, LENGTH) == 0);
    weir_send(&send, &out[1], sent, LENGTH, WEIR_ALL, NULL);
    range = whole_of(&out[0], LENGTH);
    CHECK_EQ(copy_now(&to, range), LENGTH);
    CHECK_EQ(end_of(&send), LENGTH);
    check_file(&to, 0, sent, LENGTH);
    CHECK_EQ(weir_close_now(&out[0]), 0);
    CHECK_EQ(weir_close_now(&out[1]), 0);
    CHECK_EQ(weir_close_now(&from), 0);
    CHECK_EQ(weir_close_now(&to), 0);
}

/* What lies behind the copy stays at its source. */
static void sockets_are_joined(void)
{
    struct weir_handle     in[2], out[2];
    struct weir_op         copy = {0}, send = {0}, recv = {0};
    struct weir_copy_range range;
    char                   rest[4];
    socket_pair(in);
    socket_pair(out);
    weir_send(&send, &in[0], sent, LENGTH, WEIR_ALL, NULL);
    weir_recv(&recv, &out[1], received, LENGTH - 4, WEIR_ALL, NULL);
    range = whole_of(&in[1], LENGTH - 4);
    weir_copy(&copy, &out[0], &range, 0, NULL);
    CHECK_EQ(end_of(&copy), LENGTH - 4);
    CHECK_EQ(end_of(&recv), LENGTH - 4);
    CHECK(memcmp(received, sent, LENGTH - 4) == 0);
    weir_recv(&recv, &in[1], rest, 4, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK(memcmp(rest, sent + LENGTH - 4, 4) == 0);
    CHECK_EQ(end_of(&send), LENGTH);
    range = whole_of(&in[1], UINT64_MAX);
    weir_copy(&copy, &out[0], &range, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(weir_cancel(&copy), 0);
    CHECK_EQ(end_of(&copy), WEIR_ECANCELED);
    weir_copy(&copy, &out[0], &range, 0, NULL);
    weir_shutdown(&send, &in[0], 0, NULL);
    CHECK_EQ(end_of(&copy), 0);
    CHECK_EQ(end_of(&send), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(weir_close_now(&in[i]), 0);
        CHECK_EQ(weir_close_now(&out[i]), 0);
    }
}

/* With offsets the positions stay; without, they go as far as was copied. */
static void offsets_and_positions(void)
{
    struct weir_handle     from, to, end;
    struct weir_copy_range range;
    new_file(&from, "unit-win-from");
    new_file(&to, "unit-win-to");
    write_file(&from, sent, 100000);
    range = (struct weir_copy_range){&from, 0, 5000, 70000};
    CHECK_EQ(copy_now(&to, range), 70000);
    check_file(&to, 5000, sent, 70000);
    CHECK_EQ(copy_now(&to, whole_of(&from, 100)), 100);
    CHECK_EQ(copy_now(&to, whole_of(&from, 100)), 100);
    check_file(&to, 0, sent, 200);
    range.from_offset = 200000;
    CHECK_EQ(copy_now(&to, range), 0);
    open_file(&end, "unit-win-to", WEIR_OPEN_WRITE | WEIR_OPEN_APPEND);
    range = (struct weir_copy_range){&from, 1000, WEIR_STREAM, 300};
    CHECK_EQ(copy_now(&end, range), 300);
    check_file(&to, 75000, sent + 1000, 300);
    CHECK_EQ(weir_close_now(&end), 0);
    CHECK_EQ(weir_close_now(&from), 0);
    CHECK_EQ(weir_close_now(&to), 0);
}

/* A file may be both ends where they are apart, and a pipe is none. */
static void what_is_refused(void)
{
    struct weir_handle     file, reader = {0}, writer = {0};
    struct weir_copy_range range;
    new_file(&file, "unit-win-from");
    write_file(&file, sent, 10000);
    range = (struct weir_copy_range){&file, 0, 9000, 9001};
    CHECK_EQ(copy_now(&file, range), WEIR_EINVAL);
    range = (struct weir_copy_range){&file, 0, 10000, UINT64_MAX};
    CHECK_EQ(copy_now(&file, range), 10000);
    check_file(&file, 10000, sent, 10000);
    CHECK_EQ(weir_pipe(&reader, &writer, loop), 0);
    CHECK_EQ(copy_now(&writer, whole_of(&file, 1)), WEIR_ENOTSUP);
    CHECK_EQ(copy_now(&file, whole_of(&reader, 1)), WEIR_ENOTSUP);
    CHECK_EQ(weir_close_now(&reader), 0);
    CHECK_EQ(weir_close_now(&writer), 0);
    CHECK_EQ(weir_close_now(&file), 0);
}

int main(void)
{
    uint64_t random = 1;
    for (size_t i = 0; i < LENGTH; i++)
        sent[i] = (unsigned char)unit_random(&random);
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    files_go_out_and_come_in();
    sockets_are_joined();
    offsets_and_positions();
    what_is_refused();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    CHECK(DeleteFileA("unit-win-from") && DeleteFileA("unit-win-to"));
    return 0;
}
