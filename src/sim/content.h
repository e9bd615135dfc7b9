/* SPDX-License-Identifier: MIT */
/* content.h - what a simulated file holds: pages by their number, so that holes cost nothing. */
#ifndef WEIR_SIM_CONTENT_H
#define WEIR_SIM_CONTENT_H

#include "world.h"

#define CONTENT_PAGE 4096u

struct content_page {
    uint64_t       index; /* its first byte is at index * CONTENT_PAGE */
    unsigned char *bytes; /* owned; NULL: zeros that have their space */
};

/* Zeroed: an empty file. What lies beyond the size is always zero. */
struct content {
    uint64_t             size;
    uint64_t             modified_ns, changed_ns; /* virtual time */
    struct content_page *pages;                   /* owned; ascending by index */
    uint32_t             count, room;
};

void content_finish(struct content *content);
void content_copy(struct content *to, const struct content *from); /* `to` is an empty one */

/* Within the size, which the caller sees to. */
void content_read(const struct content *content, uint64_t offset, void *data, size_t length);
/* Grows the size where it has to. */
void content_write(struct content *content, uint64_t offset, const void *data, size_t length);
void content_resize(struct content *content, uint64_t size);
/* Every page of the range has its space, and the size reaches its end; length > 0. */
void content_reserve(struct content *content, uint64_t offset, uint64_t length);

/* How many pages of the range have no space yet; length > 0. */
uint64_t content_missing(const struct content *content, uint64_t offset, uint64_t length);
/* How much of the range, from its beginning, can be written with so many new pages. */
uint64_t content_fitting(const struct content *content, uint64_t offset, uint64_t length,
                         uint64_t pages);

#endif
