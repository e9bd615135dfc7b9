/* SPDX-License-Identifier: MIT */
/* address.c - addresses as text, both ways, hostile text included. */
#include <string.h>

#include "os/socket_names.h"
#include "unit.h"
#include "weir.h"

/* Text that is taken, and what it is when it is told again. */
static const struct {
    const char *text, *told;
    int         family;
} good[] = {
    {"127.0.0.1:80", "127.0.0.1:80", AF_INET},
    {"0.0.0.0:0", "0.0.0.0:0", AF_INET},
    {"255.255.255.255:65535", "255.255.255.255:65535", AF_INET},
    {"[::1]:80", "[::1]:80", AF_INET6},
    {"[::]:1", "[::]:1", AF_INET6},
    {":8080", "[::]:8080", AF_INET6},
    {"[fe80::1:2]:5", "[fe80::1:2]:5", AF_INET6},
    {"[0:0:0:0:0:0:0:1]:80", "[::1]:80", AF_INET6},
    {"[2001:DB8::A]:443", "[2001:db8::a]:443", AF_INET6},
    {"[::ffff:1.2.3.4]:9", "[::ffff:1.2.3.4]:9", AF_INET6},
    {"1.2.3.4:007", "1.2.3.4:7", AF_INET},
    {"unix:/tmp/socket", "unix:/tmp/socket", AF_UNIX},
    {"unix:relative", "unix:relative", AF_UNIX},
    {"unix:/with:colons:80", "unix:/with:colons:80", AF_UNIX},
    {"unix:@abstract", "unix:@abstract", AF_UNIX},
};

/* Text that is refused with WEIR_EINVAL. */
static const char *const bad[] = {
    "",
    ":",
    "80",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:99999999999999999999",
    "127.0.0.1:-1",
    "127.0.0.1:+1",
    "127.0.0.1: 80",
    "127.0.0.1:80 ",
    " 127.0.0.1:80",
    "127.0.0.1:0x50",
    "127.0.0.1:8o",
    "127.0.0:80",
    "127.1:80",
    "256.0.0.1:80",
    "1.2.3.4.5:80",
    "1.2.3.4\n:80",
    "localhost:80",
    "::1:80",
    "::1",
    "[::1]",
    "[::1]80",
    "[::1]:",
    "[::1]:http",
    "[::1",
    "[]:80",
    "[:80",
    "]:80",
    "[[::1]]:80",
    "[127.0.0.1]:80",
    "[::1]x:80",
    "x[::1]:80",
    "[::g]:80",
    "[1:2:3:4:5:6:7:8:9]:80",
    "[fe80::1%lo]:80",
    "unix:",
    "UNIX:/tmp/x",
    "http://127.0.0.1:80",
    "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "]:1",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "a:1",
};

static int family_of(const struct weir_address *address)
{
    struct sockaddr any;
    memcpy(&any, address->data.bytes, sizeof any);
    return any.sa_family;
}

static void table(void)
{
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        struct weir_address address, again;
        char                text[150];
        CHECK_EQ(weir_address_parse(&address, good[i].text), 0);
        CHECK_EQ(family_of(&address), good[i].family);
        CHECK(address.length > 0 && address.length <= sizeof address.data);
        int length = weir_address_format(&address, text, sizeof text);
        CHECK_EQ(length, (int)strlen(good[i].told));
        CHECK(!strcmp(text, good[i].told));
        CHECK_EQ(weir_address_parse(&again, text), 0);
        CHECK_EQ(again.length, address.length);
        CHECK(!memcmp(again.data.bytes, address.data.bytes, address.length));
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct weir_address address = {0};
        int                 result = weir_address_parse(&address, bad[i]);
        if (result != WEIR_EINVAL)
            printf("\"%s\" is not refused\n", bad[i]);
        CHECK_EQ(result, WEIR_EINVAL);
    }
}

/* Paths end in a zero byte; abstract names begin with one, and may fill their room. */
static void name_lengths(char first, size_t most)
{
    char text[400], told[150];
    for (size_t length = 1; length < 300; length++) {
        struct weir_address address;
        memcpy(text, "unix:", 5);
        text[5] = first;
        memset(text + 6, 'p', length - 1);
        text[5 + length] = '\0';
        CHECK_EQ(weir_address_parse(&address, text), length <= most ? 0 : WEIR_ENAMETOOLONG);
        if (length > most)
            continue;
        CHECK_EQ(weir_address_format(&address, told, sizeof told), (int)(5 + length));
        CHECK(!strcmp(text, told));
    }
}

