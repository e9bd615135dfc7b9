/* SPDX-License-Identifier: MIT */
/* facts.c - what the double is held to: facts of kqueue, from kqueue(2) of macOS and the BSDs and
 * from what a NetBSD kernel was seen to do. Each is a function; the first that does not hold ends
 * the program. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(expression) ((expression) ? (void)0 : fail(__LINE__, #expression))
#define TOLD 8

static int           queue;
static struct kevent told[TOLD];

static _Noreturn void fail(int line, const char *text)
{
    printf("FAIL facts.c:%d: %s (errno %d)\n", line, text, errno);
    exit(1);
}

/* One change and no event taken: 0 or the errno that answers it. */
static int change(int ident, int filter, int flags, unsigned fflags, intptr_t data)
{
    const struct timespec now = {0};
    struct kevent         event = {.ident = (uintptr_t)ident,
                                   .filter = (int16_t)filter,
                                   .flags = (uint16_t)(flags | EV_RECEIPT),
                                   .fflags = fflags,
                                   .data = data};
    CHECK(kevent(queue, &event, 1, &event, 1, &now) == 1);
    CHECK(event.flags & EV_ERROR);
    return (int)event.data;
}

static int add(int ident, int filter, int flags)
{
    return change(ident, filter, EV_ADD | flags, 0, 0);
}

/* Events within a second; those that are there at once. */
static int await(void)
{
    const struct timespec second = {.tv_sec = 1};
    return kevent(queue, NULL, 0, told, TOLD, &second);
}

static int look(void)
{
    const struct timespec now = {0};
    return kevent(queue, NULL, 0, told, TOLD, &now);
}

static void pair(int ends[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
}

static void give(int fd, const char *text)
{
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void take(int fd, size_t length)
{
    char bytes[64];
    CHECK(read(fd, bytes, length) == (ssize_t)length);
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

/* A listening socket on loopback and its address. */
static int listen_any(struct sockaddr_in *name)
{
    socklen_t length = sizeof *name;
    int       listener = socket(AF_INET, SOCK_STREAM, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(bind(listener, (struct sockaddr *)name, sizeof *name) == 0);
    CHECK(listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)name, &length) == 0);
    return listener;
}

/* ---- Reading and writing --------------------------------------------------------------------- */

static void end_comes_with_the_bytes_unread(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0);
    give(ends[1], "hello");
    CHECK(await() == 1 && told[0].data == 5 && !(told[0].flags & EV_EOF));
    shutdown(ends[1], SHUT_WR);
    CHECK(await() == 1 && told[0].data == 5 && (told[0].flags & EV_EOF));
    take(ends[0], 5);
    CHECK(await() == 1 && told[0].data == 0 && (told[0].flags & EV_EOF));
    close_both(ends);
}

static void level_tells_until_it_is_taken(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0);
    CHECK(look() == 0);
    give(ends[1], "x");
    CHECK(await() == 1 && look() == 1 && told[0].filter == EVFILT_READ);
    take(ends[0], 1);
    CHECK(look() == 0);
    close_both(ends);
}

static void clear_tells_changes(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, EV_CLEAR) == 0);
    give(ends[1], "x");
    CHECK(await() == 1 && look() == 0);
    give(ends[1], "y");
    CHECK(await() == 1 && told[0].data == 2 && look() == 0);
    close_both(ends);
}

static void level_knote_does_not_become_an_edge(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0);
    CHECK(add(ends[0], EVFILT_READ, EV_CLEAR) == 0);
    give(ends[1], "x");
    CHECK(await() == 1 && look() == 1);
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0, 0) == 0);
    CHECK(add(ends[0], EVFILT_READ, EV_CLEAR) == 0);
    CHECK(look() == 1 && look() == 0);
    close_both(ends);
}

static void oneshot_is_gone_when_it_told(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, EV_ONESHOT) == 0);
    give(ends[1], "x");
    CHECK(await() == 1 && look() == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0, 0) == ENOENT);
    CHECK(add(ends[0], EVFILT_READ, EV_ONESHOT) == 0);
    CHECK(look() == 1);
    close_both(ends);
}

static void disabled_is_quiet_until_it_is_enabled(void)
{
    int ends[2];
    pair(ends);
    give(ends[1], "x");
    CHECK(add(ends[0], EVFILT_READ, EV_DISABLE) == 0);
    CHECK(look() == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_ENABLE, 0, 0) == 0);
    CHECK(look() == 1);
    CHECK(change(ends[0], EVFILT_READ, EV_DISABLE, 0, 0) == 0);
    CHECK(look() == 0);
    close_both(ends);
}

static void dispatch_disables_what_told(void)
{
    int ends[2];
    pair(ends);
    give(ends[1], "x");
    CHECK(add(ends[0], EVFILT_READ, EV_DISPATCH) == 0);
    CHECK(look() == 1 && look() == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_ENABLE, 0, 0) == 0);
    CHECK(look() == 1);
    close_both(ends);
}

