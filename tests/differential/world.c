/* SPDX-License-Identifier: MIT */
/* world.c - the handles of a script, made by plain calls, and plain looks at them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"

static _Noreturn void give_up(const char *what)
{
    perror(what);
    _exit(3);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

void bytes_append(struct bytes *bytes, const void *data, size_t count)
{
    if (bytes->count + count > bytes->room) {
        bytes->room = (bytes->count + count) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        if (!bytes->data)
            give_up("realloc");
    }
    if (count)
        memcpy(bytes->data + bytes->count, data, count);
    bytes->count += count;
}

uint64_t bytes_hash(const void *data, size_t count)
{
    const unsigned char *at = data;
    uint64_t             hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound_socket(int type, struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    int       fd = socket(AF_INET, type, 0);
    *address = loopback();
    if (fd < 0 || bind(fd, (struct sockaddr *)address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &length) < 0)
        give_up("socket");
    return fd;
}

static void tcp_pair(int ends[2])
{
    struct sockaddr_in address;
    int                listener = bound_socket(SOCK_STREAM, &address), one = 1;
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (listen(listener, 1) < 0 ||
        connect(ends[0], (struct sockaddr *)&address, sizeof address) < 0)
        give_up("connect");
    ends[1] = accept(listener, NULL, NULL);
    if (ends[1] < 0)
        give_up("accept");
    close(listener);
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void udp_pair(int ends[2])
{
    struct sockaddr_in a, b;
    ends[0] = bound_socket(SOCK_DGRAM, &a);
    ends[1] = bound_socket(SOCK_DGRAM, &b);
    if (connect(ends[0], (struct sockaddr *)&b, sizeof b) < 0 ||
        connect(ends[1], (struct sockaddr *)&a, sizeof a) < 0)
        give_up("connect");
}

static void adopt(struct run *run, int place, int fd)
{
    if (!run->script->foreign)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (weir_adopt(&run->places[place].handle, run->loop, fd, 0) < 0)
        give_up("weir_adopt");
    run->places[place].attached = true;
}

/* A side that is to connect, and a listener for the other. */
static void open_dialled(struct run *run, unsigned link)
{
    struct sockaddr_in any = loopback();
    int                listener = PLACE_LISTENERS + (int)link;
    if (weir_listen(&run->places[listener].handle, run->loop, &any, sizeof any, 4, WEIR_NODELAY) ||
        weir_socket(&run->places[2 * link].handle, run->loop, AF_INET, SOCK_STREAM, WEIR_NODELAY))
        give_up("weir_listen");
    run->places[listener].attached = run->places[2 * link].attached = true;
}

static void open_link(struct run *run, unsigned link)
{
    int a = 2 * (int)link, b = a + 1, ends[2] = {-1, -1};
    switch (run->script->links[link]) {
    case LINK_TCP:
        tcp_pair(ends);
        break;
    case LINK_UNIX:
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
            give_up("socketpair");
        break;
    case LINK_UDP:
        udp_pair(ends);
        break;
    case LINK_DIALLED:
        open_dialled(run, link);
        return;
    default:
        if (pipe(ends) < 0)
            give_up("pipe");
        int reader = ends[0];
        ends[0] = ends[1];
        ends[1] = reader;
        break;
    }
    adopt(run, a, ends[0]);
    adopt(run, b, ends[1]);
}

void world_open(struct run *run)
{
    for (int i = 0; i < PLACES; i++)
        run->places[i].handle.user = run;
    for (unsigned link = 0; link < run->script->link_count; link++)
        open_link(run, link);
    if (!host_make_paths())
        give_up("mkdir");
}

const char *world_path(const struct step *step)
{
    static const char *const paths[] = {NULL, "directory", "absent/file", "symlink/file", ""};
    if (step->variant)
        return paths[step->variant];
    return step->place == PLACE_FILES ? "file0" : "file1";
}

/* ---- Looking --------------------------------------------------------------------------------- */

int world_descriptor(const struct run *run, int place)
{
    const struct weir_handle *handle = &run->places[place].handle;
    if (weir_handle_kind(handle) == WEIR_HANDLE_NONE)
        return -1;
    return (int)weir_handle_os(handle);
}

bool world_can_be_asked(const struct run *run, int place)
{
    return !run->script->fitted || !place_is_link(place) || place % 2 ||
           run->script->links[place / 2] != LINK_DIALLED || run->ways[place].connected;
}

short world_ready(const struct run *run, int place, short events)
{
    struct pollfd entry = {.fd = world_descriptor(run, place), .events = events};
    return entry.fd >= 0 && world_can_be_asked(run, place) && poll(&entry, 1, 0) > 0 ? entry.revents
                                                                                     : 0;
}

/* How many bytes the receive at the head must have before it ends, if it takes them bit by bit. */
static size_t least_to_end(const struct run *run, int receiver)
{
    const struct running *head = NULL;
    for (int id = 1; id <= STEPS_MAX; id++) {
        const struct running *running = &run->running[id];
        if (running->live && running->step->place == receiver && step_receives(running->step) &&
            (!head || running->order < head->order))
            head = running;
    }
    return head && (head->step->flags & WEIR_ALL) ? head->length : 0;
}

