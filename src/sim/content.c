/* SPDX-License-Identifier: MIT */
/* content.c - what a simulated file holds: a sorted array of pages. */
#include "content.h"

#include <string.h>

void content_finish(struct content *content)
{
    for (uint32_t i = 0; i < content->count; i++)
        sim_free(content->pages[i].bytes);
    sim_free(content->pages);
    *content = (struct content){0};
}

void content_copy(struct content *to, const struct content *from)
{
    *to = *from;
    to->room = from->count;
    to->pages = from->count ? sim_new(from->count * sizeof *to->pages) : NULL;
    for (uint32_t i = 0; i < from->count; i++) {
        to->pages[i].index = from->pages[i].index;
        if (!from->pages[i].bytes)
            continue;
        to->pages[i].bytes = sim_new(CONTENT_PAGE);
        memcpy(to->pages[i].bytes, from->pages[i].bytes, CONTENT_PAGE);
    }
}

/* The place of the first page that is not before this one. */
static uint32_t place_of(const struct content *content, uint64_t index)
{
    uint32_t low = 0, high = content->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (content->pages[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The page, or NULL in a hole. */
static struct content_page *find(const struct content *content, uint64_t index)
{
    uint32_t place = place_of(content, index);
    bool     is_there = place < content->count && content->pages[place].index == index;
    return is_there ? &content->pages[place] : NULL;
}

static struct content_page *find_or_add(struct content *content, uint64_t index)
{
    uint32_t place = place_of(content, index);
    if (place < content->count && content->pages[place].index == index)
        return &content->pages[place];
    if (content->count == content->room) {
        uint32_t room = content->room ? content->room * 2 : 8;
        content->pages = sim_resize(content->pages, content->room * sizeof *content->pages,
                                    room * sizeof *content->pages);
        content->room = room;
    }
    struct content_page *page = &content->pages[place];
    memmove(page + 1, page, (content->count - place) * sizeof *page);
    content->count++;
    *page = (struct content_page){.index = index};
    return page;
}

/* How much of the range lies in the page of its first byte. */
static size_t in_page(uint64_t offset, size_t length)
{
    size_t there = CONTENT_PAGE - (size_t)(offset % CONTENT_PAGE);
    return length < there ? length : there;
}

void content_read(const struct content *content, uint64_t offset, void *data, size_t length)
{
    for (unsigned char *at = data; length;) {
        size_t                     piece = in_page(offset, length);
        const struct content_page *page = find(content, offset / CONTENT_PAGE);
        if (page && page->bytes)
            memcpy(at, page->bytes + offset % CONTENT_PAGE, piece);
        else
            memset(at, 0, piece);
        at += piece, offset += piece, length -= piece;
    }
}

void content_write(struct content *content, uint64_t offset, const void *data, size_t length)
{
    if (content->size < offset + length)
        content->size = offset + length;
    for (const unsigned char *at = data; length;) {
        size_t               piece = in_page(offset, length);
        struct content_page *page = find_or_add(content, offset / CONTENT_PAGE);
        if (!page->bytes)
            page->bytes = sim_new(CONTENT_PAGE);
        memcpy(page->bytes + offset % CONTENT_PAGE, at, piece);
        at += piece, offset += piece, length -= piece;
    }
}

void content_resize(struct content *content, uint64_t size)
{
    bool shrinks = size < content->size;
    content->size = size;
    if (!shrinks)
        return;
    uint32_t kept = place_of(content, (size + CONTENT_PAGE - 1) / CONTENT_PAGE);
    while (content->count > kept)
        sim_free(content->pages[--content->count].bytes);
    const struct content_page *last = find(content, size / CONTENT_PAGE);
    size_t                     used = (size_t)(size % CONTENT_PAGE);
    if (last && last->bytes)
        memset(last->bytes + used, 0, CONTENT_PAGE - used);
}

void content_reserve(struct content *content, uint64_t offset, uint64_t length)
{
    uint64_t last = (offset + length - 1) / CONTENT_PAGE;
    for (uint64_t index = offset / CONTENT_PAGE; index <= last; index++)
        find_or_add(content, index);
    if (content->size < offset + length)
        content->size = offset + length;
}

uint64_t content_missing(const struct content *content, uint64_t offset, uint64_t length)
{
    uint64_t first = offset / CONTENT_PAGE, beyond = (offset + length - 1) / CONTENT_PAGE + 1;
    return beyond - first - (place_of(content, beyond) - place_of(content, first));
}

uint64_t content_fitting(const struct content *content, uint64_t offset, uint64_t length,
                         uint64_t pages)
{
    if (!length || content_missing(content, offset, length) <= pages)
        return length;
    uint64_t index = offset / CONTENT_PAGE;
    while (find(content, index) || pages) {
        pages -= find(content, index) ? 0 : 1;
        index++;
    }
    return index * CONTENT_PAGE > offset ? index * CONTENT_PAGE - offset : 0;
}