static void each_direction_has_its_own_knote(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0 && add(ends[0], EVFILT_WRITE, EV_CLEAR) == 0);
    CHECK(look() == 1 && told[0].filter == EVFILT_WRITE && told[0].data > 0);
    CHECK(look() == 0);
    give(ends[1], "x");
    CHECK(await() >= 1 && look() == 1 && told[0].filter == EVFILT_READ);
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0, 0) == 0);
    CHECK(look() == 0);
    close_both(ends);
}

static void writer_without_reader_has_ended(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(add(ends[1], EVFILT_WRITE, 0) == 0);
    CHECK(look() == 1 && !(told[0].flags & EV_EOF));
    close(ends[0]);
    CHECK(await() == 1 && (told[0].flags & EV_EOF));
    close(ends[1]);
}

static void reset_puts_its_errno_into_fflags(void)
{
    struct sockaddr_in name;
    struct linger      hard = {.l_onoff = 1};
    int                listener = listen_any(&name), client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(client, (struct sockaddr *)&name, sizeof name) == 0);
    int server = accept(listener, NULL, NULL);
    CHECK(add(client, EVFILT_READ, 0) == 0);
    setsockopt(server, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(server);
    CHECK(await() == 1 && (told[0].flags & EV_EOF) && told[0].fflags == ECONNRESET);
    close(client);
    close(listener);
}

static void refused_connect_puts_its_errno_into_fflags(void)
{
    struct sockaddr_in name;
    int                client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    close(listen_any(&name));
    CHECK(connect(client, (struct sockaddr *)&name, sizeof name) < 0 && errno == EINPROGRESS);
    CHECK(add(client, EVFILT_WRITE, 0) == 0);
    CHECK(await() == 1 && (told[0].flags & EV_EOF) && told[0].fflags == ECONNREFUSED);
    close(client);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static void changes_and_events_in_one_call(void)
{
    const struct timespec second = {.tv_sec = 1};
    int                   ends[2], mark;
    pair(ends);
    give(ends[1], "x");
    struct kevent event = {
        .ident = (uintptr_t)ends[0], .filter = EVFILT_READ, .flags = EV_ADD, .udata = &mark};
    CHECK(kevent(queue, &event, 1, &event, 1, &second) == 1);
    CHECK(event.udata == &mark && event.ident == (uintptr_t)ends[0] && event.data == 1);
    close_both(ends);
}

static void refused_change_is_an_event_where_there_is_room(void)
{
    const struct timespec now = {0};
    struct kevent         events[2] = {
                {.ident = 4000, .filter = EVFILT_READ, .flags = EV_ADD},
                {.ident = 4000, .filter = EVFILT_WRITE, .flags = EV_DELETE},
    };
    CHECK(kevent(queue, events, 1, NULL, 0, &now) == -1 && errno == EBADF);
    CHECK(kevent(queue, events, 2, events, 2, &now) == 2);
    CHECK((events[0].flags & EV_ERROR) && events[0].data == EBADF);
    CHECK((events[1].flags & EV_ERROR) && events[1].data == ENOENT);
    CHECK(change(0, 77, EV_ADD, 0, 0) == EINVAL);
}

static void receipts_take_no_event(void)
{
    int ends[2];
    pair(ends);
    give(ends[1], "x");
    CHECK(add(ends[0], EVFILT_READ, EV_CLEAR) == 0);
    CHECK(change(77, EVFILT_USER, EV_ADD, 0, 0) == 0);
    CHECK(look() == 1 && told[0].filter == EVFILT_READ);
    CHECK(change(77, EVFILT_USER, EV_DELETE, 0, 0) == 0);
    close_both(ends);
}

static void no_more_events_than_there_is_room_for(void)
{
    const struct timespec now = {0};
    int                   pairs[3][2];
    for (int i = 0; i < 3; i++) {
        pair(pairs[i]);
        give(pairs[i][1], "x");
        CHECK(add(pairs[i][0], EVFILT_READ, EV_ONESHOT) == 0);
        CHECK(add(pairs[i][0], EVFILT_WRITE, EV_ONESHOT) == 0);
    }
    int seen = 0;
    for (int count; (count = kevent(queue, NULL, 0, told, 2, &now)) > 0; seen += count)
        CHECK(count <= 2);
    CHECK(seen == 6);
    for (int i = 0; i < 3; i++)
        close_both(pairs[i]);
}

static void queue_can_be_polled(void)
{
    struct pollfd entry = {.fd = queue, .events = POLLIN};
    int           ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0);
    CHECK(poll(&entry, 1, 0) == 0);
    give(ends[1], "x");
    CHECK(poll(&entry, 1, 1000) == 1);
    CHECK(look() == 1 && poll(&entry, 1, 0) == 1);
    take(ends[0], 1);
    CHECK(look() == 0 && poll(&entry, 1, 0) == 0);
    close_both(ends);
}

static void closing_a_descriptor_ends_its_knotes(void)
{
    int ends[2];
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0 && add(ends[0], EVFILT_WRITE, 0) == 0);
    int copy = dup(ends[0]);
    close(ends[0]);
    give(ends[1], "x");
    CHECK(look() == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0, 0) == ENOENT);
    close(copy);
    close(ends[1]);
}

