/* SPDX-License-Identifier: MIT */
/* hostile.c - what a program does behind a loop's back: descriptors closed from outside, a user
 * that changes, opens that never end; and peers that send what nobody asked for. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

#define FIFOS 40
#define NOBODY 65534

static int64_t open_file(struct contract *c, struct weir_handle *handle, const char *path,
                         unsigned mode)
{
    struct weir_op open = {0};
    weir_open(&open, c->loop, handle, path, mode, 0, contract_done);
    return contract_await(c, &open);
}

/* Somebody closes a descriptor that weir waits on. No mechanism promises to tell; but none may
 * spin, other handles go on, and the ops can still be ended. */
static void closed_behind_its_back_does_not_spin(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, receive = {0}, timer = {0};
    struct weir_stats  before, after;
    char               byte, other;
    int                peer = contract_unix_peer(c, &a);
    int                other_peer = contract_unix_peer(c, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_recv(&receive, &b, &other, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    /* The number stays taken, so that weir's own close meets nobody else's descriptor. */
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(nothing >= 0);
    CHECK(dup2(nothing, (int)weir_handle_os(&a)) >= 0);
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 50 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    weir_loop_stats(c->loop, &after);
    /* The engine that asks in turn looks often, but inside of one wait. */
    CHECK(after.waits - before.waits < 20);
    contract_raw_send(other_peer, "x", 1);
    CHECK_EQ(contract_await(c, &receive), 1);
    if (!weir_ended(&recv)) {
        CHECK_EQ(weir_cancel(&recv), 0);
        contract_await(c, &recv);
    }
    CHECK(recv.result < 0);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_raw_close(nothing);
    contract_raw_close(peer);
    contract_raw_close(other_peer);
}

/* A process that gives up its rights has given them up for its loops, too, also for workers and
 * rings that began before (CVE-2024-22017). */
static void changed_user_is_heeded(struct contract *c)
{
    struct weir_handle file = {0};
    struct stat        stat_of_file;
    const char        *path = contract_temp_file(c);
    if (geteuid() != 0)
        SKIP("this process may not change its user");
    CHECK_EQ(open_file(c, &file, path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | 0600), 0);
    contract_close(c, &file);
    CHECK_EQ(stat(path, &stat_of_file), 0);
    CHECK_EQ(chmod(c->directory, 0755), 0);
    CHECK_EQ(open_file(c, &file, path, WEIR_OPEN_READ), 0);
    contract_close(c, &file);
    CHECK_EQ(setresuid(NOBODY, NOBODY, 0), 0);
    CHECK_EQ(open_file(c, &file, path, WEIR_OPEN_READ), WEIR_EACCES);
    CHECK_EQ(setresuid(0, 0, 0), 0);
    CHECK_EQ(open_file(c, &file, path, WEIR_OPEN_READ), 0);
    contract_close(c, &file);
}

static struct servant {
    struct weir_handle listener, file;
    const char        *path;
    uint16_t           port;
} servant;

static int64_t return_7(struct weir_op *op)
{
    (void)op;
    return 7;
}

/* What a server does that was started with rights: accept, answer, write to its log. */
static void serve_one(struct contract *c)
{
    struct weir_handle accepted = {0};
    struct weir_op     op = {0}, work = {0};
    char               byte;
    int                client = contract_raw_connect(servant.port);
    contract_raw_send(client, "q", 1);
    weir_accept(&op, &servant.listener, &accepted, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_recv(&op, &accepted, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    weir_send(&op, &accepted, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    contract_raw_recv(client, &byte, 1);
    CHECK_EQ(byte, 'q');
    weir_write(&op, &servant.file, &byte, 1, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    weir_fsync(&op, &servant.file, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    CHECK_EQ(contract_await(c, &work), 7);
    contract_close(c, &accepted);
    contract_raw_close(client);
}

static void give_up_rights(struct contract *c)
{
    struct weir_handle again = {0};
    struct weir_op     op = {0};
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    servant.port = contract_listen_any(c, &servant.listener);
    servant.path = contract_temp_file(c);
    CHECK_EQ(open_file(c, &servant.file, servant.path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | 0600),
             0);
    serve_one(c);
    CHECK_EQ(chmod(c->directory, 0755), 0);
    CHECK_EQ(setgroups(0, NULL), 0);
    CHECK_EQ(setresgid(NOBODY, NOBODY, NOBODY), 0);
    CHECK_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
    for (int i = 0; i < 3; i++) {
        serve_one(c);
        CHECK_EQ(open_file(c, &again, servant.path, WEIR_OPEN_READ), WEIR_EACCES);
        CHECK_EQ(open_file(c, &again, contract_temp_file(c), WEIR_OPEN_WRITE | WEIR_OPEN_CREATE),
                 WEIR_EACCES);
    }
    weir_resolve(&op, c->loop, &(struct weir_lookup){.host = "127.0.0.1", .service = "80"}, 0,
                 contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    contract_close(c, &servant.listener);
    contract_close(c, &servant.file);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* A server opens its port and its files with rights that it gives up for good: what is open goes
 * on, and nothing can be opened any more that needs them. */
static void rights_given_up_for_good(struct contract *c)
{
    if (geteuid() != 0)
        SKIP("this process may not change its user");
    contract_in_fork(c, give_up_rights);
}

/* A peer that sends without end costs what the system's buffer holds, and no memory of weir's:
 * nothing is received before a receive asks for it. */
static void unread_bytes_cost_no_memory(struct contract *c)
{
    enum { PEERS = 32 };
    static const char         much[65536];
    static struct weir_handle handles[PEERS];
    static struct weir_op     recvs[PEERS];
    int                       peers[PEERS];
    char                      byte;
    for (int i = 0; i < PEERS; i++) {
        handles[i] = (struct weir_handle){0};
        peers[i] = contract_tcp_peer(c, &handles[i]);
        weir_recv(&recvs[i], &handles[i], &byte, 1, 0, contract_done);
        contract_raw_send(peers[i], "x", 1);
        CHECK_EQ(contract_await(c, &recvs[i]), 1);
    }
    uint64_t bytes = contract_heap().bytes;
    for (int i = 0; i < PEERS; i++)
        while (send(peers[i], much, sizeof much, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(contract_heap().bytes, bytes);
    for (int i = 0; i < PEERS; i++) {
        contract_close(c, &handles[i]);
        contract_raw_close(peers[i]);
    }
}

/* Opens of FIFOs wait for their other ends, each in a thread of weir's or of the kernel: so many as
 * options.file_workers says, and no more. */
static void waiting_opens_take_bounded_threads(struct contract *c)
{
    static struct weir_handle handles[FIFOS];
    static struct weir_op     opens[FIFOS];
    const char               *paths[FIFOS];
    struct weir_options       options = c->options;
    struct weir_op            timer = {0};
    options.file_workers = 3;
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    unsigned before = contract_thread_count();
    for (int i = 0; i < FIFOS; i++) {
        paths[i] = contract_temp_file(c);
        CHECK_EQ(mkfifo(paths[i], 0600), 0);
        handles[i] = (struct weir_handle){0};
        weir_open(&opens[i], c->loop, &handles[i], paths[i], WEIR_OPEN_READ, 0, contract_done);
    }
    weir_timer(&timer, c->loop, 30 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK(contract_thread_count() - before <= 3);
    for (int i = 0; i < FIFOS; i++) {
        int writer; /* those whose turn has not come yet have no reader: ENXIO */
        while ((writer = open(paths[i], O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) {
            CHECK_EQ(errno, ENXIO);
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
            contract_breathe();
        }
        CHECK_EQ(contract_await(c, &opens[i]), 0);
        contract_raw_close(writer);
        contract_close(c, &handles[i]);
    }
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

const struct contract_case contract_cases[] = {
    {"closed_behind_its_back_does_not_spin", closed_behind_its_back_does_not_spin, 0},
    {"changed_user_is_heeded", changed_user_is_heeded, 0},
    /* The forked process opens a loop of its own. */
    {"rights_given_up_for_good", rights_given_up_for_good, CONTRACT_OWN_LOOP},
    {"unread_bytes_cost_no_memory", unread_bytes_cost_no_memory, 0},
    /* Its loop has few file workers. */
    {"waiting_opens_take_bounded_threads", waiting_opens_take_bounded_threads, CONTRACT_OWN_LOOP},
    {0},
};
