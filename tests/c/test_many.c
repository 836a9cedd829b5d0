/* Many hosts at once are answered as one by one: scan and choice as by fits, capacity and mix as by
 * claims. Worlds at random, of hosts alike and unlike, in blocks and across their ends. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dice.h"
#include "fixture.h"

enum { ROUNDS = 10000, MOST_HOSTS = 200, FEW = 12, CAP = 5, POOLS = 2 };

typedef struct world {
    fixture f;
    uint32_t n_hosts, n_listed;
    uint32_t list[2 * MOST_HOSTS];
    nf_hosts hosts;
    nf_guest_cell guests[3];
    uint32_t net;
    uint64_t matches, usable;
    nf_pci_request pci;
    nf_resource units;
    uint64_t classes;
    nf_request request;
    nf_options options;
} world;

#define COLUMN(w, type, name) ((type *)(uintptr_t)(w)->f.fleet.name)

static void shape_layout(world *w) {
    nf_layout *layout = COLUMN(w, nf_layout, layouts);
    switch (dice(6)) {
    case 0: /* a thread a core */
        layout->shift = 0;
        layout->threads = 1;
        layout->n_cores = SLOTS;
        break;
    case 1: /* CPUs outside sibling sets */
        layout->n_cores = CORES - 1;
        break;
    case 2: /* CPUs for shared guests beside the dedicated ones */
        layout->same_sets = 0;
        layout->n_shared = 2;
        break;
    case 3: /* the first core is shared, and half of the second */
        layout->same_sets = 0;
        layout->n_shared = 3;
        layout->n_dedicated = SLOTS - 3;
        COLUMN(w, uint64_t, layout_words)[0] = 0xf8;
        break;
    default: break;
    }
}

/* Cells that stood two and two in hosts stand in hosts of one to three. */
static void shape_hosts(world *w) {
    uint32_t host = 0, cell = 0, cells = w->f.fleet.n_cells;
    uint32_t *first = COLUMN(w, uint32_t, host_first_cell);
    uint32_t *end = COLUMN(w, uint32_t, host_end_cell);
    if (dice(2)) return;
    for (; host + 1 < w->n_hosts && cell < cells; host++) {
        uint32_t n = 1 + dice(3);
        first[host] = cell;
        end[host] = cell += n < cells - cell ? n : cells - cell;
    }
    for (uint32_t h = host; h < w->n_hosts; h++) first[h] = end[h] = cell;
    end[w->n_hosts - 1] = cells;
    w->f.fleet.max_cells = 0;
    for (uint32_t h = 0; h < w->n_hosts; h++) {
        uint32_t n = end[h] - first[h];
        if (n > w->f.fleet.max_cells) w->f.fleet.max_cells = n;
        for (uint32_t c = first[h]; c < end[h]; c++) {
            COLUMN(w, int32_t, cell_id)[c] = (int32_t)(c - first[h]);
            COLUMN(w, uint32_t, cell_host)[c] = h;
        }
    }
}

static void use_cells(world *w) {
    nf_fleet *f = &w->f.fleet;
    uint64_t dedicated = f->layout_words[0];
    for (uint32_t c = 0; c < f->n_cells; c++) {
        f->pinned[c] = dice(3) ? dice(256) & dice(256) & dedicated : 0;
        f->cell_memory_used[c] = dice(5000);
        f->cell_cpu_used[c] = dice(3) ? 0 : dice(20);
        COLUMN(w, uint64_t, cell_nets)[c] = dice(4);
        COLUMN(w, int32_t, cell_socket)[c] = (int32_t)dice(8) / 3 - 1;
        bool pages = dice(8), large = pages && dice(3);
        COLUMN(w, uint32_t, cell_page_sizes)[c] = (pages ? 1u : 0u) | (large ? 2u : 0u);
        for (uint32_t s = 0; s < SIZES; s++) {
            uint32_t at = s * f->n_cells + c;
            int32_t total = s ? (large ? 64 : 0) : (pages ? 1 << 20 : 0);
            COLUMN(w, int32_t, pages_total)[at] = total;
            f->pages_used[at] = dice(3) && total ? (int32_t)dice((uint32_t)total) : 0;
            f->pages_free[at] = total - f->pages_used[at];
        }
    }
}

