/* SPDX-License-Identifier: MIT */
/* sim_happen.c - weir/sim.h: what happens to hosts and links, what fails, and how a test sees that
 * something broke. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_loops.h"

#define ALWAYS 1000000u /* per million */

/* ---- Descriptors ----------------------------------------------------------------------------- */

static void descriptors_are_counted(void)
{
    struct two         two;
    struct weir_handle sock = {0};
    two_open(&two, NULL);
    CHECK_EQ(weir_sim_descriptors(two.hosts[0]), 0);
    CHECK_EQ(weir_socket(&sock, two.loops[0], AF_INET, SOCK_STREAM, 0), 0);
    CHECK_EQ(weir_sim_descriptors(two.hosts[0]), 1);
    CHECK_EQ(weir_sim_descriptors(two.hosts[1]), 0);
    CHECK_EQ(weir_close_now(&sock), 0);
    CHECK_EQ(weir_sim_descriptors(two.hosts[0]), 0);
    two_close(&two);
}

/* ---- Links ----------------------------------------------------------------------------------- */

static void cut_link_passes_nothing_and_tells_nothing(void)
{
    for (int order = 0; order < 2; order++) {
        struct two  two;
        struct side sides[2] = {0};
        two_open(&two, NULL);
        two_connect(&two, sides);
        weir_sim_partition(two.sim, two.hosts[order], two.hosts[!order], true);
        weir_sim_partition(two.sim, two.hosts[!order], two.hosts[order], true); /* is cut already */
        two_say(sides, "hello");
        CHECK_EQ(weir_sim_run(two.sim, 60 * WEIR_SECOND), 1);
        CHECK(!weir_ended(&sides[1].op));
        CHECK_EQ(sides[0].op.result, 5); /* it is the system's since */
        weir_sim_partition(two.sim, two.hosts[order], two.hosts[!order], false);
        CHECK_EQ(weir_sim_run(two.sim, 300 * WEIR_SECOND), 0);
        CHECK_EQ(sides[1].op.result, 5);
        two_close(&two);
    }
}

/* ---- Signals --------------------------------------------------------------------------------- */

static void signals_end_ops_of_their_host(void)
{
    struct two        two;
    struct weir_op    ops[3] = {{0}}, other = {0};
    struct weir_loop *second;
    two_open(&two, NULL);
    second = loop_on(two.hosts[0]);
    weir_sim_signal(two.hosts[0], SIGUSR1); /* nobody awaits it */
    weir_signal(&ops[0], two.loops[0], SIGUSR1, 0, NULL);
    weir_signal(&ops[1], second, SIGUSR1, 0, NULL);
    weir_signal(&ops[2], two.loops[0], SIGUSR2, 0, NULL);
    weir_signal(&other, two.loops[1], SIGUSR1, 0, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND), 1);
    CHECK(!weir_ended(&ops[0]) && !weir_ended(&ops[1]));
    weir_sim_signal(two.hosts[0], SIGUSR1);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND), 1);
    CHECK(weir_ended(&ops[0]) && weir_ended(&ops[1]));
    CHECK_EQ(ops[0].result, SIGUSR1);
    CHECK_EQ(ops[1].result, SIGUSR1);
    CHECK(!weir_ended(&ops[2]) && !weir_ended(&other));
    CHECK_EQ(weir_loop_close(second, 0), 0);
    two_close(&two);
}

/* ---- Crashes --------------------------------------------------------------------------------- */

