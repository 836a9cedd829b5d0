/*
 * Which host cells can take a guest cell? The conditions of cell.c, turned into comparisons of
 * whole columns, a block of cells at a time: loops without branches, which compilers turn into
 * vector code. What a column cannot say is left to nf_pair(), whose verdict this always is.
 */
#include "cell_filter.h"

static void all_of(nf_cell_filter *s, const int32_t *column, int64_t need) {
    if (need > INT32_MAX) s->none = true;
    s->all[s->n_all++] = (nf_test){column, (int32_t)need};
}

static const int32_t *cores_with(const nf_fleet *f, uint32_t k) {
    return f->cell_cores + (size_t)(k - 1) * f->n_cells;
}

/* One page size: enough pages, in whole numbers. Absent sizes have no free pages. */
static void or_pages(nf_cell_filter *s, const int32_t *pages, uint32_t size) {
    int64_t need = s->want.kib / s->f->page_kib[size];
    if (!(s->want.whole_pages >> size & 1u) || need > INT32_MAX) return;
    s->pages[s->n_pages++] = (nf_test){pages + (size_t)size * s->f->n_cells, (int32_t)need};
}

static void ask_pages(nf_cell_filter *s) {
    const nf_fleet *f = s->f;
    const nf_demand *w = &s->want;
    s->smallest = w->page_kib == NF_PAGES_NONE || w->page_kib == NF_PAGES_SMALL ||
                  w->page_kib == NF_PAGES_LARGE;
    /* no memory at all fits into no pages, but only where there are such pages */
    if (!s->smallest && !w->kib) s->by_pair = true;
    if (s->smallest) return; /* block by block */
    for (uint32_t size = 0; size < f->n_page_sizes; size++)
        if (w->page_kib == NF_PAGES_ANY || size == w->page_class) or_pages(s, f->pages_free, size);
    s->none |= !s->n_pages;
}

/* Can a cell of this layout, whatever is free in it? */
static bool layout_can(const nf_demand *w, const nf_layout *l) {
    if (w->shares && w->n_shared > l->n_shared) return false;
    if (!w->pins || w->threads != NF_THREADS_ISOLATE) return true;
    return l->threads == 1 || (l->threads > 1 && l->same_sets);
}

static bool is_loose(const nf_layout *l) { return l->n_slots != l->n_cores << l->shift; }

static void ask_cpus(nf_cell_filter *s) {
    const nf_demand *w = &s->want;
    int64_t n = w->n_dedicated, cpus = n + w->reserved;
    all_of(s, s->f->cell_free, cpus);
    if (!n && (w->threads == NF_THREADS_ISOLATE || w->reserved || !w->n_shared)) s->none = true;
    if (w->threads == NF_THREADS_ISOLATE) {
        if (w->reserved) all_of(s, cores_with(s->f, 1), cpus);
        return;
    }
    if (w->threads == NF_THREADS_REQUIRE) {
        if (s->f->max_threads < 2) s->none = true;
        if (s->f->max_threads == 2) all_of(s, cores_with(s->f, 2), n > 1 ? (n + 1) / 2 : 1);
        if (s->f->max_threads > 2) s->by_pair = true;
    }
}

/* What differs between layouts, where it does. A fleet has few; of many, each cell's is asked. */
static void ask_layouts(nf_cell_filter *s) {
    const uint32_t few = 64;
    const nf_fleet *f = s->f;
    bool isolate = s->want.pins && s->want.threads == NF_THREADS_ISOLATE;
    bool some_can = false;
    for (uint32_t l = 0; l < f->n_layouts && l < few; l++) {
        const nf_layout *layout = &f->layouts[l];
        if (layout_can(&s->want, layout))
            some_can = true;
        else
            s->by_layout = true;
        if (isolate && layout->threads != f->layouts[0].threads) s->by_layout = true;
        if (s->want.pins && !isolate && is_loose(layout)) s->listed = true;
    }
    if (f->n_layouts <= few && !some_can) s->none = true;
    if (f->n_layouts > few) {
        s->by_layout = s->want.shares || isolate;
        s->listed = s->want.pins && !isolate;
    }
    if (isolate && !s->by_layout && f->n_layouts && f->layouts[0].threads)
        all_of(s, cores_with(f, f->layouts[0].threads), s->want.n_dedicated);
}

void nf_cell_filter_make(nf_cell_filter *s, const nf_fleet *f, const nf_request *r, uint32_t g,
                         const nf_options *options) {
    memset(s, 0, offsetof(nf_cell_filter, pages));
    s->n_pages = 0;
    s->none = s->by_pair = s->smallest = s->listed = s->by_layout = s->given = false;
    s->f = f;
    s->options = options;
    nf_demand_of(f, r, g, &s->want);
    ask_pages(s);
    if (s->want.pins) ask_cpus(s);
    ask_layouts(s);
    if (!s->want.shares || options->limits == NF_LIMITS_NONE) return;
    s->given = options->limits == NF_LIMITS_GIVEN;
    if (s->given) return;
    all_of(s, f->cell_cpu_room, s->want.n_shared);
    if (s->want.memory > INT32_MAX) /* a host without ratios has room for this too */
        s->by_pair = true;
    else
        all_of(s, f->cell_memory_room, s->want.memory);
}