/* Every second host knows how far its cells are from each other. */
static void measure_distances(world *w) {
    enum { ONE = 1, TWO = 4, THREE = 9 };
    static const uint64_t at[] = {0, ONE, ONE + TWO};
    int32_t *all = malloc((ONE + TWO + THREE) * sizeof *all);
    for (uint32_t i = 0; i < ONE + TWO + THREE; i++) all[i] = 10 + (int32_t)dice(4);
    free((void *)(uintptr_t)w->f.fleet.distances);
    w->f.fleet.distances = all;
    w->f.fleet.n_distances = ONE + TWO + THREE;
    for (uint32_t h = 0; h < w->n_hosts; h++) {
        uint32_t cells = w->f.fleet.host_end_cell[h] - w->f.fleet.host_first_cell[h];
        if (cells && cells <= 3 && dice(2)) COLUMN(w, uint64_t, host_distance_at)[h] = at[cells - 1];
    }
}

static void stock_pools(world *w) {
    nf_fleet *f = &w->f.fleet;
    memset(f->cell_devices, 0, f->n_cells * sizeof *f->cell_devices);
    for (uint32_t h = 0; h < w->n_hosts; h++)
        for (uint32_t p = POOLS * h; p < POOLS * (h + 1); p++) {
            uint32_t cells = f->host_end_cell[h] - f->host_first_cell[h];
            int32_t cell = (int32_t)dice(cells + 2) - 2, count = (int32_t)dice(4);
            COLUMN(w, uint32_t, pool_class)[p] = dice(CLASSES);
            COLUMN(w, int32_t, pool_cell)[p] = cell;
            f->pool_count[p] = count ? count : NF_POOL_GONE;
            if (cell >= 0) f->cell_devices[f->host_first_cell[h] + (uint32_t)cell] += count;
        }
}

static nf_guest_cell any_guest(void) {
    static const int64_t memory[] = {64, 64, 128, 512, 1024, 3};
    static const int64_t pages[] = {0, 0, 0, 4, 2048, NF_PAGES_SMALL, NF_PAGES_LARGE, NF_PAGES_ANY};
    nf_guest_cell g = {.memory = memory[dice(6)], .page_kib = pages[dice(8)], .policy = dice(4)};
    bool pins = g.policy >= NF_POLICY_DEDICATED, shares = g.policy != NF_POLICY_DEDICATED;
    if (shares) g.n_shared = 1 + dice(3);
    if (pins) g.n_dedicated = dice(12) ? 1 + dice(4) : 0;
    if (pins && !dice(3)) g.threads = dice(4);
    return g;
}

static void ask(world *w) {
    w->request = request_of(w->guests, 1 + dice(2) * dice(3));
    for (uint32_t g = 0; g < 3; g++)
        w->guests[g] = g && dice(2) ? w->guests[g - 1] : any_guest();
    w->request.emulator_isolated = !dice(5);
    w->net = dice(3);
    w->request.nets = &w->net;
    w->request.n_nets = !dice(3);
    w->matches = 1 + dice(3);
    w->usable = w->matches & (1 + dice(3));
    w->pci = (nf_pci_request){dice(4), dice(4), &w->matches, &w->usable, 0, NULL};
    w->request.pci = &w->pci;
    w->request.n_pci = !dice(3);
    w->units = (nf_resource){dice(2), 1 + dice(60)};
    w->request.resources = &w->units;
    w->request.n_resources = !dice(4);
    w->classes = 1 + dice(3);
    w->request.host_classes = dice(4) ? NULL : &w->classes;
    w->options = (nf_options){.strategy = dice(3), .net_affinity = dice(2), .limits = dice(3),
                              .pci_matching = !dice(6), .cpu_ratio = 0.5 + dice(4),
                              .ram_ratio = 0.5 + dice(2)};
}

static void make(world *w) {
    w->n_hosts = dice(40) ? 1 + dice(FEW) : MOST_HOSTS - dice(90);
    fixture_make(&w->f, w->n_hosts);
    shape_layout(w);
    shape_hosts(w);
    use_cells(w);
    measure_distances(w);
    stock_pools(w);
    for (uint32_t h = 0; h < w->n_hosts; h++)
        if (!dice(5)) COLUMN(w, double, host_cpu_ratio)[h] = COLUMN(w, double, host_ram_ratio)[h] = NAN;
    nf_derive(&w->f.fleet, 0, w->f.fleet.n_cells, NULL);
    CHECK(nf_fleet_check(&w->f.fleet, NULL) == NF_OK);
    w->hosts.first = dice(w->n_hosts);
    w->hosts.count = 1 + dice(w->n_hosts - w->hosts.first);
    w->hosts.list = dice(2) ? NULL : w->list;
    for (uint32_t i = 0; i < w->hosts.count; i++)
        w->list[i] = i && dice(6) ? (w->list[i - 1] + 1) % w->n_hosts : dice(w->n_hosts);
    ask(w);
}

