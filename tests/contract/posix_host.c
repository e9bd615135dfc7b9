/* SPDX-License-Identifier: MIT */
/* posix_host.c - the harness's host on POSIX systems: processes, pages, holdings, threads. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "ledger.h"
#include "simulated.h"
#include "torture.h"

/* Seconds between the time limit's own report and the kill of what did not obey. */
#define GRACE_S 10u

static int      report_fd = -1;
static unsigned limit_of_case_s;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * WEIR_SECOND + (uint64_t)t.tv_nsec;
}

void contract_breathe(void)
{
    struct timespec moment = {.tv_nsec = 200000};
    torture_check();
    if (simulated())
        simulated_moment();
    sched_yield();
    nanosleep(&moment, NULL);
}

/* ------------------------------------------------------------------------------------------------
 * A process for each case
 * ---------------------------------------------------------------------------------------------- */

/* Read by the thread sanitizer, if there is one: a child that was forked beside threads may open a
 * loop and start threads of its own, as the contract says. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char                                        *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

void host_prepare(void)
{
    struct rlimit none = {0, 0};
    unsetenv("WEIR_ENGINE");
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

bool host_skips_by_table(void)
{
    return false;
}

void host_report(const char *verdict)
{
    char    line[1100];
    int     length = snprintf(line, sizeof line, "%s\n", verdict);
    int     to = report_fd >= 0 ? report_fd : STDERR_FILENO;
    size_t  whole = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    ssize_t ignored = writev(to, &(struct iovec){line, whole}, 1); /* write() may be the case's */
    (void)ignored;
}

void host_leave(int status)
{
    fflush(NULL);
    _exit(status);
}

static void time_is_up(int signal_number)
{
    (void)signal_number;
    int kept = errno;
    if (torture_tick()) {
        errno = kept;
        return;
    }
    /* What follows may hang in a lock that the interrupted code holds: then this ends it. */
    signal(SIGALRM, SIG_DFL);
    alarm(GRACE_S / 2);
    harness_time_up(limit_of_case_s);
    host_leave(1);
}

