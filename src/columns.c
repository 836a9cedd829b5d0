/*
 * Which columns does a fleet have? What struct nf_fleet cannot say of them is said here once: what
 * a column has a value for, and whether nf_derive() fills it. Type, and whether claims change it
 * (its pointer is not const), follow from the struct.
 */
#include "columns.h"

#include <stddef.h>

enum { GIVEN = 0, DERIVED = 1 };

/* in the order of struct nf_fleet */
#define COLUMNS(X) \
    X(host_first_cell, NF_PER_HOST_EDGE, GIVEN) \
    X(host_cpu_ratio, NF_PER_HOST, GIVEN) \
    X(host_ram_ratio, NF_PER_HOST, GIVEN) \
    X(host_distance_at, NF_PER_HOST, GIVEN) \
    X(host_generation, NF_PER_HOST, GIVEN) \
    X(cell_id, NF_PER_CELL, GIVEN) \
    X(cell_socket, NF_PER_CELL, GIVEN) \
    X(cell_layout, NF_PER_CELL, GIVEN) \
    X(cell_mask_at, NF_PER_CELL, GIVEN) \
    X(cell_memory, NF_PER_CELL, GIVEN) \
    X(cell_page_sizes, NF_PER_CELL, GIVEN) \
    X(cell_nets, NF_PER_CELL_NET, GIVEN) \
    X(pages_total, NF_PER_PAGE_CELL, GIVEN) \
    X(cell_memory_used, NF_PER_CELL, GIVEN) \
    X(cell_cpu_used, NF_PER_CELL, GIVEN) \
    X(pages_used, NF_PER_PAGE_CELL, GIVEN) \
    X(pinned, NF_PER_MASK_WORD, GIVEN) \
    X(cell_free, NF_PER_CELL, DERIVED) \
    X(cell_cores, NF_PER_THREAD_CELL, DERIVED) \
    X(pages_free, NF_PER_PAGE_CELL, GIVEN) \
    X(cell_cpu_room, NF_PER_CELL, DERIVED) \
    X(cell_memory_room, NF_PER_CELL, DERIVED) \
    X(cell_devices, NF_PER_CELL, GIVEN) \
    X(host_first_pool, NF_PER_HOST_EDGE, GIVEN) \
    X(pool_class, NF_PER_POOL, GIVEN) \
    X(pool_cell, NF_PER_POOL, GIVEN) \
    X(pool_provider, NF_PER_POOL, GIVEN) \
    X(pool_family, NF_PER_POOL, GIVEN) \
    X(pool_kind, NF_PER_POOL, GIVEN) \
    X(pool_count, NF_PER_POOL, GIVEN) \
    X(pool_taken, NF_PER_POOL, GIVEN) \
    X(pool_hidden, NF_PER_POOL, GIVEN) \
    X(layouts, NF_PER_LAYOUT, GIVEN) \
    X(layout_words, NF_PER_LAYOUT_WORD, GIVEN) \
    X(layout_cpus, NF_PER_LAYOUT_CPU, GIVEN) \
    X(page_kib, NF_PER_PAGE_SIZE, GIVEN) \
    X(distances, NF_PER_DISTANCE, GIVEN)

#define COUNTS(X) \
    X(n_hosts) X(n_cells) X(n_layouts) X(n_page_sizes) X(max_threads) X(max_cells) X(max_words) \
    X(net_words) X(n_pools) X(max_pools) X(n_classes) X(identity) X(n_mask_words) \
    X(n_layout_words) X(n_layout_cpus) X(n_distances)

#define INDEX(field, ...) INDEX_##field,
enum { COLUMNS(INDEX) N_COLUMNS };

#define FIELD(field) ((nf_fleet *)0)->field
#define TYPE(field) \
    _Generic(FIELD(field), const int32_t *: NF_INT32, int32_t *: NF_INT32, \
             const uint32_t *: NF_UINT32, uint32_t *: NF_UINT32, \
             const int64_t *: NF_INT64, int64_t *: NF_INT64, \
             const uint64_t *: NF_UINT64, uint64_t *: NF_UINT64, \
             const double *: NF_DOUBLE, const nf_layout *: NF_LAYOUT_STRUCT)
