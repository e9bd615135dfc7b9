/* SPDX-License-Identifier: MIT */
/* sim_world.c - weir/sim.h: worlds and what the environment says of them, hosts and their loops,
 * and how a run goes on and ends. */
#include <time.h>
#include <unistd.h>

#include "sim_loops.h"

#define TRACE_ROOM 65536

/* What a world writes into its trace while `run` uses it. */
static const char *trace_of(struct weir_sim_options options, void (*run)(struct two *two))
{
    static char text[TRACE_ROOM];
    struct two  two;
    memset(text, 0, sizeof text);
    options.trace = fmemopen(text, sizeof text - 1, "w");
    CHECK(options.trace);
    two_open(&two, &options);
    if (run)
        run(&two);
    two_close(&two);
    CHECK_EQ(fclose(options.trace), 0);
    return text;
}

static void say_something(struct two *two)
{
    struct side sides[2] = {0};
    two_connect(two, sides);
    two_say(sides, "hello");
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    CHECK_EQ(sides[1].op.result, 5);
    CHECK(memcmp(sides[1].data, "hello", 5) == 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(weir_close(&sides[i].sock, NULL), 0);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void with_variable(const char *name, const char *value, int expected)
{
    struct weir_sim  *sim;
    struct weir_loop *loop;
    CHECK_EQ(setenv(name, value, 1), 0);
    CHECK_EQ(weir_sim_open(&sim, NULL), expected);
    CHECK(!sim == !!expected);
    if (sim)
        CHECK_EQ(weir_sim_close(sim), 0);
    const struct weir_options options = {.engine = "sim"};
    CHECK_EQ(weir_loop_open(&loop, &options), expected ? WEIR_ENOENGINE : 0);
    if (loop)
        CHECK_EQ(weir_loop_close(loop, 0), 0);
    CHECK_EQ(unsetenv(name), 0);
}

static void variables_that_make_no_sense_are_refused(void)
{
    static const char *const numbers[] = {"WEIR_SIM_SEED", "WEIR_SIM_STEPS", "WEIR_SIM_SWARM"};
    for (int i = 0; i < 3; i++) {
        with_variable(numbers[i], "x", WEIR_EINVAL);
        with_variable(numbers[i], "-1", WEIR_EINVAL);
        with_variable(numbers[i], "1x", WEIR_EINVAL);
        with_variable(numbers[i], "99999999999999999999", WEIR_EINVAL);
        with_variable(numbers[i], "", 0); /* as not set */
        with_variable(numbers[i], "7", 0);
    }
    with_variable("WEIR_SIM_MODEL", "kqueue", WEIR_EINVAL);
    with_variable("WEIR_SIM_MODEL", "edge", 0);
    with_variable("WEIR_SIM_FAULTS", "all", WEIR_EINVAL);
    with_variable("WEIR_SIM_FAULTS", "1-", WEIR_EINVAL);
    with_variable("WEIR_SIM_FAULTS", "1-4,,9", WEIR_EINVAL);
    with_variable("WEIR_SIM_FAULTS", "1-4,", WEIR_EINVAL);
    with_variable("WEIR_SIM_FAULTS", "1-4,9", 0);
    struct weir_sim              *sim;
    const struct weir_sim_options kqueue = {.model = "kqueue"};
    CHECK_EQ(weir_sim_open(&sim, &kqueue), WEIR_EINVAL);
}

static int begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What reads traces takes each line for a step. */
static void step_is_one_line(void)
{
    char                    text[200] = "";
    struct weir_sim_options options = {.trace = fmemopen(text, sizeof text - 1, "w")};
    struct weir_sim        *sim;
    struct weir_sim_host   *host;
    struct weir_loop       *loop;
    CHECK_EQ(weir_sim_open(&sim, &options), 0);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a\n0.1 fault 7 x", "10.0.0.1"), 0);
    CHECK_EQ(weir_loop_open(&loop, &(struct weir_options){.engine = "sim", .sim_host = host}), 0);
    CHECK_EQ(weir_loop_close(loop, 0), 0);
    CHECK_EQ(weir_sim_close(sim), 0);
    CHECK_EQ(fclose(options.trace), 0);
    CHECK(strstr(text, " a?0.1 fault 7 x opens a loop"));
    CHECK(!strstr(text, "\n0.1 fault"));
}

static void seed_is_of_the_options_or_the_environment(void)
{
    const struct weir_sim_options none = {0}, seven = {.seed = 7};
    CHECK(begins(trace_of(none, NULL), "0.000000000 seed 1\n"));
    setenv("WEIR_SIM_SEED", "12", 1);
    CHECK(begins(trace_of(none, NULL), "0.000000000 seed 12\n"));
    CHECK(begins(trace_of(seven, NULL), "0.000000000 seed 7\n"));
    unsetenv("WEIR_SIM_SEED");
}

/* Of the first loop, by its line in the trace. */
static int model_of(const char *trace)
{
    const char *at = strstr(trace, "opens a loop, model ");
    CHECK(at);
    return at[20] - '0';
}

static void model_is_asked_for_or_drawn(void)
{
    static const char *const names[] = {"completion", "level", "edge", "oneshot"};
    unsigned                 seen = 0;
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(model_of(trace_of((struct weir_sim_options){.model = names[i]}, NULL)), i);
        setenv("WEIR_SIM_MODEL", names[i], 1);
        CHECK_EQ(model_of(trace_of((struct weir_sim_options){0}, NULL)), i);
        CHECK_EQ(model_of(trace_of((struct weir_sim_options){.model = "edge"}, NULL)), 2);
        unsetenv("WEIR_SIM_MODEL");
    }
    for (uint64_t seed = 1; seed <= 64; seed++)
        seen |= 1u << model_of(trace_of((struct weir_sim_options){.seed = seed}, NULL));
    CHECK_EQ(seen, 15);
}

static void trace_goes_to_the_file_of_the_environment(void)
{
    char        path[] = "/tmp/weir-sim-test-XXXXXX", line[64] = "";
    struct two  two;
    struct side sides[2] = {0};
    int         descriptor = mkstemp(path);
    CHECK(descriptor >= 0);
    setenv("WEIR_SIM_TRACE", path, 1);
    two_open(&two, NULL);
    two_connect(&two, sides);
    two_close(&two);
    FILE *file = fdopen(descriptor, "r");
    CHECK(file && fgets(line, sizeof line, file));
    CHECK(strcmp(line, "0.000000000 seed 1\n") == 0);
    CHECK(fseek(file, 0, SEEK_END) == 0 && ftell(file) > 500);
    fclose(file);
    remove(path);
    setenv("WEIR_SIM_TRACE", "/tmp/there/is/no/such/folder", 1); /* nowhere, then */
    two_open(&two, NULL);
    two_close(&two);
    unsetenv("WEIR_SIM_TRACE");
}

/* ---- Programs that know nothing of it -------------------------------------------------------- */

static void loop_has_a_world_of_its_own(void)
{
    struct weir_loop *loop;
    struct weir_op    op = {0};
    time_t            began = time(NULL);
    setenv("WEIR_ENGINE", "sim", 1);
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    unsetenv("WEIR_ENGINE");
    CHECK(strcmp(weir_loop_engine(loop), "sim") == 0);
    uint64_t before_ns = weir_now(loop);
    weir_timer(&op, loop, 3600 * WEIR_SECOND, 0, NULL);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(op.result, 0);
    CHECK(weir_now(loop) - before_ns >= 3600 * WEIR_SECOND);
    CHECK(time(NULL) - began < 60);
    CHECK_EQ(weir_loop_close(loop, WEIR_SECOND), 0);
}

static void endless_sleep_of_the_only_loop_is_told(void)
{
    struct two         two;
    struct weir_handle ends[2] = {{0}};
    struct weir_op     op = {0};
    char               byte;
    two_open(&two, NULL);
    CHECK_EQ(weir_pipe(&ends[0], &ends[1], two.loops[0]), 0);
    weir_read(&op, &ends[0], &byte, 1, WEIR_STREAM, 0, NULL);
    CHECK_EQ(weir_run(two.loops[0], WEIR_UNTIL_DONE), WEIR_EDEADLK);
    CHECK(!weir_ended(&op));
    two_close(&two);
}

static void loops_are_of_the_host_in_use(void)
{
    struct weir_options options = {.engine = "sim"};
    struct two          two;
    struct side         sides[2] = {0};
    two_open(&two, NULL);
    CHECK_EQ(weir_loop_close(two.loops[1], 0), 0);
    weir_sim_use(two.hosts[1]);
    CHECK_EQ(weir_loop_open(&two.loops[1], &options), 0);
    two_connect(&two, sides); /* it is at 10.0.0.2 */
    weir_sim_use(NULL);
    struct weir_loop *alone;
    struct weir_op    op = {0};
    uint64_t          now_ns = weir_sim_now(two.sim);
    CHECK_EQ(weir_loop_open(&alone, &options), 0);
    weir_timer(&op, alone, 3600 * WEIR_SECOND, 0, NULL);
    CHECK_EQ(weir_run(alone, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(weir_sim_now(two.sim), now_ns);
    CHECK_EQ(weir_loop_close(alone, 0), 0);
    two_close(&two);
}

/* While one loop waits in weir_run(), the others have their turns. */
static void other_loops_run_while_one_waits(void)
{
    struct two  two;
    struct side sides[2] = {0};
    two_open(&two, NULL);
    two_connect(&two, sides);
    two_say(sides, "hello");
    while (!weir_ended(&sides[1].op))
        CHECK(weir_run(two.loops[1], WEIR_ONCE) >= 0);
    CHECK_EQ(sides[1].op.result, 5);
    two_close(&two);
}

/* ---- Hosts ----------------------------------------------------------------------------------- */

static void hosts_have_names_and_addresses_of_their_own(void)
{
    struct weir_sim      *sim;
    struct weir_sim_host *host;
    char                  long_name[80];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    CHECK_EQ(weir_sim_open(&sim, NULL), 0);
    CHECK_EQ(weir_sim_host_add(sim, &host, "", "10.0.0.1"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, long_name, "10.0.0.1"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", ""), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "10.0.0.1:80"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "localhost"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "127.0.0.1"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "0.0.0.0"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "::1"), WEIR_EINVAL);
    CHECK(!host);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "10.0.0.1"), 0);
    CHECK(host);
    CHECK_EQ(weir_sim_host_add(sim, &host, "a", "10.0.0.2"), WEIR_EADDRINUSE);
    CHECK_EQ(weir_sim_host_add(sim, &host, "b", "10.0.0.1"), WEIR_EADDRINUSE);
    CHECK_EQ(weir_sim_host_add(sim, &host, "b", "fd00::1"), 0);
    CHECK_EQ(weir_sim_host_add(sim, &host, "c", "fd00:0::1"), WEIR_EADDRINUSE);
    CHECK_EQ(weir_sim_close(sim), 0);
}

static void world_is_busy_while_a_loop_is_open(void)
{
    struct two two;
    two_open(&two, NULL);
    CHECK_EQ(weir_sim_close(two.sim), WEIR_EBUSY);
    CHECK_EQ(weir_loop_close(two.loops[0], 0), 0);
    two.loops[0] = NULL;
    CHECK_EQ(weir_sim_close(two.sim), WEIR_EBUSY);
    two_close(&two);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static void run_tells_whether_something_pends(void)
{
    struct two     two;
    struct side    sides[2] = {0};
    struct weir_op timer = {0}, idle = {0};
    two_open(&two, NULL);
    CHECK_EQ(weir_sim_now(two.sim), 0);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND), 0);
    CHECK_EQ(weir_sim_now(two.sim), WEIR_SECOND);
    weir_timer(&timer, two.loops[0], WEIR_SECOND, 0, NULL);
    weir_timer(&idle, two.loops[0], 10 * WEIR_SECOND, WEIR_BACKGROUND, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND / 2), 1);
    CHECK_EQ(weir_sim_now(two.sim), WEIR_SECOND + WEIR_SECOND / 2);
    CHECK(!weir_ended(&timer));
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), 0);
    CHECK(weir_ended(&timer) && !weir_ended(&idle)); /* which holds up nobody */
    two_connect(&two, sides);
    weir_recv(&sides[0].op, &sides[0].sock, sides[0].data, 1, 0, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), 1); /* nothing will ever happen */
    CHECK(!weir_ended(&sides[0].op));
    two_close(&two);
}

