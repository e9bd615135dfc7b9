/* SPDX-License-Identifier: MIT */
/* address.c - fuzz target: addresses as text, both ways.
 *
 * The first byte chooses: text that is parsed, or the bytes of an address that is told. Oracles: a
 * second, simple reader of the grammar; what was read is told and read again; a told address is
 * text of exactly the length that was said, in exactly the room that was given. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fuzz.h"
#include "weir.h"

enum { ROOM = 150 }; /* of every told address, with its end: weir_address_format() */

static sa_family_t family_of(const struct weir_address *address)
{
    struct sockaddr any;
    memcpy(&any, address->data.bytes, sizeof any);
    return any.sa_family;
}

/* ---- A second reader ------------------------------------------------------------------------- */

/* One decimal number as the whole of [text, end), at most `most`; -1 for anything else. */
static long read_decimal(const char *text, const char *end, long most, size_t digits_max)
{
    long value = 0;
    if (text == end || (size_t)(end - text) > digits_max)
        return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value > most ? -1 : value;
}

/* Four decimal numbers with a dot between two, none with a zero in front. */
static bool reads_as_v4(const char *text, const char *end, uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        const char *stop = memchr(text, '.', (size_t)(end - text));
        if (i == 3)
            stop = end;
        if (!stop || (stop - text > 1 && *text == '0'))
            return false;
        long value = read_decimal(text, stop, 255, 3);
        if (value < 0)
            return false;
        bytes[i] = (uint8_t)value;
        text = stop + 1;
    }
    return true;
}

