/* How many more guests like this fit on each host, one after the other? */
#include "capacity_books.h"
#include "fit.h"
#include "host_copy.h"

#define MANY INT64_MAX

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many times need goes into there; nothing needed never runs out. */
static int64_t times(int64_t there, int64_t need) {
    if (need <= 0) return MANY;
    return there > 0 ? there / need : 0;
}

/* Guests for whose memory there are pages. Each takes pages of one size, the largest that still
 * has enough, so sizes add up. */
static int64_t by_pages(const nf_fleet *f, uint32_t cell, const nf_demand *w) {
    int64_t sum = 0;
    uint32_t present = f->cell_page_sizes[cell], sizes;
    if (w->kib == 0) return nf_choose_pages(f, cell, w) == NF_NONE ? 0 : MANY;
    for (sizes = nf_page_candidates(present, w) & w->whole_pages; sizes; sizes &= sizes - 1) {
        uint32_t s = nf_lowest(sizes);
        sum += times(f->pages_free[(size_t)s * f->n_cells + cell], w->kib / f->page_kib[s]);
    }
    return sum;
}

static int64_t by_memory(const nf_fleet *f, uint32_t cell, const nf_demand *w) {
    uint32_t present = f->cell_page_sizes[cell];
    if (w->page_kib != NF_PAGES_NONE) return by_pages(f, cell, w);
    if (!w->pins) return MANY; /* shared guests overcommit: only the limits end it */
    if (!present) return times(f->cell_memory[cell] - f->cell_memory_used[cell], w->memory);
    uint32_t s = nf_lowest(present);
    return times(f->pages_free[(size_t)s * f->n_cells + cell], w->kib / f->page_kib[s]);
}

static int64_t by_limits(const nf_fleet *f, uint32_t cell, const nf_layout *layout,
                         const nf_demand *w, const nf_limits *limits) {
    double cpus = layout->n_shared * limits->cpu_ratio;
    double memory = (double)f->cell_memory[cell] * limits->ram_ratio;
    const double most = 9e15; /* beyond any sum of whole numbers that can occur */
    int64_t cpu_limit = cpus < most ? (int64_t)cpus : (int64_t)most;
    int64_t memory_limit = memory < most ? (int64_t)memory : (int64_t)most;
    return least(times(cpu_limit - f->cell_cpu_used[cell], w->n_shared),
                 times(memory_limit - f->cell_memory_used[cell], w->memory));
}

/* Guests that the free threads hold. False: it depends on which threads are taken. */
static bool by_threads(const nf_fleet *f, uint32_t cell, const nf_layout *layout,
                       const nf_demand *w, int64_t *most) {
    uint32_t n = w->n_dedicated + w->reserved;
    *most = MANY;
    if (!n) return true;
    switch (w->threads) {
    case NF_THREADS_ISOLATE:
        if (layout->threads == 1) break; /* a core is a thread */
        if (w->reserved) return false;
        *most = times(nf_cores_with(f, cell, layout->threads), n);
        return true;
    case NF_THREADS_REQUIRE:
        /* on cores of two threads each guest takes whole cores, and half of the last one */
        if (layout->threads != 2 || w->reserved) return false;
        *most = times(nf_cores_with(f, cell, 2), (n + 1) / 2);
        return true;
    default: break;
    }
    int64_t listed = 0;
    for (uint32_t k = 1; k <= layout->threads; k++) listed += nf_cores_with(f, cell, k);
    *most = times(listed, n);
    return true;
}

/* Guests of one cell that fit here one after the other. */
static bool on_cell(const nf_fleet *f, uint32_t cell, const nf_demand *w, const nf_limits *limits,
                    int64_t *most) {
    *most = 0;
    if (nf_pair(f, cell, w, limits, NULL) != NF_OK) return true;
    const nf_layout *layout = &f->layouts[f->cell_layout[cell]];
    *most = by_memory(f, cell, w);
    if (w->shares && limits->on) *most = least(*most, by_limits(f, cell, layout, w, limits));
    int64_t threads = MANY;
    if (w->pins && !by_threads(f, cell, layout, w, &threads)) return false;
    *most = least(*most, threads);
    return true;
}

