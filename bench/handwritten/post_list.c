/* SPDX-License-Identifier: MIT */
/* post_list.c - the least that a post from any thread can be: a node is pushed onto a list by one
 * atomic exchange, and the list is taken by another, turned round, and its functions called. 64 at
 * a time; nobody sleeps. */
#include <stdatomic.h>
#include <stddef.h>

#include "../../tool/measure/work.h"

enum { POSTS = 64 };

struct node {
    struct node *next;
    void (*call)(struct node *node);
};

static struct work            work;
static _Atomic(struct node *) posted;
static int                    called;

static void on_called(struct node *node)
{
    called += node->call == on_called;
}

static void post(struct node *node)
{
    struct node *head = atomic_load_explicit(&posted, memory_order_relaxed);
    node->call = on_called;
    do
        node->next = head;
    while (!atomic_compare_exchange_weak_explicit(&posted, &head, node, memory_order_release,
                                                  memory_order_relaxed));
}

static void run_posted(void)
{
    struct node *node = atomic_exchange_explicit(&posted, NULL, memory_order_acquire);
    struct node *first = NULL;
    while (node) {
        struct node *next = node->next;
        node->next = first;
        first = node;
        node = next;
    }
    for (; first; first = node) {
        node = first->next;
        first->call(first);
    }
}

int main(int argc, char **argv)
{
    static struct node nodes[POSTS];
    if (work_open(&work, argc, argv) != 1)
        return 2;
    work_begin(&work);
    do {
        called = 0;
        for (int i = 0; i < POSTS; i++)
            post(&nodes[i]);
        run_posted();
        if (called != POSTS)
            work_fail(&work, "not everything that was posted was called", 0);
    } while (work_done(&work, POSTS, clock_ns()));
    return work_end(&work);
}
