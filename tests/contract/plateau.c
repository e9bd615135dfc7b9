/* SPDX-License-Identifier: MIT */
/* plateau.c - a machine that is out of something for a while: no descriptor, no space on the disk.
 * What needs none goes on, what needs one says so or waits, and afterwards everything works. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "own_mounts.h"

#define PLATEAUS 3

static int64_t return_7(struct weir_op *op)
{
    (void)op;
    return 7;
}

/* ------------------------------------------------------------------------------------------------
 * No descriptor
 * ---------------------------------------------------------------------------------------------- */

#define LISTENERS 3
#define CLIENTS 4 /* of each */

static struct crowd {
    struct weir_handle listeners[LISTENERS], accepted[LISTENERS][CLIENTS];
    struct weir_op     accepts[LISTENERS][CLIENTS];
    int                clients[LISTENERS][CLIENTS];
    uint16_t           ports[LISTENERS];
    struct weir_handle a, b, file;
} crowd;

/* What has its descriptors already needs no more of them. */
static void those_that_are_open_go_on(struct contract *c)
{
    struct weir_op         recv = {0}, send = {0}, timer = {0}, work = {0}, op = {0};
    struct weir_copy_range range = {&crowd.file, 0, WEIR_STREAM, 1000};
    unsigned char          out[1000], in[1000];
    contract_fill(out, sizeof out, 0, 3);
    weir_recv(&recv, &crowd.a, in, sizeof in, WEIR_ALL, contract_done);
    weir_send(&send, &crowd.b, out, sizeof out, WEIR_ALL, contract_done);
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), sizeof in);
    CHECK(contract_filled(in, sizeof in, 0, 3));
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK_EQ(contract_await(c, &work), 7);
    weir_write(&op, &crowd.file, out, sizeof out, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof out);
    memset(in, 0, sizeof in);
    weir_read(&op, &crowd.file, in, sizeof in, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof in);
    CHECK(contract_filled(in, sizeof in, 0, 3));
    memset(in, 0, sizeof in);
    weir_recv(&recv, &crowd.a, in, sizeof in, WEIR_ALL, contract_done);
    weir_copy(&op, &crowd.b, &range, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof in);
    CHECK_EQ(contract_await(c, &recv), sizeof in);
    CHECK(contract_filled(in, sizeof in, 0, 3));
}

/* What needs a new one is told, and leaves nothing behind. */
static void new_ones_are_refused(struct contract *c)
{
    static const struct weir_handle zeroed;
    struct weir_handle              handle = {0}, other = {0};
    struct weir_address             any = contract_loopback(0);
    struct weir_op                  op = {0};
    const char                     *path = contract_temp_file(c);
    CHECK_EQ(weir_socket(&handle, c->loop, AF_INET, SOCK_STREAM, 0), WEIR_EMFILE);
    CHECK_EQ(weir_pipe(&handle, &other, c->loop), WEIR_EMFILE);
    CHECK_EQ(weir_listen(&handle, c->loop, any.data.bytes, any.length, 0, 0), WEIR_EMFILE);
    weir_open(&op, c->loop, &handle, path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EMFILE);
    CHECK(memcmp(&handle, &zeroed, sizeof handle) == 0);
    CHECK(memcmp(&other, &zeroed, sizeof other) == 0);
}

