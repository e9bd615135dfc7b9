/* SPDX-License-Identifier: MIT */
/* names.c - the names and sentences of errors, ops, handles and servers, and the version. */
#include "weir.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

unsigned weir_version(void)
{
    return WEIR_VERSION;
}

const char *weir_version_text(void)
{
    return STRING(WEIR_VERSION_MAJOR) "." STRING(WEIR_VERSION_MINOR) "." STRING(WEIR_VERSION_PATCH);
}

struct error_entry {
    int         code;
    const char *name, *text;
};

#define PLATFORM(name, text) {WEIR_##name, #name, text},
#define OWN(name, number, text) {number, #name, text},
static const struct error_entry errors[] = {WEIR_ERRORS_PLATFORM(PLATFORM) WEIR_ERRORS_OWN(OWN)};
#undef PLATFORM
#undef OWN

static const struct error_entry *find_error(int64_t error)
{
    static const struct error_entry none = {0, "OK", "no error"};
    static const struct error_entry unknown = {0, "EUNKNOWN", "an error that weir has no name for"};
    if (error >= 0)
        return &none;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].code == error)
            return &errors[i];
    return &unknown;
}

const char *weir_error_name(int64_t error)
{
    return find_error(error)->name;
}

const char *weir_error_text(int64_t error)
{
    return find_error(error)->text;
}

const char *weir_op_name(enum weir_op_kind kind)
{
#define NAME(NAME_, name, direction) [WEIR_OP_##NAME_] = name,
    static const char *const names[WEIR_OP_KINDS] = {[WEIR_OP_NONE] = "none", WEIR_OPS(NAME)};
#undef NAME
    return (unsigned)kind < WEIR_OP_KINDS ? names[kind] : "unknown";
}

const char *weir_handle_kind_name(enum weir_handle_kind kind)
{
    static const char *const names[WEIR_HANDLE_KINDS] = {
        [WEIR_HANDLE_NONE] = "none",         [WEIR_HANDLE_STREAM] = "stream",
        [WEIR_HANDLE_DATAGRAM] = "datagram", [WEIR_HANDLE_LISTENER] = "listener",
        [WEIR_HANDLE_PIPE] = "pipe",         [WEIR_HANDLE_TTY] = "tty",
        [WEIR_HANDLE_FILE] = "file",         [WEIR_HANDLE_DIRECTORY] = "directory",
        [WEIR_HANDLE_OTHER] = "other",
    };
    return (unsigned)kind < WEIR_HANDLE_KINDS ? names[kind] : "unknown";
}

const char *weir_served_name(enum weir_served served)
{
    static const char *const names[WEIR_SERVED_KINDS] = {
        [WEIR_SERVED_NOT] = "not",       [WEIR_SERVED_AT_ONCE] = "at-once",
        [WEIR_SERVED_READY] = "ready",   [WEIR_SERVED_KERNEL] = "kernel",
        [WEIR_SERVED_WORKER] = "worker", [WEIR_SERVED_SIMULATED] = "simulated",
    };
    return (unsigned)served < WEIR_SERVED_KINDS ? names[served] : "unknown";
}
