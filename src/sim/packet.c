/* SPDX-License-Identifier: MIT */
/* packet.c - bytes on their way, and the program's memory that they come from and go to. */
#include <string.h>

#include "net.h"

struct packet *packet_new(enum packet_kind kind, size_t length)
{
    struct packet *packet = sim_new(sizeof *packet + length);
    packet->kind = kind;
    packet->length = length;
    return packet;
}

void packet_free(struct packet *packet)
{
    for (uint32_t i = 0; i < packet->passed_count; i++)
        sim_release(packet->passed[i]);
    sim_free(packet->passed);
    sim_free(packet);
}

void packets_push(struct packets *packets, struct packet *packet)
{
    packet->next = NULL;
    if (packets->last)
        packets->last->next = packet;
    else
        packets->first = packet;
    packets->last = packet;
    packets->bytes += packet->length - packet->at;
    packets->count++;
}

struct packet *packets_take(struct packets *packets)
{
    struct packet *packet = packets->first;
    if (!packet)
        return NULL;
    packets->first = packet->next;
    if (!packets->first)
        packets->last = NULL;
    packets->bytes -= packet->length - packet->at;
    packets->count--;
    return packet;
}

/* What a packet passes may be the last reference to another socket, which then closes: the packet
 * has left the list by then. */
void packets_drop(struct packets *packets)
{
    for (struct packet *packet; (packet = packets_take(packets));)
        packet_free(packet);
}

void transfer_drop_passed(struct transfer *transfer)
{
    for (uint32_t i = 0; i < transfer->passed_count; i++)
        sim_release(transfer->passed[i]);
    sim_free(transfer->passed);
    transfer->passed = NULL;
    transfer->passed_count = 0;
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

void pieces_of_rest(struct pieces *pieces, const struct rest *rest)
{
    *pieces = (struct pieces){.buffers = rest->buffers,
                              .one = {rest->data, rest->length},
                              .count = rest->count,
                              .length = rest->length};
}

void pieces_of_message(struct pieces *pieces, const struct weir_msg *message)
{
    *pieces = (struct pieces){.buffers = message->buffers, .count = message->count};
    for (size_t i = 0; i < message->count; i++)
        pieces->length += message->buffers[i].length;
}

static void pieces_copy(const struct pieces *pieces, size_t at, void *in, const void *out,
                        size_t length)
{
    const struct weir_buf *buffer = pieces->count ? pieces->buffers : &pieces->one;
    for (size_t done = 0; done < length; at -= buffer->length, buffer++) {
        if (at >= buffer->length)
            continue;
        for (size_t part; done < length && at < buffer->length; at += part, done += part) {
            part = buffer->length - at < length - done ? buffer->length - at : length - done;
            char *memory = (char *)buffer->data + at;
            if (in)
                memcpy((char *)in + done, memory, part);
            else
                memcpy(memory, (const char *)out + done, part);
        }
    }
}

void pieces_read(const struct pieces *pieces, size_t at, void *data, size_t length)
{
    pieces_copy(pieces, at, data, NULL, length);
}

void pieces_write(const struct pieces *pieces, size_t at, const void *data, size_t length)
{
    pieces_copy(pieces, at, NULL, data, length);
}
