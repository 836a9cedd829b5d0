#include "operations.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "guests.h"
#include "world.h"

/* What most operations need: a fleet, a guest, and room to answer in. */
typedef struct desk {
    world *w;
    guest guest;
    guest mix[N_MIX];
    nf_options options;
    uint32_t host, turn;
    nf_scratch scratch;
    nf_placement out;
    nf_placed_cell cells[MOST_CELLS];
    uint32_t slots[1024];
    nf_draw draws[256];
    uint8_t *fits;
    uint32_t *counts;
} desk;

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static desk *desk_new(shape s) {
    desk *d = calloc(1, sizeof *d);
    if (!d) exit(2);
    d->w = world_new(&s);
    d->options.limits = NF_LIMITS_HOST;
    d->out = (nf_placement){.cells = d->cells,
                            .slots = d->slots,
                            .draws = d->draws,
                            .cells_size = MOST_CELLS,
                            .slots_size = sizeof d->slots / sizeof *d->slots,
                            .draws_size = sizeof d->draws / sizeof *d->draws};
    d->fits = calloc(s.hosts, 1);
    d->counts = calloc(s.hosts, sizeof *d->counts);
    return d;
}

static desk *ready(desk *d) {
    guest_mix(d->mix);
    if (d->guest.request.abi) {
        d->scratch.bytes = most(nf_fit_bytes(&d->w->fleet, &d->guest.request),
                                nf_capacity_bytes(&d->w->fleet, &d->guest.request));
    }
    for (int i = 0; i < N_MIX; i++)
        d->scratch.bytes =
            most(d->scratch.bytes, nf_capacity_bytes(&d->w->fleet, &d->mix[i].request));
    d->scratch.memory = malloc(d->scratch.bytes);
    if (!d->scratch.memory || !d->fits || !d->counts) exit(2);
    return d;
}

static void desk_end(void *state) {
    desk *d = state;
    world_free(d->w);
    free(d->scratch.memory);
    free(d->fits);
    free(d->counts);
    free(d);
}

static nf_guest_cell pinned(uint32_t n, int64_t memory, int64_t pages) {
    return (nf_guest_cell){.memory = memory, .page_kib = pages, .n_dedicated = n,
                           .policy = NF_POLICY_DEDICATED};
}

static nf_guest_cell shared(uint32_t n, int64_t memory, int64_t pages) {
    return (nf_guest_cell){.memory = memory, .page_kib = pages, .n_shared = n,
                           .policy = NF_POLICY_SHARED};
}

static int fit(desk *d, const nf_request *r, uint32_t host) {
    nf_reason why;
    int status = nf_fit(&d->w->fleet, host, r, &d->options, &d->scratch, &d->out, &why);
    if (status < 0) {
        fprintf(stderr, "nf_fit: %s\n", nf_status_text(status));
        exit(2);
    }
    return status;
}

/* fit */

static unsigned run_fit(void *state) {
    desk *d = state;
    return fit(d, &d->guest.request, 0) == NF_OK;
}

static void *make_fit_1(void) {
    desk *d = desk_new((shape){.hosts = 1, .cells = 2, .used = 30, .seed = 1});
    guest_of(&d->guest, 1, pinned(4, 4096, 0));
    return ready(d);
}

static void *make_fit_2(void) {
    desk *d = desk_new((shape){.hosts = 1, .cells = 2, .used = 30, .seed = 1});
    guest_of(&d->guest, 2, pinned(8, 4096, 0));
    return ready(d);
}

static void *make_fit_shared(void) {
    desk *d = desk_new((shape){.hosts = 1, .cells = 2, .used = 30, .seed = 1});
    guest_of(&d->guest, 1, shared(4, 4096, 0));
    return ready(d);
}

static void *make_refused(void) {
    desk *d = desk_new((shape){.hosts = 1, .cells = 2, .used = 30, .seed = 1});
    guest_of(&d->guest, 1, pinned(90, 4096, 0));
    return ready(d);
}

static void *make_fit_pci(void) {
    desk *d = desk_new((shape){.hosts = 1, .cells = 2, .pools = 16, .used = 30, .seed = 1});
    guest_of(&d->guest, 1, pinned(4, 4096, 0));
    guest_device(&d->guest, 1, 0, NF_PCI_LEGACY);
    guest_device(&d->guest, 1, 4, NF_PCI_LEGACY);
    return ready(d);
}

/* searches that nova does in factorial time */

