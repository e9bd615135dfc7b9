/* SPDX-License-Identifier: MIT */
/* simulated.c - the world of a case on the engine sim, and the peers in it: each system call of the
 * case's own is an op of weir on a loop of the peers'. */
#define CONTRACT_NO_WRAPPERS
#include "simulated.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "torture.h"
#include "weir/sim.h"

#define NUMBERS 65536
#define BUFFER 212992           /* as Linux has it: socket(7), wmem_default */
#define MOMENT WEIR_MILLISECOND /* longer than anything is under way on a host without faults */
#define OF_THE_PEERS 2u         /* descriptors: the pair that passes others */

static struct {
    struct weir_sim      *sim;
    struct weir_sim_host *host;
    struct weir_loop     *loop;
    bool                  aside;                /* calls are the harness's own, of the system */
    struct weir_handle    passes[2];            /* what is sent into one comes out of the other */
    bool                  nonblocking[NUMBERS]; /* as the case asked for it */
} peers;

/* The memory sanitizer bounds the process before it knows of any memory: setrlimit(2) is asked
 * then, and these may not look at what it would note of theirs. */
#ifdef __clang__
#define BEFORE_SANITIZER __attribute__((no_sanitize("memory")))
#else
#define BEFORE_SANITIZER
#endif

BEFORE_SANITIZER bool simulated(void)
{
    return peers.sim && !peers.aside;
}

void contract_aside(bool on)
{
    if (peers.sim) /* a world has one thread, a case without one may have many */
        peers.aside = on;
}

bool contract_simulated(void)
{
    return simulated();
}

static void skip_without(const char *what)
{
    char reason[200];
    snprintf(reason, sizeof reason, "a simulated world has no %s", what);
    SKIP(reason);
}

BEFORE_SANITIZER void contract_needs(const char *what)
{
    if (simulated())
        skip_without(what);
}

/* ---- Ops of the peers ------------------------------------------------------------------------ */

/* As a system call tells it. */
static int told(int64_t result)
{
    if (result >= 0)
        return (int)result;
    errno = result > -4096 ? (int)-result : EIO;
    return -1;
}

/* Waits for it. What nothing in the world can end is cancelled. */
static int64_t ended(struct weir_op *op)
{
    while (!weir_ended(op)) {
        int left = weir_run(peers.loop, WEIR_ONCE);
        if (left == WEIR_EDEADLK)
            weir_cancel(op);
        else if (left < 0)
            contract_fail(__FILE__, __LINE__, "the peers' loop says %s: %s", weir_error_name(left),
                          weir_sim_broken(peers.sim));
    }
    return op->result;
}

void simulated_moment(void)
{
    struct weir_op timer = {0};
    weir_timer(&timer, peers.loop, MOMENT, 0, NULL);
    ended(&timer);
}

/* The end of an op on this descriptor, which waits if the descriptor does. */
static int64_t done(struct weir_op *op, bool waits)
{
    if (!waits) {
        simulated_moment();
        if (!weir_ended(op))
            weir_cancel(op);
    }
    int64_t result = ended(op);
    return result == WEIR_ECANCELED && !waits ? WEIR_EAGAIN : result;
}

static int64_t attach(struct weir_handle *handle, int fd, unsigned flags)
{
    *handle = (struct weir_handle){0};
    return weir_adopt(handle, peers.loop, fd, flags);
}

static void detach(struct weir_handle *handle)
{
    weir_close(handle, NULL);
    while (weir_handle_kind(handle) != WEIR_HANDLE_NONE)
        if (weir_run(peers.loop, WEIR_NOWAIT) < 0)
            contract_fail(__FILE__, __LINE__, "the peers' loop fails");
}

/* What a call is about, from the descriptor to its end. */
struct call {
    struct weir_handle handle;
    struct weir_op     op;
    bool               waits;
};

static int64_t begin(struct call *call, int fd, int flags)
{
    *call = (struct call){0};
    call->waits = !(flags & MSG_DONTWAIT) && fd >= 0 && fd < NUMBERS && !peers.nonblocking[fd];
    return attach(&call->handle, fd, WEIR_BORROWED);
}

