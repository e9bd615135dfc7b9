/* SPDX-License-Identifier: MIT */
/* job.c - simulated workers: what would block runs on the loop's own thread, at a time of its own,
 * while the op is a worker's. */
#include "state.h"

#define FETCH_NS 20000u /* until a worker takes it */
#define WORK_NS 100000u /* until it is done */

struct sim_job {
    struct sim_job  *next;
    struct sim_loop *own;
    struct weir_op  *op; /* borrowed while it runs */
    work_call       *call;
    struct sim_event event;
    bool             runs;
};

static struct sim_job *job_of(struct sim_event *event)
{
    return (struct sim_job *)((char *)event - offsetof(struct sim_job, event));
}

static void forget(struct sim_job *job)
{
    struct sim_job **at = &job->own->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    sim_unschedule(job->own->host->world, &job->event);
    sim_free(job);
}

static void job_done(struct weir_sim *world, struct sim_event *event)
{
    struct sim_job   *job = job_of(event);
    struct weir_loop *loop = job->own->loop;
    struct weir_op   *op = job->op;
    sim_trace(world, "%s worker %s %lld", job->own->host->name,
              weir_op_name((enum weir_op_kind)op->kind), (long long)op->result);
    forget(job);
    loop_worked(loop, op);
}

/* A worker waits where the op would: it tries again until there is something to do. */
static void job_runs(struct weir_sim *world, struct sim_event *event)
{
    struct sim_job *job = job_of(event);
    struct weir_op *op = job->op;
    job->runs = true;
    op->result = job->call(job->own->loop, op);
    bool again = op->kind != WEIR_OP_WORK && op->kind != WEIR_OP_COPY && op->result == WEIR_EAGAIN;
    sim_schedule(world, event, sim_time(world, WORK_NS), again ? job_runs : job_done);
}

int sim_job_start(struct weir_loop *loop, struct weir_op *op, work_call *call)
{
    struct sim_loop *own = sim_loop_of(loop);
    struct weir_sim *world = own->host->world;
    if (sim_fault(world, WEIR_SIM_THREADS, "worker"))
        return WEIR_EAGAIN;
    struct sim_job *job = sim_new(sizeof *job);
    job->own = own;
    job->op = op;
    job->call = call;
    job->next = own->jobs;
    own->jobs = job;
    sim_schedule(world, &job->event, sim_time(world, FETCH_NS), job_runs);
    return 0;
}

static struct sim_job *find(struct weir_loop *loop, const struct weir_op *op)
{
    struct sim_job *job = sim_loop_of(loop)->jobs;
    while (job && job->op != op)
        job = job->next;
    return job;
}

bool sim_job_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct sim_job *job = find(loop, op);
    if (!job || job->runs)
        return false;
    forget(job);
    return true;
}

bool sim_job_runs(struct weir_loop *loop, struct weir_op *op)
{
    const struct sim_job *job = find(loop, op);
    return job && job->runs;
}

void sim_jobs_abandon(struct sim_loop *own)
{
    while (own->jobs)
        forget(own->jobs);
}