static void crowd_open(struct contract *c)
{
    struct weir_op op = {0};
    memset(&crowd, 0, sizeof crowd);
    for (int i = 0; i < LISTENERS; i++)
        crowd.ports[i] = contract_listen_any(c, &crowd.listeners[i]);
    contract_tcp_pair(c, &crowd.a, &crowd.b);
    weir_open(&op, c->loop, &crowd.file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
}

static void clients_come(void)
{
    for (int i = 0; i < LISTENERS; i++)
        for (int k = 0; k < CLIENTS; k++) {
            char number = (char)k;
            crowd.clients[i][k] = contract_raw_connect(crowd.ports[i]);
            contract_raw_send(crowd.clients[i][k], &number, 1);
        }
}

static void clients_go(void)
{
    for (int i = 0; i < LISTENERS; i++)
        for (int k = 0; k < CLIENTS; k++)
            contract_raw_close(crowd.clients[i][k]);
}

static void start_accepts(void)
{
    for (int k = 0; k < CLIENTS; k++)
        for (int i = 0; i < LISTENERS; i++) {
            crowd.accepted[i][k] = (struct weir_handle){0};
            weir_accept(&crowd.accepts[i][k], &crowd.listeners[i], &crowd.accepted[i][k], 0,
                        contract_done);
        }
}

static void crowd_close(struct contract *c)
{
    for (int i = 0; i < LISTENERS; i++)
        contract_close(c, &crowd.listeners[i]);
    contract_close(c, &crowd.a);
    contract_close(c, &crowd.b);
    contract_close(c, &crowd.file);
}

/* Several listeners with clients in their queues: all of the accepts wait, and all end. */
static void no_descriptor_for_a_while(struct contract *c)
{
    crowd_open(c);
    start_accepts(); /* all at once, as later: whatever serves them is there then */
    those_that_are_open_go_on(c);
    for (int i = 0; i < LISTENERS; i++)
        CHECK_EQ(weir_cancel_all(&crowd.listeners[i]), CLIENTS);
    contract_run(c);
    for (int plateau = 0; plateau < PLATEAUS; plateau++) {
        clients_come();
        contract_fd_exhaust(c, 0);
        start_accepts();
        for (int round = 0; round < 5; round++) {
            new_ones_are_refused(c);
            those_that_are_open_go_on(c);
        }
        for (int i = 0; i < LISTENERS; i++)
            for (int k = 0; k < CLIENTS; k++)
                CHECK(contract_live(&crowd.accepts[i][k]));
        contract_fd_release(c);
        for (int i = 0; i < LISTENERS; i++)
            for (int k = 0; k < CLIENTS; k++) {
                struct weir_op recv = {0};
                signed char    number = -1;
                CHECK_EQ(contract_await(c, &crowd.accepts[i][k]), 0);
                weir_recv(&recv, &crowd.accepted[i][k], &number, 1, 0, contract_done);
                CHECK_EQ(contract_await(c, &recv), 1);
                CHECK_EQ(number, k);
                contract_close(c, &crowd.accepted[i][k]);
            }
        clients_go();
    }
    crowd_close(c);
}

/* ---- A few are left -------------------------------------------------------------------------- */

static struct guest {
    struct weir_op     accept, recv;
    struct weir_handle handle;
    char               byte;
} guests[LISTENERS];

static int served;

static void serve(struct weir_op *op);

static void accept_again(struct weir_handle *handle)
{
    struct guest *guest = weir_of(handle, struct guest, handle);
    served++;
    weir_accept(&guest->accept, &crowd.listeners[guest - guests], &guest->handle, 0, serve);
}

static void close_after(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, recv);
    CHECK_EQ(op->result, 1);
    CHECK_EQ(weir_close(&guest->handle, accept_again), 0);
}

static void serve(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, accept);
    if (op->result < 0)
        return;
    weir_recv(&guest->recv, &guest->handle, &guest->byte, 1, 0, close_after);
}

/* Two descriptors are left for three listeners with twelve clients: whoever is served makes room
 * for the next, and nobody is left out. */
static void two_descriptors_serve_a_crowd(struct contract *c)
{
    crowd_open(c);
    clients_come();
    for (int i = 0; i < LISTENERS; i++) /* each has been served once */
        weir_accept(&guests[i].accept, &crowd.listeners[i], &guests[i].handle, 0, serve);
    contract_until(c, &served, LISTENERS);
    contract_fd_exhaust(c, 2);
    contract_until(c, &served, LISTENERS * CLIENTS);
    contract_fd_release(c);
    for (int i = 0; i < LISTENERS; i++)
        CHECK_EQ(weir_cancel(&guests[i].accept), 0);
    contract_run(c);
    clients_go();
    crowd_close(c);
}

/* A peer passes descriptors when there is no number for them: the bytes come, that control data was
 * cut is told, and the system closes what was passed. */