static int64_t end(struct call *call)
{
    int64_t result = done(&call->op, call->waits);
    detach(&call->handle);
    simulated_moment();
    return result;
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

/* A second descriptor of the same description, the lowest that is free: passed to ourselves. */
static int pass(int fd)
{
    static struct weir_op send, receive;
    uint64_t              control[2][8];
    char                  byte = 'x';
    struct weir_buf       piece = {&byte, 1};
    struct weir_msg       sent = {.buffers = &piece, .count = 1, .control = control[0]};
    struct weir_msg       got = {.buffers = &piece, .count = 1, .control = control[1]};
    weir_os_handle        number = fd;
    sent.control_room = got.control_room = sizeof control[0];
    CHECK_EQ(weir_msg_put_handles(&sent, &number, 1), 1);
    weir_send_msg(&send, &peers.passes[0], &sent, 0, NULL);
    weir_recv_msg(&receive, &peers.passes[1], &got, 0, NULL);
    if (ended(&send) < 0)
        weir_cancel(&receive);
    if (ended(&receive) < 0)
        return (int)send.result;
    return weir_msg_take_handles(&got, &number, 1) == 1 ? (int)number : WEIR_EMFILE;
}

int simulated_close(int fd)
{
    struct weir_handle handle;
    int64_t            error = attach(&handle, fd, 0);
    if (error)
        return told(error);
    peers.nonblocking[fd] = false;
    detach(&handle);
    simulated_moment();
    return 0;
}

/* Gives the descriptor out of the handle, which lets go of it: the lowest number that is free
 * without it. */
static int64_t release(struct weir_handle *handle, bool nonblocking)
{
    int before = (int)weir_handle_os(handle), number = pass(before);
    detach(handle);
    if (number > before) {
        int other = pass(number), higher = other > number ? other : number;
        CHECK(other >= 0);
        number = other < number ? other : number;
        simulated_close(higher);
    }
    if (number >= 0)
        peers.nonblocking[number] = nonblocking;
    return number;
}

/* The same, where the number is to be this one, which is free. */
static void release_as(struct weir_handle *handle, int wanted)
{
    int lower[64], count = 0;
    int number = (int)release(handle, false);
    while (number != wanted) {
        CHECK(number >= 0 && count < (int)(sizeof lower / sizeof *lower));
        lower[count++] = number;
        number = pass(number);
    }
    while (count)
        simulated_close(lower[--count]);
}

int simulated_dup(int fd)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    detach(&call.handle);
    return told(pass(fd));
}

int simulated_fcntl(int fd, int command)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    detach(&call.handle);
    if (command == F_DUPFD_CLOEXEC)
        return told(pass(fd));
    if (command != F_GETFD)
        contract_needs("flags of descriptors");
    return FD_CLOEXEC;
}

unsigned simulated_count(void)
{
    return weir_sim_descriptors(peers.host) - OF_THE_PEERS;
}

void simulated_exhaust(bool on)
{
    weir_sim_fault_set(peers.sim, WEIR_SIM_DESCRIPTORS, on ? 1000000 : 0);
}

/* Room for what a peer sends before anybody reads it: the windows of a world are drawn. */
static void widen(struct weir_handle *handle)
{
    weir_option_set(handle, WEIR_OPTION_SEND_BUFFER, BUFFER);
    weir_option_set(handle, WEIR_OPTION_RECEIVE_BUFFER, BUFFER);
}

/* ---- What makes descriptors ------------------------------------------------------------------ */

int simulated_socket(int family, int type)
{
    struct weir_handle handle = {0};
    int                kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
        contract_needs("sequenced packets");
    int error = weir_socket(&handle, peers.loop, family, kind, 0);
    if (error)
        return told(error);
    widen(&handle);
    return told(release(&handle, type & SOCK_NONBLOCK));
}

/* A name that nobody else has. */
static struct weir_address unique_name(void)
{
    static unsigned     count;
    struct weir_address address;
    char                text[40];
    snprintf(text, sizeof text, "unix:@peers-%u", count++);
    CHECK_EQ(weir_address_parse(&address, text), 0);
    return address;
}

static void connect_pair(struct weir_handle *a, struct weir_handle *b)
{
    struct weir_handle    listener = {0};
    struct weir_address   at = unique_name();
    static struct weir_op accepting, connecting;
    CHECK_EQ(weir_listen(&listener, peers.loop, at.data.bytes, at.length, 1, 0), 0);
    CHECK_EQ(weir_socket(a, peers.loop, AF_UNIX, SOCK_STREAM, 0), 0);
    weir_accept(&accepting, &listener, b, 0, NULL);
    weir_connect(&connecting, a, at.data.bytes, at.length, 0, NULL);
    CHECK_EQ(ended(&connecting), 0);
    CHECK_EQ(ended(&accepting), 0);
    detach(&listener);
}