static void limit_time(unsigned limit_s)
{
    struct sigaction action = {.sa_handler = time_is_up};
    sigset_t         alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    limit_of_case_s = limit_s;
    alarm(limit_s);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

/* Reads what there is of the verdict, without waiting. */
static void read_verdict(int from, struct host_outcome *outcome, size_t *used)
{
    size_t room = sizeof outcome->verdict - 1 - *used;
    for (ssize_t got = 1; got > 0 && room > 0; room -= (size_t)got) {
        got = read(from, outcome->verdict + *used, room);
        got = got > 0 ? got : 0;
        *used += (size_t)got;
    }
    outcome->verdict[*used] = '\0';
}

/* Reads the verdict until the process ends, then ends what it left behind. Returns its wait
 * status. */
static int supervise(pid_t child, int from, struct host_outcome *outcome, unsigned limit_s)
{
    uint64_t  kill_at = now_ns() + (limit_s + GRACE_S) * WEIR_SECOND;
    size_t    used = 0;
    siginfo_t ended = {0};
    int       status = 0;
    while (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && !ended.si_pid) {
        struct pollfd ready = {.fd = from, .events = POLLIN};
        if (poll(&ready, 1, 5) > 0)
            contract_breathe(); /* it ends in a moment, or goes on behind a closed pipe */
        read_verdict(from, outcome, &used);
        if (now_ns() > kill_at)
            kill(child, SIGKILL);
    }
    read_verdict(from, outcome, &used);
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    outcome->verdict[strcspn(outcome->verdict, "\n")] = '\0';
    return status;
}

void host_run(struct host_outcome *outcome, void (*call)(void *argument, const char *directory),
              void *argument, unsigned limit_s)
{
    const char *parent = getenv("TMPDIR");
    char        directory[64];
    int         ends[2];
    snprintf(directory, sizeof directory, "%s/weir-contract-XXXXXX",
             parent && strlen(parent) < 32 ? parent : "/tmp");
    if (!mkdtemp(directory) || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        snprintf(outcome->verdict, sizeof outcome->verdict, "FAIL the host: %s", strerror(errno));
        return;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        close(ends[0]);
        report_fd = ends[1];
        host_dies_with_parent();
        limit_time(limit_s);
        call(argument, directory);
        host_leave(1);
    }
    setpgid(child, child); /* whoever comes first: it leads a group of its own */
    close(ends[1]);
    int status = supervise(child, ends[0], outcome, limit_s);
    close(ends[0]);
    if (WIFSIGNALED(status) && strncmp(outcome->verdict, "FAIL", 4) != 0)
        snprintf(outcome->verdict, sizeof outcome->verdict, "FAIL ended by signal %d, %s",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) && strncmp(outcome->verdict, "FAIL", 4) != 0)
        snprintf(outcome->verdict, sizeof outcome->verdict, "FAIL ended with status %d",
                 WEXITSTATUS(status));
    else if (!outcome->verdict[0])
        snprintf(outcome->verdict, sizeof outcome->verdict, "FAIL ended without a verdict");
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ------------------------------------------------------------------------------------------------
 * Processes that a case forks
 * ---------------------------------------------------------------------------------------------- */

int host_fork(void (*call)(void *argument), void *argument, char *text, size_t room)
{
    int    ends[2] = {-1, -1}, status;
    size_t used = 0;
    contract_aside(true);
    if (text)
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        host_dies_with_parent();
        if (limit_of_case_s)
            limit_time(limit_of_case_s);
        if (text)
            dup2(ends[1], STDERR_FILENO);
        call(argument);
        host_leave(0);
    }
    if (text) {
        close(ends[1]);
        for (ssize_t got = 1; got != 0 && used + 1 < room;) {
            got = read(ends[0], text + used, room - 1 - used);
            if (got < 0 && errno != EINTR)
                break;
            used += got > 0 ? (size_t)got : 0;
        }
        close(ends[0]);
        text[used] = '\0';
    }
    while (waitpid(child, &status, 0) != child) {
        CHECK_EQ(errno, EINTR);
        if (torture_given_up())
            kill(child, SIGKILL);
    }
    /* Torture excuses a check that failed there, and no crash. */
    if (torture_fired() && WIFSIGNALED(status) && !torture_given_up() &&
        WTERMSIG(status) != SIGABRT)
        contract_broken(__FILE__, __LINE__, "a forked process was ended by signal %d",
                        WTERMSIG(status));
    contract_aside(false);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct forked {
    struct contract contract;
    void (*run)(struct contract *c);
    bool own_loop;
};

static void run_fresh(void *argument)
{
    struct forked *forked = argument;
    ledger_begin();
    if (!strcmp(forked->contract.engine, "sim"))
        simulated_begin(&forked->contract);
    harness_open(&forked->contract, forked->own_loop ? CONTRACT_OWN_LOOP : 0);
    forked->run(&forked->contract);
}

static void run_inheriting(void *argument)
{
    struct forked *forked = argument;
    forked->run(&forked->contract);
}

void contract_expect_abort(struct contract *c, void (*run)(struct contract *c), const char *words)
{
    struct forked forked = {*c, run, c->loop == NULL};
    char          text[4096];
    int           status = host_fork(run_fresh, &forked, text, sizeof text);
    if (status != 128 + SIGABRT)
        contract_fail(__FILE__, __LINE__, "expected an abort, but it ended with %d and said: %s",
                      status, text);
    if (!strstr(text, words))
        contract_fail(__FILE__, __LINE__, "expected \"%s\" in: %s", words, text);
}

int contract_fork_status(struct contract *c, void (*run)(struct contract *c))
{
    struct forked forked = {*c, run, false};
    contract_needs("processes beside that of the case");
    return host_fork(run_inheriting, &forked, NULL, 0);
}

void contract_in_fork(struct contract *c, void (*run)(struct contract *c))
{
    CHECK_EQ(contract_fork_status(c, run), 0);
}

/* ------------------------------------------------------------------------------------------------
 * Pages
 * ---------------------------------------------------------------------------------------------- */

void *host_pages(size_t length, void **base, size_t *mapped)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *mapped = (length + page - 1) / page * page;
    if (*mapped == 0)
        *mapped = page;
    char *pages = mmap(NULL, *mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    mprotect(pages + *mapped, page, PROT_NONE);
    *base = pages;
    return pages + *mapped - length;
}

void host_pages_writable(void *base, size_t mapped, bool writable)
{
    mprotect(base, mapped, writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

void host_pages_free(void *base, size_t mapped)
{
    munmap(base, mapped + (size_t)sysconf(_SC_PAGESIZE));
}

/* ------------------------------------------------------------------------------------------------
 * Holdings
 * ---------------------------------------------------------------------------------------------- */

#define DESCRIPTORS_ROOM 1024

struct host_holdings {
    struct host_descriptor descriptors[DESCRIPTORS_ROOM];
    int                    count;
    unsigned               threads;
    sigset_t               mask;
    struct sigaction       pipe_action;
};

struct host_holdings *host_holdings(void)
{
    host_settle_threads();
    struct host_holdings *held = calloc(1, sizeof *held);
    CHECK(held != NULL);
    held->count = host_descriptors(held->descriptors, DESCRIPTORS_ROOM);
    CHECK(held->count <= DESCRIPTORS_ROOM);
    held->threads = contract_thread_count();
    pthread_sigmask(SIG_SETMASK, NULL, &held->mask);
    sigaction(SIGPIPE, NULL, &held->pipe_action);
    return held;
}

/* The first descriptor of `some` that `others` does not have, or NULL. */
static const struct host_descriptor *only_in(const struct host_holdings *some,
                                             const struct host_holdings *others, bool given_up)
{
    for (int i = 0; i < some->count; i++) {
        const struct host_descriptor *at = &some->descriptors[i];
        int                           j = 0;
        if (given_up && at->number <= STDERR_FILENO)
            continue; /* the case may have put others in the place of these */
        while (j < others->count && (others->descriptors[j].number != at->number ||
                                     strcmp(others->descriptors[j].target, at->target) != 0))
            j++;
        if (j == others->count)
            return at;
    }
    return NULL;
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int number = 1; number < 65; number++)
        if (sigismember(a, number) != sigismember(b, number))
            return false;
    return true;
}

static const char *compare(const struct host_holdings *before, const struct host_holdings *now,
                           bool given_up)
{
    static char                   sentence[200];
    const struct host_descriptor *other = only_in(now, before, given_up);
    if (other) {
        snprintf(sentence, sizeof sentence, "descriptor %d (%s) was left open", other->number,
                 other->target);
        return sentence;
    }
    other = only_in(before, now, given_up);
    if (other) {
        snprintf(sentence, sizeof sentence, "descriptor %d (%s) is gone", other->number,
                 other->target);
        return sentence;
    }
    if (now->threads != before->threads) {
        snprintf(sentence, sizeof sentence, "%u threads, but %u before", now->threads,
                 before->threads);
        return sentence;
    }
    if (given_up)
        return NULL;
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        return "a child process was left";
    if (!same_mask(&before->mask, &now->mask))
        return "the signal mask has changed";
    if (before->pipe_action.sa_handler != now->pipe_action.sa_handler)
        return "the action of SIGPIPE has changed";
    return NULL;
}

const char *host_compare(struct host_holdings *before, const unsigned *own_threads)
{
    before->threads += own_threads ? *own_threads : 0;
    /* A thread that was joined, and a ring's kernel threads, may still be on their way out. */
    for (uint64_t until = now_ns() + 5 * WEIR_SECOND;
         contract_thread_count() != before->threads && now_ns() < until;)
        contract_breathe();
    struct host_holdings *now = host_holdings();
    const char           *difference = compare(before, now, own_threads);
    free(now);
    free(before);
    if (!difference && host_leaks())
        difference = "the leak checker found memory that nobody holds";
    return difference;
}

bool host_ready(int fd, bool writing)
{
    struct pollfd ready = {.fd = fd, .events = writing ? POLLOUT : POLLIN};
    return poll(&ready, 1, 0) == 1;
}

bool contract_fd_open(intptr_t fd)
{
    return fcntl((int)fd, F_GETFD) >= 0;
}

unsigned contract_fd_count(void)
{
    if (simulated())
        return simulated_count();
    struct host_holdings *now = host_holdings();
    unsigned              count = (unsigned)now->count;
    free(now);
    return count;
}

int contract_fd_copy(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    CHECK(copy >= 0);
    return copy;
}

static struct rlimit limit_before;
static int           held[DESCRIPTORS_ROOM], held_count = -1;

void contract_fd_exhaust(struct contract *c, unsigned spare)
{
    struct rlimit limit;
    (void)c;
    CHECK_EQ(held_count, -1);
    if (spare)
        contract_needs("limit of descriptors");
    if (simulated()) {
        simulated_exhaust(true);
        return;
    }
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    limit = limit_before;
    limit.rlim_cur = DESCRIPTORS_ROOM < limit.rlim_cur ? DESCRIPTORS_ROOM : limit.rlim_cur;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    held_count = 0;
    for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
        held[held_count++] = fd;
    CHECK_EQ(errno, EMFILE);
    CHECK(held_count >= (int)spare);
    for (; spare; spare--)
        close(held[--held_count]);
}

void contract_fd_release(struct contract *c)
{
    (void)c;
    if (simulated())
        simulated_exhaust(false);
    if (held_count < 0)
        return;
    while (held_count)
        close(held[--held_count]);
    held_count = -1;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
}

const char *contract_temp_file(struct contract *c)
{
    static char     paths[64][128];
    static unsigned used;
    CHECK(used < sizeof paths / sizeof *paths);
    snprintf(paths[used], sizeof paths[used], "%s/file-%u", c->directory, used);
    return paths[used++];
}

/* ------------------------------------------------------------------------------------------------
 * Threads
 * ---------------------------------------------------------------------------------------------- */

static pthread_mutex_t gates = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  gates_changed = PTHREAD_COND_INITIALIZER;

struct started {
    pthread_t thread;
    void *(*run)(void *argument);
    void *argument;
};

static void *run_thread(void *argument)
{
    struct started *started = argument;
    torture_thread_runs();
    void *result = started->run(started->argument);
    torture_thread_ends();
    return result;
}

void contract_thread_start(struct contract_thread *thread, void *(*run)(void *), void *argument)
{
    struct started *started = malloc(sizeof *started);
    CHECK(started != NULL);
    *started = (struct started){.run = run, .argument = argument};
    *thread = (struct contract_thread){run, argument, started};
    torture_thread_begins();
    CHECK_EQ(pthread_create(&started->thread, NULL, run_thread, started), 0);
}

/* Under torture a thread may never end. */
static int join(pthread_t thread, void **result)
{
    int error = ETIMEDOUT;
    if (!torture_on())
        return pthread_join(thread, result);
    while (error == ETIMEDOUT) {
        torture_check();
        error = host_join(&thread, result);
    }
    return error;
}

void *contract_thread_join(struct contract_thread *thread)
{
    void *result;
    CHECK_EQ(join(((struct started *)thread->handle)->thread, &result), 0);
    free(thread->handle);
    thread->handle = NULL;
    return result;
}

void contract_gate_open(struct contract_gate *gate)
{
    pthread_mutex_lock(&gates);
    gate->opened = 1;
    pthread_cond_broadcast(&gates_changed);
    pthread_mutex_unlock(&gates);
}

void contract_gate_wait(struct contract_gate *gate)
{
    struct timespec until;
    bool            opened;
    pthread_mutex_lock(&gates);
    opened = gate->opened;
    pthread_mutex_unlock(&gates);
    if (!opened)
        contract_needs("threads of its own");
    clock_gettime(CLOCK_REALTIME, &until);
    for (unsigned seconds = 0; !opened && seconds < HOST_LIMIT_S - 5; seconds++) {
        int error = 0;
        until.tv_sec++;
        torture_check();
        pthread_mutex_lock(&gates);
        while (!gate->opened && !error)
            error = pthread_cond_timedwait(&gates_changed, &gates, &until);
        opened = gate->opened;
        pthread_mutex_unlock(&gates);
    }
    if (!opened)
        contract_fail(__FILE__, __LINE__, "a gate was not opened in time");
}
