/* Does this guest cell fit this host cell: memory, pages, CPU counts, limits? */
#include "engine.h"

void nf_demand_of(const nf_fleet *f, const nf_guest_cell *g, bool reserve, nf_demand *w) {
    *w = (nf_demand){
        .memory = g->memory,
        .kib = g->memory * 1024,
        .page_kib = g->page_kib,
        .page_class = NF_NONE,
        .n_shared = g->n_shared,
        .n_dedicated = g->n_dedicated,
        .reserved = reserve ? 1u : 0u,
        .threads = g->threads,
        .pins = g->policy == NF_POLICY_DEDICATED || g->policy == NF_POLICY_MIXED,
        .shares = g->policy != NF_POLICY_DEDICATED,
    };
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        if (f->page_kib[s] == g->page_kib) w->page_class = s;
        if (w->kib % f->page_kib[s] == 0) w->whole_pages |= 1u << s;
    }
}

nf_limits nf_limits_for(const nf_fleet *f, uint32_t host, const nf_options *options) {
    nf_limits limits = {false, 0.0, 0.0};
    if (options->limits == NF_LIMITS_GIVEN) {
        limits = (nf_limits){true, options->cpu_ratio, options->ram_ratio};
    } else if (options->limits == NF_LIMITS_HOST) {
        limits.cpu_ratio = f->host_cpu_ratio[host];
        limits.ram_ratio = f->host_ram_ratio[host];
        /* NaN: the host carries no ratios, so it sets no limits */
        limits.on = limits.cpu_ratio >= 0.0 && limits.ram_ratio >= 0.0;
    }
    return limits;
}

/* How much more there may be in use; INT32_MAX: no limit that a guest could reach. */
static int32_t room_below(double limit, int64_t used) {
    const double most = 9e15; /* beyond any sum of whole numbers that can occur; not NaN either */
    /* no fleet that holds together has more in use than that */
    if (used < 0 || used > INT64_MAX / 2) return INT32_MIN;
    int64_t left = limit < most ? (int64_t)limit - used : INT32_MAX;
    if (left > INT32_MAX) return INT32_MAX;
    return left < INT32_MIN ? INT32_MIN : (int32_t)left;
}

nf_rooms nf_find_rooms(const nf_fleet *f, uint32_t host, uint32_t cell) {
    const nf_options own = {.limits = NF_LIMITS_HOST};
    nf_limits limits = nf_limits_for(f, host, &own);
    if (!limits.on) return (nf_rooms){INT32_MAX, INT32_MAX};
    double cpus = f->layouts[f->cell_layout[cell]].n_shared * limits.cpu_ratio;
    double memory = (double)f->cell_memory[cell] * limits.ram_ratio;
    return (nf_rooms){room_below(cpus, f->cell_cpu_used[cell]),
                      room_below(memory, f->cell_memory_used[cell])};
}

static inline int64_t pages_kib(const nf_fleet *f, const int32_t *pages, uint32_t s,
                                uint32_t cell) {
    return (int64_t)pages[(size_t)s * f->n_cells + cell] * f->page_kib[s];
}

uint32_t nf_choose_pages(const nf_fleet *f, uint32_t cell, const nf_demand *w) {
    uint32_t sizes = nf_page_candidates(f->cell_page_sizes[cell], w) & w->whole_pages;
    while (sizes) {
        uint32_t s = 31u - (uint32_t)__builtin_clz(sizes);
        if (w->kib <= pages_kib(f, f->pages_free, s, cell)) return s;
        sizes &= ~(1u << s);
    }
    return NF_NONE;
}

static int refuse_pages(const nf_fleet *f, uint32_t cell, const nf_demand *w, nf_reason *why) {
    uint32_t sizes = nf_page_candidates(f->cell_page_sizes[cell], w);
    if (!sizes) return nf_refuse(why, NF_PAGE_SIZE, w->page_kib, w->kib, 0);
    uint32_t largest = 31u - (uint32_t)__builtin_clz(sizes);
    if (!(sizes & w->whole_pages))
        return nf_refuse(why, NF_PAGE_MULTIPLE, w->page_kib, w->kib, f->page_kib[largest]);
    int64_t most = INT64_MIN;
    for (uint32_t s = 0; s < f->n_page_sizes; s++)
        if (sizes & w->whole_pages & (1u << s)) {
            int64_t kib = pages_kib(f, f->pages_free, s, cell);
            if (kib > most) most = kib;
        }
    return nf_refuse(why, NF_PAGES, w->page_kib, w->kib, most);
}

/* No page size asked for. Pinned guests need free memory; shared ones may overcommit the cell with
 * others, yet not by themselves. */