static bool has_long_send(const struct run *run, int sender)
{
    for (int id = 1; id <= STEPS_MAX; id++)
        if (run->running[id].live && run->running[id].step->place == sender &&
            run->running[id].step->what == STEP_PUMP)
            return true;
    return false;
}

/* What was told to be sent is neither told to be received nor there to be received: it is on its
 * way, or in the hands of a thread. */
static bool has_data_in_flight(const struct run *run, int sender)
{
    const struct way *way = &run->ways[sender];
    int               there = 0, receiver = world_descriptor(run, sender ^ 1);
    if (receiver < 0 || run->places[sender].closed || way->uncertain || has_long_send(run, sender))
        return false;
    if (run->script->links[sender / 2] == LINK_PIPE && sender % 2)
        return false; /* it only reads, and its writer tells how much is there to be read, too */
    if (run->script->links[sender / 2] == LINK_UDP)
        return way->messages > 0 && !world_ready(run, sender ^ 1, POLLIN);
    if (ioctl(receiver, FIONREAD, &there) < 0)
        return false;
    size_t taken = way->sent.count - way->received.count - (size_t)there;
    return taken && taken + (size_t)there >= least_to_end(run, sender ^ 1);
}

/* Bytes or an end that the other side cannot see yet. */
static bool is_in_flight(const struct run *run, int sender)
{
    enum link_kind kind = run->script->links[sender / 2];
    int            listener = PLACE_LISTENERS + sender / 2;
    if (run->ways[sender].connected && !run->places[sender ^ 1].attached &&
        world_descriptor(run, listener) >= 0 && !world_ready(run, listener, POLLIN))
        return true; /* the last packet of the handshake */
    if (world_descriptor(run, sender ^ 1) < 0 || run->places[sender ^ 1].closed)
        return false;
    if (has_data_in_flight(run, sender))
        return true;
    if (!run->ways[sender].ended || kind == LINK_UDP)
        return false;
    return kind == LINK_PIPE ? run->places[sender].closed && !world_ready(run, sender ^ 1, 0)
                             : !world_ready(run, sender ^ 1, POLLRDHUP);
}

bool world_in_flight(struct run *run, bool give_up)
{
    bool any = false;
    for (int sender = 0; sender < 2 * (int)run->script->link_count; sender++) {
        struct way *way = &run->ways[sender];
        bool        flies = !way->lost && is_in_flight(run, sender);
        way->lost |= flies && give_up;
        any |= flies;
    }
    return any;
}

/* ---- Touching -------------------------------------------------------------------------------- */

void world_drain(struct run *run, int sender)
{
    static char data[65536];
    int         fd = world_descriptor(run, sender ^ 1);
    while (fd >= 0 && (world_ready(run, sender ^ 1, POLLIN) & POLLIN)) {
        ssize_t count = run->script->links[sender / 2] == LINK_PIPE
                            ? read(fd, data, sizeof data)
                            : recv(fd, data, sizeof data, MSG_DONTWAIT);
        if (count < 0 || (!count && run->script->links[sender / 2] != LINK_UDP))
            return;
        bytes_append(&run->ways[sender].received, data, (size_t)count);
        run->ways[sender].messages--;
    }
}

#define STUFFING 4096
static const char zeros[STUFFING];

static ssize_t stuff_once(const struct run *run, int place, size_t length)
{
    int fd = world_descriptor(run, place);
    if (run->script->links[place / 2] != LINK_PIPE)
        return send(fd, zeros, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* A pipe that polls writable takes PIPE_BUF bytes whole. */
    return world_ready(run, place, POLLOUT) == POLLOUT ? write(fd, zeros, STUFFING) : -1;
}

/* Until not one byte more goes: less room than a poll calls writable may do for an attempt. */
void world_stuff(struct run *run, int place)
{
    static const size_t lengths[] = {STUFFING, 1};
    for (int i = 0; i < 2; i++)
        for (ssize_t count; (count = stuff_once(run, place, lengths[i])) > 0;)
            bytes_append(&run->ways[place].sent, zeros, (size_t)count);
}

/* Where a pipe has the size that it has, a script fills more of it. */
static void size_pipe(int fd, int size)
{
#ifdef F_SETPIPE_SZ
    fcntl(fd, F_SETPIPE_SZ, size);
#else
    (void)fd, (void)size;
#endif
}

void world_small_buffers(struct run *run, int place, bool small)
{
    int fd = world_descriptor(run, place), size = small ? 8192 : 200000;
    if (run->script->links[place / 2] == LINK_PIPE)
        size_pipe(fd, small ? 4096 : 65536);
    else
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* So that ten thousand scripts leave no ten thousand connections in TIME_WAIT. */
void world_reset_at_close(struct run *run)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    for (int place = 0; place < 2 * (int)run->script->link_count; place++)
        if (run->script->links[place / 2] == LINK_TCP ||
            run->script->links[place / 2] == LINK_DIALLED)
            setsockopt(world_descriptor(run, place), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}
