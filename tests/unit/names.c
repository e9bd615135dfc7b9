/* SPDX-License-Identifier: MIT */
/* names.c - every error, op, handle kind and server has a name of its own; errors have a
 * sentence. */
#include <ctype.h>
#include <string.h>

#include "unit.h"
#include "weir.h"

#define NUMBER(name, text) WEIR_##name,
#define NUMBER_OWN(name, number, text) WEIR_##name,
static const int errors[] = {WEIR_ERRORS_PLATFORM(NUMBER) WEIR_ERRORS_OWN(NUMBER_OWN)};
#define COUNT (int)(sizeof errors / sizeof *errors)

static void check_unique(const char *(*name)(int), int count)
{
    for (int i = 0; i < count; i++) {
        CHECK(name(i) != NULL && name(i)[0] != '\0');
        for (int k = 0; k < i; k++)
            CHECK(strcmp(name(i), name(k)) != 0);
    }
}

static const char *error_name(int i)
{
    return weir_error_name(errors[i]);
}

static const char *error_text(int i)
{
    return weir_error_text(errors[i]);
}

static const char *op_name(int i)
{
    return weir_op_name((enum weir_op_kind)i);
}

static const char *kind_name(int i)
{
    return weir_handle_kind_name((enum weir_handle_kind)i);
}

static const char *served_name(int i)
{
    return weir_served_name((enum weir_served)i);
}

static void errors_have_names(void)
{
    check_unique(error_name, COUNT);
    check_unique(error_text, COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK(errors[i] < 0);
        CHECK(error_name(i)[0] == 'E');
        /* A sentence that can follow a colon: no capital, no full stop. */
        size_t length = strlen(error_text(i));
        CHECK(length > 5 && error_text(i)[length - 1] != '.');
        CHECK(!isupper((unsigned char)error_text(i)[0]));
        for (int k = 0; k < i; k++)
            CHECK(errors[i] != errors[k]);
    }
    CHECK(!strcmp(weir_error_name(-ECONNRESET), "ECONNRESET"));
    CHECK(!strcmp(weir_error_name(WEIR_EDEADLINE), "EDEADLINE"));
    CHECK(!strcmp(weir_error_text(WEIR_EDEADLINE), "the deadline given to weir passed"));
    CHECK(WEIR_ECONNRESET == -ECONNRESET);
    CHECK(WEIR_EDEADLINE <= -10001 && WEIR_ENOENGINE <= -10001);
}

/* Whatever number comes, a name and a sentence come back. */
static void strange_numbers_have_names(void)
{
    static const int64_t strange[] = {
        0,      1,         INT64_MAX, INT64_MIN, INT32_MIN,          -100000,
        -10000, -10000000, -4095,     -512,      -(int64_t)INT32_MAX};
    for (unsigned i = 0; i < sizeof strange / sizeof *strange; i++) {
        CHECK(weir_error_name(strange[i]) != NULL && weir_error_name(strange[i])[0] != '\0');
        CHECK(weir_error_text(strange[i]) != NULL && weir_error_text(strange[i])[0] != '\0');
    }
    for (int64_t number = 1; number < 200; number++)
        CHECK(weir_error_name(-number) != NULL);
    /* Unknown ones are told as such: by none of the names that mean something else. */
    for (int i = 0; i < COUNT; i++)
        CHECK(strcmp(weir_error_name(-4000), error_name(i)) != 0);
    CHECK(strcmp(weir_error_name(-4000), weir_error_name(0)) != 0);
    CHECK(weir_op_name((enum weir_op_kind)WEIR_OP_KINDS) != NULL);
    CHECK(weir_op_name((enum weir_op_kind)10000) != NULL);
    CHECK(weir_handle_kind_name((enum weir_handle_kind)10000) != NULL);
    CHECK(weir_served_name((enum weir_served)10000) != NULL);
}

static void kinds_have_names(void)
{
    check_unique(op_name, WEIR_OP_KINDS);
    check_unique(kind_name, WEIR_HANDLE_KINDS);
    check_unique(served_name, WEIR_SERVED_KINDS);
    CHECK(!strcmp(weir_op_name(WEIR_OP_RECV), "recv"));
    CHECK(!strcmp(weir_op_name(WEIR_OP_RECV_POOLED), "recv-pooled"));
    CHECK(!strcmp(weir_op_name(WEIR_OP_MOVE), "move"));
    CHECK(!strcmp(weir_handle_kind_name(WEIR_HANDLE_PIPE), "pipe"));
    CHECK(!strcmp(weir_served_name(WEIR_SERVED_READY), "ready"));
}

/* The sizes that the header promises, on 64-bit platforms. */
static void sizes_are_kept(void)
{
    if (sizeof(void *) != 8)
        return;
    CHECK(sizeof(struct weir_op) <= 128);
    CHECK(sizeof(struct weir_handle) <= 80);
}

int main(void)
{
    errors_have_names();
    strange_numbers_have_names();
    kinds_have_names();
    sizes_are_kept();
    puts("ok");
    return 0;
}
