/* NF_CLOSEST: the choice of host cells with the smallest sum of distances; worked out by hand. */
#include "check.h"
#include "fixture.h"

enum { CELLS = 4 };

#define COLUMN(type, name) ((type *)(uintptr_t)f->fleet.name)

static void one_host(fixture *f, const int32_t distances[CELLS][CELLS]) {
    fixture_one_host(f, CELLS, distances[0]);
    CHECK(nf_fleet_check(&f->fleet, NULL) == NF_OK);
}

/* How many of the first n guest cells do not go to the host cells named. */
static int astray(const answer *a, const uint32_t *cells, uint32_t n) {
    int wrong = 0;
    for (uint32_t g = 0; g < n; g++) wrong += a->cells[g].cell != cells[g];
    return wrong;
}

#define LANDS_ON(a, ...)                                                                 \
    (!astray(a, (const uint32_t[]){__VA_ARGS__},                                         \
             sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)))

/* 1 and 3 are the nearest pair */
static const int32_t PAIR[CELLS][CELLS] = {
    {10, 21, 16, 30}, {21, 10, 25, 12}, {16, 25, 10, 22}, {30, 12, 22, 10}};

static void takes_the_nearest_pair(void) {
    fixture f;
    answer a;
    nf_options o = {.strategy = NF_CLOSEST};
    one_host(&f, PAIR);
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 2);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 1, 3));
    o.strategy = NF_PACK;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 1));
    /* one cell has no distance to another, and is packed; four take all there are */
    o.strategy = NF_CLOSEST;
    r.n_cells = 1;
    f.fleet.pinned[2] = 3;
    nf_derive(&f.fleet, 0, CELLS, NULL);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 2));
    nf_guest_cell all[] = {pinned(2, 64), pinned(2, 64), pinned(2, 64), pinned(2, 64)};
    r = request_of(all, 4);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 1, 2, 3));
    fixture_free(&f);
}

static void counts_the_way_there_and_back(void) {
    /* 0 to 1 is near and 1 to 0 is far: 60 both ways; 2 and 3 are 58 apart, all others 62 */
    static const int32_t one_way[CELLS][CELLS] = {
        {10, 10, 31, 31}, {50, 10, 31, 31}, {31, 31, 10, 29}, {31, 31, 29, 10}};
    static const int32_t other_way[CELLS][CELLS] = {
        {10, 50, 31, 31}, {10, 10, 31, 31}, {31, 31, 10, 29}, {31, 31, 29, 10}};
    fixture f;
    answer a;
    const nf_options o = {.strategy = NF_CLOSEST};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 2);
    one_host(&f, one_way);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 2, 3));
    fixture_free(&f);
    one_host(&f, other_way);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 2, 3));
    fixture_free(&f);
}

static void of_equals_the_first_in_order_wins(void) {
    static const int32_t flat[CELLS][CELLS] = {
        {10, 20, 20, 20}, {20, 10, 20, 20}, {20, 20, 10, 20}, {20, 20, 20, 10}};
    fixture f;
    answer a;
    const nf_options o = {.strategy = NF_CLOSEST};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 2);
    one_host(&f, flat);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 1));
    f.fleet.pinned[3] = 1; /* the fullest comes first */
    nf_derive(&f.fleet, 0, CELLS, NULL);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 3, 0));
    fixture_free(&f);
}

static void the_sum_of_three_decides(void) {
    /* 0, 1 are the nearest pair and 40 from the others, which are 20 from each other and from 1 */
    static const int32_t lure[CELLS][CELLS] = {
        {10, 11, 40, 40}, {11, 10, 20, 20}, {40, 20, 10, 20}, {40, 20, 20, 10}};
    /* 0 is 20 from all; 1, 2, 3 are 11 from each other, as near as any two are */
    static const int32_t last[CELLS][CELLS] = {
        {10, 20, 20, 20}, {20, 10, 11, 11}, {20, 11, 10, 11}, {20, 11, 11, 10}};
    fixture f;
    answer a;
    const nf_options o = {.strategy = NF_CLOSEST};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 3);
    one_host(&f, lure);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 1, 2, 3));
    fixture_free(&f);
    one_host(&f, last);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 1, 2, 3));
    fixture_free(&f);
}

static void unlike_cells_go_where_they_fit(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    const nf_options o = {.strategy = NF_CLOSEST};
    one_host(&f, PAIR);
    /* eight vCPUs fit on cell 2 alone, to which 0 is the nearest */
    for (uint32_t c = 0; c < CELLS; c++)
        if (c != 2) f.fleet.pinned[c] = 1;
    nf_derive(&f.fleet, 0, CELLS, NULL);
    nf_guest_cell cells[] = {pinned(2, 64), pinned(8, 64)};
    nf_request r = request_of(cells, 2);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_OK && LANDS_ON(&a, 0, 2));
    CHECK(a.cells[1].n_slots == 8);
    nf_guest_cell both[] = {pinned(8, 64), pinned(8, 64)};
    r = request_of(both, 2);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_ASSIGNMENT);
    CHECK(why.status == NF_ASSIGNMENT && why.wanted == 2 && why.available == 1);
    fixture_free(&f);
}

static void without_distances_cells_are_packed(void) {
    fixture f;
    answer a;
    const nf_options o = {.strategy = NF_CLOSEST};
    one_host(&f, PAIR);
    ((uint64_t *)(uintptr_t)f.fleet.host_distance_at)[0] = NF_NO_DISTANCES;
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 2);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 1));
    fixture_free(&f);
}