static void *search(uint32_t guests, uint32_t cells, uint32_t nets) {
    desk *d = desk_new((shape){.hosts = 1, .cells = cells, .nets = 8, .used = 0, .seed = 1});
    guest_of(&d->guest, guests, pinned(4, 4096, 0));
    guest_near(&d->guest, nets);
    if (nets > 1) { /* network 7 is near one cell alone, and that cell is full */
        uint32_t cell = 7 % cells;
        d->w->fleet.cell_free[cell] = 0;
        for (uint32_t i = 0; i < 2; i++) {
            size_t at = (size_t)i * d->w->fleet.n_cells + cell;
            d->w->fleet.cell_cores[at] = 0;
        }
    }
    return ready(d);
}

static void *make_search_12(void) { return search(12, 12, 1); }
static void *make_search_32(void) { return search(32, 64, 1); }
static void *make_search_32_refused(void) { return search(32, 64, 7); }

static void *make_search_pci(void) {
    desk *d = desk_new((shape){.hosts = 1, .cells = 16, .pools = 16, .used = 0, .seed = 1});
    guest_of(&d->guest, 8, pinned(4, 4096, 0));
    guest_device(&d->guest, 60, 0, NF_PCI_REQUIRED);
    return ready(d);
}

/* many hosts */

enum { HOSTS = 1000 };
static const shape many = {.hosts = HOSTS, .cells = 2, .pools = 4, .nets = 4, .used = 50, .seed = 7};

static unsigned run_scan(void *state) {
    desk *d = state;
    nf_status status = nf_scan(&d->w->fleet, &(nf_hosts){NULL, 0, HOSTS}, &d->guest.request,
                               &d->options, &d->scratch, d->fits);
    unsigned yes = 0;
    for (uint32_t h = 0; h < HOSTS; h++) yes += d->fits[h];
    return status == NF_OK ? yes : 0;
}

static unsigned run_capacity(void *state) {
    desk *d = state;
    nf_status status = nf_capacity(&d->w->fleet, &(nf_hosts){NULL, 0, HOSTS}, &d->guest.request,
                                   &d->options, 500, &d->scratch, d->counts);
    unsigned sum = 0;
    for (uint32_t h = 0; h < HOSTS; h++) sum += d->counts[h];
    return status == NF_OK ? sum : 0;
}

static void *make_many(uint32_t n, nf_guest_cell cell) {
    desk *d = desk_new(many);
    guest_of(&d->guest, n, cell);
    return ready(d);
}

static void *make_many_pinned(void) { return make_many(1, pinned(8, 8192, 1048576)); }
static void *make_many_plain(void) { return make_many(1, pinned(4, 4096, 0)); }
static void *make_many_shared(void) { return make_many(1, shared(4, 4096, 0)); }
static void *make_many_huge(void) { return make_many(1, shared(4, 4096, 2048)); }
static void *make_many_two(void) { return make_many(2, pinned(4, 4096, 0)); }

static void *make_many_unlike(void) {
    desk *d = desk_new(many);
    guest_of(&d->guest, 2, pinned(4, 4096, 0));
    d->guest.cells[1].n_dedicated = 8;
    return ready(d);
}

static void *make_many_near(void) {
    desk *d = desk_new(many);
    guest_of(&d->guest, 1, pinned(8, 8192, 1048576));
    guest_near(&d->guest, 2);
    d->guest.nets[1] = 3;
    guest_device(&d->guest, 1, 1, NF_PCI_LEGACY);
    return ready(d);
}

static void swap_ranges(const uint32_t *firsts, const uint32_t *ends, const uint32_t *owners,
                        uint32_t n, uint32_t one, uint32_t two) {
    uint32_t *first = (uint32_t *)(uintptr_t)firsts, *end = (uint32_t *)(uintptr_t)ends;
    uint32_t *owner = (uint32_t *)(uintptr_t)owners, at = first[one];
    first[one] = first[two], first[two] = at;
    end[one] = first[one] + n, end[two] = first[two] + n;
    for (uint32_t i = 0; i < n; i++) owner[first[one] + i] = one, owner[first[two] + i] = two;
}

/* One host in fifty stands where another did, as after months of changes. */
static void *make_many_moved(void) {
    desk *d = make_many_pinned();
    const nf_fleet *f = &d->w->fleet;
    for (uint32_t one = 0, half = HOSTS / 2; one < half; one += 50) {
        swap_ranges(f->host_first_cell, f->host_end_cell, f->cell_host, many.cells, one, one + half);
        swap_ranges(f->host_first_pool, f->host_end_pool, f->pool_host, many.pools, one, one + half);
    }
    if (nf_derive(f, 0, f->n_cells, NULL) != NF_OK || nf_fleet_check(f, NULL) != NF_OK) exit(2);
    return d;
}

/* claims, changes and decisions */