static uint32_t host_at(const world *w, uint32_t i) {
    return w->hosts.list ? w->list[i] : w->hosts.first + i;
}

static double room(const world *w, uint32_t host) {
    const nf_fleet *f = &w->f.fleet;
    int64_t sum = 0;
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        sum += w->guests[0].policy >= NF_POLICY_DEDICATED
                   ? f->cell_free[c]
                   : f->cell_memory[c] - f->cell_memory_used[c];
    return (double)sum;
}

/* The best of all preferences is the first of those that none exceeds. */
static void compare_choices(world *w, const uint8_t *can, const nf_scratch *scratch) {
    double scores[MOST_HOSTS];
    for (uint32_t h = 0; h < w->n_hosts; h++) scores[h] = dice(9) / 2.0 - 2;
    for (uint32_t by = NF_BY_INDEX; by <= NF_BY_SCORE; by++) {
        nf_best best = {UINT32_MAX, 0.0};
        uint32_t expected = UINT32_MAX;
        double most = 0.0;
        for (uint32_t i = 0; i < w->hosts.count; i++) {
            uint32_t h = host_at(w, i);
            double rate = by == NF_BY_INDEX ? 0.0 : by == NF_BY_SCORE ? scores[h] : room(w, h);
            if (by == NF_BY_FULLNESS) rate = -rate;
            if (!can[i] || (expected != UINT32_MAX && rate <= most)) continue;
            expected = h;
            most = rate;
        }
        CHECK(nf_choose(&w->f.fleet, &w->hosts, &w->request, &w->options,
                        &(nf_preference){by, scores}, scratch, &best) == NF_OK);
        CHECK(best.host == expected);
    }
}

/* From range to range the best so far is kept unless a later host exceeds it. */
static void the_best_of_two_ranges_is_that_of_both(void) {
    fixture f;
    double scores[4] = {1.0, 3.0, 3.0, 2.0};
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    const uint64_t used[4] = {0x03, 0x0f, 0x00, 0x3f}; /* of cell 1: 14, 12, 16, 10 CPUs are left */
    const uint32_t expected[] = {0, 2, 3, 1};
    fixture_make(&f, 4);
    for (uint32_t h = 0; h < 4; h++) f.fleet.pinned[2 * h + 1] = used[h];
    nf_derive(&f.fleet, 0, 8, NULL);
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &r)};
    scratch.memory = malloc(scratch.bytes);
    for (uint32_t by = NF_BY_INDEX; by <= NF_BY_SCORE; by++)
        for (uint32_t cut = 0; cut <= 4; cut++) {
            nf_best best = {UINT32_MAX, 0.0};
            const nf_hosts parts[] = {{NULL, 0, cut}, {NULL, cut, 4 - cut}};
            for (int part = 0; part < 2; part++)
                CHECK(nf_choose(&f.fleet, &parts[part], &r, &o, &(nf_preference){by, scores},
                                &scratch, &best) == NF_OK);
            CHECK(best.host == expected[by]);
        }
    free(scratch.memory);
    fixture_free(&f);
}

static uint32_t claimed_in_turn(world *w, uint32_t host) {
    static answer a[CAP + 1];
    uint32_t n = 0;
    for (; n < CAP; n++) {
        if (fit(&w->f.fleet, host, &w->request, &w->options, &a[n], NULL) != NF_OK) break;
        if (nf_claim(&w->f.fleet, host, &w->request, &a[n].placement, NULL) != NF_OK) break;
    }
    for (uint32_t i = n; i--;)
        CHECK(nf_release(&w->f.fleet, host, &w->request, &a[i].placement, NULL) == NF_OK);
    return n;
}

