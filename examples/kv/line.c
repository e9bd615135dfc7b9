/* SPDX-License-Identifier: MIT */
/* line.c - a connection that speaks in lines. What is said while something is being sent waits, and
 * goes out in one piece after it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv.h"

#define WAITING_MAX 65536u /* who takes so little is given up */

void line_free(struct line *line)
{
    free(line->sending);
    free(line->waiting);
    line->sending = line->waiting = NULL;
}

static void on_closed(struct weir_handle *sock)
{
    struct line *line = weir_of(sock, struct line, sock);
    line_free(line);
    line->gone(line);
}

void line_end(struct line *line)
{
    weir_close(&line->sock, on_closed);
}

static bool is_open(const struct line *line)
{
    return weir_handle_kind(&line->sock) != WEIR_HANDLE_NONE && line->heard;
}

/* ---- Out ------------------------------------------------------------------------------------- */

static void send_waiting(struct line *line);

static void on_sent(struct weir_op *op)
{
    struct line *line = weir_of(op, struct line, out);
    if (op->result < 0 || op->error)
        line_end(line);
    else
        send_waiting(line);
}

static void send_waiting(struct line *line)
{
    char *sent = line->sending;
    line->sending = line->waiting;
    line->sending_length = line->waiting_length;
    line->waiting = sent;
    line->waiting_length = 0;
    if (line->sending_length)
        weir_send(&line->out, &line->sock, line->sending, line->sending_length, WEIR_ALL, on_sent);
}

void line_say(struct line *line, const char *format, ...)
{
    char    text[LINE_ROOM];
    va_list arguments;
    if (!is_open(line))
        return;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *grown = realloc(line->waiting, line->waiting_length + length);
    if (grown)
        line->waiting = grown;
    if (!grown || length >= sizeof text || line->waiting_length + length > WAITING_MAX) {
        line_end(line);
        return;
    }
    memcpy(line->waiting + line->waiting_length, text, length);
    line->waiting_length += length;
    if (weir_ended(&line->out))
        send_waiting(line);
}

/* ---- In -------------------------------------------------------------------------------------- */

/* Hears every whole line; what is left begins the next. */
static void hear(struct line *line)
{
    char *from = line->in_text, *end;
    while ((end = memchr(from, '\n', line->in_length - (size_t)(from - line->in_text)))) {
        *end = '\0';
        line->heard(line, from);
        from = end + 1;
    }
    line->in_length -= (size_t)(from - line->in_text);
    memmove(line->in_text, from, line->in_length);
}

static void on_received(struct weir_op *op)
{
    struct line *line = weir_of(op, struct line, in);
    if (op->result <= 0) {
        line_end(line);
        return;
    }
    line->in_length += (size_t)op->result;
    hear(line);
    if (line->in_length == sizeof line->in_text) /* no line is as long */
        line_end(line);
    else
        weir_recv(&line->in, &line->sock, line->in_text + line->in_length,
                  sizeof line->in_text - line->in_length, 0, on_received);
}

void line_begin(struct line *line, line_heard *heard)
{
    line->heard = heard;
    weir_recv(&line->in, &line->sock, line->in_text, sizeof line->in_text, 0, on_received);
}