/* Neither the test nor the wait of another loop gives a loop its turn, only its own. */
static void loops_by_hand_run_in_their_own_wait(void)
{
    const struct weir_sim_options by_hand = {.by_hand = true};
    struct two                    two;
    struct side                   sides[2] = {0};
    struct weir_op                timer = {0};
    two_open(&two, NULL);
    two_connect(&two, sides);
    two_say(sides, "hello");
    CHECK_EQ(weir_run(two.loops[0], WEIR_UNTIL_DONE), 0);
    weir_timer(&timer, two.loops[0], WEIR_SECOND, 0, NULL);
    CHECK_EQ(weir_run(two.loops[0], WEIR_UNTIL_DONE), 0);
    CHECK(weir_ended(&sides[1].op)); /* the other has had its turns */
    two_close(&two);
    two_open(&two, &by_hand);
    weir_timer(&sides[1].op, two.loops[1], 1, 0, NULL);
    weir_timer(&timer, two.loops[0], WEIR_SECOND, 0, NULL);
    CHECK_EQ(weir_run(two.loops[0], WEIR_UNTIL_DONE), 0);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND), 1);
    CHECK_EQ(weir_sim_now(two.sim) >= 2 * WEIR_SECOND, 1);
    CHECK(!weir_ended(&sides[1].op));
    CHECK_EQ(weir_run(two.loops[1], WEIR_UNTIL_DONE), 0);
    CHECK(weir_ended(&sides[1].op));
    two_close(&two);
}

