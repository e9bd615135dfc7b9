/* SPDX-License-Identifier: MIT */
/* laps.c - one lap of each kind. Peers are plain calls on plain sockets. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"

#define MANY 8u
#define MESSAGE 64u
#define PAGE 4096u
#define BATCH 8u

static unsigned left;

/* The clock of this program. Reading the kernel's takes as many instructions as it says: it begins
 * anew when the time was set meanwhile, and for that a program that is stepped through is slow. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static long ns;
    (void)clock;
    ns += 100;
    *now = (struct timespec){1000, ns};
    return 0;
}

/* Each lap's last thing is done: nothing is pending. */
static void run(struct weir_loop *loop)
{
    NEED(weir_run(loop, WEIR_UNTIL_DONE) == 0);
    NEED(!left);
}

/* ---- Without a handle ------------------------------------------------------------------------ */

static struct weir_op single, batch[BATCH];

static void prepare_nothing(struct weir_loop *loop)
{
    (void)loop;
}

static void nop_done(struct weir_op *op)
{
    if (--left)
        weir_nop(op, weir_op_loop(op), 0, nop_done);
}

static void nop_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    weir_nop(&single, loop, 0, nop_done);
    run(loop);
}

static void batch_done(struct weir_op *op)
{
    left--;
    if (left >= BATCH)
        weir_nop(op, weir_op_loop(op), 0, batch_done);
}

static void batch_laps(struct weir_loop *loop, unsigned count)
{
    left = count * BATCH;
    for (unsigned i = 0; i < BATCH; i++)
        weir_nop(&batch[i], loop, 0, batch_done);
    run(loop);
}

static void post_done(struct weir_op *op)
{
    if (--left)
        weir_post(op, weir_op_loop(op), post_done);
}

static void post_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    weir_post(&single, loop, post_done);
    run(loop);
}

static void timer_done(struct weir_op *op)
{
    NEED(op->result == 0);
    if (--left)
        weir_timer(op, weir_op_loop(op), 0, 0, timer_done);
}

static void timer_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    weir_timer(&single, loop, 0, 0, timer_done);
    run(loop);
}

static struct weir_op far[1000];

static void far_done(struct weir_op *op)
{
    (void)op;
}

static void prepare_far(struct weir_loop *loop)
{
    for (unsigned i = 0; i < 1000; i++)
        weir_timer(&far[i], loop, 3600 * WEIR_SECOND + i, WEIR_BACKGROUND, far_done);
}

static void deadline_laps(struct weir_loop *loop, unsigned count)
{
    (void)loop;
    for (unsigned i = 0; i < count; i++)
        weir_deadline(&far[i * 7 % 1000], 3600 * WEIR_SECOND);
}

/* ---- Connections ----------------------------------------------------------------------------- */

struct connection {
    struct weir_handle handle;
    struct weir_op     recv, send;
    int                peer;
    unsigned           left;
    char               data[PAGE];
};

static struct connection  connections[MANY];
static struct weir_handle listener;
static struct sockaddr_in listens_at;
static bool               bounded; /* each receive has a deadline */

static int connect_peer(void)
{
    int one = 1, peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NEED(peer >= 0);
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    NEED(connect(peer, (struct sockaddr *)&listens_at, sizeof listens_at) == 0);
    return peer;
}

static void prepare_listener(struct weir_loop *loop)
{
    struct weir_address at;
    NEED(weir_address_parse(&at, "127.0.0.1:0") == 0);
    NEED(weir_listen(&listener, loop, &at.data, at.length, 0, WEIR_NODELAY) == 0);
    NEED(weir_local_address(&listener, &at) == 0);
    memcpy(&listens_at, &at.data, sizeof listens_at);
}

static void accepted(struct weir_op *op)
{
    NEED(op->result == 0);
}

static void prepare_connections(struct weir_loop *loop)
{
    prepare_listener(loop);
    for (unsigned i = 0; i < MANY; i++) {
        struct connection *c = &connections[i];
        weir_accept(&c->recv, &listener, &c->handle, 0, accepted);
        c->peer = connect_peer();
        NEED(weir_run(loop, WEIR_UNTIL_DONE) == 0);
    }
}

static void prepare_bounded(struct weir_loop *loop)
{
    bounded = true;
    prepare_connections(loop);
}

static void ask(struct connection *c)
{
    char message[MESSAGE] = "?";
    NEED(send(c->peer, message, sizeof message, MSG_NOSIGNAL) == (ssize_t)sizeof message);
}

static void received(struct weir_op *op);

static void receive(struct connection *c)
{
    weir_recv(&c->recv, &c->handle, c->data, sizeof c->data, 0, received);
    if (bounded)
        weir_deadline(&c->recv, 60 * WEIR_SECOND);
}

