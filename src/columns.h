/*
 * Which columns does a fleet have? What struct nf_fleet cannot say of them is said here once: what
 * a column has a value for, and whether nf_derive() fills it. Type, and whether claims change it
 * (its pointer is not const), follow from the struct. All that walks columns walks this list.
 */
#ifndef NF_COLUMNS_H
#define NF_COLUMNS_H

#include <stdbool.h>

#include "numafit/numafit.h"

/* derived: nf_derive() fills it */
enum { NF_GIVEN = 0, NF_DERIVED = 1 };

/* field, what it has a value for, derived; in the order of struct nf_fleet */
#define NF_COLUMNS(X) \
    X(host_first_cell, NF_PER_HOST, NF_GIVEN) \
    X(host_end_cell, NF_PER_HOST, NF_GIVEN) \
    X(host_first_pool, NF_PER_HOST, NF_GIVEN) \
    X(host_end_pool, NF_PER_HOST, NF_GIVEN) \
    X(host_cpu_ratio, NF_PER_HOST, NF_GIVEN) \
    X(host_ram_ratio, NF_PER_HOST, NF_GIVEN) \
    X(host_distance_at, NF_PER_HOST, NF_GIVEN) \
    X(host_class, NF_PER_HOST, NF_GIVEN) \
    X(host_generation, NF_PER_HOST, NF_GIVEN) \
    X(resource_limit, NF_PER_RESOURCE_HOST, NF_GIVEN) \
    X(resource_used, NF_PER_RESOURCE_HOST, NF_GIVEN) \
    X(resource_room, NF_PER_RESOURCE_HOST, NF_DERIVED) \
    X(resource_few, NF_PER_RESOURCE_HOST, NF_DERIVED) \
    X(cell_host, NF_PER_CELL, NF_GIVEN) \
    X(cell_id, NF_PER_CELL, NF_GIVEN) \
    X(cell_socket, NF_PER_CELL, NF_GIVEN) \
    X(cell_layout, NF_PER_CELL, NF_GIVEN) \
    X(cell_mask_at, NF_PER_CELL, NF_GIVEN) \
    X(cell_memory, NF_PER_CELL, NF_GIVEN) \
    X(cell_page_sizes, NF_PER_CELL, NF_GIVEN) \
    X(cell_nets, NF_PER_CELL_NET, NF_GIVEN) \
    X(pages_total, NF_PER_PAGE_CELL, NF_GIVEN) \
    X(cell_memory_used, NF_PER_CELL, NF_GIVEN) \
    X(cell_cpu_used, NF_PER_CELL, NF_GIVEN) \
    X(pages_used, NF_PER_PAGE_CELL, NF_GIVEN) \
    X(pinned, NF_PER_MASK_WORD, NF_GIVEN) \
    X(cell_free, NF_PER_CELL, NF_DERIVED) \
    X(cell_cores, NF_PER_THREAD_CELL, NF_DERIVED) \
    X(pages_free, NF_PER_PAGE_CELL, NF_GIVEN) \
    X(cell_cpu_room, NF_PER_CELL, NF_DERIVED) \
    X(cell_memory_room, NF_PER_CELL, NF_DERIVED) \
    X(cell_devices, NF_PER_CELL, NF_GIVEN) \
    X(pool_host, NF_PER_POOL, NF_GIVEN) \
    X(pool_class, NF_PER_POOL, NF_GIVEN) \
    X(pool_cell, NF_PER_POOL, NF_GIVEN) \
    X(pool_provider, NF_PER_POOL, NF_GIVEN) \
    X(pool_family, NF_PER_POOL, NF_GIVEN) \
    X(pool_kind, NF_PER_POOL, NF_GIVEN) \
    X(pool_count, NF_PER_POOL, NF_GIVEN) \
    X(pool_taken, NF_PER_POOL, NF_GIVEN) \
    X(pool_hidden, NF_PER_POOL, NF_GIVEN) \
    X(layouts, NF_PER_LAYOUT, NF_GIVEN) \
    X(layout_words, NF_PER_LAYOUT_WORD, NF_GIVEN) \
    X(layout_cpus, NF_PER_LAYOUT_CPU, NF_GIVEN) \
    X(page_kib, NF_PER_PAGE_SIZE, NF_GIVEN) \
    X(distances, NF_PER_DISTANCE, NF_GIVEN)

#define NF_FIELD(field) ((nf_fleet *)0)->field
#define NF_CLAIMED(field) \
    _Generic(NF_FIELD(field), int16_t *: 1, int32_t *: 1, uint32_t *: 1, int64_t *: 1, \
             uint64_t *: 1, default: 0)

/* The first column that has values by the fleet's counts and is NULL, as "NAME: missing"; NULL:
 * there is none. */
const char *nf_missing_column(const nf_fleet *f);
/* The same of those that are not derived. */
const char *nf_missing_given(const nf_fleet *f);

/* Does it say where the host's rows stand? A copy of the host elsewhere has other numbers. */
static inline bool nf_says_where(size_t offset) {
    return offset == offsetof(nf_fleet, host_first_cell) || offset == offsetof(nf_fleet, host_end_cell) ||
           offset == offsetof(nf_fleet, host_first_pool) || offset == offsetof(nf_fleet, host_end_pool) ||
           offset == offsetof(nf_fleet, cell_host) || offset == offsetof(nf_fleet, pool_host) ||
           offset == offsetof(nf_fleet, cell_mask_at);
}

/* Hosts that there are: the one count that grows in a fleet at work, so who holds no lock of it
 * reads it so. */
static inline uint32_t nf_n_hosts(const nf_fleet *f) {
    return __atomic_load_n(&f->n_hosts, __ATOMIC_ACQUIRE);
}

static inline void *nf_column_data(const nf_fleet *f, const nf_column_info *c) {
    return *(void *const *)(const void *)((const char *)f + c->offset);
}

static inline void nf_set_column(nf_fleet *f, const nf_column_info *c, const void *data) {
    *(const void **)(void *)((char *)f + c->offset) = data;
}

#endif