static void descriptors_passed_to_a_full_process(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0}, recv = {0};
    weir_os_handle     passed[2] = {STDIN_FILENO, STDIN_FILENO}, taken[2];
    char               bytes[5];
    union {
        uint64_t align;
        char     bytes[64];
    } out_room, in_room;
    struct weir_buf out_piece = {(void *)"hello", 5}, in_piece = {bytes, 5};
    struct weir_msg out = {.buffers = &out_piece, .count = 1, .control = &out_room};
    struct weir_msg in = {.buffers = &in_piece, .count = 1, .control = &in_room};
    out.control_room = in.control_room = sizeof out_room;
    contract_unix_pair(c, &a, &b);
    for (int plateau = 0; plateau < PLATEAUS; plateau++) {
        out.control_length = 0;
        CHECK_EQ(weir_msg_put_handles(&out, passed, 2), 2);
        weir_send_msg(&send, &b, &out, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), 5);
        contract_fd_exhaust(c, 0);
        weir_recv_msg(&recv, &a, &in, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 5);
        CHECK(memcmp(bytes, "hello", 5) == 0);
        CHECK(recv.told & WEIR_TOLD_CONTROL_TRUNCATED);
        CHECK_EQ(weir_msg_take_handles(&in, taken, 2), 0);
        contract_fd_release(c);
    }
    contract_close(c, &a);
    contract_close(c, &b);
}

/* ------------------------------------------------------------------------------------------------
 * No space on the disk
 * ---------------------------------------------------------------------------------------------- */

#define DISK 262144u /* bytes */
#define PIECE 4096u
#define AT_ONCE 64

static struct disk {
    struct weir_handle file, source, reader, writer;
    const char        *filler;
    unsigned char      data[PIECE];
} disk;