static void sent(struct weir_op *op)
{
    struct connection *c = weir_of(op, struct connection, send);
    char               answer[MESSAGE];
    NEED(op->result == (int64_t)MESSAGE);
    NEED(recv(c->peer, answer, sizeof answer, MSG_DONTWAIT) == (ssize_t)sizeof answer);
    left--;
    if (!--c->left)
        return;
    ask(c);
    receive(c);
}

static void received(struct weir_op *op)
{
    struct connection *c = weir_of(op, struct connection, recv);
    NEED(op->result == (int64_t)MESSAGE);
    weir_send(&c->send, &c->handle, c->data, MESSAGE, WEIR_ALL, sent);
}

static void echo_on(struct weir_loop *loop, unsigned number, unsigned count)
{
    left = number * count;
    for (unsigned i = 0; i < number; i++) {
        connections[i].left = count;
        ask(&connections[i]);
        receive(&connections[i]);
    }
    run(loop);
}

static void echo_laps(struct weir_loop *loop, unsigned count)
{
    echo_on(loop, 1, count);
}

static void echo_many_laps(struct weir_loop *loop, unsigned count)
{
    echo_on(loop, MANY, count);
}

static void poll_done(struct weir_op *op)
{
    struct connection *c = weir_of(op, struct connection, recv);
    NEED(op->result == WEIR_IN);
    NEED(weir_try_recv(&c->handle, c->data, sizeof c->data, 0) == (int64_t)MESSAGE);
    if (!--left)
        return;
    ask(c);
    weir_poll(op, &c->handle, WEIR_IN, 0, poll_done);
}

static void poll_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    ask(&connections[0]);
    weir_poll(&connections[0].recv, &connections[0].handle, WEIR_IN, 0, poll_done);
    run(loop);
}

/* ---- Datagrams: some come before the first is received, and each is answered ----------------- */

static struct weir_handle  datagrams;
static struct weir_msg     datagram;
static struct weir_address asker;
static char                asked[PAGE];
static struct weir_buf     question;
static int                 datagram_peer;

static void prepare_datagrams(struct weir_loop *loop)
{
    struct weir_address at;
    NEED(weir_address_parse(&at, "127.0.0.1:0") == 0);
    NEED(weir_socket(&datagrams, loop, AF_INET, SOCK_DGRAM, 0) == 0);
    NEED(weir_bind(&datagrams, &at.data, at.length, 0) == 0);
    NEED(weir_local_address(&datagrams, &at) == 0);
    datagram_peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    NEED(datagram_peer >= 0);
    NEED(connect(datagram_peer, (struct sockaddr *)&at.data, at.length) == 0);
}

static void datagram_received(struct weir_op *op);

static void receive_datagram(struct weir_op *op)
{
    question = (struct weir_buf){asked, sizeof asked};
    datagram = (struct weir_msg){.address = &asker.data,
                                 .address_room = sizeof asker.data,
                                 .buffers = &question,
                                 .count = 1};
    weir_recv_msg(op, &datagrams, &datagram, 0, datagram_received);
}

static void datagram_sent(struct weir_op *op)
{
    NEED(op->result == (int64_t)MESSAGE);
    if (--left)
        receive_datagram(op);
}

static void datagram_received(struct weir_op *op)
{
    NEED(op->result == (int64_t)MESSAGE);
    question.length = MESSAGE;
    weir_send_msg(op, &datagrams, &datagram, 0, datagram_sent);
}

static void datagram_laps(struct weir_loop *loop, unsigned count)
{
    char message[MESSAGE] = "?";
    left = count;
    for (unsigned i = 0; i < count; i++)
        NEED(send(datagram_peer, message, sizeof message, 0) == (ssize_t)sizeof message);
    receive_datagram(&single);
    run(loop);
    for (unsigned i = 0; i < count; i++)
        NEED(recv(datagram_peer, message, sizeof message, MSG_DONTWAIT) == (ssize_t)MESSAGE);
}

static struct weir_pool *pool;
static struct weir_msg   head;

static void prepare_pooled(struct weir_loop *loop)
{
    prepare_datagrams(loop);
    NEED(weir_pool_open(&pool, loop, NULL) == 0);
}

/* Each datagram with the address that it was sent to. */
static void prepare_control(struct weir_loop *loop)
{
    int yes = 1;
    prepare_pooled(loop);
    NEED(setsockopt((int)weir_handle_os(&datagrams), IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes) ==
         0);
}

static void pooled_received(struct weir_op *op)
{
    struct weir_buf piece;
    if (op->result == WEIR_ECANCELED)
        return;
    NEED((head.control_length > 0) == (head.control_room > 0));
    NEED(op->result == (int64_t)MESSAGE && weir_pooled(op, &piece, 1) == 1);
    NEED(weir_pool_give(pool, piece.data) == 0);
    if (!--left)
        weir_cancel(op);
}