static void keep(int32_t *restrict ok, const int32_t *restrict column, int32_t need, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) ok[i] &= -(int32_t)(column[i] >= need);
}

static void also(int32_t *restrict any, const int32_t *restrict column, int32_t need, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) any[i] |= -(int32_t)(column[i] >= need);
}

static void keep_any(int32_t *restrict ok, const nf_test *tests, uint32_t n_tests, uint32_t first,
                     uint32_t n) {
    int32_t any[NF_BLOCK];
    if (n_tests == 1) {
        keep(ok, tests[0].column + first, tests[0].need, n);
        return;
    }
    memset(any, 0, n * sizeof *any);
    for (uint32_t t = 0; t < n_tests; t++) also(any, tests[t].column + first, tests[t].need, n);
    for (uint32_t i = 0; i < n; i++) ok[i] &= any[i];
}

/* Pages where the cell's smallest size matters: false if that is not the same for all of these. */
static bool keep_by_smallest(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok) {
    const nf_fleet *f = s->f;
    const nf_demand *w = &s->want;
    const uint32_t *present = f->cell_page_sizes + first;
    uint32_t in_all = UINT32_MAX, in_any = 0;
    for (uint32_t i = 0; i < n; i++) {
        in_all &= present[i];
        in_any |= present[i];
    }
    uint32_t smallest = in_any & (0u - in_any);
    if (!smallest || !(in_all & smallest)) return false;
    nf_cell_filter some = {.f = f, .want = *w};
    if (w->page_kib == NF_PAGES_LARGE) {
        if (!w->kib) return false;
        for (uint32_t left = in_any & ~smallest; left; left &= left - 1)
            or_pages(&some, f->pages_free, nf_lowest(left));
    } else {
        bool total = w->page_kib == NF_PAGES_NONE && !w->pins;
        or_pages(&some, total ? f->pages_total : f->pages_free, nf_lowest(smallest));
    }
    keep_any(ok, some.pages, some.n_pages, first, n);
    return true;
}

/* CPUs that stand in some sibling set: each thread is counted by the cores that have so many. */
static void keep_listed(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok) {
    int32_t sum[NF_BLOCK];
    memset(sum, 0, n * sizeof *sum);
    for (uint32_t k = 1; k <= s->f->max_threads; k++) {
        const int32_t *cores = cores_with(s->f, k) + first;
        for (uint32_t i = 0; i < n; i++) sum[i] += cores[i];
    }
    keep(ok, sum, (int32_t)(s->want.n_dedicated + s->want.reserved), n);
}

static void keep_by_layout(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok) {
    const nf_fleet *f = s->f;
    const nf_demand *w = &s->want;
    bool isolate = w->pins && w->threads == NF_THREADS_ISOLATE;
    for (uint32_t i = 0; i < n; i++) {
        const nf_layout *l = &f->layouts[f->cell_layout[first + i]];
        if (!ok[i]) continue;
        if (!layout_can(w, l) ||
            (isolate && cores_with(f, l->threads)[first + i] < (int64_t)w->n_dedicated))
            ok[i] = 0;
    }
}

static void keep_within_limits(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok) {
    const nf_fleet *f = s->f;
    double cpu_ratio = s->options->cpu_ratio, ram_ratio = s->options->ram_ratio;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t cell = first + i;
        int64_t cpus = f->cell_cpu_used[cell] + s->want.n_shared;
        int64_t memory = f->cell_memory_used[cell] + s->want.memory;
        bool over = cpus > nf_limit(f->layouts[f->cell_layout[cell]].n_shared, cpu_ratio) ||
                    memory > nf_limit(f->cell_memory[cell], ram_ratio);
        ok[i] &= -(int32_t)!over;
    }
}

static void by_pair(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok) {
    nf_limits limits = {false, 0.0, 0.0};
    nf_cell c;
    bool own = s->options->limits == NF_LIMITS_HOST;
    if (!own) limits = nf_limits_for(s->f, 0, s->options);
    for (uint32_t i = 0; i < n; i++) {
        if (own) limits = nf_limits_for(s->f, s->f->cell_host[first + i], s->options);
        nf_cell_load(&c, s->f, first + i);
        ok[i] = -(int32_t)(nf_pair(&c, &s->want, &limits, NULL) == NF_OK);
    }
}

void nf_cell_filter_cells(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok) {
    memset(ok, s->none ? 0 : 0xff, n * sizeof *ok);
    if (s->none) return;
    if (s->by_pair || (s->smallest && !keep_by_smallest(s, first, n, ok))) {
        by_pair(s, first, n, ok);
        return;
    }
    if (s->n_pages) keep_any(ok, s->pages, s->n_pages, first, n);
    for (uint32_t t = 0; t < s->n_all; t++)
        keep(ok, s->all[t].column + first, s->all[t].need, n);
    if (s->listed) keep_listed(s, first, n, ok);
    if (s->by_layout) keep_by_layout(s, first, n, ok);
    if (s->given) keep_within_limits(s, first, n, ok);
}