/* As the system's resolver reads it, without a zone. */
static bool reads_as_v6(const char *text, const char *end, struct in6_addr *found)
{
    struct addrinfo  hints = {.ai_family = AF_INET6, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *result;
    char             host[INET6_ADDRSTRLEN];
    size_t           length = (size_t)(end - text);
    if (!length || length >= sizeof host || memchr(text, '%', length))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (getaddrinfo(host, NULL, &hints, &result))
        return false;
    struct sockaddr_in6 name;
    memcpy(&name, result->ai_addr, sizeof name);
    *found = name.sin6_addr;
    freeaddrinfo(result);
    return true;
}

static bool is_v4(const struct weir_address *address, const uint8_t bytes[4], long port)
{
    struct sockaddr_in name;
    memcpy(&name, address->data.bytes, sizeof name);
    return address->length == sizeof name && name.sin_family == AF_INET &&
           ntohs(name.sin_port) == port && !memcmp(&name.sin_addr, bytes, 4);
}

static bool is_v6(const struct weir_address *address, const struct in6_addr *bytes, long port)
{
    struct sockaddr_in6 name;
    memcpy(&name, address->data.bytes, sizeof name);
    return address->length == sizeof name && name.sin6_family == AF_INET6 &&
           ntohs(name.sin6_port) == port && !memcmp(&name.sin6_addr, bytes, sizeof *bytes) &&
           !name.sin6_flowinfo && !name.sin6_scope_id;
}

/* What the text names, by the grammar in weir.h; compared with what weir made of it. */
static void check_number(const char *text, int result, const struct weir_address *address)
{
    const char     *end = text + strlen(text), *colon = strrchr(text, ':');
    long            port = colon ? read_decimal(colon + 1, end, 65535, 6) : -1;
    uint8_t         v4[4];
    struct in6_addr v6 = {{{0}}};
    if (port < 0)
        FUZZ_CHECK_EQ(result, WEIR_EINVAL);
    else if (colon == text)
        FUZZ_CHECK(!result && is_v6(address, &v6, port));
    else if (text[0] == '[' && colon[-1] == ']' && reads_as_v6(text + 1, colon - 1, &v6))
        FUZZ_CHECK(!result && is_v6(address, &v6, port));
    else if (text[0] != '[' && reads_as_v4(text, colon, v4))
        FUZZ_CHECK(!result && is_v4(address, v4, port));
    else
        FUZZ_CHECK_EQ(result, WEIR_EINVAL);
}

static void check_path(const char *path, int result, const struct weir_address *address)
{
    const size_t       room = sizeof(((struct sockaddr_un *)0)->sun_path);
    size_t             length = strlen(path);
    struct sockaddr_un name;
    memcpy(&name, address->data.bytes, sizeof name);
    if (!length) {
        FUZZ_CHECK_EQ(result, WEIR_EINVAL);
    } else if (length > room - (path[0] != '@')) {
        FUZZ_CHECK_EQ(result, WEIR_ENAMETOOLONG);
    } else {
        FUZZ_CHECK(!result && name.sun_family == AF_UNIX);
        FUZZ_CHECK_EQ(name.sun_path[0], path[0] == '@' ? '\0' : path[0]);
        FUZZ_CHECK(!memcmp(name.sun_path + 1, path + 1, length - 1));
    }
}

/* ---- Both ways ------------------------------------------------------------------------------- */

/* Told into exactly the room it needs, and into one byte less; -1, or the length. */
static int tell(const struct weir_address *address, char text[ROOM])
{
    int length = weir_address_format(address, text, ROOM);
    if (length < 0) {
        FUZZ_CHECK_EQ(length, WEIR_EINVAL);
        return -1;
    }
    FUZZ_CHECK(length < ROOM);
    FUZZ_CHECK_EQ(strlen(text), length);
    char *exact = malloc((size_t)length + 1);
    FUZZ_CHECK(exact);
    FUZZ_CHECK_EQ(weir_address_format(address, exact, (size_t)length + 1), length);
    FUZZ_CHECK(!strcmp(exact, text));
    FUZZ_CHECK_EQ(weir_address_format(address, exact, (size_t)length), WEIR_ERANGE);
    free(exact);
    return length;
}

static void parse(const uint8_t *data, size_t size)
{
    struct weir_address address = {0}, again = {0};
    char                told[ROOM], *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    int result = weir_address_parse(&address, text);
    if (!strncmp(text, "unix:", 5))
        check_path(text + 5, result, &address);
    else
        check_number(text, result, &address);
    if (!result) {
        FUZZ_CHECK(tell(&address, told) > 0);
        FUZZ_CHECK_EQ(weir_address_parse(&again, told), 0);
        FUZZ_CHECK_EQ(again.length, address.length);
        FUZZ_CHECK(!memcmp(again.data.bytes, address.data.bytes, sizeof again.data));
    }
    free(text);
}

/* An address that a peer or a kernel made: text that leads to the same place, or to none. What it
 * leaves out is a zone, a flow, and what lies behind the end of a path. */
static void format(const uint8_t *data, size_t size)
{
    struct weir_address address = {0}, again = {0};
    char                told[ROOM];
    if (!size)
        return;
    address.length = data[0];
    size = size - 1 < sizeof address.data ? size - 1 : sizeof address.data;
    memcpy(address.data.bytes, data + 1, size);
    if (tell(&address, told) < 0 || weir_address_parse(&again, told))
        return;
    FUZZ_CHECK_EQ(family_of(&again), family_of(&address));
    char second[ROOM];
    FUZZ_CHECK(tell(&again, second) > 0);
    FUZZ_CHECK(!strcmp(told, second));
    struct sockaddr_in  v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un  name, name_again;
    memcpy(&v4, address.data.bytes, sizeof v4);
    memcpy(&v6, address.data.bytes, sizeof v6);
    memcpy(&name, address.data.bytes, sizeof name);
    memcpy(&name_again, again.data.bytes, sizeof name);
    if (v4.sin_family == AF_INET)
        FUZZ_CHECK(is_v4(&again, (const uint8_t *)&v4.sin_addr, ntohs(v4.sin_port)));
    else if (v4.sin_family == AF_INET6)
        FUZZ_CHECK(is_v6(&again, &v6.sin6_addr, ntohs(v6.sin6_port)));
    else /* an abstract name is never told as a path, nor a path as a name */
        FUZZ_CHECK_EQ(!name_again.sun_path[0], !name.sun_path[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 0)
        format(data + 1, size - 1);
    else
        parse(data, size);
    return 0;
}
