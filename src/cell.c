/* Does this guest cell fit this host cell: memory, pages, CPU counts, limits? */
#include "cell.h"

#include "engine.h"

int64_t nf_listed(const nf_cell *c) {
    int64_t listed = 0;
    for (uint32_t k = 1; k <= c->layout->threads; k++) listed += nf_cores_with(c, k);
    return listed;
}

int64_t nf_on_siblings(const nf_cell *c) {
    int64_t most = 0;
    for (uint32_t k = c->layout->threads; k >= 2; k--) {
        int64_t here = (int64_t)k * nf_cores_with(c, k);
        if (here > most) most = here;
    }
    return most;
}

static inline int64_t kib_in(const nf_cell *c, const int32_t *pages, uint32_t s) {
    return (int64_t)pages[s * c->stride] * c->page_kib[s];
}

uint32_t nf_choose_pages(const nf_cell *c, const nf_demand *w) {
    uint32_t sizes = nf_page_candidates(c->page_sizes, w) & w->whole_pages;
    while (sizes) {
        uint32_t s = 31u - (uint32_t)__builtin_clz(sizes);
        if (w->kib <= kib_in(c, c->pages_free, s)) return s;
        sizes &= ~(1u << s);
    }
    return NF_NONE;
}

static int refuse_pages(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    uint32_t sizes = nf_page_candidates(c->page_sizes, w);
    if (!sizes) return nf_refuse(why, NF_PAGE_SIZE, w->page_kib, w->kib, 0);
    uint32_t largest = 31u - (uint32_t)__builtin_clz(sizes);
    if (!(sizes & w->whole_pages))
        return nf_refuse(why, NF_PAGE_MULTIPLE, w->page_kib, w->kib, c->page_kib[largest]);
    int64_t most = INT64_MIN;
    for (uint32_t s = 0; s < c->n_page_sizes; s++)
        if (sizes & w->whole_pages & (1u << s)) {
            int64_t kib = kib_in(c, c->pages_free, s);
            if (kib > most) most = kib;
        }
    return nf_refuse(why, NF_PAGES, w->page_kib, w->kib, most);
}

/* No page size asked for. Pinned guests need free memory; shared ones may overcommit the cell with
 * others, yet not by themselves. */
static inline int memory_fits(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    if (!c->page_sizes) {
        int64_t left = c->memory - c->memory_used;
        if (w->pins)
            return w->memory <= left ? NF_OK : nf_refuse(why, NF_MEMORY, 0, w->memory, left);
        return w->memory <= c->memory ? NF_OK
                                      : nf_refuse(why, NF_MEMORY_TOTAL, 0, w->memory, c->memory);
    }
    uint32_t s = nf_lowest(c->page_sizes);
    if (!(w->whole_pages & (1u << s)))
        return nf_refuse(why, NF_PAGE_MULTIPLE, 0, w->kib, c->page_kib[s]);
    int64_t there = kib_in(c, w->pins ? c->pages_free : c->pages_total, s);
    if (w->kib <= there) return NF_OK;
    return nf_refuse(why, w->pins ? NF_PAGES : NF_PAGES_TOTAL, 0, w->kib, there);
}

static int isolate_fits(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    const nf_layout *layout = c->layout;
    uint32_t n = w->n_dedicated;
    int64_t whole = layout->threads ? nf_cores_with(c, layout->threads) : 0;
    if (whole < 1) return nf_refuse(why, NF_ISOLATE_CORES, 0, n, whole);
    if (layout->threads > 1 && !layout->same_sets)
        return nf_refuse(why, NF_ISOLATE_SHARED, 0, n, 0);
    if (whole < n) return nf_refuse(why, NF_ISOLATE_CORES, 0, n, whole);
    if (!n) return nf_refuse(why, NF_ISOLATE_EMPTY, 0, 1, 0);
    int64_t cores = nf_cores_with(c, 1);
    if (cores < (int64_t)n + w->reserved)
        return nf_refuse(why, NF_EMULATOR_CPU, 0, w->reserved, cores - n);
    return NF_OK;
}

/* Counts decide: which threads are taken is only worked out where the guest is placed. */
static inline int threads_fit(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    const nf_layout *layout = c->layout;
    uint32_t n = w->n_dedicated;
    if (w->threads == NF_THREADS_ISOLATE) return isolate_fits(c, w, why);
    if (w->threads == NF_THREADS_REQUIRE) {
        if (layout->threads < 2) return nf_refuse(why, NF_REQUIRE_NO_SMT, 0, 2, layout->threads);
        int64_t most = nf_on_siblings(c);
        if (most < 1 || most < n) return nf_refuse(why, NF_REQUIRE_CORES, 0, n ? n : 1, most);
    }
    if (w->reserved && !n) return nf_refuse(why, NF_EMULATOR_EMPTY, 0, 1, 0);
    int64_t listed = c->free;
    if (layout->n_slots != layout->n_cores << layout->shift) listed = nf_listed(c);
    if (listed < (int64_t)n + w->reserved)
        return nf_refuse(why, NF_UNLISTED_CPUS, 0, (int64_t)n + w->reserved, listed);
    return NF_OK;
}