static void datagram_pair(struct weir_handle ends[2])
{
    struct weir_address at[2] = {unique_name(), unique_name()};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(weir_socket(&ends[i], peers.loop, AF_UNIX, SOCK_DGRAM, 0), 0);
        CHECK_EQ(weir_bind(&ends[i], at[i].data.bytes, at[i].length, 0), 0);
    }
    for (int i = 0; i < 2; i++) {
        struct weir_op connecting = {0};
        weir_connect(&connecting, &ends[i], at[!i].data.bytes, at[!i].length, 0, NULL);
        CHECK_EQ(ended(&connecting), 0);
    }
}

/* Both ends out of their handles, in their order. */
static int release_pair(struct weir_handle handles[2], int ends[2], bool nonblocking)
{
    widen(&handles[0]);
    widen(&handles[1]);
    for (int i = 0; i < 2; i++)
        ends[i] = (int)release(&handles[i], nonblocking);
    return 0;
}

int simulated_socketpair(int family, int type, int ends[2])
{
    struct weir_handle handles[2] = {{0}};
    int                kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK_EQ(family, AF_UNIX);
    if (kind == SOCK_STREAM)
        connect_pair(&handles[0], &handles[1]);
    else if (kind == SOCK_DGRAM)
        datagram_pair(handles);
    else
        contract_needs("sequenced packets");
    return release_pair(handles, ends, type & SOCK_NONBLOCK);
}

int simulated_pipe(int ends[2], int flags)
{
    struct weir_handle handles[2] = {{0}};
    int                error = weir_pipe(&handles[0], &handles[1], peers.loop);
    return error ? told(error) : release_pair(handles, ends, flags & O_NONBLOCK);
}

int simulated_open(const char *path, int flags)
{
    struct weir_handle handle = {0};
    struct weir_op     op = {0};
    unsigned           mode = 0;
    mode |= (flags & O_ACCMODE) != O_WRONLY ? WEIR_OPEN_READ : 0;
    mode |= (flags & O_ACCMODE) != O_RDONLY ? WEIR_OPEN_WRITE : 0;
    mode |= flags & O_CREAT ? WEIR_OPEN_CREATE : 0;
    mode |= flags & O_EXCL ? WEIR_OPEN_EXCLUSIVE : 0;
    mode |= flags & O_TRUNC ? WEIR_OPEN_TRUNCATE : 0;
    mode |= flags & O_APPEND ? WEIR_OPEN_APPEND : 0;
    mode |= flags & O_DIRECT ? WEIR_OPEN_DIRECT : 0;
    mode |= flags & O_DIRECTORY ? WEIR_OPEN_DIRECTORY : 0;
    if (flags & ~(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_DIRECT | O_DIRECTORY |
                  O_CLOEXEC | O_NONBLOCK))
        contract_needs("such way to open a file");
    weir_open(&op, peers.loop, &handle, path, mode, 0, NULL);
    int64_t error = ended(&op);
    return told(error ? error : release(&handle, flags & O_NONBLOCK));
}

int simulated_unlink(const char *path)
{
    return told(weir_sim_unlink(peers.host, path));
}

/* ---- Sockets --------------------------------------------------------------------------------- */

int simulated_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    error = weir_bind(&call.handle, address, length, 0);
    detach(&call.handle);
    return told(error);
}

/* weir listens with a new socket, which takes the number of this one. */
int simulated_listen(int fd, int backlog)
{
    struct call         call;
    struct weir_handle  listener = {0};
    struct weir_address at;
    bool                nonblocking = peers.nonblocking[fd];
    int64_t             error = begin(&call, fd, 0);
    if (error)
        return told(error);
    error = weir_local_address(&call.handle, &at);
    detach(&call.handle);
    if (error)
        return told(error);
    simulated_close(fd);
    error = weir_listen(&listener, peers.loop, at.data.bytes, at.length, backlog ? backlog : 1, 0);
    if (error)
        return told(error);
    release_as(&listener, fd);
    peers.nonblocking[fd] = nonblocking;
    return 0;
}

int simulated_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_connect(&call.op, &call.handle, address, length, 0, NULL);
    return told(end(&call));
}