static void go_on_for_ever(struct weir_op *op)
{
    if (op->result == 0)
        weir_timer(op, op->user, WEIR_MILLISECOND, 0, go_on_for_ever);
}

static void run_without_end(const struct weir_sim_options *options)
{
    struct two     two;
    struct weir_op op = {0};
    two_open(&two, options);
    op.user = two.loops[0];
    weir_timer(&op, two.loops[0], 0, 0, go_on_for_ever);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), WEIR_EDEADLINE);
    CHECK(strcmp(weir_sim_broken(two.sim), "no end after 500 steps") == 0);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), WEIR_EDEADLINE);
    CHECK_EQ(weir_sim_close(two.sim), 0); /* a run that failed ends with its loops */
    CHECK(op.user == two.loops[0] && !op.result);
}

static void steps_are_bounded(void)
{
    const struct weir_sim_options few = {.steps_max = 500};
    run_without_end(&few);
    setenv("WEIR_SIM_STEPS", "500", 1);
    run_without_end(NULL);
    setenv("WEIR_SIM_STEPS", "3", 1);
    run_without_end(&few);
    unsetenv("WEIR_SIM_STEPS");
}

static uint64_t hash_of(uint64_t seed)
{
    const struct weir_sim_options options = {.seed = seed, .swarm = true};
    struct two                    two;
    struct weir_op                ops[20] = {{0}};
    struct weir_handle            files[20] = {{0}};
    CHECK_EQ(weir_sim_open(&two.sim, &options), 0);
    CHECK_EQ(weir_sim_host_add(two.sim, &two.hosts[0], "one", "10.0.0.1"), 0);
    for (int tries = 0; tries < 1000; tries++) {
        struct weir_options how = {.engine = "sim", .sim_host = two.hosts[0]};
        if (weir_loop_open(&two.loops[0], &how) == 0)
            break;
    }
    uint64_t before = weir_sim_trace_hash(two.sim);
    for (int i = 0; i < 20; i++)
        weir_open(&ops[i], two.loops[0], &files[i], "none", WEIR_OPEN_READ, 0, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), 0);
    uint64_t hash = weir_sim_trace_hash(two.sim);
    CHECK(hash != before);
    CHECK_EQ(weir_loop_close(two.loops[0], WEIR_FOREVER), 0);
    CHECK_EQ(weir_sim_close(two.sim), 0);
    return hash;
}