/* Closed form: guests of one cell fill each cell by itself; guests whose alike cells take all of a
 * host's cells fit as often as in the fullest of them. */
static bool in_closed_form(nf_job *j, const nf_demand *want, int64_t *count) {
    const nf_request *r = j->request;
    bool one = r->n_cells == 1;
    if (r->n_pci || (!one && r->n_cells != j->n_cells)) return false;
    int64_t sum = 0, smallest = MANY;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        int64_t here;
        uint32_t cell = j->first_cell + i;
        if (one && r->n_nets && !nf_near_networks(j, cell)) continue;
        if (!on_cell(j->f, cell, want, &j->limits, &here)) return false;
        sum = sum > MANY - here ? MANY : sum + here;
        smallest = least(smallest, here);
    }
    *count = one ? sum : smallest;
    return true;
}

static bool alike(const nf_request *r) {
    if (r->emulator_isolated && r->n_cells > 1) return false;
    for (uint32_t g = 1; g < r->n_cells; g++)
        if (memcmp(&r->cells[0], &r->cells[g], sizeof *r->cells)) return false;
    return true;
}

typedef struct desk {
    void *copy;
    nf_scratch scratch;
    nf_placement out;
} desk;

static void lay_out(desk *d, const nf_fleet *f, const nf_request *r, nf_arena *a) {
    d->copy = nf_carve(a, 1, nf_host_copy_bytes(f));
    d->scratch.bytes = nf_fit_bytes(f, r);
    d->scratch.memory = nf_carve(a, 1, d->scratch.bytes);
    nf_placement_lay_out(&d->out, r->n_cells, nf_max_slots(r), nf_max_draws(f, r), a);
}

size_t nf_capacity_bytes(const nf_fleet *f, const nf_request *r) {
    nf_arena a = {NULL, 0};
    desk d;
    if (!nf_fit_bytes(f, r)) return 0;
    lay_out(&d, f, r, &a);
    return a.used;
}

/* Place one after the other on a copy. A placement that cannot be claimed ends it, as in nova. */
static int by_placing(const nf_fleet *f, uint32_t host, const nf_request *r,
                      const nf_options *options, uint32_t cap, desk *d, uint32_t *count) {
    nf_fleet copy;
    nf_host_copy_make(&copy, f, host, d->copy);
    for (*count = 0; *count < cap; ++*count) {
        int status = nf_fit(&copy, 0, r, options, &d->scratch, &d->out, NULL);
        if (status < 0 || status == NF_UNDECIDED) return status;
        if (status != NF_OK || nf_claim(&copy, 0, r, &d->out, NULL) != NF_OK) break;
    }
    return NF_OK;
}

nf_status nf_capacity(const nf_fleet *f, const nf_hosts *hosts, const nf_request *request,
                      const nf_options *options, uint32_t cap, const nf_scratch *scratch,
                      uint32_t *counts) {
    desk d;
    nf_job j;
    nf_demand want;
    int result = NF_OK, status = nf_job_check(f, request, options, scratch);
    if (status != NF_OK) return status;
    if (!nf_hosts_ok(f, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    if (!request->n_cells) return NF_EINVAL; /* nothing would ever run out */
    if (!nf_scratch_ok(scratch, nf_capacity_bytes(f, request))) return NF_ESPACE;
    bool laid_out = false;
    nf_books books;
    bool same = alike(request), booked = nf_books_open(&books, f, request, options);
    nf_demand_of(f, &request->cells[0], request->emulator_isolated, &want);
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint32_t host = nf_hosts_at(hosts, i);
        int64_t most;
        nf_job_start(&j, f, host, request, options, NULL);
        if (same && in_closed_form(&j, &want, &most)) {
            counts[i] = most < cap ? (uint32_t)most : cap;
            continue;
        }
        if (booked && nf_books_count(&books, host, cap, &counts[i])) continue;
        if (!laid_out) {
            nf_arena a = {scratch->memory, 0};
            lay_out(&d, f, request, &a);
            laid_out = true;
        }
        status = by_placing(f, host, request, options, cap, &d, &counts[i]);
        if (status < 0) return status;
        if (status != NF_OK) result = status;
    }
    return result;
}