int simulated_accept(int fd, int flags)
{
    struct call        call;
    struct weir_handle accepted = {0};
    int64_t            error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_accept(&call.op, &call.handle, &accepted, 0, NULL);
    error = end(&call);
    if (error)
        return told(error);
    widen(&accepted);
    return told(release(&accepted, flags & SOCK_NONBLOCK));
}

int simulated_name(int fd, struct sockaddr *address, socklen_t *length)
{
    struct call         call;
    struct weir_address at;
    int64_t             error = begin(&call, fd, 0);
    if (error)
        return told(error);
    error = weir_local_address(&call.handle, &at);
    detach(&call.handle);
    if (error)
        return told(error);
    memcpy(address, at.data.bytes, at.length < *length ? at.length : *length);
    *length = at.length;
    return 0;
}

static int64_t value_of(const void *value, socklen_t length)
{
    struct linger linger;
    int           number;
    if (length == sizeof linger) {
        memcpy(&linger, value, sizeof linger);
        return linger.l_onoff ? linger.l_linger : -1;
    }
    memcpy(&number, value, sizeof number);
    return number;
}

/* The option of weir's, or -1 for one that means nothing in a world. */
static int option_of(int level, int name)
{
    if (level == SOL_SOCKET && name == SO_SNDBUF)
        return WEIR_OPTION_SEND_BUFFER;
    if (level == SOL_SOCKET && name == SO_RCVBUF)
        return WEIR_OPTION_RECEIVE_BUFFER;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return WEIR_OPTION_LINGER;
    if (level == IPPROTO_TCP && name == TCP_NODELAY)
        return WEIR_OPTION_NODELAY;
    if (level != SOL_SOCKET || name != SO_REUSEADDR)
        contract_needs("such socket option");
    return -1;
}

int simulated_option(int fd, int level, int name, const void *value, socklen_t length)
{
    struct call call;
    int         option = option_of(level, name);
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    if (option >= 0)
        error = weir_option_set(&call.handle, (enum weir_option)option, value_of(value, length));
    detach(&call.handle);
    return told(error);
}

int simulated_shutdown(int fd, int how)
{
    struct call call;
    if (how != SHUT_WR)
        contract_needs("shutdown of the receiving side");
    int64_t error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_shutdown(&call.op, &call.handle, 0, NULL);
    return told(end(&call));
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

ssize_t simulated_send(int fd, const void *data, size_t length, int flags)
{
    struct call call;
    if (flags & MSG_OOB)
        contract_needs("urgent data");
    int64_t error = begin(&call, fd, flags);
    if (error)
        return told(error);
    enum weir_handle_kind kind = weir_handle_kind(&call.handle);
    if (kind != WEIR_HANDLE_STREAM && kind != WEIR_HANDLE_DATAGRAM) {
        detach(&call.handle);
        return told(WEIR_ENOTSOCK);
    }
    weir_send(&call.op, &call.handle, data, length, 0, NULL);
    return told(end(&call));
}

ssize_t simulated_recv(int fd, void *data, size_t length, int flags)
{
    struct call call;
    int64_t     error = begin(&call, fd, flags);
    if (error)
        return told(error);
    weir_recv(&call.op, &call.handle, data, length, flags & MSG_PEEK ? WEIR_PEEK : 0, NULL);
    return told(end(&call));
}

static uint64_t place_of(off_t offset)
{
    return offset < 0 ? WEIR_STREAM : (uint64_t)offset;
}

ssize_t simulated_read(int fd, void *data, size_t length, off_t offset)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_read(&call.op, &call.handle, data, length, place_of(offset), 0, NULL);
    return told(end(&call));
}

ssize_t simulated_write(int fd, const void *data, size_t length, off_t offset)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_write(&call.op, &call.handle, data, length, place_of(offset), 0, NULL);
    return told(end(&call));
}

/* ---- Files and readiness --------------------------------------------------------------------- */

static struct timespec time_of(int64_t ns)
{
    int64_t second = (int64_t)WEIR_SECOND;
    return (struct timespec){.tv_sec = (time_t)(ns / second), .tv_nsec = (long)(ns % second)};
}

