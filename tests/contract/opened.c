/* SPDX-License-Identifier: MIT */
/* opened.c - calls that open a descriptor or start a thread, from weir and the cases alike: the
 * linker sends them here (--wrap). What a case opened itself is remembered, so that it can be
 * closed when the case is given up; what weir asks for fails on demand. On the engine sim they go
 * to the world of the case, as those of simulated_calls.c do. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pty.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "simulated.h"
#include "torture.h"

#define NUMBERS 4096

/* Whichever of them an engine of the system asks for first. */
#define NO_MECHANISMS "mechanism or counter for a program of its own"

static atomic_bool of_the_case[NUMBERS];
static bool        of_the_world[NUMBERS]; /* of the case's, in its world */

static int note(int fd)
{
    if (fd >= 0 && fd < NUMBERS)
        atomic_store_explicit(&of_the_case[fd], !torture_inside(), memory_order_relaxed);
    return fd;
}

static int note_two(int error, const int *ends)
{
    if (error == 0) {
        note(ends[0]);
        note(ends[1]);
    }
    return error;
}

static int note_simulated(int fd)
{
    if (fd >= 0 && fd < NUMBERS)
        of_the_world[fd] = !torture_inside();
    return fd;
}

static int note_two_simulated(int error, const int *ends)
{
    if (error == 0) {
        note_simulated(ends[0]);
        note_simulated(ends[1]);
    }
    return error;
}

/* As a call that finds no memory answers. */
static bool denied(void)
{
    if (!torture_fails(TORTURE_SYSTEM))
        return false;
    errno = ENOMEM;
    return true;
}

void opened_close(void)
{
    for (int fd = 0; fd < NUMBERS; fd++)
        if (of_the_world[fd] && simulated())
            simulated_close(fd);
    contract_aside(true);
    for (int fd = 0; fd < NUMBERS; fd++)
        if (atomic_load_explicit(&of_the_case[fd], memory_order_relaxed))
            close(fd);
    contract_aside(false);
}

/* The names are the linker's: __wrap_f is called for f, and __real_f is f. */
#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

/* ---- What weir and cases call ---------------------------------------------------------------- */

WRAP(int, socket, int family, int type, int protocol)
{
    if (simulated())
        return note_simulated(simulated_socket(family, type));
    return denied() ? -1 : note(__real_socket(family, type, protocol));
}

WRAP(int, accept4, int listener, struct sockaddr *address, socklen_t *length, int flags)
{
    if (simulated())
        return note_simulated(simulated_accept(listener, flags));
    return denied() ? -1 : note(__real_accept4(listener, address, length, flags));
}

WRAP(int, pipe2, int ends[2], int flags)
{
    if (simulated())
        return note_two_simulated(simulated_pipe(ends, flags), ends);
    return denied() ? -1 : note_two(__real_pipe2(ends, flags), ends);
}

WRAP(int, open, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t  mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_start(arguments, flags);
        mode = (mode_t)va_arg(arguments, unsigned);
        va_end(arguments);
    }
    if (simulated())
        return note_simulated(simulated_open(path, flags));
    return denied() ? -1 : note(__real_open(path, flags, mode));
}

WRAP(int, __open_2, const char *path, int flags)
{
    if (simulated())
        return note_simulated(simulated_open(path, flags));
    return denied() ? -1 : note(__real_open(path, flags, 0));
}

WRAP(int, eventfd, unsigned value, int flags)
{
    if (simulated())
        contract_needs(NO_MECHANISMS);
    return denied() ? -1 : note(__real_eventfd(value, flags));
}

WRAP(int, epoll_create1, int flags)
{
    if (simulated())
        contract_needs(NO_MECHANISMS);
    return denied() ? -1 : note(__real_epoll_create1(flags));
}

WRAP(int, epoll_ctl, int epoll, int operation, int fd, struct epoll_event *event)
{
    bool grows = operation == EPOLL_CTL_ADD;
    return grows && denied() ? -1 : __real_epoll_ctl(epoll, operation, fd, event);
}

WRAP(int, signalfd, int fd, const sigset_t *mask, int flags)
{
    bool denies = fd < 0 && denied();
    return denies ? -1 : note(__real_signalfd(fd, mask, flags));
}

WRAP(int, getaddrinfo, const char *host, const char *service, const struct addrinfo *hints,
     struct addrinfo **found)
{
    return denied() ? EAI_MEMORY : __real_getaddrinfo(host, service, hints, found);
}

/* Where there is liburing; its own header says what these are. */
struct io_uring;
struct io_uring_params;
#pragma weak __real_io_uring_queue_init_params
WRAP(int, io_uring_queue_init_params, unsigned entries, struct io_uring *ring,
     struct io_uring_params *parameters)
{
    if (torture_fails(TORTURE_SYSTEM))
        return -ENOMEM;
    return __real_io_uring_queue_init_params(entries, ring, parameters);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
     void *(*run)(void *argument), void *argument)
{
    if (simulated())
        contract_needs("threads of its own");
    if (torture_fails(TORTURE_THREADS))
        return EAGAIN;
    return __real_pthread_create(thread, attributes, run, argument);
}

/* ---- What only cases call -------------------------------------------------------------------- */

WRAP(int, socketpair, int family, int type, int protocol, int ends[2])
{
    if (simulated())
        return note_two_simulated(simulated_socketpair(family, type, ends), ends);
    return note_two(__real_socketpair(family, type, protocol, ends), ends);
}

WRAP(int, pipe, int ends[2])
{
    if (simulated())
        return note_two_simulated(simulated_pipe(ends, 0), ends);
    return note_two(__real_pipe(ends), ends);
}

WRAP(int, openpty, int *master, int *slave, char *name, const struct termios *settings,
     const struct winsize *size)
{
    if (simulated())
        contract_needs("ttys");
    int error = __real_openpty(master, slave, name, settings, size);
    if (error == 0) {
        note(*master);
        note(*slave);
    }
    return error;
}

WRAP(int, posix_openpt, int flags)
{
    if (simulated())
        contract_needs("ttys");
    return note(__real_posix_openpt(flags));
}

WRAP(int, memfd_create, const char *name, unsigned flags)
{
    if (simulated())
        contract_needs("files without a name");
    return note(__real_memfd_create(name, flags));
}

WRAP(int, timerfd_create, int clock, int flags)
{
    if (simulated())
        contract_needs("timers as descriptors");
    return note(__real_timerfd_create(clock, flags));
}

WRAP(int, dup, int fd)
{
    if (simulated())
        return note_simulated(simulated_dup(fd));
    return note(__real_dup(fd));
}

/* F_DUPFD_CLOEXEC alone opens something; the argument of the others is a number or an address, and
 * passes through as one word. */
WRAP(int, fcntl, int fd, int command, ...)
{
    if (simulated())
        return command == F_DUPFD_CLOEXEC ? note_simulated(simulated_fcntl(fd, command))
                                          : simulated_fcntl(fd, command);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int result = __real_fcntl(fd, command, argument);
    return command == F_DUPFD_CLOEXEC ? note(result) : result;
}

WRAP(int, close, int fd)
{
    if (simulated()) {
        if (fd >= 0 && fd < NUMBERS)
            of_the_world[fd] = false;
        return simulated_close(fd);
    }
    if (fd >= 0 && fd < NUMBERS)
        atomic_store_explicit(&of_the_case[fd], false, memory_order_relaxed);
    return __real_close(fd);
}
