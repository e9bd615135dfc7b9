/* SPDX-License-Identifier: MIT */
/* system.c - struct system on top of a simulated world. */
#include <signal.h>

#include "state.h"

struct weir_sim_host *sim_host_of_loop(const struct weir_loop *loop)
{
    return sim_loop_of(loop)->host;
}

static struct sim_object *object_of(const struct weir_handle *handle)
{
    return sim_descriptor(sim_host_of_loop(handle->loop), handle->in.descriptor);
}

static uint64_t system_now(struct weir_loop *loop)
{
    return sim_host_of_loop(loop)->world->now_ns;
}

static void system_close(struct weir_loop *loop, int descriptor)
{
    struct weir_sim_host    *host = sim_host_of_loop(loop);
    const struct sim_object *object = sim_descriptor(host, descriptor);
    if (object)
        sim_trace(host->world, "%s close %d %s#%u", host->name, descriptor, object->type->name,
                  object->number);
    sim_descriptor_close(host, descriptor);
}

/* What a call that makes a descriptor said. */
static int told(struct weir_sim_host *host, const char *call, int result)
{
    sim_trace(host->world, "%s %s = %d%s%s", host->name, call, result, result < 0 ? " " : "",
              result < 0 ? weir_error_name(result) : "");
    return result;
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static int system_socket(struct weir_loop *loop, int family, int type, unsigned flags)
{
    struct weir_sim_host *host = sim_host_of_loop(loop);
    return told(host, "socket", sim_socket(host, family, type, flags));
}

static int system_bind(struct weir_handle *handle, const void *address, size_t length,
                       unsigned flags)
{
    struct sim_object *object = object_of(handle);
    return object->type->bind ? object->type->bind(object, address, length, flags) : WEIR_ENOTSOCK;
}

static int system_listen(struct weir_loop *loop, const void *address, size_t length, int backlog,
                         unsigned flags)
{
    struct weir_sim_host *host = sim_host_of_loop(loop);
    return told(host, "listen", sim_listen(host, address, length, backlog, flags));
}

static int system_pipe(struct weir_loop *loop, int ends[2])
{
    struct weir_sim_host *host = sim_host_of_loop(loop);
    return told(host, "pipe", sim_pipe(host, ends));
}

static int system_address(const struct weir_handle *handle, bool peer, struct weir_address *address)
{
    struct sim_object *object = object_of(handle);
    address->length = 0;
    return object->type->address ? object->type->address(object, peer, address) : WEIR_ENOTSOCK;
}

static int system_option_set(struct weir_handle *handle, enum weir_option option, int64_t value)
{
    return sim_option_set(object_of(handle), option, value);
}

static int system_option_get(const struct weir_handle *handle, enum weir_option option,
                             int64_t *value)
{
    return sim_option_get(object_of(handle), option, value);
}

static int system_multicast(struct weir_handle *handle, const struct weir_address *group,
                            unsigned interface_index, bool join)
{
    return sim_multicast(object_of(handle), group, interface_index, join);
}

/* ---- What a descriptor is -------------------------------------------------------------------- */

static int system_classify(struct weir_handle *handle, bool own)
{
    const struct sim_object *object = object_of(handle);
    (void)own;
    if (!object)
        return WEIR_EBADF;
    handle->in.kind = (uint8_t)object->kind;
    handle->in.flags |= (uint16_t)(object->handle_flags | HANDLE_NONBLOCK);
    handle->in.hint = object->kind == WEIR_HANDLE_LISTENER || handle_has_offsets(handle) ||
                              (object->handle_flags & HANDLE_NO_OUT)
                          ? 0
                          : MAY_OUT;
    return 0;
}

static int system_alignment(const struct weir_handle *handle, struct weir_alignment *alignment)
{
    sim_alignment(object_of(handle), alignment);
    return 0;
}

/* ---- Wake-ups -------------------------------------------------------------------------------- */

/* The engine wakes its loop itself. */
static int system_notifier_open(int ends[2])
{
    ends[0] = ends[1] = -1;
    return WEIR_ENOTSUP;
}

static void system_notifier(int end)
{
    (void)end;
}

/* ---- Signals --------------------------------------------------------------------------------- */

struct sim_signals {
    struct sim_object object;
    uint64_t          mask, pending; /* bit n is signal n + 1 */
};

/* signal(7), and nptl(7): two are the C library's own. */
#define BIT(signo) (UINT64_C(1) << ((signo)-1))
#define UNCATCHABLE (BIT(SIGKILL) | BIT(SIGSTOP) | BIT(32) | BIT(33))

static unsigned signals_events(struct sim_object *object)
{
    return ((struct sim_signals *)object)->pending ? WEIR_IN : 0;
}

static int64_t signals_perform(struct sim_object *object, struct weir_op *op)
{
    if (op->kind != WEIR_OP_POLL)
        return WEIR_EINVAL;
    unsigned events = signals_events(object) & op->in.arg.events;
    return events ? (int64_t)events : WEIR_EAGAIN;
}

static void signals_close(struct sim_object *object)
{
    (void)object;
}

static const struct sim_object_type signals_type = {
    .name = "signals",
    .perform = signals_perform,
    .events = signals_events,
    .close = signals_close,
};

static int system_signals_watch(struct weir_loop *loop, int descriptor, uint64_t mask,
                                uint64_t *blocked)
{
    struct weir_sim_host *host = sim_host_of_loop(loop);
    *blocked = 0;
    if (mask & UNCATCHABLE)
        return WEIR_EINVAL;
    if (descriptor >= 0) {
        ((struct sim_signals *)sim_descriptor(host, descriptor))->mask = mask;
        return descriptor;
    }
    if (!mask)
        return 0;
    struct sim_signals *signals = sim_object_new(host, &signals_type, WEIR_HANDLE_OTHER,
                                                 sizeof *signals);
    signals->mask = mask;
    sim_hold(&signals->object);
    descriptor = sim_descriptor_take(host, &signals->object);
    sim_release(&signals->object);
    return descriptor;
}

static int system_signals_take(struct weir_loop *loop, int descriptor)
{
    struct sim_signals *signals = (struct sim_signals *)sim_descriptor(sim_host_of_loop(loop),
                                                                       descriptor);
    for (int i = 0; i < 64; i++) {
        if (!(signals->pending >> i & 1))
            continue;
        signals->pending &= ~(UINT64_C(1) << i);
        return i + 1;
    }
    return WEIR_EAGAIN;
}

void sim_signal_raise(struct weir_sim_host *host, int signo)
{
    for (uint32_t i = 0; i < host->descriptor_room; i++) {
        struct sim_object *object = host->descriptors[i];
        if (!object || object->type != &signals_type || signo < 1 || signo > 64)
            continue;
        struct sim_signals *signals = (struct sim_signals *)object;
        uint64_t            bit = UINT64_C(1) << (signo - 1);
        if (!(signals->mask & bit) || (signals->pending & bit))
            continue;
        signals->pending |= bit;
        sim_changed(object);
    }
}

const struct system system_sim = {
    .now = system_now,
    .perform = sim_perform,
    .socket = system_socket,
    .bind = system_bind,
    .listen = system_listen,
    .pipe = system_pipe,
    .classify = system_classify,
    .close = system_close,
    .address = system_address,
    .option_set = system_option_set,
    .option_get = system_option_get,
    .multicast = system_multicast,
    .alignment = system_alignment,
    .notifier_open = system_notifier_open,
    .notifier_tell = system_notifier,
    .notifier_clear = system_notifier,
    .signals_watch = system_signals_watch,
    .signals_take = system_signals_take,
    .work = sim_job_start,
    .work_cancel = sim_job_cancel,
    .work_runs = sim_job_runs,
};