/* No room is overrun: one byte less than needed is WEIR_ERANGE, and nothing is written beyond. */
static void rooms(void)
{
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        struct weir_address address;
        size_t              needed = strlen(good[i].told) + 1;
        CHECK_EQ(weir_address_parse(&address, good[i].text), 0);
        for (size_t room = 0; room <= needed; room++) {
            char text[160];
            memset(text, '#', sizeof text);
            CHECK_EQ(weir_address_format(&address, text, room),
                     room < needed ? WEIR_ERANGE : (int)needed - 1);
            for (size_t k = room; k < sizeof text; k++)
                CHECK_EQ(text[k], '#');
        }
    }
}

/* Addresses that nobody should pass, but that a peer or a bug may have made. */
static void strange_addresses(void)
{
    char                text[150];
    struct weir_address address = {0};
    CHECK_EQ(weir_address_format(&address, text, sizeof text), WEIR_EINVAL);
    address.length = 1000;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), WEIR_EINVAL);
    CHECK_EQ(weir_address_parse(&address, "1.2.3.4:5"), 0);
    address.length = 4;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), WEIR_EINVAL);
    struct sockaddr any = {.sa_family = (sa_family_t)250};
    memcpy(address.data.bytes, &any, sizeof any);
    address.length = sizeof any;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), WEIR_EINVAL);
    /* A unix socket without a name, and a path that fills its field without an end. */
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(address.data.bytes, &name, sizeof name);
    address.length = offsetof(struct sockaddr_un, sun_path);
    CHECK_EQ(weir_address_format(&address, text, sizeof text), 5);
    CHECK(!strcmp(text, "unix:"));
    memset(name.sun_path, 'q', sizeof name.sun_path);
    memcpy(address.data.bytes, &name, sizeof name);
    address.length = sizeof name;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), 5 + (int)sizeof name.sun_path);
    CHECK_EQ(strlen(text), 5 + sizeof name.sun_path);
}

/* A text leads back to the same socket, or there is none: names are no paths, and no zero byte in a
 * peer's name cuts off what is told of it. */
static void names_and_paths(void)
{
    char                text[150];
    struct weir_address address = {0}, again;
    struct sockaddr_un  name = {.sun_family = AF_UNIX, .sun_path = "@folder/x"};
    memcpy(address.data.bytes, &name, sizeof name);
    address.length = (uint32_t)offsetof(struct sockaddr_un, sun_path) + 10;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), 16);
    CHECK(!strcmp(text, "unix:./@folder/x"));
    CHECK_EQ(weir_address_format(&address, text, 16), WEIR_ERANGE);
    CHECK_EQ(weir_address_parse(&again, text), 0);
    CHECK(!strcmp((const char *)again.data.bytes + offsetof(struct sockaddr_un, sun_path),
                  "./@folder/x"));
    memcpy(name.sun_path, "\0one\0two", 8);
    memcpy(address.data.bytes, &name, sizeof name);
    address.length = (uint32_t)offsetof(struct sockaddr_un, sun_path) + 8;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), WEIR_EINVAL);
    address.length -= 4;
    CHECK_EQ(weir_address_format(&address, text, sizeof text), 9);
    CHECK(!strcmp(text, "unix:@one"));
}

/* Bytes at random, mostly from the letters of addresses: always an answer, and what is taken comes
 * back as it was. */
static void hostile_text(void)
{
    static const char letters[] = "0123456789abcdef.:[]@/%unix \n\xff";
    uint64_t          seed = 7;
    for (int i = 0; i < 200000; i++) {
        struct weir_address address, again;
        char                text[64], told[150];
        size_t              length = unit_below(&seed, sizeof text - 1);
        for (size_t k = 0; k < length; k++)
            text[k] = letters[unit_random(&seed) % (sizeof letters - 1)];
        text[length] = '\0';
        int result = weir_address_parse(&address, text);
        CHECK(result == 0 || result == WEIR_EINVAL || result == WEIR_ENAMETOOLONG);
        if (result)
            continue;
        CHECK(weir_address_format(&address, told, sizeof told) > 0);
        CHECK_EQ(weir_address_parse(&again, told), 0);
        CHECK_EQ(again.length, address.length);
        CHECK(!memcmp(again.data.bytes, address.data.bytes, address.length));
    }
}

int main(void)
{
    table();
    name_lengths('/', sizeof((struct sockaddr_un *)0)->sun_path - 1);
    name_lengths('@', sizeof((struct sockaddr_un *)0)->sun_path);
    rooms();
    strange_addresses();
    names_and_paths();
    hostile_text();
    puts("ok");
    return 0;
}