static void devices_and_networks_are_met_first(void) {
    fixture g, *f = &g;
    answer a;
    uint64_t first = 1;
    uint32_t net = 7;
    const nf_options o = {.strategy = NF_CLOSEST};
    nf_pci_request q = {1, NF_PCI_REQUIRED, &first, &first, 0, NULL};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 2);
    one_host(f, PAIR);
    fixture_pools(f, 2, CLASSES);
    for (uint32_t p = 0; p < 2; p++) COLUMN(uint32_t, pool_class)[p] = p;
    COLUMN(int32_t, pool_cell)[0] = 2;
    COLUMN(int32_t, pool_cell)[1] = 3;
    f->fleet.pool_count[0] = f->fleet.pool_count[1] = 1;
    f->fleet.cell_devices[2] = f->fleet.cell_devices[3] = 1;
    CHECK(nf_fleet_check(&f->fleet, NULL) == NF_OK);
    r.pci = &q;
    r.n_pci = 1;
    /* cell 2 has the device: of 16, 25 and 22 from it, 0 is the nearest; cells with devices come
     * first in the order */
    CHECK(fit(&f->fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 2, 0));
    CHECK(a.placement.n_draws == 1 && a.draws[0].pool == 0 && a.draws[0].count == 1);
    q.count = 2;
    CHECK(fit(&f->fleet, 0, &r, &o, &a, NULL) == NF_PCI_DEVICES);
    /* a device of either kind: both are needed, though their cells are not the nearest pair */
    uint64_t either = 3;
    q.matches = q.usable = &either;
    CHECK(fit(&f->fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 2, 3));
    CHECK(a.placement.n_draws == 2 && a.draws[0].pool == 0 && a.draws[1].pool == 1);
    r.n_pci = 0;
    /* cell 0 alone is near network 7, and 2 is the nearest to it; cells without devices come
     * first */
    COLUMN(uint64_t, cell_nets)[0] |= 1u << net;
    r.nets = &net;
    r.n_nets = 1;
    CHECK(fit(&f->fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 2));
    fixture_free(f);
}

static void a_budget_that_ends_leaves_the_best_so_far(void) {
    fixture f;
    answer a;
    nf_options o = {.strategy = NF_CLOSEST, .budget = 1};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 2);
    one_host(&f, PAIR);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_UNDECIDED);
    o.budget = 2; /* a step for each of the two: the first choice, 21 apart */
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 1));
    o.budget = 3; /* the second is 16 apart */
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 0, 2));
    o.budget = 100;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 1, 3));
    fixture_free(&f);
}

/* Guests that are alike take each set of cells once: of eight cells those are 8 + 28 + 56 + 70 for one
 * to four guests, and so many steps see them all. The nearest four are the last. */
/* With devices, too: those of the best so far are found again, whatever is left of the budget. */
static void its_devices_are_found_however_little_is_left(void) {
    fixture f;
    answer a;
    uint64_t all = 1;
    nf_options o = {.strategy = NF_CLOSEST, .pci_matching = NF_MATCH_EXACT};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_pci_request pci = {1, NF_PCI_LEGACY, &all, &all, 0, NULL};
    nf_request r = request_of(cells, 2);
    uint32_t best = 0, others = 0;
    one_host(&f, PAIR);
    fixture_pools(&f, 1, 1);
    ((int32_t *)(uintptr_t)f.fleet.pool_cell)[0] = NF_POOL_ANYWHERE;
    f.fleet.pool_count[0] = 2;
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    r.pci = &pci;
    r.n_pci = 1;
    for (o.budget = 1; o.budget < 60; o.budget++) {
        nf_status status = fit(&f.fleet, 0, &r, &o, &a, NULL);
        CHECK(status == NF_OK || (status == NF_UNDECIDED && !best && !others));
        if (status != NF_OK) continue;
        CHECK(a.placement.n_draws == 1 && a.draws[0].count == 1);
        if (LANDS_ON(&a, 1, 3))
            best++;
        else
            others++;
    }
    CHECK(best > 0 && others > 0);
    fixture_free(&f);
}

static void alike_guests_try_each_set_once(void) {
    enum { EIGHT = 8, SETS = 8 + 28 + 56 + 70 };
    int32_t distances[EIGHT * EIGHT];
    fixture f;
    answer a;
    const nf_options o = {.strategy = NF_CLOSEST, .budget = SETS};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64), pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 4);
    for (uint32_t i = 0; i < EIGHT * EIGHT; i++)
        distances[i] = i / EIGHT >= 4 && i % EIGHT >= 4 ? 10 : 100;
    fixture_one_host(&f, EIGHT, distances);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && LANDS_ON(&a, 4, 5, 6, 7));
    fixture_free(&f);
}

int main(void) {
    alike_guests_try_each_set_once();
    takes_the_nearest_pair();
    counts_the_way_there_and_back();
    of_equals_the_first_in_order_wins();
    the_sum_of_three_decides();
    unlike_cells_go_where_they_fit();
    without_distances_cells_are_packed();
    devices_and_networks_are_met_first();
    a_budget_that_ends_leaves_the_best_so_far();
    its_devices_are_found_however_little_is_left();
    return FAILURES();
}