static void equal_seeds_make_equal_runs(void)
{
    static char                   first[TRACE_ROOM];
    const struct weir_sim_options five = {.seed = 5}, six = {.seed = 6};
    memcpy(first, trace_of(five, say_something), sizeof first);
    CHECK(strcmp(first, trace_of(five, say_something)) == 0);
    CHECK(strcmp(first, trace_of(six, say_something)) != 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        CHECK(hash_of(seed) == hash_of(seed));
        CHECK(hash_of(seed) != hash_of(seed + 1));
    }
}

static void randomness_is_of_the_seed(void)
{
    struct weir_sim *sims[3];
    unsigned         same = 0;
    for (int i = 0; i < 3; i++) {
        const struct weir_sim_options options = {.seed = i < 2 ? 5 : 6};
        CHECK_EQ(weir_sim_open(&sims[i], &options), 0);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t number = weir_sim_random(sims[0], 10);
        CHECK(number < 10);
        CHECK_EQ(weir_sim_random(sims[1], 10), number);
        same += weir_sim_random(sims[2], 10) == number;
    }
    CHECK(same > 50 && same < 200);
    CHECK_EQ(weir_sim_random(sims[0], 0), 0);
    CHECK_EQ(weir_sim_random(sims[0], 1), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weir_sim_close(sims[i]), 0);
}