#define CLAIMED(field) \
    _Generic(FIELD(field), int32_t *: 1, uint32_t *: 1, int64_t *: 1, uint64_t *: 1, default: 0)

#define ENTRY(field, per, derived) \
    {#field, offsetof(nf_fleet, field), TYPE(field), sizeof *FIELD(field), per, \
     CLAIMED(field), derived},
static const nf_column_info TABLE[] = {COLUMNS(ENTRY)};

/* the table has every pointer of the struct, in its order */
#define IN_ORDER(field, ...) \
    _Static_assert(offsetof(nf_fleet, field) == offsetof(nf_fleet, host_first_cell) + \
                                                    INDEX_##field * sizeof(void *), \
                   #field ": not in the order of struct nf_fleet");
COLUMNS(IN_ORDER)
_Static_assert(sizeof(nf_fleet) == offsetof(nf_fleet, host_first_cell) + N_COLUMNS * sizeof(void *),
               "a column of struct nf_fleet is not in the table");

#define COUNT(field) {#field, offsetof(nf_fleet, field), sizeof FIELD(field)},
static const nf_count_info COUNT_TABLE[] = {COUNTS(COUNT)};
#define COUNT_SIZE(field) +sizeof FIELD(field)
_Static_assert(offsetof(nf_fleet, host_first_cell) == sizeof(uint32_t) COUNTS(COUNT_SIZE),
               "a count of struct nf_fleet is not in the table");

const nf_column_info *nf_column(uint32_t i) { return i < N_COLUMNS ? &TABLE[i] : NULL; }

const nf_count_info *nf_count(uint32_t i) {
    return i < sizeof COUNT_TABLE / sizeof *COUNT_TABLE ? &COUNT_TABLE[i] : NULL;
}

uint32_t nf_column_shape(const nf_fleet *f, uint32_t i, uint64_t shape[2]) {
    if (i >= N_COLUMNS) return 0;
    shape[1] = 1;
    switch ((nf_per)TABLE[i].per) {
    case NF_PER_HOST: shape[0] = f->n_hosts; break;
    case NF_PER_HOST_EDGE: shape[0] = (uint64_t)f->n_hosts + 1; break;
    case NF_PER_CELL: shape[0] = f->n_cells; break;
    case NF_PER_POOL: shape[0] = f->n_pools; break;
    case NF_PER_LAYOUT: shape[0] = f->n_layouts; break;
    case NF_PER_PAGE_SIZE: shape[0] = f->n_page_sizes; break;
    case NF_PER_MASK_WORD: shape[0] = f->n_mask_words; break;
    case NF_PER_LAYOUT_WORD: shape[0] = f->n_layout_words; break;
    case NF_PER_LAYOUT_CPU: shape[0] = f->n_layout_cpus; break;
    case NF_PER_DISTANCE: shape[0] = f->n_distances; break;
    case NF_PER_CELL_NET:
        shape[0] = f->n_cells;
        shape[1] = f->net_words;
        return 2;
    case NF_PER_PAGE_CELL:
        shape[0] = f->n_page_sizes;
        shape[1] = f->n_cells;
        return 2;
    case NF_PER_THREAD_CELL:
        shape[0] = f->max_threads;
        shape[1] = f->n_cells;
        return 2;
    }
    return 1;
}

#define MISSING(field, ...) #field ": missing",
static const char *const MISSING_WORDS[] = {COLUMNS(MISSING)};

const char *nf_missing_column(const nf_fleet *f) {
    bool all = true;
#define THERE(field, ...) all &= f->field != NULL;
    COLUMNS(THERE)
    if (all) return NULL;
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        uint64_t shape[2];
        nf_column_shape(f, i, shape);
        if (shape[0] && shape[1] && !nf_column_data(f, &TABLE[i])) return MISSING_WORDS[i];
    }
    return NULL;
}
