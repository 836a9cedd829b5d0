/* Hosts of a fleet at work become others, come and go: what is refused changes nothing, what is
 * accepted stands there as it was given. */
#include "changes.h"

#include <stdlib.h>
#include <string.h>

#include "holds.h"

static void *data_of(const nf_fleet *f, const nf_column_info *column) {
    void *data;
    memcpy(&data, (const char *)f + column->offset, sizeof data);
    return data;
}

static bool says_where(const nf_column_info *column) {
    static const char *const NAMES[] = {"host_first_cell", "host_end_cell", "host_first_pool",
                                        "host_end_pool", "cell_host", "pool_host", "cell_mask_at",
                                        "host_generation"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(column->name, NAMES[i])) return true;
    return false;
}

/* All columns, or but for where a host stands and how often it has changed. */
static uint64_t digest(const nf_fleet *f, bool everything) {
    const nf_column_info *column;
    uint64_t sum = 14695981039346656037u;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        const unsigned char *data = data_of(f, column);
        if (!everything && says_where(column)) continue;
        nf_column_shape(f, i, shape);
        for (size_t n = 0; n < shape[0] * shape[1] * column->size; n++)
            sum = (sum ^ data[n]) * 1099511628211u;
    }
    return sum ^ f->n_hosts;
}

/* One host as a fleet of its own; its memory is to be freed. */
static void *copy_of(const nf_shared *s, uint32_t host, nf_fleet *copy) {
    nf_scratch memory = {.bytes = nf_host_copy_bytes(s->fleet)};
    memory.memory = malloc(memory.bytes);
    HOLDS(memory.memory && nf_shared_copy_host(s, host, &memory, copy) == NF_OK);
    return memory.memory;
}

/* A byte of what is the host's is another one. */
static void damage(nf_fleet *copy, bytes *b) {
    const nf_column_info *column;
    uint64_t shape[2];
    uint32_t n = 0;
    while (nf_column(n)) n++;
    uint32_t which = below(b, n);
    column = nf_column(which);
    nf_column_shape(copy, which, shape);
    uint64_t length = shape[0] * shape[1] * column->size;
    if (column->per >= NF_PER_LAYOUT && column->per != NF_PER_MASK_WORD) return; /* the fleet's own */
    if (length) ((unsigned char *)data_of(copy, column))[below(b, (uint32_t)length)] ^= 1u << below(b, 8);
}

static bool rows_are_free(const uint32_t *owner, uint32_t n, uint32_t first, uint32_t count,
                          uint32_t host) {
    if (first > n || count > n - first) return false;
    for (uint32_t row = first; row < first + count; row++)
        if (owner[row] != NF_NO_HOST && owner[row] != host) return false;
    return true;
}

static bool place_is_free(const nf_fleet *f, const nf_fleet *one, const nf_place *at,
                          uint32_t host) {
    uint64_t words = 0;
    if (!rows_are_free(f->pool_host, f->n_pools, at->first_pool, one->n_pools, host)) return false;
    if (!rows_are_free(f->cell_host, f->n_cells, at->first_cell, one->n_cells, host)) return false;
    if (!one->n_cells) return true;
    for (uint32_t c = 0; c < one->n_cells; c++) words += f->layouts[one->cell_layout[c]].n_words;
    uint32_t end = at->first_cell + one->n_cells;
    uint64_t last = end < f->n_cells ? f->cell_mask_at[end] : f->n_mask_words;
    return words <= last - f->cell_mask_at[at->first_cell];
}

static bool replace(const nf_shared *s, const bool *busy, bytes *b) {
    const nf_fleet *f = s->fleet;
    bool room = f->n_hosts < f->host_room && f->n_hosts < MOST_HOSTS;
    uint32_t host = below(b, f->n_hosts + room), from = below(b, f->n_hosts);
    bool is_new = host == f->n_hosts, held = !is_new && busy[host];
    nf_fleet one;
    nf_place place = {below(b, f->n_cells + 1), below(b, f->n_pools + 1)};
    if (!is_new && below(b, 2)) place = (nf_place){f->host_first_cell[host], f->host_first_pool[host]};
    void *memory = copy_of(s, held ? host : from, &one);
    bool damaged = !held && now_and_then(b, 3);
    if (damaged) damage(&one, b);
    bool may = damaged || place_is_free(f, &one, &place, host);
    uint64_t before = digest(f, true), given = digest(&one, false);
    uint64_t generation = held ? one.host_generation[0] : NF_ANY_GENERATION;
    const char *reason = NULL;
    nf_status status = nf_shared_replace(s, host, &one, &place, generation, &reason);
    HOLDS((status == NF_OK) == !reason);
    if (status != NF_OK) {
        HOLDS((status == NF_EINVAL || status == NF_ESPACE) && (damaged || !may));
        HOLDS(digest(f, true) == before);
    } else {
        HOLDS(may);
        if (is_new) HOLDS(nf_shared_publish(s, host + 1, NULL) == NF_OK);
        free(memory);
        memory = copy_of(s, host, &one);
        /* derived columns of the copy that was damaged may have been what was damaged */
        if (!damaged) HOLDS(digest(&one, false) == given);
    }
    free(memory);
    return status == NF_OK;
}

bool change_fleet(const nf_shared *s, const bool *busy, bytes *b) {
    uint32_t host;
    if (!s->fleet->n_hosts) return false;
    if (below(b, 4)) return replace(s, busy, b);
    host = below(b, s->fleet->n_hosts);
    if (busy[host]) return false;
    HOLDS(nf_shared_remove(s, host) == NF_OK);
    return true;
}