static int64_t move(struct two *two, struct weir_handle *handle, struct weir_loop *target)
{
    struct weir_op op = {0};
    weir_move(&op, handle, target, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    CHECK(weir_ended(&op));
    return op.result;
}

/* Between loops of a host, whichever models they have; descriptors of another one are not known. */
static void handles_move_within_their_host(void)
{
    struct weir_options real = {.engine = "poll"};
    struct weir_loop   *poll;
    CHECK_EQ(weir_loop_open(&poll, &real), 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct weir_sim_options options = {.seed = seed};
        struct side             sides[2] = {{.data = ""}, {.data = ""}};
        struct two              two;
        two_open(&two, &options);
        struct weir_loop *second = loop_on(two.hosts[1]);
        two_connect(&two, sides);
        CHECK_EQ(move(&two, &sides[1].sock, two.loops[0]), WEIR_ENOTSUP);
        CHECK_EQ(move(&two, &sides[1].sock, poll), WEIR_ENOTSUP);
        CHECK_EQ(move(&two, &sides[1].sock, second), 0);
        CHECK(sides[1].sock.loop == second);
        two_say(sides, "hello");
        CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), 0);
        CHECK_EQ(sides[1].op.result, 5);
        CHECK_EQ(weir_loop_close(second, WEIR_FOREVER), 0);
        two_close(&two);
    }
    CHECK_EQ(weir_loop_close(poll, 0), 0);
}

/* A number says nothing of the world that it comes from: where the simulated host has none of it,
 * it is refused, and the system's descriptor is left alone either way. */
static void numbers_are_those_of_the_host(void)
{
    struct two         two;
    struct weir_handle taken = {0}, reader = {0}, writer = {0};
    int                real[2], same;
    two_open(&two, &(struct weir_sim_options){.seed = 2});
    CHECK_EQ(pipe(real), 0);
    CHECK_EQ(weir_adopt(&taken, two.loops[0], real[1], 0), WEIR_EBADF);
    CHECK_EQ(weir_handle_kind(&taken), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_pipe(&reader, &writer, two.loops[0]), 0);
    same = (int)weir_handle_os(&reader);
    CHECK_EQ(weir_adopt(&taken, two.loops[0], same, WEIR_BORROWED), 0);
    CHECK_EQ(weir_handle_kind(&taken), WEIR_HANDLE_PIPE);
    CHECK_EQ(write(real[1], "x", 1), 1); /* nobody closed it */
    close(real[0]);
    close(real[1]);
    two_close(&two);
}

int main(void)
{
    handles_move_within_their_host();
    numbers_are_those_of_the_host();
    variables_that_make_no_sense_are_refused();
    step_is_one_line();
    seed_is_of_the_options_or_the_environment();
    model_is_asked_for_or_drawn();
    trace_goes_to_the_file_of_the_environment();
    loop_has_a_world_of_its_own();
    endless_sleep_of_the_only_loop_is_told();
    loops_are_of_the_host_in_use();
    other_loops_run_while_one_waits();
    hosts_have_names_and_addresses_of_their_own();
    world_is_busy_while_a_loop_is_open();
    run_tells_whether_something_pends();
    loops_by_hand_run_in_their_own_wait();
    steps_are_bounded();
    equal_seeds_make_equal_runs();
    randomness_is_of_the_seed();
    return 0;
}