static void receive_pooled(struct weir_loop *loop, unsigned count)
{
    char message[MESSAGE] = "?";
    left = count;
    for (unsigned i = 0; i < count; i++)
        NEED(send(datagram_peer, message, sizeof message, 0) == (ssize_t)sizeof message);
    weir_recv_msg_pooled(&single, &datagrams, pool, &head, WEIR_MULTISHOT, pooled_received);
    run(loop);
}

static void pooled_laps(struct weir_loop *loop, unsigned count)
{
    head = (struct weir_msg){.address = &asker.data, .address_room = sizeof asker.data};
    receive_pooled(loop, count);
}

static void control_laps(struct weir_loop *loop, unsigned count)
{
    static uint64_t control[8];
    head = (struct weir_msg){.address = &asker.data,
                             .address_room = sizeof asker.data,
                             .control = control,
                             .control_room = sizeof control};
    receive_pooled(loop, count);
}

/* ---- Connections that come and go ------------------------------------------------------------ */

static void turned_away(struct weir_handle *handle);

/* One that resets leaves no port in TIME_WAIT. */
static void come_and_go(struct connection *c)
{
    struct linger at_once = {1, 0};
    c->peer = connect_peer();
    setsockopt(c->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void welcome(struct weir_op *op)
{
    struct connection *c = weir_of(op, struct connection, recv);
    NEED(op->result == 0);
    close(c->peer);
    weir_close(&c->handle, turned_away);
}

static void turned_away(struct weir_handle *handle)
{
    struct connection *c = weir_of(handle, struct connection, handle);
    if (!--left)
        return;
    come_and_go(c);
    weir_accept(&c->recv, &listener, &c->handle, 0, welcome);
}

static void accept_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    come_and_go(&connections[0]);
    weir_accept(&connections[0].recv, &listener, &connections[0].handle, 0, welcome);
    run(loop);
}

/* ---- Files: everything is in the page cache -------------------------------------------------- */

static struct weir_handle file;
static char               page[PAGE];
static struct weir_buf    halves[2] = {{page, PAGE / 2}, {page + PAGE / 2, PAGE / 2}};

static void prepare_file(struct weir_loop *loop)
{
    char path[] = "cost-XXXXXX";
    int  descriptor = mkstemp(path);
    NEED(descriptor >= 0);
    NEED(unlink(path) == 0);
    for (unsigned i = 0; i < 16; i++)
        NEED(write(descriptor, page, sizeof page) == (ssize_t)sizeof page);
    NEED(weir_adopt(&file, loop, descriptor, 0) == 0);
}

static void read_done(struct weir_op *op)
{
    NEED(op->result == (int64_t)PAGE);
    if (--left)
        weir_read(op, &file, page, PAGE, (uint64_t)(left % 16) * PAGE, 0, read_done);
}

static void read_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    (void)loop;
    weir_read(&single, &file, page, PAGE, 0, 0, read_done);
    run(loop);
}

static void readv_done(struct weir_op *op)
{
    NEED(op->result == (int64_t)PAGE);
    if (--left)
        weir_readv(op, &file, halves, 2, (uint64_t)(left % 16) * PAGE, 0, readv_done);
}

static void readv_laps(struct weir_loop *loop, unsigned count)
{
    left = count;
    weir_readv(&single, &file, halves, 2, 0, 0, readv_done);
    run(loop);
}

/* ---- All of them ----------------------------------------------------------------------------- */

const struct lap all_laps[] = {
    {"nop", 5, 1, prepare_nothing, nop_laps},
    {"nop-of-8", 2, BATCH, prepare_nothing, batch_laps},
    {"post", 4, 1, prepare_nothing, post_laps},
    {"timer", 4, 1, prepare_nothing, timer_laps},
    {"deadline", 20, 1, prepare_far, deadline_laps},
    {"echo", 5, 1, prepare_connections, echo_laps},
    {"echo-of-8", 1, MANY, prepare_connections, echo_many_laps},
    {"echo-bounded", 1, MANY, prepare_bounded, echo_many_laps},
    {"poll", 5, 1, prepare_connections, poll_laps},
    {"datagram", 16, 1, prepare_datagrams, datagram_laps},
    {"pooled", 16, 1, prepare_pooled, pooled_laps},
    {"control", 16, 1, prepare_control, control_laps},
    {"accept", 5, 1, prepare_listener, accept_laps},
    {"read", 5, 1, prepare_file, read_laps},
    {"readv", 5, 1, prepare_file, readv_laps},
    {0},
};