static void compare(world *w) {
    static uint8_t fits[MOST_HOSTS], can[MOST_HOSTS];
    static uint32_t counts[MOST_HOSTS], mixed[MOST_HOSTS];
    answer a;
    const nf_fleet *f = &w->f.fleet;
    nf_arrival alone = {&w->request, 1.0};
    nf_scratch scratch = {.bytes = nf_mix_bytes(f, &alone, 1)};
    if (scratch.bytes < nf_capacity_bytes(f, &w->request))
        scratch.bytes = nf_capacity_bytes(f, &w->request);
    scratch.memory = malloc(scratch.bytes);
    for (uint32_t i = 0; i < w->hosts.count; i++)
        can[i] = fit(f, host_at(w, i), &w->request, &w->options, &a, NULL) == NF_OK;
    CHECK(nf_scan(f, &w->hosts, &w->request, &w->options, &scratch, fits) == NF_OK);
    CHECK(!memcmp(fits, can, w->hosts.count));
    compare_choices(w, can, &scratch);
    uint64_t before = fixture_digest(&w->f);
    CHECK(nf_capacity(f, &w->hosts, &w->request, &w->options, CAP, &scratch, counts) == NF_OK);
    CHECK(nf_mix(f, &w->hosts, &alone, 1, &w->options, CAP, &scratch, mixed) == NF_OK);
    CHECK(fixture_digest(&w->f) == before);
    for (uint32_t i = 0; i < w->hosts.count; i++) {
        uint32_t n = claimed_in_turn(w, host_at(w, i));
        CHECK(counts[i] == n);
        CHECK(mixed[i] == n);
    }
    CHECK(fixture_digest(&w->f) == before);
    free(scratch.memory);
}

/* The second of three hosts has more cells than are looked at at once, and room in the last one. */
static void a_host_of_very_many_cells_is_asked_like_others(void) {
    enum { MANY = 300 };
    fixture f;
    answer a;
    uint8_t fits[3];
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(8, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, MANY / 2);
    fixture_pools(&f, 0, CLASSES);
    const uint32_t first[] = {0, 2, MANY - 2}, end[] = {2, MANY - 2, MANY};
    memcpy((uint32_t *)(uintptr_t)f.fleet.host_first_cell, first, sizeof first);
    memcpy((uint32_t *)(uintptr_t)f.fleet.host_end_cell, end, sizeof end);
    for (uint32_t c = 0; c < MANY; c++) {
        ((uint32_t *)(uintptr_t)f.fleet.cell_host)[c] = (c >= 2) + (c >= MANY - 2);
        ((int32_t *)(uintptr_t)f.fleet.cell_id)[c] = (int32_t)c;
    }
    f.fleet.n_hosts = 3;
    f.fleet.max_cells = MANY - 4;
    for (uint32_t h = 0; h < 3; h++)
        ((uint64_t *)(uintptr_t)f.fleet.host_distance_at)[h] = NF_NO_DISTANCES;
    for (uint32_t c = 0; c < MANY; c++) f.fleet.pinned[c] = c != MANY - 3;
    nf_derive(&f.fleet, 0, MANY, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &r)};
    scratch.memory = malloc(scratch.bytes);
    CHECK(nf_scan(&f.fleet, &(nf_hosts){NULL, 0, 3}, &r, &o, &scratch, fits) == NF_OK);
    CHECK(!fits[0] && fits[1] && !fits[2]);
    CHECK(fit(&f.fleet, 1, &r, &o, &a, NULL) == NF_OK && a.cells[0].cell == MANY - 3);
    nf_best best = {UINT32_MAX, 0.0};
    CHECK(nf_choose(&f.fleet, &(nf_hosts){NULL, 0, 3}, &r, &o,
                    &(nf_preference){NF_BY_FULLNESS, NULL}, &scratch, &best) == NF_OK);
    CHECK(best.host == 1);
    free(scratch.memory);
    /* two cells of a thread each on a host of 296 cells with as many free: 148 guests */
    nf_guest_cell two[] = {pinned(1, 64), pinned(1, 64)};
    r = request_of(two, 2);
    for (uint32_t c = 0; c < MANY; c++) f.fleet.pinned[c] = 0x7f;
    nf_derive(&f.fleet, 0, MANY, NULL);
    uint32_t counts[3];
    scratch.bytes = nf_capacity_bytes(&f.fleet, &r);
    scratch.memory = malloc(scratch.bytes);
    CHECK(nf_capacity(&f.fleet, &(nf_hosts){NULL, 0, 3}, &r, &o, 500, &scratch, counts) == NF_OK);
    CHECK(counts[0] == 1 && counts[1] == (MANY - 4) / 2 && counts[2] == 1);
    free(scratch.memory);
    fixture_free(&f);
}

int main(void) {
    static world w;
    a_host_of_very_many_cells_is_asked_like_others();
    the_best_of_two_ranges_is_that_of_both();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        make(&w);
        compare(&w);
        fixture_free(&w.f);
    }
    return FAILURES();
}