int simulated_stat(int fd, struct stat *stat)
{
    struct call      call;
    struct weir_stat found;
    int64_t          error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_fstat(&call.op, &call.handle, &found, 0, NULL);
    error = end(&call);
    memset(stat, 0, sizeof *stat);
    if (error)
        return told(error);
    stat->st_size = (off_t)found.size;
    stat->st_blocks = (blkcnt_t)found.blocks;
    stat->st_ino = (ino_t)found.inode;
    stat->st_dev = (dev_t)found.device;
    stat->st_mode = found.mode;
    stat->st_nlink = found.links;
    stat->st_uid = found.user;
    stat->st_gid = found.group;
    stat->st_blksize = (blksize_t)found.block_size;
    stat->st_mtim = time_of(found.modified_ns);
    stat->st_atim = time_of(found.accessed_ns);
    stat->st_ctim = time_of(found.changed_ns);
    return 0;
}

int simulated_truncate(int fd, off_t length)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_truncate(&call.op, &call.handle, (uint64_t)length, 0, NULL);
    return told(end(&call));
}

int simulated_sync(int fd)
{
    struct call call;
    int64_t     error = begin(&call, fd, 0);
    if (error)
        return told(error);
    weir_fsync(&call.op, &call.handle, 0, NULL);
    return told(end(&call));
}

int simulated_raise(int signo)
{
    weir_sim_signal(peers.host, signo);
    return 0;
}

static unsigned asked(short events)
{
    return (events & POLLIN ? WEIR_IN : 0) | (events & POLLOUT ? WEIR_OUT : 0) |
           (events & POLLRDHUP ? WEIR_RDHUP : 0);
}

static short answer(int64_t events)
{
    return (short)((events & WEIR_IN ? POLLIN : 0) | (events & WEIR_OUT ? POLLOUT : 0) |
                   (events & WEIR_HUP ? POLLHUP : 0) | (events & WEIR_ERR ? POLLERR : 0) |
                   (events & WEIR_RDHUP ? POLLRDHUP : 0));
}

#define POLLS_MAX 64

static bool any_ended(const struct call *polls, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (weir_ended(&polls[i].op))
            return true;
    return false;
}

int simulated_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    static struct call polls[POLLS_MAX];
    struct weir_op     timer = {0};
    int                ready = 0;
    CHECK(count <= POLLS_MAX);
    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = begin(&polls[i], fds[i].fd, 0) ? POLLNVAL : 0;
        if (!fds[i].revents)
            weir_poll(&polls[i].op, &polls[i].handle, asked(fds[i].events) | WEIR_HUP, 0, NULL);
    }
    simulated_moment();
    if (timeout_ms > 0)
        weir_timer(&timer, peers.loop, (uint64_t)timeout_ms * WEIR_MILLISECOND, 0, NULL);
    while (timeout_ms > 0 && !weir_ended(&timer) && !any_ended(polls, count))
        weir_run(peers.loop, WEIR_ONCE);
    weir_cancel(&timer);
    for (nfds_t i = 0; i < count; i++) {
        if (!fds[i].revents) {
            weir_cancel(&polls[i].op);
            int64_t events = ended(&polls[i].op);
            detach(&polls[i].handle);
            fds[i].revents = events > 0 ? answer(events) : 0;
        }
        ready += fds[i].revents != 0;
    }
    if (timeout_ms > 0)
        ended(&timer);
    return ready;
}

/* ---- The world ------------------------------------------------------------------------------- */

void simulated_begin(struct contract *c)
{
    struct weir_sim_options options = {.steps_max = UINT64_C(1000000000), .by_hand = true};
    memset(&peers, 0, sizeof peers);
    weir_sim_use(NULL);
    CHECK_EQ(weir_sim_open(&peers.sim, &options), 0);
    CHECK_EQ(weir_sim_host_add(peers.sim, &peers.host, "contract", "10.0.0.1"), 0);
    weir_sim_use(peers.host);
    CHECK_EQ(weir_loop_open(&peers.loop, &(struct weir_options){.engine = "sim"}), 0);
    connect_pair(&peers.passes[0], &peers.passes[1]);
    c->directory = "/tmp";
}

void simulated_end(void)
{
    unsigned left = simulated_count();
    if (left)
        contract_broken(__FILE__, __LINE__, "%u descriptors were left in the world", left);
    int error = weir_loop_close(peers.loop, 0);
    if (error || weir_sim_broken(peers.sim))
        contract_broken(__FILE__, __LINE__, "the peers' loop ends with %s: %s",
                        weir_error_name(error),
                        weir_sim_broken(peers.sim) ? weir_sim_broken(peers.sim) : "");
    CHECK_EQ(weir_sim_close(peers.sim), 0);
    peers.sim = NULL;
}