static void write_word(struct two *two, const char *path, const char *word, bool synced)
{
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    weir_open(&op, two->loops[0], &file, path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    weir_write(&op, &file, word, strlen(word), 0, WEIR_ALL, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    CHECK_EQ(op.result, (int64_t)strlen(word));
    if (synced)
        weir_fsync(&op, &file, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    CHECK_EQ(weir_close(&file, NULL), 0);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
}

/* How many bytes the file has, or WEIR_ENOENT. */
static int64_t length_of(struct two *two, const char *path)
{
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    char               data[64];
    weir_open(&op, two->loops[0], &file, path, WEIR_OPEN_READ, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    if (op.result)
        return op.result;
    weir_read(&op, &file, data, sizeof data, 0, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    CHECK_EQ(weir_close(&file, NULL), 0);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    return op.result;
}

/* What was not synced is gone in some worlds, and in others it is not. */
static void crash_keeps_what_was_synced(void)
{
    unsigned kept = 0, gone = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const struct weir_sim_options options = {.seed = seed};
        struct two                    two;
        two_open(&two, &options);
        write_word(&two, "synced", "hello", true);
        write_word(&two, "not-synced", "hello", false);
        CHECK_EQ(length_of(&two, "not-synced"), 5);
        weir_sim_crash(two.sim, two.hosts[0]);
        two.loops[0] = loop_on(two.hosts[0]);
        CHECK_EQ(length_of(&two, "synced"), 5);
        kept += length_of(&two, "not-synced") == 5;
        gone += length_of(&two, "not-synced") != 5;
        two_close(&two);
    }
    CHECK(kept > 3 && gone > 3);
}

static void never_told(struct weir_op *op)
{
    (void)op;
    CHECK(false && "told after a crash");
}

static void crash_takes_the_loops_of_the_host(void)
{
    struct two     two;
    struct side    sides[2] = {0};
    struct weir_op timer = {.user = &two};
    two_open(&two, NULL);
    two_connect(&two, sides);
    weir_timer(&timer, two.loops[0], WEIR_SECOND, 0, never_told);
    weir_recv(&sides[1].op, &sides[1].sock, sides[1].data, 1, 0, NULL);
    weir_sim_crash(two.sim, two.hosts[0]);
    CHECK(timer.user == &two && weir_ended(&timer));
    CHECK_EQ(weir_handle_kind(&sides[0].sock), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_sim_run(two.sim, 60 * WEIR_SECOND), 1);
    CHECK(!weir_ended(&sides[1].op)); /* power went without a word */
    two.loops[0] = loop_on(two.hosts[0]);
    CHECK_EQ(weir_cancel(&sides[1].op), 0);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND), 0);
    two_close(&two);
}

static void crash_now(struct weir_op *op)
{
    struct two *two = op->user;
    weir_sim_crash(two->sim, two->hosts[0]);
}

static void crash_in_a_callback(void)
{
    struct two     two;
    struct weir_op op = {.user = &two};
    two_open(&two, NULL);
    weir_timer(&op, two.loops[0], 0, 0, crash_now);
    weir_sim_run(two.sim, WEIR_FOREVER);
}

static void *wake(void *loop)
{
    weir_wake(loop);
    return NULL;
}

static void wake_from_elsewhere(void)
{
    struct two     two;
    struct weir_op op = {0};
    pthread_t      thread;
    two_open(&two, NULL);
    weir_timer(&op, two.loops[0], WEIR_SECOND, 0, NULL);
    weir_sim_run(two.sim, WEIR_MILLISECOND);
    CHECK_EQ(pthread_create(&thread, NULL, wake, two.loops[0]), 0);
    pthread_join(thread, NULL);
}

static void aborts(void (*run)(void), const char *sentence)
{
    int  ends[2], status;
    char said[256] = "";
    CHECK_EQ(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        run();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    close(ends[1]);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(read(ends[0], said, sizeof said - 1) > 0);
    CHECK(strncmp(said, sentence, strlen(sentence)) == 0); /* an emulator adds its own */
    close(ends[0]);
}

static void what_no_world_can_bear_aborts_with_a_sentence(void)
{
    aborts(crash_in_a_callback,
           "weir: weir_sim_crash() was called while a loop of the host runs.\n");
    aborts(wake_from_elsewhere,
           "weir: a loop of a simulation was woken from a thread that is not its world's.\n");
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static int socket_error(struct two *two)
{
    struct weir_handle sock = {0};
    int                error = weir_socket(&sock, two->loops[0], AF_INET, SOCK_STREAM, 0);
    if (!error)
        CHECK_EQ(weir_close_now(&sock), 0);
    return error;
}

static void faults_come_and_go(void)
{
    struct weir_sim_options options = {.per_million = {[WEIR_SIM_DESCRIPTORS] = 0}};
    struct two              two;
    struct side             sides[2] = {0};
    two_open(&two, &options);
    CHECK_EQ(socket_error(&two), 0);
    weir_sim_fault_set(two.sim, WEIR_SIM_DESCRIPTORS, ALWAYS);
    CHECK_EQ(socket_error(&two), WEIR_EMFILE);
    weir_sim_fault_set(two.sim, WEIR_SIM_DESCRIPTORS, 0);
    CHECK_EQ(socket_error(&two), 0);
    weir_sim_fault_set(two.sim, WEIR_SIM_FAULTS, ALWAYS); /* there is no such */
    weir_sim_fault_set(two.sim, WEIR_SIM_DESCRIPTORS, ALWAYS);
    weir_sim_partition(two.sim, two.hosts[0], two.hosts[1], true);
    weir_sim_heal(two.sim);
    CHECK_EQ(socket_error(&two), 0);
    two_connect(&two, sides);
    two_close(&two);
    options.per_million[WEIR_SIM_DESCRIPTORS] = ALWAYS / 2;
    two_open(&two, &options);
    int refused = 0;
    for (int i = 0; i < 100; i++)
        refused += socket_error(&two) == WEIR_EMFILE;
    CHECK(refused > 25 && refused < 75);
    two_close(&two);
}

/* Each seed has some of the faults, and all of them together have each. */
static void swarms_differ(void)
{
    uint32_t drawn = 0, sets[64];
    unsigned different = 0;
    for (unsigned seed = 1; seed <= 64; seed++) {
        char                    text[8192] = "";
        bool                    asked = seed % 2; /* else the environment says it */
        struct weir_sim_options options = {.seed = seed, .swarm = asked};
        struct weir_sim        *sim;
        setenv("WEIR_SIM_SWARM", asked ? "0" : "1", 1);
        options.trace = fmemopen(text, sizeof text - 1, "w");
        CHECK(options.trace);
        CHECK_EQ(weir_sim_open(&sim, &options), 0);
        CHECK_EQ(weir_sim_close(sim), 0);
        CHECK_EQ(fclose(options.trace), 0);
        sets[seed - 1] = 0;
        for (int fault = 0; fault < WEIR_SIM_FAULTS; fault++) {
            char line[64];
            snprintf(line, sizeof line, "chance %s ",
                     weir_sim_fault_name((enum weir_sim_fault)fault));
            sets[seed - 1] |= strstr(text, line) ? 1u << fault : 0;
        }
        drawn |= sets[seed - 1];
        different += sets[seed - 1] && seed > 1 && sets[seed - 1] != sets[seed - 2];
    }
    unsetenv("WEIR_SIM_SWARM");
    CHECK_EQ(drawn, (1u << WEIR_SIM_FAULTS) - 1);
    CHECK(different > 55);
}

static void faults_have_names(void)
{
    CHECK(strcmp(weir_sim_fault_name(WEIR_SIM_RESET), "reset") == 0);
    CHECK(strcmp(weir_sim_fault_name(WEIR_SIM_DISK_FULL), "disk-full") == 0);
    CHECK(strcmp(weir_sim_fault_name(WEIR_SIM_FAULTS), "unknown") == 0);
    CHECK(strcmp(weir_sim_fault_name((enum weir_sim_fault) - 1), "unknown") == 0);
    for (int one = 0; one < WEIR_SIM_FAULTS; one++)
        for (int other = 0; other < one; other++)
            CHECK(strcmp(weir_sim_fault_name((enum weir_sim_fault)one),
                         weir_sim_fault_name((enum weir_sim_fault)other)) != 0);
}

/* Only those whose numbers stand in WEIR_SIM_FAULTS happen, and they are what they were. */
static void listed_faults_alone_happen(void)
{
    const struct weir_sim_options options = {.per_million = {[WEIR_SIM_DESCRIPTORS] = ALWAYS / 4}};
    int                           all[100], some[100], number = 0;
    for (int pass = 0; pass < 2; pass++) {
        struct two two;
        if (pass)
            setenv("WEIR_SIM_FAULTS", "2,4-5", 1);
        two_open(&two, &options);
        for (int i = 0; i < 100; i++)
            (pass ? some : all)[i] = socket_error(&two);
        two_close(&two);
        unsetenv("WEIR_SIM_FAULTS");
    }
    for (int i = 0; i < 100; i++) {
        number += all[i] == WEIR_EMFILE;
        bool kept = all[i] == WEIR_EMFILE && (number == 2 || number == 4 || number == 5);
        CHECK_EQ(some[i], kept ? WEIR_EMFILE : 0);
    }
    CHECK(number > 5);
}

/* ---- Seeing ---------------------------------------------------------------------------------- */

struct counter {
    unsigned calls, limit;
};

static const char *count_call(void *user)
{
    struct counter *counter = user;
    return ++counter->calls == counter->limit ? "the counter is full" : NULL;
}

static void check_is_asked_after_every_step(void)
{
    struct counter counter = {0};
    struct two     two;
    struct side    sides[2] = {0};
    two_open(&two, NULL);
    weir_sim_check(two.sim, count_call, &counter);
    two_connect(&two, sides);
    CHECK(counter.calls > 5);
    counter.limit = counter.calls + 2;
    two_say(sides, "hello");
    CHECK(!weir_sim_broken(two.sim));
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), WEIR_EIO);
    CHECK_EQ(counter.calls, counter.limit);
    CHECK(strcmp(weir_sim_broken(two.sim), "the counter is full") == 0);
    CHECK(!weir_ended(&sides[1].op));
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), WEIR_EIO);
    CHECK_EQ(counter.calls, counter.limit);
    CHECK_EQ(weir_sim_close(two.sim), 0); /* with its loops, whose ops are told nothing */
}

