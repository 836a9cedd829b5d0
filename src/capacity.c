/* How many more guests like this fit on each host, one after the other? */
#include "capacity_books.h"
#include "fit.h"
#include "host_copy.h"
#include "pair.h"
#include "resources.h"

#define MANY INT64_MAX

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many times need goes into there; nothing needed never runs out. */
static int64_t times(int64_t there, int64_t need) {
    if (need <= 0) return MANY;
    return there > 0 ? there / need : 0;
}

/* Guests for whose memory there are pages. Each takes pages of one size, the largest that still
 * has enough, so sizes add up. */
static int64_t by_pages(const nf_cell *c, const nf_demand *w) {
    int64_t sum = 0;
    uint32_t sizes;
    if (w->kib == 0) return nf_choose_pages(c, w) == NF_NONE ? 0 : MANY;
    for (sizes = nf_page_candidates(c->page_sizes, w) & w->whole_pages; sizes; sizes &= sizes - 1) {
        uint32_t s = nf_lowest(sizes);
        sum += times(nf_pages_free(c, s), w->kib / c->page_kib[s]);
    }
    return sum;
}

static int64_t by_memory(const nf_cell *c, const nf_demand *w) {
    if (w->page_kib != NF_PAGES_NONE) return by_pages(c, w);
    if (!w->pins) return MANY; /* shared guests overcommit: only the limits end it */
    if (!c->page_sizes) return times(c->memory - c->memory_used, w->memory);
    uint32_t s = nf_lowest(c->page_sizes);
    return times(nf_pages_free(c, s), w->kib / c->page_kib[s]);
}

static int64_t by_limits(const nf_cell *c, const nf_demand *w, const nf_limits *limits) {
    return least(times(nf_cpu_limit(c, limits) - c->cpu_used, w->n_shared),
                 times(nf_memory_limit(c, limits) - c->memory_used, w->memory));
}

/* Guests that the free threads hold. False: it depends on which threads are taken. */
static bool by_threads(const nf_cell *c, const nf_demand *w, int64_t *most) {
    uint32_t n = w->n_dedicated + w->reserved, threads = c->layout->threads;
    *most = MANY;
    if (!n) return true;
    switch (w->threads) {
    case NF_THREADS_ISOLATE:
        if (threads == 1) break; /* a core is a thread */
        if (w->reserved) return false;
        *most = times(nf_cores_with(c, threads), n);
        return true;
    case NF_THREADS_REQUIRE:
        /* on cores of two threads each guest takes whole cores, and half of the last one */
        if (threads != 2 || w->reserved) return false;
        *most = times(nf_cores_with(c, 2), (n + 1) / 2);
        return true;
    default: break;
    }
    *most = times(nf_listed(c), n);
    return true;
}

/* Guests of one cell that fit here one after the other. */
static inline bool on_cell(const nf_cell *c, const nf_demand *w, const nf_limits *limits, int64_t *most) {
    *most = 0;
    if (nf_pair_rule(c, w, limits, NULL) != NF_OK) return true;
    *most = by_memory(c, w);
    if (w->shares && limits->on) *most = least(*most, by_limits(c, w, limits));
    int64_t threads = MANY;
    if (w->pins && !by_threads(c, w, &threads)) return false;
    *most = least(*most, threads);
    return true;
}

/* Does what that many guests take of the cell stay a number? Else a claim ends it. Pages that are
 * pinned, or asked for by their size, are counted by those that are free; memory in use may exceed
 * what there is. */
static bool countable(const nf_cell *c, const nf_guest_cell *g, bool overcommits, int64_t guests) {
    nf_usage u = {g->memory, g->n_shared, 0, NF_NONE};
    if (guests < 1) return true;
    if (overcommits) u = nf_usage_of(c, g, NF_NONE);
    return nf_times_countable(c, &u, guests);
}

/* What a cell may have in use so that cap guests more are sure to count. */
typedef struct headroom {
    int64_t memory, cpus, pages[NF_MAX_PAGE_SIZES];
    bool overcommits; /* pages matter, too */
} headroom;

static void headroom_of(headroom *h, const nf_fleet *f, const nf_guest_cell *g, const nf_demand *w,
                        uint32_t cap) {
    h->overcommits = !w->pins && w->page_kib == NF_PAGES_NONE;
    h->cpus = INT32_MAX - (int64_t)cap * g->n_shared;
    h->memory = NF_MAX_AMOUNT / (cap + (int64_t)1) < g->memory ? -1 : NF_MAX_AMOUNT - cap * g->memory;
    for (uint32_t s = 0; h->overcommits && s < f->n_page_sizes; s++) {
        int64_t pages = g->memory * 1024 / f->page_kib[s];
        h->pages[s] = INT32_MAX / (cap + (int64_t)1) < pages ? -1 : INT32_MAX - cap * pages;
    }
}

