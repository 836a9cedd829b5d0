/* A fleet with damaged columns and counts: nf_fleet_check() and nf_derive() refuse it, or all that is
 * asked of it is as safe as with any other. */
#include <stdbool.h>
#include <string.h>

#include "calls.h"
#include "holds.h"

static uint32_t how_many(void) {
    uint32_t n = 0;
    while (nf_column(n)) n++;
    return n;
}

/* A count falls: how long the columns are is the caller's word, so that none may rise but those
 * that no column's length is made of. */
static void damage_count(nf_fleet *f, bytes *b) {
    uint32_t n = 0;
    while (nf_count(n)) n++;
    const nf_count_info *count = nf_count(below(b, n));
    char *at = (char *)f + count->offset;
    bool longer = !strncmp(count->name, "max_", 4) && strcmp(count->name, "max_threads");
    uint64_t value = 0;
    memcpy(&value, at, count->size); /* the low bytes come first */
    value = longer ? below(b, 2000) : below(b, (uint32_t)value + 1);
    memcpy(at, &value, count->size);
}

/* Some bytes of a column: a bit, or values at the ends of their range. */
static void damage_column(nf_fleet *f, bytes *b) {
    static const uint8_t ENDS[] = {0x00, 0x7f, 0x80, 0xff, 0x01, 0xfe};
    uint64_t shape[2];
    uint8_t *data;
    uint32_t which = below(b, how_many());
    const nf_column_info *column = nf_column(which);
    nf_column_shape(f, which, shape);
    memcpy(&data, (char *)f + column->offset, sizeof data);
    uint64_t bytes_there = shape[0] * shape[1] * column->size;
    if (!bytes_there) return;
    uint32_t at = below(b, (uint32_t)bytes_there);
    if (below(b, 2)) {
        data[at] ^= (uint8_t)(1u << below(b, 8));
        return;
    }
    uint32_t size = column->type == NF_LAYOUT_STRUCT ? 4 : column->size;
    at -= at % size;
    for (uint32_t i = 0; i < size; i++) data[at + i] = ENDS[below(b, sizeof ENDS)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes b = {data, size};
    const char *reason = NULL;
    world w;
    world_make(&w, &b);
    nf_fleet sound = w.fleet; /* whose counts say what is to be freed */
    for (uint32_t n = 1 + below(&b, 3); n; n--) {
        if (now_and_then(&b, 4))
            damage_count(&w.fleet, &b);
        else
            damage_column(&w.fleet, &b);
    }
    uint32_t first = below(&b, w.fleet.n_cells + 2);
    nf_status derived = nf_derive(&w.fleet, first, below(&b, w.fleet.n_cells + 2), &reason);
    HOLDS(derived == NF_OK || reason);
    if (now_and_then(&b, 2)) nf_derive(&w.fleet, 0, w.fleet.n_cells, &reason);
    reason = NULL;
    if (nf_fleet_check(&w.fleet, &reason) == NF_OK)
        play_calls(&w.fleet, &b);
    else
        HOLDS(reason && *reason);
    w.fleet = sound;
    world_free(&w);
    return 0;
}
