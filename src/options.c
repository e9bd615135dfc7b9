/* SPDX-License-Identifier: MIT */
/* options.c - socket options and multicast groups: the calls. */
#include "engine.h"

/* 0 when the loop's thread asks about an open handle. */
static int admit(const struct weir_handle *handle, const char *call)
{
    if (!handle->loop || handle->in.kind == WEIR_HANDLE_NONE || (handle->in.flags & HANDLE_CLOSING))
        return WEIR_EBADF;
    return loop_admit(handle->loop, call);
}

static bool is_option(enum weir_option option)
{
    return option >= WEIR_OPTION_NODELAY && option <= WEIR_OPTION_ERROR;
}

int weir_option_set(struct weir_handle *handle, enum weir_option option, int64_t value)
{
    int error = admit(handle, "weir_option_set");
    if (error)
        return error;
    if (!is_option(option))
        return WEIR_EINVAL;
    return handle->loop->sys->option_set(handle, option, value);
}

int weir_option_get(struct weir_handle *handle, enum weir_option option, int64_t *value)
{
    int error = admit(handle, "weir_option_get");
    if (error)
        return error;
    if (!is_option(option) || !value)
        return WEIR_EINVAL;
    return handle->loop->sys->option_get(handle, option, value);
}

int weir_multicast(struct weir_handle *handle, const struct weir_address *group,
                   unsigned interface_index, bool join)
{
    int error = admit(handle, "weir_multicast");
    if (error)
        return error;
    if (!group || group->length > sizeof group->data)
        return WEIR_EINVAL;
    return handle->loop->sys->multicast(handle, group, interface_index, join);
}
