/*
 * A copy of one host, to place guests on without touching the fleet, or to look at while others
 * claim and change hosts. Copied is what claims change, and columns in which the host's values do
 * not stand side by side; in a whole copy all that is the host's. The rest points into the fleet.
 */
#include "host_copy.h"

#include "fit.h"

/* Values of a column that the copy of a host with so many cells and pools has for its own. */
static inline size_t copied(const nf_fleet *f, size_t offset, nf_per per, bool own,
                            uint32_t cells, uint32_t pools) {
    own |= nf_says_where(offset);
    switch (per) {
    case NF_PER_HOST: return own;
    case NF_PER_RESOURCE_HOST: return f->n_resources;
    case NF_PER_CELL: return own ? cells : 0;
    case NF_PER_CELL_NET: return own ? (size_t)cells * f->net_words : 0;
    case NF_PER_PAGE_CELL: return (size_t)cells * f->n_page_sizes;
    case NF_PER_THREAD_CELL: return (size_t)cells * f->max_threads;
    case NF_PER_POOL: return own ? pools : 0;
    case NF_PER_MASK_WORD: return (size_t)cells * f->max_words;
    default: return 0;
    }
}

/* Asked in every call that may need a copy: what does not depend on the fleet is known to the
 * compiler. */
static inline void lay_out(nf_fleet *copy, const nf_fleet *f, uint32_t cells, uint32_t pools,
                           bool whole, nf_arena *a) {
#define LAY_OUT(field, per, derived)                                                              \
    {                                                                                             \
        bool own = whole || NF_CLAIMED(field);                                                    \
        size_t n = copied(f, offsetof(nf_fleet, field), per, own, cells, pools);                  \
        if (n) copy->field = nf_carve(a, n, sizeof *copy->field);                                 \
    }
    // cppcheck-suppress nullPointer ; NF_CLAIMED() asks a field's type, and reads nothing
    NF_COLUMNS(LAY_OUT)
}

size_t nf_host_copy_size(const nf_fleet *f, bool whole) {
    nf_fleet copy;
    nf_arena a = {NULL, 0};
    lay_out(&copy, f, f->max_cells, f->max_pools, whole, &a);
    return a.used;
}

size_t nf_host_copy_bytes(const nf_fleet *f) { return f ? nf_host_copy_size(f, true) : 0; }

/* n values from the first on: copied, or pointed to. */
static void take_slice(nf_fleet *copy, const nf_fleet *f, const nf_column_info *c, size_t first,
                       size_t n, bool whole) {
    const char *from = (const char *)nf_column_data(f, c) + first * c->size;
    if (!n) return;
    if (whole || c->claimed)
        memcpy(nf_column_data(copy, c), from, n * c->size);
    else
        nf_set_column(copy, c, from);
}

/* n values from the first on of each row; length: of the fleet's rows. */
static void take_rows(nf_fleet *copy, const nf_fleet *f, const nf_column_info *c, uint32_t rows,
                      uint32_t length, uint32_t first, uint32_t n) {
    const char *from = (const char *)nf_column_data(f, c) + (size_t)first * c->size;
    char *to = nf_column_data(copy, c);
    for (uint32_t r = 0; r < rows && n; r++)
        memcpy(to + (size_t)r * n * c->size, from + (size_t)r * length * c->size, n * c->size);
}

/* A fleet of one host: its cells and pools begin at 0. */
static void take_places(nf_fleet *copy, uint32_t cells, uint32_t pools) {
#define SET(field, value) *(uint32_t *)(uintptr_t)copy->field = (value)
    SET(host_first_cell, 0);
    SET(host_end_cell, cells);
    SET(host_first_pool, 0);
    SET(host_end_pool, pools);
    memset((uint32_t *)(uintptr_t)copy->cell_host, 0, cells * sizeof *copy->cell_host);
    memset((uint32_t *)(uintptr_t)copy->pool_host, 0, pools * sizeof *copy->pool_host);
}

static void take_masks(nf_fleet *copy, const nf_fleet *f, uint32_t first, uint32_t cells) {
    uint64_t *at = (uint64_t *)(uintptr_t)copy->cell_mask_at, words = 0;
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t n = f->layouts[f->cell_layout[first + i]].n_words;
        at[i] = words;
        nf_mask_copy(copy->pinned + words, f->pinned + f->cell_mask_at[first + i], n);
        words += n;
    }
    copy->n_mask_words = words;
}

void nf_host_copy_make(nf_fleet *copy, const nf_fleet *f, uint32_t host, bool whole, void *memory) {
    uint32_t first = f->host_first_cell[host], cells = nf_host_cells(f, host);
    uint32_t pool = f->host_first_pool[host], pools = nf_host_pools(f, host);
    const nf_column_info *c;
    nf_arena a = {memory, 0};
    *copy = *f;
    copy->n_hosts = copy->host_room = 1;
    copy->n_cells = copy->max_cells = cells;
    copy->n_pools = copy->max_pools = pools;
    lay_out(copy, f, cells, pools, whole, &a);
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++) {
        if (nf_says_where(c->offset)) continue;
        switch ((nf_per)c->per) {
        case NF_PER_HOST: take_slice(copy, f, c, host, 1, whole); break;
        case NF_PER_CELL: take_slice(copy, f, c, first, cells, whole); break;
        case NF_PER_CELL_NET:
            take_slice(copy, f, c, (size_t)first * f->net_words, (size_t)cells * f->net_words,
                       whole);
            break;
        case NF_PER_PAGE_CELL:
            take_rows(copy, f, c, f->n_page_sizes, f->n_cells, first, cells);
            break;
        case NF_PER_THREAD_CELL:
            take_rows(copy, f, c, f->max_threads, f->n_cells, first, cells);
            break;
        case NF_PER_RESOURCE_HOST:
            take_rows(copy, f, c, f->n_resources, f->host_room, host, 1);
            break;
        case NF_PER_POOL: take_slice(copy, f, c, pool, pools, whole); break;
        case NF_PER_MASK_WORD: take_masks(copy, f, first, cells); break;
        default: break;
        }
    }
    take_places(copy, cells, pools);
}

nf_status nf_copy_host(const nf_fleet *f, uint32_t host, const nf_scratch *memory, nf_fleet *copy) {
    if (!f || !copy) return NF_EINVAL;
    if (f->abi != NF_ABI_VERSION) return NF_EABI;
    if (nf_missing_column(f) || !nf_host_ok(f, host)) return NF_EINVAL;
    if (!nf_scratch_ok(memory, nf_host_copy_bytes(f))) return NF_ESPACE;
    nf_host_copy_make(copy, f, host, true, memory->memory);
    return NF_OK;
}
