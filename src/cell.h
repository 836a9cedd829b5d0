/* What does a host cell have left, and does a guest cell fit it? */
#ifndef NF_CELL_H
#define NF_CELL_H

#include "bits.h"
#include "demand.h"

/*
 * The state of a host cell: all that pairs, their order, counting and claims look at. Loaded from
 * the columns once. Numbers of which a cell has several stand where they are, in the columns or in
 * somebody's books, stride entries apart.
 */
typedef struct nf_cell {
    const nf_layout *layout;
    const uint32_t *page_kib;
    int64_t free;                /* dedicated CPUs */
    int64_t cpu_used;            /* shared vCPUs */
    int64_t memory, memory_used; /* MiB */
    int64_t devices;
    uint32_t page_sizes;         /* bit s: has pages of page_kib[s] */
    uint32_t n_page_sizes;
    size_t stride;
    int32_t *cores;              /* [k - 1]: cores with at least k free threads */
    int32_t *pages_free, *pages_used; /* [page size] */
    const int32_t *pages_total;
} nf_cell;

/* A column may be NULL where it has no values: nothing is read through it then. */
static inline int32_t *nf_column_at(const int32_t *column, uint32_t cell) {
    return (int32_t *)((uintptr_t)column + cell * sizeof *column);
}

static inline void nf_cell_load(nf_cell *c, const nf_fleet *f, uint32_t cell) {
    c->layout = &f->layouts[f->cell_layout[cell]];
    c->page_kib = f->page_kib;
    c->free = f->cell_free[cell];
    c->cpu_used = f->cell_cpu_used[cell];
    c->memory = f->cell_memory[cell];
    c->memory_used = f->cell_memory_used[cell];
    c->devices = f->cell_devices[cell];
    c->page_sizes = f->cell_page_sizes[cell];
    c->n_page_sizes = f->n_page_sizes;
    c->stride = f->n_cells;
    c->cores = nf_column_at(f->cell_cores, cell);
    c->pages_free = nf_column_at(f->pages_free, cell);
    c->pages_used = nf_column_at(f->pages_used, cell);
    c->pages_total = nf_column_at(f->pages_total, cell);
}

static inline int64_t nf_cores_with(const nf_cell *c, uint32_t k) {
    return c->cores[(k - 1) * c->stride];
}

/* Free dedicated CPUs that stand in some sibling set: each is counted by the cores that have so
 * many. */
static inline int64_t nf_listed(const nf_cell *c) {
    const nf_layout *layout = c->layout;
    int64_t listed = 0;
    if (layout->n_slots == layout->n_cores << layout->shift) return c->free;
    for (uint32_t k = 1; k <= layout->threads; k++) listed += nf_cores_with(c, k);
    return listed;
}

/* Cores with sibling threads free, times the threads of each that a guest would take: the most
 * vCPUs that require can place. */
int64_t nf_on_siblings(const nf_cell *c);

static inline int64_t nf_pages_free(const nf_cell *c, uint32_t s) {
    return c->pages_free[s * c->stride];
}

static inline int64_t nf_cpu_limit(const nf_cell *c, const nf_limits *l) {
    return nf_limit(c->layout->n_shared, l->cpu_ratio);
}

static inline int64_t nf_memory_limit(const nf_cell *c, const nf_limits *l) {
    return nf_limit(c->memory, l->ram_ratio);
}

/* Does the guest cell fit? NF_OK, or why not: a quantity wanted, and what there is. */
int nf_pair(const nf_cell *c, const nf_demand *w, const nf_limits *limits, nf_reason *why);

/* The sizes that will do: small means the cell's smallest, large all but that, any all. */
static inline uint32_t nf_page_candidates(uint32_t present, const nf_demand *w) {
    switch (w->page_kib) {
    case NF_PAGES_SMALL: return present & (0u - present);
    case NF_PAGES_LARGE: return present & (present - 1u);
    case NF_PAGES_ANY: return present;
    default: return w->page_class == NF_NONE ? 0u : present & (1u << w->page_class);
    }
}

static inline int64_t nf_kib_in(const nf_cell *c, const int32_t *pages, uint32_t s) {
    return (int64_t)pages[s * c->stride] * c->page_kib[s];
}

/* The largest size that was asked for and has enough free pages; NF_NONE: none has. */
static inline uint32_t nf_choose_pages(const nf_cell *c, const nf_demand *w) {
    uint32_t sizes = nf_page_candidates(c->page_sizes, w) & w->whole_pages;
    while (sizes) {
        uint32_t s = 31u - (uint32_t)__builtin_clz(sizes);
        if (w->kib <= nf_kib_in(c, c->pages_free, s)) return s;
        sizes &= ~(1u << s);
    }
    return NF_NONE;
}

/* What a guest cell takes of a cell beside its dedicated CPUs. */
typedef struct nf_usage {
    int64_t memory, cpus; /* MiB; shared vCPUs */
    int64_t pages;
    uint32_t size;        /* of the pages; NF_NONE: the cell has none */
} nf_usage;

/* size: of the pages that it asked for and got; NF_NONE: it asked for none and takes the smallest. */
nf_usage nf_usage_of(const nf_cell *c, const nf_guest_cell *g, uint32_t size);

/* The cell's pages of so many KiB; NF_NONE: it has none of them. */
uint32_t nf_page_class(const nf_cell *c, int64_t page_kib);

/* Overcommitted as a cell may be, what is in use stays a number that its columns hold: would it,
 * with so much more in use, so many times? */
static inline bool nf_times_countable(const nf_cell *c, const nf_usage *u, int64_t times) {
    if (u->memory > (NF_MAX_AMOUNT - c->memory_used) / times ||
        u->cpus > (INT32_MAX - c->cpu_used) / times)
        return false;
    if (u->size == NF_NONE) return true;
    int64_t used = c->pages_used[u->size * c->stride], free = nf_pages_free(c, u->size);
    return u->pages <= (INT32_MAX - used) / times && u->pages <= (free - INT32_MIN) / times;
}

/* More (sign 1) or less (-1) in use; pages change where they stand. */
void nf_cell_use(nf_cell *c, const nf_usage *u, int sign);

/* Write back what nf_cell_use() changed, and what follows from it. */
void nf_cell_store(const nf_cell *c, const nf_fleet *f, uint32_t host, uint32_t cell);

/* Room of a cell under the ratios that its host carries, as the columns hold it. */
typedef struct nf_rooms {
    int32_t cpus, memory;
} nf_rooms;
nf_rooms nf_find_rooms(const nf_fleet *f, uint32_t host, uint32_t cell);

#endif