static inline bool has_headroom(const nf_cell *c, const headroom *h) {
    if (c->cpu_used > h->cpus || c->memory_used > h->memory) return false;
    if (!h->overcommits || !c->page_sizes) return true;
    size_t s = nf_lowest(c->page_sizes), at = s * c->stride;
    return c->pages_used[at] <= h->pages[s] && c->pages_free[at] >= -h->pages[s];
}

/* Closed form: guests of one cell fill each cell by itself; guests whose alike cells take all of a
 * host's cells fit as often as in the fullest of them. */
static bool in_closed_form(nf_job *j, const nf_demand *want, const headroom *room, uint32_t cap,
                           int64_t *count) {
    const nf_request *r = j->request;
    bool one = r->n_cells == 1;
    int64_t sum = 0, smallest = MANY;
    *count = MANY;
    if (r->n_pci) return false;
    if (!r->n_cells) return true; /* the host's own resources end it */
    if (!one && r->n_cells != j->n_cells) return false;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        int64_t here;
        nf_cell c;
        uint32_t cell = j->first_cell + i;
        if (one && r->n_nets && !nf_near_networks(j, cell)) continue;
        nf_cell_load(&c, j->f, cell);
        if (!on_cell(&c, want, &j->limits, &here)) return false;
        if (!has_headroom(&c, room) &&
            !countable(&c, r->cells, room->overcommits, least(here, cap)))
            return false;
        sum = sum > MANY - here ? MANY : sum + here;
        smallest = least(smallest, here);
    }
    *count = one ? sum : smallest;
    return true;
}

static bool all_alike(const nf_request *r) {
    for (uint32_t g = 1; g < r->n_cells; g++)
        if (!nf_alike(r, 0, g)) return false;
    return true;
}

typedef struct desk {
    void *copy;
    nf_scratch scratch;
    nf_placement out;
} desk;

static void lay_out(desk *d, const nf_fleet *f, const nf_request *r, nf_arena *a) {
    d->copy = nf_carve(a, 1, nf_host_copy_size(f, false));
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
    if (!nf_host_ok(f, host)) return NF_EINVAL;
    nf_host_copy_make(&copy, f, host, false, d->copy);
    for (*count = 0; *count < cap; ++*count) {
        int status = nf_fit(&copy, 0, r, options, &d->scratch, &d->out, NULL);
        if (status < 0 || status == NF_UNDECIDED) return status;
        if (status != NF_OK || nf_claim(&copy, 0, r, &d->out, NULL) != NF_OK) break;
    }
    return NF_OK;
}

bool nf_bounded(const nf_request *r) {
    bool devices = false;
    for (uint32_t p = 0; p < r->n_pci; p++) devices |= r->pci[p].count > 0;
    return r->n_cells || r->n_resources || r->n_fallback || devices;
}

nf_status nf_capacity(const nf_fleet *f, const nf_hosts *hosts, const nf_request *request,
                      const nf_options *options, uint32_t cap, const nf_scratch *scratch,
                      uint32_t *counts) {
    desk d;
    nf_job j;
    nf_demand want = {0};
    headroom room = {.overcommits = false};
    int result = NF_OK, status = nf_job_check(f, request, options, scratch);
    if (status != NF_OK) return status;
    if (!nf_hosts_ok(f, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    if (!nf_bounded(request)) return NF_EINVAL; /* nothing would ever run out */
    if (!nf_scratch_ok(scratch, nf_capacity_bytes(f, request))) return NF_ESPACE;
    bool laid_out = false, asks = nf_asks_host(request);
    nf_books books;
    bool same = all_alike(request), booked = nf_books_open(&books, f, request, options);
    if (request->n_cells) {
        nf_demand_of(f, request, 0, &want);
        headroom_of(&room, f, request->cells, &want, cap);
    }
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint32_t host = nf_hosts_at(hosts, i);
        int64_t most, units = asks ? nf_resources_count(f, host, request) : MANY;
        uint32_t at_most = units < cap ? (uint32_t)units : cap;
        nf_job_start(&j, f, host, request, options, NULL);
        if (same && in_closed_form(&j, &want, &room, at_most, &most)) {
            counts[i] = most < at_most ? (uint32_t)most : at_most;
            continue;
        }
        if (booked && nf_books_count(&books, host, &j.limits, at_most, &counts[i])) continue;
        if (!laid_out) {
            nf_arena a = {scratch->memory, 0};
            lay_out(&d, f, request, &a);
            laid_out = true;
        }
        status = by_placing(f, host, request, options, at_most, &d, &counts[i]);
        if (status < 0) return status;
        if (status != NF_OK) result = status;
    }
    return result;
}