static void check_can_be_taken_back(void)
{
    struct counter counter = {.limit = 1};
    struct two     two;
    struct side    sides[2] = {0};
    two_open(&two, NULL);
    weir_sim_check(two.sim, count_call, &counter);
    weir_sim_check(two.sim, NULL, NULL);
    two_connect(&two, sides);
    CHECK_EQ(counter.calls, 0);
    two_close(&two);
}

/* An invariant of weir's own: memory that is being sent is nobody else's. */
static void memory_of_an_op_is_watched(void)
{
    unsigned seen = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        const struct weir_sim_options options = {.seed = seed, .model = "completion"};
        struct two                    two;
        struct side                   sides[2] = {0};
        char                          word[] = "hello";
        two_open(&two, &options);
        two_connect(&two, sides);
        two_say(sides, word);
        weir_sim_run(two.sim, seed * 100); /* before, while or after the kernel has it */
        word[0] = 'j';
        int error = weir_sim_run(two.sim, WEIR_FOREVER);
        seen += error == WEIR_EIO && strstr(weir_sim_broken(two.sim), "the memory of a send") &&
                strstr(weir_sim_broken(two.sim), "was changed while the op had it");
        for (int end = 0; end < 2 && error >= 0; end++)
            CHECK_EQ(weir_loop_close(two.loops[end], WEIR_FOREVER), 0);
        CHECK_EQ(weir_sim_close(two.sim), 0);
    }
    CHECK(seen > 5);
}

int main(void)
{
    descriptors_are_counted();
    cut_link_passes_nothing_and_tells_nothing();
    signals_end_ops_of_their_host();
    crash_keeps_what_was_synced();
    crash_takes_the_loops_of_the_host();
    what_no_world_can_bear_aborts_with_a_sentence();
    faults_come_and_go();
    swarms_differ();
    faults_have_names();
    listed_faults_alone_happen();
    check_is_asked_after_every_step();
    check_can_be_taken_back();
    memory_of_an_op_is_watched();
    return 0;
}