/* Takes all that is left but so many bytes. */
static void fill_disk(size_t spare)
{
    static const unsigned char zeros[DISK];
    int                        fd = open(disk.filler, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    ssize_t written = write(fd, zeros, sizeof zeros);
    CHECK(written > (ssize_t)spare);
    CHECK_EQ(ftruncate(fd, written - (ssize_t)spare), 0);
    contract_raw_close(fd);
}

static int64_t write_one(struct contract *c, int kind)
{
    static struct weir_op  op;
    uint64_t               at = 10 * PIECE; /* a hole */
    struct weir_buf        pieces[2] = {{disk.data, 96}, {disk.data + 96, PIECE - 96}};
    struct weir_copy_range from_file = {&disk.source, 0, at, PIECE};
    struct weir_copy_range from_pipe = {&disk.reader, WEIR_STREAM, at, PIECE};
    switch (kind) {
    case 0:
        weir_write(&op, &disk.file, disk.data, PIECE, at, 0, contract_done);
        break;
    case 1:
        weir_write(&op, &disk.file, disk.data, PIECE, at, WEIR_ALL, contract_done);
        break;
    case 2:
        weir_writev(&op, &disk.file, pieces, 2, at, 0, contract_done);
        break;
    case 3:
        CHECK_EQ(lseek((int)weir_handle_os(&disk.file), (off_t)at, SEEK_SET), at);
        weir_write(&op, &disk.file, disk.data, PIECE, WEIR_STREAM, 0, contract_done);
        break;
    case 4:
        weir_copy(&op, &disk.file, &from_file, 0, contract_done);
        break;
    case 5:
        weir_copy(&op, &disk.file, &from_pipe, 0, contract_done);
        break;
    case 6:
        weir_preallocate(&op, &disk.file, at, PIECE, 0, contract_done);
        break;
    default:
        return 1;
    }
    return contract_await(c, &op);
}

/* What takes no space goes on. */
static void what_is_there_can_be_used(struct contract *c)
{
    struct weir_op op = {0};
    unsigned char  in[PIECE];
    weir_write(&op, &disk.file, disk.data, PIECE, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), PIECE);
    weir_read(&op, &disk.file, in, PIECE, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), PIECE);
    CHECK(contract_filled(in, PIECE, 0, 5));
    weir_fsync(&op, &disk.file, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_truncate(&op, &disk.file, 20 * PIECE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
}

static void disk_open(struct contract *c)
{
    int ends[2];
    memset(&disk, 0, sizeof disk);
    contract_fill(disk.data, PIECE, 0, 5);
    open_mounted(c, &disk.file, "tmpfs", "size=262144,mode=0700");
    disk.filler = contract_temp_file(c);
    CHECK_EQ(ftruncate((int)weir_handle_os(&disk.file), 20 * PIECE), 0);
    CHECK_EQ(pwrite((int)weir_handle_os(&disk.file), disk.data, PIECE, 0), PIECE);
    int memory = memfd_create("source", MFD_CLOEXEC);
    CHECK_EQ(write(memory, disk.data, PIECE), PIECE);
    CHECK_EQ(weir_adopt(&disk.source, c->loop, memory, 0), 0);
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_EQ(weir_adopt(&disk.reader, c->loop, ends[0], 0), 0);
    CHECK_EQ(weir_adopt(&disk.writer, c->loop, ends[1], 0), 0);
    CHECK_EQ(write(ends[1], disk.data, PIECE), PIECE);
}

/* Every op that takes space says that there is none, as often as it is asked, and works when there
 * is some again. */
static void no_space_for_a_while(struct contract *c)
{
    unsigned char in[PIECE];
    disk_open(c);
    for (int plateau = 0; plateau < PLATEAUS; plateau++) {
        fill_disk(0);
        for (int kind = 0; kind < 7; kind++)
            CHECK_EQ(write_one(c, kind), WEIR_ENOSPC);
        what_is_there_can_be_used(c);
        CHECK_EQ(unlink(disk.filler), 0);
        for (int kind = 0; kind < 7; kind++) {
            int fd = (int)weir_handle_os(&disk.file);
            CHECK_EQ(write_one(c, kind), kind == 6 ? 0 : PIECE);
            CHECK_EQ(pread(fd, in, PIECE, 10 * PIECE), PIECE);
            CHECK_EQ(contract_filled(in, PIECE, 0, 5), kind != 6);
            CHECK_EQ(ftruncate(fd, PIECE), 0); /* what was written is a hole again */
            CHECK_EQ(ftruncate(fd, 20 * PIECE), 0);
        }
        CHECK_EQ(write((int)weir_handle_os(&disk.writer), disk.data, PIECE), PIECE);
    }
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* Many writes race for what is left: so many are told to have been written as there was room for,
 * and these are there. */
static void many_race_for_the_last_space(struct contract *c)
{
    static struct weir_op ops[AT_ONCE];
    unsigned char         in[PIECE];
    int                   fitted = 0;
    disk_open(c);
    fill_disk(16 * PIECE);
    for (int i = 0; i < AT_ONCE; i++)
        weir_write(&ops[i], &disk.file, disk.data, PIECE, (uint64_t)(i + 1) * PIECE, WEIR_ALL,
                   contract_done);
    contract_run(c);
    for (int i = 0; i < AT_ONCE; i++) {
        int64_t read = pread((int)weir_handle_os(&disk.file), in, PIECE, (i + 1) * (off_t)PIECE);
        if (ops[i].result == PIECE) {
            CHECK_EQ(read, PIECE);
            CHECK(contract_filled(in, PIECE, 0, 5));
            fitted++;
        } else {
            CHECK_RESULT(&ops[i], WEIR_ENOSPC);
        }
    }
    CHECK_EQ(fitted, 16);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* No room for one more name: tmpfs counts its inodes. */
static void no_room_for_a_name(struct contract *c)
{
    enum { INODES = 8 };
    static struct weir_handle files[INODES];
    struct weir_op            op = {0};
    const char               *path = NULL;
    int                       opened = 0;
    enter_own_mounts();
    if (mount("none", c->directory, "tmpfs", MS_NOSUID, "nr_inodes=8,mode=0700") != 0)
        SKIP(NO_MOUNT);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    for (; opened < INODES; opened++) {
        path = contract_temp_file(c);
        weir_open(&op, c->loop, &files[opened], path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0,
                  contract_done);
        if (contract_await(c, &op) < 0)
            break;
    }
    CHECK(opened > 0);
    CHECK(opened < INODES);
    CHECK_RESULT(&op, WEIR_ENOSPC);
    CHECK_EQ(weir_handle_kind(&files[opened]), WEIR_HANDLE_NONE);
    weir_write(&op, &files[0], "x", 1, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

const struct contract_case contract_cases[] = {
    {"no_descriptor_for_a_while", no_descriptor_for_a_while, CONTRACT_NO_VALGRIND},
    {"two_descriptors_serve_a_crowd", two_descriptors_serve_a_crowd, CONTRACT_NO_VALGRIND},
    {"descriptors_passed_to_a_full_process", descriptors_passed_to_a_full_process,
     CONTRACT_NO_VALGRIND},
    /* These open their loops where the disk is seen. */
    {"no_space_for_a_while", no_space_for_a_while, CONTRACT_OWN_LOOP},
    {"many_race_for_the_last_space", many_race_for_the_last_space, CONTRACT_OWN_LOOP},
    {"no_room_for_a_name", no_room_for_a_name, CONTRACT_OWN_LOOP},
    {0},
};