static inline int limits_fit(const nf_cell *c, const nf_demand *w, const nf_limits *limits,
                             nf_reason *why) {
    int64_t cpus = c->cpu_used + w->n_shared, most = nf_cpu_limit(c, limits);
    if (cpus > most) return nf_refuse(why, NF_CPU_LIMIT, 0, cpus, most);
    int64_t memory = c->memory_used + w->memory;
    most = nf_memory_limit(c, limits);
    if (memory > most) return nf_refuse(why, NF_MEMORY_LIMIT, 0, memory, most);
    return NF_OK;
}

int nf_pair(const nf_cell *c, const nf_demand *w, const nf_limits *limits, nf_reason *why) {
    const nf_layout *layout = c->layout;
    int status;
    if (w->page_kib != NF_PAGES_NONE) {
        if (nf_choose_pages(c, w) == NF_NONE) return refuse_pages(c, w, why);
    } else if ((status = memory_fits(c, w, why)) != NF_OK) {
        return status;
    }
    int64_t cpus = (int64_t)w->n_dedicated + w->reserved;
    if (w->pins && cpus > layout->n_dedicated)
        return nf_refuse(why, NF_DEDICATED_TOTAL, 0, cpus, layout->n_dedicated);
    if (w->shares && w->n_shared > layout->n_shared)
        return nf_refuse(why, NF_SHARED_TOTAL, 0, w->n_shared, layout->n_shared);
    if (w->pins) {
        if (cpus > c->free) return nf_refuse(why, NF_FREE_CPUS, 0, cpus, c->free);
        if ((status = threads_fit(c, w, why)) != NF_OK) return status;
    }
    return w->shares && limits->on ? limits_fit(c, w, limits, why) : NF_OK;
}

nf_usage nf_usage_of(const nf_cell *c, const nf_guest_cell *g, int64_t page_kib) {
    nf_usage u = {g->memory, g->n_shared, 0, NF_NONE};
    if (!c->page_sizes) return u;
    uint32_t s = nf_lowest(c->page_sizes);
    if (page_kib)
        for (s = 0; s < c->n_page_sizes && c->page_kib[s] != page_kib; s++) {}
    if (s == c->n_page_sizes || !(c->page_sizes >> s & 1u)) return u;
    u.size = s;
    u.pages = g->memory * 1024 / c->page_kib[s];
    return u;
}

void nf_cell_use(nf_cell *c, const nf_usage *u, int sign) {
    c->memory_used += sign * u->memory;
    c->cpu_used += sign * u->cpus;
    if (u->size == NF_NONE) return;
    c->pages_used[u->size * c->stride] += (int32_t)(sign * u->pages);
    c->pages_free[u->size * c->stride] -= (int32_t)(sign * u->pages);
}

/* How much more there may be in use; INT32_MAX: no limit that a guest could reach. */
static int32_t room_below(int64_t limit, int64_t used) {
    /* no fleet that holds together has more in use than that */
    if (used < 0 || used > INT64_MAX / 2) return INT32_MIN;
    int64_t left = limit - used;
    if (left > INT32_MAX) return INT32_MAX;
    return left < INT32_MIN ? INT32_MIN : (int32_t)left;
}

static nf_rooms rooms_of(const nf_cell *c, const nf_fleet *f, uint32_t host) {
    const nf_options own = {.limits = NF_LIMITS_HOST};
    nf_limits limits = nf_limits_for(f, host, &own);
    if (!limits.on) return (nf_rooms){INT32_MAX, INT32_MAX};
    return (nf_rooms){room_below(nf_cpu_limit(c, &limits), c->cpu_used),
                      room_below(nf_memory_limit(c, &limits), c->memory_used)};
}

nf_rooms nf_find_rooms(const nf_fleet *f, uint32_t host, uint32_t cell) {
    nf_cell c;
    nf_cell_load(&c, f, cell);
    return rooms_of(&c, f, host);
}

void nf_cell_store(const nf_cell *c, const nf_fleet *f, uint32_t host, uint32_t cell) {
    nf_rooms rooms = rooms_of(c, f, host);
    f->cell_memory_used[cell] = c->memory_used;
    f->cell_cpu_used[cell] = c->cpu_used;
    f->cell_cpu_room[cell] = rooms.cpus;
    f->cell_memory_room[cell] = rooms.memory;
}