static void *make_claim(void) {
    desk *d = make_fit_1();
    if (fit(d, &d->guest.request, 0) != NF_OK) exit(2);
    return d;
}

static unsigned run_claim(void *state) {
    desk *d = state;
    const nf_fleet *f = &d->w->fleet;
    return nf_claim(f, 0, &d->guest.request, &d->out, NULL) == NF_OK &&
           nf_release(f, 0, &d->guest.request, &d->out, NULL) == NF_OK;
}

/* A host is copied, and put in its own place. */
static void *make_replace(void) {
    desk *d = desk_new(many);
    d->scratch.bytes = nf_host_copy_bytes(&d->w->fleet);
    d->scratch.memory = malloc(d->scratch.bytes);
    if (!d->scratch.memory) exit(2);
    return d;
}

static unsigned run_replace(void *state) {
    desk *d = state;
    const nf_fleet *f = &d->w->fleet;
    static nf_lock lock;
    nf_shared shared = {f, &lock, 1, HOSTS};
    nf_fleet one;
    nf_place place = {f->host_first_cell[7], f->host_first_pool[7]};
    return nf_shared_copy_host(&shared, 7, &d->scratch, &one) == NF_OK &&
           nf_shared_replace(&shared, 7, &one, &place, NF_ANY_GENERATION, NULL) == NF_OK;
}

static bool decide(desk *d, const nf_request *r, uint32_t by) {
    const nf_fleet *f = &d->w->fleet;
    nf_best best = {UINT32_MAX, 0.0};
    if (nf_choose(f, &(nf_hosts){NULL, 0, HOSTS}, r, &d->options, &(nf_preference){by, NULL},
                  &d->scratch, &best) != NF_OK ||
        best.host == UINT32_MAX)
        return false;
    if (fit(d, r, best.host) != NF_OK || nf_claim(f, best.host, r, &d->out, NULL) != NF_OK) exit(2);
    return nf_release(f, best.host, r, &d->out, NULL) == NF_OK;
}

static unsigned decide_mix(desk *d, uint32_t by) {
    unsigned yes = 0;
    for (int i = 0; i < N_MIX; i++) yes += decide(d, &d->mix[i].request, by);
    return yes;
}

static unsigned run_decide(void *state) { return decide_mix(state, NF_BY_ROOM); }
static unsigned run_decide_first(void *state) { return decide_mix(state, NF_BY_INDEX); }

const operation operations[] = {
    {"fit_one_cell", "fit", make_fit_1, run_fit, desk_end},
    {"fit_two_cells", "fit", make_fit_2, run_fit, desk_end},
    {"fit_shared", "fit", make_fit_shared, run_fit, desk_end},
    {"fit_refused", "fit", make_refused, run_fit, desk_end},
    {"fit_pci", "fit", make_fit_pci, run_fit, desk_end},
    {"search_12_on_12", "fit", make_search_12, run_fit, desk_end},
    {"search_32_on_64", "fit", make_search_32, run_fit, desk_end},
    {"search_32_on_64_refused", "fit", make_search_32_refused, run_fit, desk_end},
    {"search_pci_refused", "fit", make_search_pci, run_fit, desk_end},
    {"scan_pinned", "1,000 hosts", make_many_pinned, run_scan, desk_end},
    {"scan_shared", "1,000 hosts", make_many_shared, run_scan, desk_end},
    {"scan_two_cells", "1,000 hosts", make_many_two, run_scan, desk_end},
    {"scan_unlike_cells", "1,000 hosts", make_many_unlike, run_scan, desk_end},
    {"scan_near", "1,000 hosts", make_many_near, run_scan, desk_end},
    {"scan_moved", "1,000 hosts, 20 of them moved", make_many_moved, run_scan, desk_end},
    {"capacity_pinned", "1,000 hosts", make_many_plain, run_capacity, desk_end},
    {"capacity_shared", "1,000 hosts", make_many_shared, run_capacity, desk_end},
    {"capacity_huge", "1,000 hosts", make_many_huge, run_capacity, desk_end},
    {"capacity_two_cells", "1,000 hosts", make_many_two, run_capacity, desk_end},
    {"capacity_unlike_cells", "1,000 hosts", make_many_unlike, run_capacity, desk_end},
    {"claim_release", "claim and release", make_claim, run_claim, desk_end},
    {"replace_host", "copy and replace", make_replace, run_replace, desk_end},
    {"decide_best", "10 decisions over 1,000 hosts", make_many_plain, run_decide, desk_end},
    {"decide_first", "10 decisions over 1,000 hosts", make_many_plain, run_decide_first, desk_end},
};
const size_t n_operations = sizeof operations / sizeof *operations;
