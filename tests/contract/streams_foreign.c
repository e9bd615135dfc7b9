/* SPDX-License-Identifier: MIT */
/* streams_foreign.c - descriptors and signals of the program's own: weir leaves them as it found
 * them. */
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "streams_transport.h"

/* ------------------------------------------------------------------------------------------------
 * SIGPIPE: an answer, never a signal
 * ---------------------------------------------------------------------------------------------- */

/* Writes in every way until the stream is known to be broken, and then once more. */
static void write_to_nobody(struct contract *c, struct weir_handle *a)
{
    struct weir_op  op = {0};
    struct weir_buf piece = {(void *)(uintptr_t) "xyz", 3};
    int64_t         result;
    int             tries = 0;
    while ((result = send_now(c, a, "x", 1, 0)) == 1) {
        CHECK(++tries < 1000);
        contract_breathe(); /* the peer's answer is on its way */
    }
    CHECK(result == WEIR_EPIPE || result == WEIR_ECONNRESET);
    CHECK_EQ(send_now(c, a, "x", 1, 0), WEIR_EPIPE);
    CHECK_EQ(send_now(c, a, "xyz", 3, WEIR_ALL), WEIR_EPIPE);
    weir_sendv(&op, a, &piece, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
    weir_write(&op, a, "x", 1, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
    weir_writev(&op, a, &piece, 1, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
    CHECK_EQ(weir_try_send(a, "x", 1, 0), WEIR_EPIPE);
}

/* The signal kills this process if it comes. */
static void epipe_without_signal(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    contract_raw_close(transport->writer(c, &a));
    write_to_nobody(c, &a);
}
OVER_ALL(epipe_without_signal)

/* A SIGPIPE of the program's own that is pending, blocked, is neither taken nor doubled. */
static void epipe_leaves_a_pending_sigpipe(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    sigset_t                  set, old, pending;
    int                       taken = 0;
    contract_raw_close(transport->writer(c, &a));
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    write_to_nobody(c, &a);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK(!sigismember(&pending, SIGPIPE));
    CHECK_EQ(raise(SIGPIPE), 0);
    write_to_nobody(c, &a);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK(sigismember(&pending, SIGPIPE));
    CHECK_EQ(sigwait(&set, &taken), 0);
    CHECK_EQ(taken, SIGPIPE);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
}
OVER_ALL(epipe_leaves_a_pending_sigpipe)

/* ------------------------------------------------------------------------------------------------
 * What a descriptor is set to
 * ---------------------------------------------------------------------------------------------- */

/* F_GETFL and F_GETFD of a descriptor, in one number. */
static int flags_of(int fd)
{
    int status = fcntl(fd, F_GETFL), own = fcntl(fd, F_GETFD);
    CHECK(status >= 0);
    CHECK(own >= 0);
    return status | own << 30;
}

/* The same while weir watches it. O_ASYNC, by which signals tell of a descriptor, changes no
 * call. */
static int flags_kept(int fd)
{
    return flags_of(fd) & ~O_ASYNC;
}

/* ------------------------------------------------------------------------------------------------
 * A program's own standard streams
 * ---------------------------------------------------------------------------------------------- */

/* Puts `fd` in the place of `number`; the old one, to be put back by the same call. */
static int replace(int number, int fd)
{
    int old = fcntl(number, F_DUPFD_CLOEXEC, 3);
    CHECK(old >= 0);
    CHECK_EQ(dup2(fd, number), number);
    return old;
}

static void stdin_pipe_blocking(struct contract *c)
{
    static struct weir_handle input;
    struct weir_op            recv = {0};
    char                      data[16];
    int                       ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    int old = replace(STDIN_FILENO, ends[0]);
    int flags = flags_of(STDIN_FILENO);
    CHECK_EQ(weir_adopt(&input, c->loop, STDIN_FILENO, WEIR_BORROWED), 0);
    CHECK_EQ(weir_handle_kind(&input), WEIR_HANDLE_PIPE);
    weir_recv(&recv, &input, data, sizeof data, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&recv));
    CHECK_EQ(flags_kept(STDIN_FILENO), flags);
    contract_raw_send(ends[1], "typed", 5);
    CHECK_EQ(contract_await(c, &recv), 5);
    CHECK(memcmp(data, "typed", 5) == 0);
    contract_close(c, &input);
    CHECK_EQ(flags_of(STDIN_FILENO), flags);
    contract_raw_close(replace(STDIN_FILENO, old));
    contract_raw_close(old);
    contract_raw_close(ends[0]);
    contract_raw_close(ends[1]);
}

static void stdout_pipe_full_does_not_block(struct contract *c)
{
    static struct weir_handle output;
    static unsigned char      data[200000], in[200000];
    struct weir_op            send = {0};
    int                       ends[2];
    contract_fill(data, sizeof data, 0, 81);
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    fflush(stdout);
    int old = replace(STDOUT_FILENO, ends[1]);
    int flags = flags_of(STDOUT_FILENO);
    CHECK_EQ(weir_adopt(&output, c->loop, STDOUT_FILENO, WEIR_BORROWED), 0);
    weir_send(&send, &output, data, sizeof data, WEIR_ALL, contract_done);
    loop_turns(c);
    CHECK(contract_live(&send));
    for (size_t at = 0; at < sizeof in;) { /* how much a turn writes is the mechanism's */
        size_t room = sizeof in - at;
        contract_until_moved(c, ends[0]);
        at += contract_raw_recv_some(ends[0], in + at, room < 10000 ? room : 10000);
    }
    CHECK_EQ(contract_await(c, &send), sizeof data);
    CHECK(contract_filled(in, sizeof in, 0, 81));
    contract_close(c, &output);
    CHECK_EQ(flags_of(STDOUT_FILENO), flags);
    contract_raw_close(replace(STDOUT_FILENO, old));
    contract_raw_close(old);
    contract_raw_close(ends[0]);
    contract_raw_close(ends[1]);
}

/* ------------------------------------------------------------------------------------------------
 * Adopting
 * ---------------------------------------------------------------------------------------------- */

/* A descriptor of each kind, and what weir takes it for. */
enum { SPECIMENS = 10 };

static int open_specimen(struct contract *c, unsigned n, enum weir_handle_kind *kind)
{
    static const enum weir_handle_kind kinds[SPECIMENS] = {
        WEIR_HANDLE_STREAM, WEIR_HANDLE_STREAM, WEIR_HANDLE_DATAGRAM, WEIR_HANDLE_LISTENER,
        WEIR_HANDLE_PIPE,   WEIR_HANDLE_PIPE,   WEIR_HANDLE_FILE,     WEIR_HANDLE_DIRECTORY,
        WEIR_HANDLE_TTY,    WEIR_HANDLE_OTHER};
    const char *path;
    int         pair[2];
    uint16_t    port;
    *kind = kinds[n];
    switch (n) {
    case 0: /* connected */
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        contract_raw_close(pair[1]);
        return pair[0];
    case 1: /* connectable */
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 2:
        return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    case 3:
        return contract_raw_listen(&port, 1);
    case 4:
        CHECK_EQ(pipe2(pair, O_CLOEXEC), 0);
        contract_raw_close(pair[1]);
        return pair[0];
    case 5:
        path = contract_temp_file(c);
        CHECK_EQ(mkfifo(path, 0600), 0);
        return open(path, O_RDWR | O_CLOEXEC);
    case 6:
        return open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    case 7:
        return open(c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 8:
        return posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    default:
        return eventfd(0, EFD_CLOEXEC);
    }
}

static void kinds_are_found(struct contract *c)
{
    static struct weir_handle handles[SPECIMENS], never;
    for (unsigned n = 0; n < SPECIMENS; n++) {
        enum weir_handle_kind kind;
        int                   fd = open_specimen(c, n, &kind);
        CHECK(fd >= 0);
        CHECK_EQ(weir_handle_kind(&handles[n]), WEIR_HANDLE_NONE);
        CHECK_EQ(weir_handle_os(&handles[n]), WEIR_EBADF);
        CHECK_EQ(weir_adopt(&handles[n], c->loop, fd, 0), 0);
        CHECK_EQ(weir_handle_kind(&handles[n]), kind);
        CHECK_EQ(weir_handle_os(&handles[n]), fd);
        contract_close(c, &handles[n]);
        CHECK_EQ(weir_handle_kind(&handles[n]), WEIR_HANDLE_NONE);
        CHECK_EQ(weir_handle_os(&handles[n]), WEIR_EBADF);
        CHECK(!contract_fd_open(fd));
    }
    CHECK_EQ(weir_close(&never, NULL), WEIR_EBADF);
}

/* Blocking or not, close-on-exec or not: as before, while it is weir's and after. */
static void adopt_keeps_the_flags(struct contract *c)
{
    static struct weir_handle handles[SPECIMENS * 4];
    for (unsigned n = 0; n < SPECIMENS * 4; n++) {
        struct weir_op        poll = {0};
        enum weir_handle_kind kind;
        int                   fd = open_specimen(c, n / 4, &kind);
        CHECK(fd >= 0);
        if (n % 2)
            CHECK_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
        CHECK_EQ(fcntl(fd, F_SETFD, n & 2 ? FD_CLOEXEC : 0), 0);
        int flags = flags_of(fd);
        CHECK_EQ(weir_adopt(&handles[n], c->loop, fd, WEIR_BORROWED), 0);
        CHECK_EQ(flags_of(fd), flags);
        weir_poll(&poll, &handles[n], WEIR_IN, 0, contract_done);
        some_turns(c);
        CHECK_EQ(flags_kept(fd), flags);
        contract_close(c, &handles[n]);
        CHECK(contract_fd_open(fd));
        CHECK_EQ(flags_of(fd), flags);
        contract_raw_close(fd);
    }
}

/* Who gets the signals of a description, which, and how it is set. */
struct settings {
    struct f_owner_ex owner;
    int               flags, number;
};

static void settings_of(int fd, struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    settings->flags = fcntl(fd, F_GETFL);
    settings->number = fcntl(fd, F_GETSIG);
    CHECK(settings->flags >= 0);
    CHECK(settings->number >= 0);
    CHECK_EQ(fcntl(fd, F_GETOWN_EX, &settings->owner), 0);
}

/* Each bit of n: blocking or not; an owner; a signal; asynchronous, which what has no signals
 * ignores. SIGWINCH harms nobody. */
static void change_settings(int fd, unsigned n)
{
    struct f_owner_ex owner = {F_OWNER_PID, getpid()};
    CHECK_EQ(fcntl(fd, F_SETFL, (n & 1 ? O_NONBLOCK : 0) | (n & 8 ? O_ASYNC : 0)), 0);
    if (n & 2)
        CHECK_EQ(fcntl(fd, F_SETOWN_EX, &owner), 0);
    if (n & 4)
        CHECK_EQ(fcntl(fd, F_SETSIG, SIGWINCH), 0);
}

/* A handle on the description was watched, with something pending when it is closed. */
static void watch_for_a_while(struct contract *c, int fd)
{
    static struct weir_handle handle;
    struct weir_op            in = {0}, out = {0};
    CHECK_EQ(weir_adopt(&handle, c->loop, fd, WEIR_BORROWED), 0);
    weir_poll(&in, &handle, WEIR_IN, WEIR_LEVEL, contract_done);
    weir_poll(&out, &handle, WEIR_OUT, WEIR_ONESHOT, contract_done);
    some_turns(c);
    contract_close(c, &handle);
    CHECK(weir_ended(&in));
    CHECK(weir_ended(&out));
}

/* The description is the program's, also through another number or in another process. */
static void description_is_as_before(struct contract *c)
{
    CHECK(signal(SIGIO, SIG_IGN) != SIG_ERR);
    for (unsigned n = 0; n < SPECIMENS * 16; n++) {
        struct settings       before, after;
        enum weir_handle_kind kind;
        int                   fd = open_specimen(c, n / 16, &kind);
        CHECK(fd >= 0);
        change_settings(fd, n % 16);
        settings_of(fd, &before);
        watch_for_a_while(c, fd);
        settings_of(fd, &after);
        CHECK_EQ(after.flags, before.flags);
        CHECK_EQ(after.number, before.number);
        CHECK_EQ(after.owner.type, before.owner.type);
        CHECK_EQ(after.owner.pid, before.owner.pid);
        contract_raw_close(fd);
    }
}

static void adopted_blocking_ends_stay_blocking(struct contract        *c,
                                                const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                      data[8];
    int                       peer = transport->reader(c, &a);
    int                       fd = (int)weir_handle_os(&a), flags = flags_of(fd);
    CHECK(!contract_raw_nonblocking(fd));
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&recv));
    CHECK_EQ(flags_kept(fd), flags);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(flags_kept(fd), flags);
    contract_raw_close(peer);
}

static void adopted_blocking_socket_stays_blocking(struct contract *c)
{
    adopted_blocking_ends_stay_blocking(c, &over_blocking);
}

static void adopted_blocking_pipe_stays_blocking(struct contract *c)
{
    adopted_blocking_ends_stay_blocking(c, &over_pipe);
}

/* Ops work on what is borrowed; closing leaves it open, and the stream goes on elsewhere. */
static void borrowed_stays_open(struct contract *c, const struct transport *transport)
{
    static struct weir_handle owner, a, again;
    struct weir_op            recv = {0};
    char                      data[8];
    int                       peer = transport->reader(c, &owner);
    int                       fd = dup((int)weir_handle_os(&owner));
    CHECK(fd >= 0);
    contract_close(c, &owner);
    CHECK_EQ(weir_adopt(&a, c->loop, fd, WEIR_BORROWED), 0);
    contract_raw_send(peer, "one", 3);
    CHECK_EQ(recv_now(c, &a, data, sizeof data, 0), 3);
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    some_turns(c);
    contract_close(c, &a);
    CHECK_RESULT(&recv, WEIR_ECANCELED);
    CHECK(contract_fd_open(fd));
    contract_raw_send(peer, "two", 3);
    CHECK_EQ(weir_adopt(&again, c->loop, fd, 0), 0);
    CHECK_EQ(recv_now(c, &again, data, sizeof data, 0), 3);
    CHECK(memcmp(data, "two", 3) == 0);
    contract_close(c, &again);
    CHECK(!contract_fd_open(fd));
    contract_raw_close(peer);
}
OVER_ALL(borrowed_stays_open)

/* When it fails the descriptor is still the caller's, and the handle as zeroed. */
static void adopt_refuses_what_is_wrong(struct contract *c)
{
    static struct weir_handle a, zeroed;
    int                       fd = eventfd(0, EFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(&a, c->loop, fd, 0x8000u), WEIR_EINVAL);
    CHECK_EQ(weir_adopt(&a, c->loop, fd, WEIR_V6ONLY), WEIR_EINVAL);
    CHECK(contract_fd_open(fd));
    contract_raw_close(fd);
    CHECK_EQ(weir_adopt(&a, c->loop, fd, 0), WEIR_EBADF);
    CHECK_EQ(weir_adopt(&a, c->loop, -1, 0), WEIR_EBADF);
    CHECK_EQ(weir_adopt(&a, c->loop, INT32_MAX, 0), WEIR_EBADF);
    CHECK(memcmp(&a, &zeroed, sizeof a) == 0);
}

/* ------------------------------------------------------------------------------------------------
 * What weir makes
 * ---------------------------------------------------------------------------------------------- */

static void check_own(const struct weir_handle *handle, enum weir_handle_kind kind)
{
    CHECK_EQ(weir_handle_kind(handle), kind);
    CHECK(fcntl((int)weir_handle_os(handle), F_GETFD) & FD_CLOEXEC);
}

static void pipe_is_one_way_and_close_on_exec(struct contract *c)
{
    static struct weir_handle reader, writer;
    char                      data[8];
    CHECK_EQ(weir_pipe(&reader, &writer, c->loop), 0);
    check_own(&reader, WEIR_HANDLE_PIPE);
    check_own(&writer, WEIR_HANDLE_PIPE);
    CHECK_EQ(send_now(c, &writer, "through", 7, 0), 7);
    CHECK_EQ(recv_now(c, &reader, data, sizeof data, 0), 7);
    CHECK(memcmp(data, "through", 7) == 0);
}

/* Reading the end that is for writing, and the other way round. */
static void wrong_end_of_a_pipe_is_ebadf(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            op = {0};
    char                      data[8] = "";
    transport->pair(c, &reader, &writer);
    CHECK_EQ(recv_now(c, &writer, data, sizeof data, 0), WEIR_EBADF);
    CHECK_EQ(send_now(c, &reader, data, sizeof data, 0), WEIR_EBADF);
    weir_read(&op, &writer, data, sizeof data, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EBADF);
    weir_write(&op, &reader, data, sizeof data, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EBADF);
    CHECK_EQ(weir_try_recv(&writer, data, sizeof data, 0), WEIR_EBADF);
    CHECK_EQ(weir_try_send(&reader, data, sizeof data, 0), WEIR_EBADF);
}
OVER_PIPES(wrong_end_of_a_pipe_is_ebadf)

static void socket_is_close_on_exec_and_refuses_what_is_wrong(struct contract *c)
{
    static struct weir_handle a, b, zeroed;
    CHECK_EQ(weir_socket(&a, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    check_own(&a, WEIR_HANDLE_STREAM);
    CHECK_EQ(weir_socket(&b, c->loop, AF_INET, SOCK_STREAM, 0x8000u), WEIR_EINVAL);
    CHECK_EQ(weir_socket(&b, c->loop, AF_INET, SOCK_STREAM, WEIR_REUSE_PORT), WEIR_EINVAL);
    CHECK_EQ(weir_socket(&b, c->loop, 12345, SOCK_STREAM, 0), WEIR_EAFNOSUPPORT);
    CHECK_EQ(weir_socket(&b, c->loop, AF_INET, 99, 0), WEIR_EINVAL);
    CHECK(memcmp(&b, &zeroed, sizeof b) == 0);
}

/* Each call that makes a handle fails cleanly when descriptors are out. */
static void no_descriptor_left_is_emfile(struct contract *c)
{
    static struct weir_handle a, b, zeroed;
    struct weir_address       any = contract_loopback(0);
    struct weir_op            open_op = {0};
    const char               *path = contract_temp_file(c);
    some_turns(c);
    contract_fd_exhaust(c, 1);
    CHECK_EQ(weir_pipe(&a, &b, c->loop), WEIR_EMFILE);
    contract_fd_release(c);
    CHECK(memcmp(&b, &zeroed, sizeof b) == 0);
    contract_fd_exhaust(c, 0);
    CHECK_EQ(weir_socket(&a, c->loop, AF_INET, SOCK_STREAM, 0), WEIR_EMFILE);
    CHECK_EQ(weir_listen(&a, c->loop, any.data.bytes, any.length, 1, 0), WEIR_EMFILE);
    weir_open(&open_op, c->loop, &a, path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &open_op), WEIR_EMFILE);
    contract_fd_release(c);
    CHECK(memcmp(&a, &zeroed, sizeof a) == 0);
    CHECK_EQ(weir_socket(&a, c->loop, AF_INET, SOCK_STREAM, 0), 0);
}

const struct contract_case contract_cases[] = {
    ALL_CASES(epipe_without_signal, 0),
    ALL_CASES(epipe_leaves_a_pending_sigpipe, 0),
    {"stdin_pipe_blocking", stdin_pipe_blocking, 0},
    {"stdout_pipe_full_does_not_block", stdout_pipe_full_does_not_block, 0},
    {"kinds_are_found", kinds_are_found, 0},
    {"adopt_keeps_the_flags", adopt_keeps_the_flags, 0},
    {"description_is_as_before", description_is_as_before, 0},
    {"adopted_blocking_socket_stays_blocking", adopted_blocking_socket_stays_blocking, 0},
    {"adopted_blocking_pipe_stays_blocking", adopted_blocking_pipe_stays_blocking, 0},
    ALL_CASES(borrowed_stays_open, 0),
    {"adopt_refuses_what_is_wrong", adopt_refuses_what_is_wrong, 0},
    {"pipe_is_one_way_and_close_on_exec", pipe_is_one_way_and_close_on_exec, 0},
    PIPE_CASES(wrong_end_of_a_pipe_is_ebadf, 0),
    {"socket_is_close_on_exec_and_refuses_what_is_wrong",
     socket_is_close_on_exec_and_refuses_what_is_wrong, 0},
    {"no_descriptor_left_is_emfile", no_descriptor_left_is_emfile, 0},
    {0},
};