static inline int memory_fits(const nf_fleet *f, uint32_t cell, const nf_demand *w, nf_reason *why) {
    uint32_t present = f->cell_page_sizes[cell];
    if (!present) {
        int64_t total = f->cell_memory[cell];
        int64_t left = total - f->cell_memory_used[cell];
        if (w->pins)
            return w->memory <= left ? NF_OK : nf_refuse(why, NF_MEMORY, 0, w->memory, left);
        return w->memory <= total ? NF_OK : nf_refuse(why, NF_MEMORY_TOTAL, 0, w->memory, total);
    }
    uint32_t s = nf_lowest(present);
    if (!(w->whole_pages & (1u << s)))
        return nf_refuse(why, NF_PAGE_MULTIPLE, 0, w->kib, f->page_kib[s]);
    int64_t there = pages_kib(f, w->pins ? f->pages_free : f->pages_total, s, cell);
    if (w->kib <= there) return NF_OK;
    return nf_refuse(why, w->pins ? NF_PAGES : NF_PAGES_TOTAL, 0, w->kib, there);
}

static int isolate_fits(const nf_fleet *f, uint32_t cell, const nf_layout *layout,
                        const nf_demand *w, nf_reason *why) {
    uint32_t n = w->n_dedicated;
    int64_t whole = layout->threads ? nf_cores_with(f, cell, layout->threads) : 0;
    if (whole < 1) return nf_refuse(why, NF_ISOLATE_CORES, 0, n, whole);
    if (layout->threads > 1 && !layout->same_sets)
        return nf_refuse(why, NF_ISOLATE_SHARED, 0, n, 0);
    if (whole < n) return nf_refuse(why, NF_ISOLATE_CORES, 0, n, whole);
    if (!n) return nf_refuse(why, NF_ISOLATE_EMPTY, 0, 1, 0);
    int64_t cores = nf_cores_with(f, cell, 1);
    if (cores < (int64_t)n + w->reserved)
        return nf_refuse(why, NF_EMULATOR_CPU, 0, w->reserved, cores - n);
    return NF_OK;
}

/* Counts decide: which threads are taken is only worked out where the guest is placed. */
static inline int threads_fit(const nf_fleet *f, uint32_t cell, const nf_layout *layout,
                              const nf_demand *w, nf_reason *why) {
    uint32_t n = w->n_dedicated;
    if (w->threads == NF_THREADS_ISOLATE) return isolate_fits(f, cell, layout, w, why);
    if (w->threads == NF_THREADS_REQUIRE) {
        if (layout->threads < 2) return nf_refuse(why, NF_REQUIRE_NO_SMT, 0, 2, layout->threads);
        int64_t most = 0;
        for (uint32_t k = layout->threads; k >= 2; k--) {
            int64_t here = (int64_t)k * nf_cores_with(f, cell, k);
            if (here > most) most = here;
        }
        if (most < 1 || most < n) return nf_refuse(why, NF_REQUIRE_CORES, 0, n ? n : 1, most);
    }
    if (w->reserved && !n) return nf_refuse(why, NF_EMULATOR_EMPTY, 0, 1, 0);
    int64_t listed = f->cell_free[cell];
    if (layout->n_slots != layout->n_cores << layout->shift) {
        listed = 0;
        for (uint32_t k = 1; k <= layout->threads; k++) listed += nf_cores_with(f, cell, k);
    }
    if (listed < (int64_t)n + w->reserved)
        return nf_refuse(why, NF_UNLISTED_CPUS, 0, (int64_t)n + w->reserved, listed);
    return NF_OK;
}

static inline int limits_fit(const nf_fleet *f, uint32_t cell, const nf_layout *layout,
                             const nf_demand *w, const nf_limits *limits, nf_reason *why) {
    int64_t cpus = f->cell_cpu_used[cell] + w->n_shared;
    double cpu_limit = layout->n_shared * limits->cpu_ratio;
    if ((double)cpus > cpu_limit)
        return nf_refuse(why, NF_CPU_LIMIT, 0, cpus, (int64_t)cpu_limit);
    int64_t memory = f->cell_memory_used[cell] + w->memory;
    double memory_limit = (double)f->cell_memory[cell] * limits->ram_ratio;
    if ((double)memory > memory_limit)
        return nf_refuse(why, NF_MEMORY_LIMIT, 0, memory, (int64_t)memory_limit);
    return NF_OK;
}

int nf_pair(const nf_fleet *f, uint32_t cell, const nf_demand *w, const nf_limits *limits,
            nf_reason *why) {
    const nf_layout *layout = &f->layouts[f->cell_layout[cell]];
    int status;
    if (w->page_kib != NF_PAGES_NONE) {
        if (nf_choose_pages(f, cell, w) == NF_NONE) return refuse_pages(f, cell, w, why);
    } else if ((status = memory_fits(f, cell, w, why)) != NF_OK) {
        return status;
    }
    int64_t cpus = (int64_t)w->n_dedicated + w->reserved;
    if (w->pins && cpus > layout->n_dedicated)
        return nf_refuse(why, NF_DEDICATED_TOTAL, 0, cpus, layout->n_dedicated);
    if (w->shares && w->n_shared > layout->n_shared)
        return nf_refuse(why, NF_SHARED_TOTAL, 0, w->n_shared, layout->n_shared);
    if (w->pins) {
        if (cpus > f->cell_free[cell])
            return nf_refuse(why, NF_FREE_CPUS, 0, cpus, f->cell_free[cell]);
        if ((status = threads_fit(f, cell, layout, w, why)) != NF_OK) return status;
    }
    if (w->shares && limits->on) return limits_fit(f, cell, layout, w, limits, why);
    return NF_OK;
}
