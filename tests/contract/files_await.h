/* SPDX-License-Identifier: MIT */
/* files_await.h - ops on files that are awaited at once. */
#ifndef FILES_AWAIT_H
#define FILES_AWAIT_H

#include "contract.h"

static const unsigned new_file = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;

static inline void open_file(struct contract *c, struct weir_handle *file, const char *path,
                             unsigned mode)
{
    struct weir_op op = {0};
    weir_open(&op, c->loop, file, path, mode, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
}

static inline int64_t read_at(struct contract *c, struct weir_handle *file, void *data,
                              size_t length, uint64_t offset)
{
    struct weir_op op = {0};
    weir_read(&op, file, data, length, offset, 0, contract_done);
    return contract_await(c, &op);
}

static inline int64_t write_at(struct contract *c, struct weir_handle *file, const void *data,
                               size_t length, uint64_t offset)
{
    struct weir_op op = {0};
    weir_write(&op, file, data, length, offset, 0, contract_done);
    return contract_await(c, &op);
}

#endif
