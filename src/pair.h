/*
 * Does this guest cell fit this host cell: memory, pages, CPU counts, limits? The one statement of
 * the rule. nf_pair() (cell.h) is the call; where only yes or no is asked of many cells, the rule
 * is expanded in place, so that nothing is loaded that the guest does not ask for.
 */
#ifndef NF_PAIR_H
#define NF_PAIR_H

#include "engine.h"

static inline int nf_refuse_pages(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    uint32_t sizes = nf_page_candidates(c->page_sizes, w);
    if (!sizes) return nf_refuse(why, NF_PAGE_SIZE, w->page_kib, w->kib, 0);
    uint32_t largest = 31u - (uint32_t)__builtin_clz(sizes);
    if (!(sizes & w->whole_pages))
        return nf_refuse(why, NF_PAGE_MULTIPLE, w->page_kib, w->kib, c->page_kib[largest]);
    int64_t most = INT64_MIN;
    for (uint32_t s = 0; s < c->n_page_sizes; s++)
        if (sizes & w->whole_pages & (1u << s)) {
            int64_t kib = nf_kib_in(c, c->pages_free, s);
            if (kib > most) most = kib;
        }
    return nf_refuse(why, NF_PAGES, w->page_kib, w->kib, most);
}

/* No page size asked for. Pinned guests need free memory; shared ones may overcommit the cell with
 * others, yet not by themselves. */
static inline int nf_memory_fits(const nf_cell *c, const nf_demand *w, nf_reason *why) {
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
    int64_t there = nf_kib_in(c, w->pins ? c->pages_free : c->pages_total, s);
    if (w->kib <= there) return NF_OK;
    return nf_refuse(why, w->pins ? NF_PAGES : NF_PAGES_TOTAL, 0, w->kib, there);
}

static inline int nf_isolate_fits(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    const nf_layout *layout = c->layout;
    uint32_t n = w->n_dedicated;
    if (!n) return nf_refuse(why, NF_ISOLATE_EMPTY, 0, 1, 0);
    int64_t whole = layout->threads ? nf_cores_with(c, layout->threads) : 0;
    if (whole < 1) return nf_refuse(why, NF_ISOLATE_CORES, 0, n, whole);
    if (layout->threads > 1 && !layout->same_sets)
        return nf_refuse(why, NF_ISOLATE_SHARED, 0, n, 0);
    if (whole < n) return nf_refuse(why, NF_ISOLATE_CORES, 0, n, whole);
    int64_t cores = nf_cores_with(c, 1);
    if (cores < (int64_t)n + w->reserved)
        return nf_refuse(why, NF_EMULATOR_CPU, 0, w->reserved, cores - n);
    return NF_OK;
}

/* Counts decide: which threads are taken is only worked out where the guest is placed. */
static inline int nf_threads_fit(const nf_cell *c, const nf_demand *w, nf_reason *why) {
    const nf_layout *layout = c->layout;
    uint32_t n = w->n_dedicated;
    if (w->threads == NF_THREADS_ISOLATE) return nf_isolate_fits(c, w, why);
    if (w->threads == NF_THREADS_REQUIRE) {
        if (layout->threads < 2) return nf_refuse(why, NF_REQUIRE_NO_SMT, 0, 2, layout->threads);
        int64_t most = nf_on_siblings(c);
        if (most < 1 || most < n) return nf_refuse(why, NF_REQUIRE_CORES, 0, n ? n : 1, most);
    }
    if (!n && w->reserved) return nf_refuse(why, NF_EMULATOR_EMPTY, 0, 1, 0);
    if (!n && !w->n_shared) return nf_refuse(why, NF_PINNED_EMPTY, 0, 1, 0);
    int64_t listed = nf_listed(c);
    if (listed < (int64_t)n + w->reserved)
        return nf_refuse(why, NF_UNLISTED_CPUS, 0, (int64_t)n + w->reserved, listed);
    return NF_OK;
}

static inline int nf_limits_fit(const nf_cell *c, const nf_demand *w, const nf_limits *limits,
                             nf_reason *why) {
    int64_t cpus = c->cpu_used + w->n_shared, most = nf_cpu_limit(c, limits);
    if (cpus > most) return nf_refuse(why, NF_CPU_LIMIT, 0, cpus, most);
    int64_t memory = c->memory_used + w->memory;
    most = nf_memory_limit(c, limits);
    if (memory > most) return nf_refuse(why, NF_MEMORY_LIMIT, 0, memory, most);
    return NF_OK;
}

static inline int nf_pair_rule(const nf_cell *c, const nf_demand *w, const nf_limits *limits,
                               nf_reason *why) {
    const nf_layout *layout = c->layout;
    int status;
    if (w->page_kib != NF_PAGES_NONE) {
        if (nf_choose_pages(c, w) == NF_NONE) return why ? nf_refuse_pages(c, w, why) : NF_PAGES;
    } else if ((status = nf_memory_fits(c, w, why)) != NF_OK) {
        return status;
    }
    int64_t cpus = (int64_t)w->n_dedicated + w->reserved;
    if (w->pins && cpus > layout->n_dedicated)
        return nf_refuse(why, NF_DEDICATED_TOTAL, 0, cpus, layout->n_dedicated);
    if (w->shares && w->n_shared > layout->n_shared)
        return nf_refuse(why, NF_SHARED_TOTAL, 0, w->n_shared, layout->n_shared);
    if (w->pins) {
        if (cpus > c->free) return nf_refuse(why, NF_FREE_CPUS, 0, cpus, c->free);
        if ((status = nf_threads_fit(c, w, why)) != NF_OK) return status;
    }
    return w->shares && limits->on ? nf_limits_fit(c, w, limits, why) : NF_OK;
}

#endif
