/* The table of a fleet's columns, as numafit.h hands it out. */
#include "columns.h"

#include <stddef.h>

#define COUNTS(X) \
    X(n_hosts) X(host_room) X(n_cells) X(n_layouts) X(layout_room) X(n_page_sizes) X(max_threads) X(max_cells) X(max_words) \
    X(net_words) X(n_pools) X(max_pools) X(n_classes) X(n_resources) X(n_host_classes) \
    X(identity) X(n_mask_words) \
    X(n_layout_words) X(n_layout_cpus) X(n_distances)

#define LAYOUT_FIELDS(X) \
    X(shift) X(threads) X(n_cores) X(n_slots) X(n_shared) X(n_dedicated) X(same_sets) X(n_words) \
    X(mask_at) X(cpu_at)

#define INDEX(field, ...) INDEX_##field,
enum { NF_COLUMNS(INDEX) N_COLUMNS };

#define TYPE(field) \
    _Generic(NF_FIELD(field), const int32_t *: NF_INT32, int32_t *: NF_INT32, \
             const uint32_t *: NF_UINT32, uint32_t *: NF_UINT32, \
             const int64_t *: NF_INT64, int64_t *: NF_INT64, \
             const uint64_t *: NF_UINT64, uint64_t *: NF_UINT64, \
             int16_t *: NF_INT16, const double *: NF_DOUBLE, const nf_layout *: NF_LAYOUT_STRUCT)
#define ENTRY(field, per, derived) \
    {#field, offsetof(nf_fleet, field), TYPE(field), sizeof *NF_FIELD(field), per, \
     NF_CLAIMED(field), derived},
static const nf_column_info TABLE[] = {NF_COLUMNS(ENTRY)};

/* the table has every pointer of the struct, in its order */
#define IN_ORDER(field, ...) \
    _Static_assert(offsetof(nf_fleet, field) == offsetof(nf_fleet, host_first_cell) + \
                                                    INDEX_##field * sizeof(void *), \
                   #field ": not in the order of struct nf_fleet");
NF_COLUMNS(IN_ORDER)
_Static_assert(sizeof(nf_fleet) == offsetof(nf_fleet, host_first_cell) + N_COLUMNS * sizeof(void *),
               "a column of struct nf_fleet is not in the table");

#define COUNT(field) {#field, offsetof(nf_fleet, field), sizeof NF_FIELD(field)},
static const nf_count_info COUNT_TABLE[] = {COUNTS(COUNT)};
#define COUNT_SIZE(field) +sizeof NF_FIELD(field)
_Static_assert(offsetof(nf_fleet, host_first_cell) == sizeof(uint32_t) COUNTS(COUNT_SIZE),
               "a count of struct nf_fleet is not in the table");

#define LAYOUT_FIELD(field) {#field, offsetof(nf_layout, field), sizeof ((nf_layout *)0)->field},
static const nf_count_info LAYOUT_TABLE[] = {LAYOUT_FIELDS(LAYOUT_FIELD)};
#define LAYOUT_SIZE(field) +sizeof ((nf_layout *)0)->field
_Static_assert(sizeof(nf_layout) == 0 LAYOUT_FIELDS(LAYOUT_SIZE),
               "a field of struct nf_layout is not in the table");

const nf_column_info *nf_column(uint32_t i) { return i < N_COLUMNS ? &TABLE[i] : NULL; }

const nf_count_info *nf_count(uint32_t i) {
    return i < sizeof COUNT_TABLE / sizeof *COUNT_TABLE ? &COUNT_TABLE[i] : NULL;
}

const nf_count_info *nf_layout_field(uint32_t i) {
    return i < sizeof LAYOUT_TABLE / sizeof *LAYOUT_TABLE ? &LAYOUT_TABLE[i] : NULL;
}

/* Rows and values in a row, by what a column has a value for. */
static inline uint64_t rows_of(const nf_fleet *f, nf_per per) {
    switch (per) {
    case NF_PER_HOST: return f->host_room;
    case NF_PER_RESOURCE_HOST: return f->n_resources;
    case NF_PER_CELL: case NF_PER_CELL_NET: return f->n_cells;
    case NF_PER_PAGE_CELL: case NF_PER_PAGE_SIZE: return f->n_page_sizes;
    case NF_PER_THREAD_CELL: return f->max_threads;
    case NF_PER_POOL: return f->n_pools;
    case NF_PER_LAYOUT: return f->layout_room;
    case NF_PER_MASK_WORD: return f->n_mask_words;
    case NF_PER_LAYOUT_WORD: return f->n_layout_words;
    case NF_PER_LAYOUT_CPU: return f->n_layout_cpus;
    case NF_PER_DISTANCE: return f->n_distances;
    }
    return 0;
}

static inline uint64_t row_length(const nf_fleet *f, nf_per per) {
    switch (per) {
    case NF_PER_CELL_NET: return f->net_words;
    case NF_PER_PAGE_CELL: case NF_PER_THREAD_CELL: return f->n_cells;
    case NF_PER_RESOURCE_HOST: return f->host_room;
    default: return 1;
    }
}

uint32_t nf_column_shape(const nf_fleet *f, uint32_t i, uint64_t shape[2]) {
    if (i >= N_COLUMNS) return 0;
    nf_per per = (nf_per)TABLE[i].per;
    shape[0] = rows_of(f, per);
    shape[1] = row_length(f, per);
    return per == NF_PER_CELL_NET || per == NF_PER_PAGE_CELL || per == NF_PER_THREAD_CELL ||
                   per == NF_PER_RESOURCE_HOST
               ? 2
               : 1;
}

/* Asked in every call: what a column is for is known to the compiler, and each costs a test. */
#define MISSING(field, per, derived) \
    if ((all || !(derived)) && !f->field && rows_of(f, per) && row_length(f, per)) \
        return #field ": missing";

static inline const char *missing(const nf_fleet *f, bool all) {
    NF_COLUMNS(MISSING)
    return NULL;
}

const char *nf_missing_column(const nf_fleet *f) { return missing(f, true); }

const char *nf_missing_given(const nf_fleet *f) { return missing(f, false); }
