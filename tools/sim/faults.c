#include "tools/sim/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND(member, usual, max, meaning)                                                          \
    {                                                                                              \
#member, offsetof(struct th_faults, member), usual, max, meaning                           \
    }

const struct th_fault_kind th_fault_kinds[] = {
    KIND(rtt, 80, 10000, "ms, median of round trips"),
    KIND(jitter, 5, 1000, "percent of a datagram's way, added by chance"),
    KIND(loss, 0, 1000, "per mille of datagrams that are lost"),
    KIND(dup, 0, 1000, "per mille that arrive twice"),
    KIND(reorder, 0, 1000, "per mille that come up to a round trip late"),
    KIND(corrupt, 0, 1000, "per mille in which one byte is wrong"),
    KIND(rate, 0, 1000000000, "bytes a second that a node can send, with a queue of 200 ms"),
    KIND(delay, 0, 10000, "ms, longest from a message to the turn of its server"),
    KIND(stall, 0, 60000, "ms, longest that a server does not run, one turn in 1000"),
    KIND(nat, 0, 1000, "per mille of nodes behind a NAT, of all kinds alike"),
    KIND(skew, 0, 2000000000, "ms, longest by which a clock is wrong, either way"),
    KIND(null, 0, 1, "1: the cipher set without secrets, for many nodes"),
    KIND(liars, 200, 900, "per mille of nodes that lie, in the scenario liars"),
    KIND(dead, 200, 900, "per mille of nodes that die at once, in the scenario dead"),
    KIND(seeds, 1, 16, "nodes that all others know at first"),
    KIND(lookups, 1000, 10000000, "random lookups, while something happens and again at the end"),
    KIND(bytes, 2000000, 1000000000, "of the largest transfer, in the scenario stream"),
    KIND(within, 0, 2000000000, "ms in which the nodes start, in the scenario cold; 0: at once"),
    KIND(idle, 0, 86400, "s after which nodes end a line that nobody uses; 0: 120"),
    KIND(k, 0, 64, "links that nodes want in each bucket; 0: 8"),
    KIND(length, 0, 2000000000, "ms that the run lasts; 0: the scenario's own"),
    KIND(rest, 70, 1440, "minutes at most until tables are full at the end; 0: nobody waits"),
    {0},
};

uint32_t *th_fault_of(struct th_faults *faults, const struct th_fault_kind *kind)
{
    return (uint32_t *)(void *)((char *)faults + kind->offset);
}

void th_faults_init(struct th_faults *faults)
{
    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++)
        *th_fault_of(faults, kind) = kind->usual;
}

static bool read_number(uint32_t *out, const char *text, uint32_t max)
{
    char *end;
    unsigned long long value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    value = strtoull(text, &end, 10);
    if (*end != 0 || value > max)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool read_one(struct th_faults *faults, const char *part)
{
    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++) {
        size_t len = strlen(kind->name);
        if (strncmp(part, kind->name, len) == 0 && part[len] == '=')
            return read_number(th_fault_of(faults, kind), part + len + 1, kind->max);
    }
    return false;
}

bool th_faults_read(struct th_faults *faults, const char *text, char *wrong)
{
    struct th_faults read;

    th_faults_init(&read);
    while (*text) {
        size_t len = strcspn(text, ",");
        snprintf(wrong, TH_FAULTS_TEXT_MAX, "%.*s", (int)(len < 128 ? len : 128), text);
        if (!read_one(&read, wrong))
            return false;
        text += len;
        if (*text == ',' && *++text == 0)
            return false;
    }
    *faults = read;
    return true;
}

void th_faults_write(const struct th_faults *faults, char text[TH_FAULTS_TEXT_MAX])
{
    struct th_faults copy = *faults;
    size_t len = 0;

    text[0] = 0;
    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++) {
        uint32_t value = *th_fault_of(&copy, kind);
        if (value != kind->usual)
            len += (size_t)snprintf(text + len, TH_FAULTS_TEXT_MAX - len, "%s%s=%" PRIu32,
                                    len ? "," : "", kind->name, value);
    }
}