static void forked_child_has_no_queue(void)
{
    int ends[2], status;
    pair(ends);
    CHECK(add(ends[0], EVFILT_READ, 0) == 0);
    pid_t child = fork();
    if (!child)
        _exit(look() == -1 && errno == EBADF && fcntl(queue, F_GETFD) < 0 ? 0 : 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    give(ends[1], "x");
    CHECK(await() == 1);
    close_both(ends);
}

/* ---- The other filters ----------------------------------------------------------------------- */

static void *trigger(void *argument)
{
    struct kevent event = {
        .ident = 7, .filter = EVFILT_USER, .fflags = NOTE_TRIGGER | NOTE_FFOR | 5};
    (void)argument;
    usleep(20000); /* so that the other sleeps; it would hold without */
    CHECK(kevent(queue, &event, 1, NULL, 0, NULL) == 0);
    return NULL;
}

static void event_of_the_program_wakes_a_sleeper(void)
{
    pthread_t thread;
    CHECK(add(7, EVFILT_USER, EV_CLEAR) == 0);
    CHECK(look() == 0);
    CHECK(pthread_create(&thread, NULL, trigger, NULL) == 0);
    CHECK(await() == 1 && told[0].filter == EVFILT_USER && told[0].fflags == 5 && look() == 0);
    pthread_join(thread, NULL);
    CHECK(change(7, EVFILT_USER, EV_DELETE, 0, 0) == 0);
}

static void timer_of_nothing_is_refused(void)
{
    CHECK(change(1, EVFILT_TIMER, EV_ADD, 0, 0) == EINVAL);
    CHECK(change(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 500) == 0);
    CHECK(await() == 1 && told[0].filter == EVFILT_TIMER && told[0].data == 1);
    CHECK(change(1, EVFILT_TIMER, EV_DELETE, 0, 0) == ENOENT);
}

/* It is told and not taken; what was pending before is not told. */
static void blocked_signal_is_told(void)
{
    sigset_t set;
    int      number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    for (int lap = 0; lap < 2; lap++) {
        kill(getpid(), SIGUSR1);
        CHECK(add(SIGUSR1, EVFILT_SIGNAL, 0) == 0);
        CHECK(look() == 0);
        CHECK(sigwait(&set, &number) == 0 && number == SIGUSR1);
        CHECK(look() == 0);
        kill(getpid(), SIGUSR1);
        CHECK(await() == 1 && told[0].ident == SIGUSR1 && told[0].data == 1 && look() == 0);
        CHECK(sigwait(&set, &number) == 0 && number == SIGUSR1);
        CHECK(change(SIGUSR1, EVFILT_SIGNAL, EV_DELETE, 0, 0) == 0);
    }
}

static void exit_of_a_process_is_told(void)
{
    pid_t child = fork();
    if (!child)
        _exit(3);
    CHECK(change((int)child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0) == 0);
    CHECK(await() == 1 && (told[0].fflags & NOTE_EXIT) && WEXITSTATUS(told[0].data) == 3);
    CHECK(look() == 0);
    waitpid(child, NULL, 0);
}

static void write_to_a_file_is_told(void)
{
    char path[] = "kqueue-facts-XXXXXX";
    int  file = mkstemp(path);
    CHECK(file >= 0);
    CHECK(change(file, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE | NOTE_DELETE, 0) == 0);
    give(file, "x");
    CHECK(await() == 1 && (told[0].fflags & NOTE_WRITE) && look() == 0);
    CHECK(unlink(path) == 0);
    CHECK(await() == 1 && (told[0].fflags & NOTE_DELETE));
    close(file);
}

/* ---------------------------------------------------------------------------------------------- */

#define FACT(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static const struct {
    const char *name;
    void (*check)(void);
} facts[] = {
    FACT(end_comes_with_the_bytes_unread),
    FACT(level_tells_until_it_is_taken),
    FACT(clear_tells_changes),
    FACT(level_knote_does_not_become_an_edge),
    FACT(oneshot_is_gone_when_it_told),
    FACT(disabled_is_quiet_until_it_is_enabled),
    FACT(dispatch_disables_what_told),
    FACT(each_direction_has_its_own_knote),
    FACT(writer_without_reader_has_ended),
    FACT(reset_puts_its_errno_into_fflags),
    FACT(refused_connect_puts_its_errno_into_fflags),
    FACT(changes_and_events_in_one_call),
    FACT(refused_change_is_an_event_where_there_is_room),
    FACT(receipts_take_no_event),
    FACT(no_more_events_than_there_is_room_for),
    FACT(queue_can_be_polled),
    FACT(closing_a_descriptor_ends_its_knotes),
    FACT(forked_child_has_no_queue),
    FACT(event_of_the_program_wakes_a_sleeper),
    FACT(timer_of_nothing_is_refused),
    FACT(blocked_signal_is_told),
    FACT(exit_of_a_process_is_told),
    FACT(write_to_a_file_is_told),
};

int main(void)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        queue = kqueue();
        CHECK(queue >= 0);
        printf("%s\n", facts[i].name);
        fflush(stdout);
        facts[i].check();
        close(queue);
    }
    printf("%zu facts hold\n", sizeof facts / sizeof facts[0]);
    return 0;
}
