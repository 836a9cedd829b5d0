/* The ends of what is looped over: the first and the last of requests, kinds and networks, numbers
 * that are 0, and those that a column just holds. Worked out by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fixture.h"

#define COLUMN(f, type, name) ((type *)(uintptr_t)(f)->fleet.name)

static void as_many_networks_as_there_may_be(void) {
    fixture f;
    answer a;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    uint32_t nets[NF_MAX_NETS + 1] = {0};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    r.nets = nets;
    r.n_nets = NF_MAX_NETS;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && a.cells[0].cell == 0);
    r.n_nets = NF_MAX_NETS + 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_EINVAL);
    fixture_free(&f);
}

/* A request for no devices, beside nothing else, never ends. */
static void what_would_never_run_out(void) {
    fixture f;
    uint32_t counts[2] = {7, 7};
    uint64_t all = 3;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_pci_request none = {0, NF_PCI_LEGACY, &all, &all, 0, NULL};
    nf_request r = request_of(NULL, 0);
    fixture_make(&f, 2);
    r.pci = &none;
    r.n_pci = 1;
    nf_arrival kind = {&r, 1.0};
    nf_scratch scratch = scratch_for(&f.fleet, &r, 0);
    const nf_hosts both = {NULL, 0, 2};
    CHECK(nf_capacity(&f.fleet, &both, &r, &o, 9, &scratch, counts) == NF_EINVAL);
    CHECK(nf_mix(&f.fleet, &both, &kind, 1, &o, 9, &scratch, counts) == NF_EINVAL);
    CHECK(counts[0] == 7 && counts[1] == 7);
    free(scratch.memory);
    none.count = 1; /* 4 and 2 devices */
    scratch = scratch_for(&f.fleet, &r, 0);
    CHECK(nf_capacity(&f.fleet, &both, &r, &o, 9, &scratch, counts) == NF_OK);
    CHECK(counts[0] == 6 && counts[1] == 6);
    free(scratch.memory);
    fixture_free(&f);
}

static void kinds_behind_the_first_are_looked_at(void) {
    fixture f;
    uint32_t counts[4];
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    nf_scratch scratch = scratch_for(&f.fleet, &r, 0);
    const nf_arrival bad[] = {{&r, 0.0}, {&r, -1.0}, {&r, NAN}, {&r, INFINITY}, {NULL, 1.0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (uint32_t at = 1; at < 3; at++) {
            nf_arrival kinds[] = {{&r, 1.0}, {&r, 1.0}, {&r, 1.0}};
            kinds[at] = bad[i];
            CHECK(!nf_mix_bytes(&f.fleet, kinds, 3));
            CHECK(nf_mix(&f.fleet, &(nf_hosts){NULL, 0, 1}, kinds, 3, &o, 1, &scratch, counts) ==
                  NF_EINVAL);
        }
    free(scratch.memory);
    fixture_free(&f);
}

static void each_slot_of_a_claim_is_one_of_the_cell(void) {
    fixture f;
    answer a;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(3, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    uint64_t before = fixture_digest(&f);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK);
        a.slots[a.cells[0].first_slot + i] = SLOTS;
        CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_EINVAL);
        CHECK(fixture_digest(&f) == before);
    }
    fixture_free(&f);
}

static void no_slot_is_reserved_where_a_cell_has_none(void) {
    fixture f;
    answer a;
    nf_guest_cell cell = {.memory = 64};
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    nf_layout *layout = COLUMN(&f, nf_layout, layouts);
    layout->n_cores = layout->n_slots = layout->n_shared = layout->n_dedicated = 0;
    answer_make(&a);
    a.cells[0] = (nf_placed_cell){.cell = 0, .reserved = 0};
    uint64_t before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_EINVAL);
    CHECK(fixture_digest(&f) == before);
    a.cells[0].reserved = -1;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    fixture_free(&f);
}

static void the_second_request_that_nobody_can_serve(void) {
    fixture f;
    answer a;
    nf_reason why;
    uint64_t first = 1, second = 2;
    uint32_t net = 1;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    nf_pci_request pci[] = {{1, NF_PCI_LEGACY, &first, &first, 0, NULL},
                            {5, NF_PCI_LEGACY, &second, &second, 0, NULL}};
    fixture_make(&f, 1);
    r.pci = pci;
    r.n_pci = 2;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_PCI_DEVICES);
    CHECK(why.detail == 1 && why.wanted == 5 && why.available == 2);
    /* both want three of the four devices: no network has to do with it */
    pci[0].count = pci[1].count = 3;
    pci[1].matches = pci[1].usable = &first;
    r.nets = &net;
    r.n_nets = 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_PCI_TOGETHER);
    CHECK(why.wanted == 2);
    fixture_free(&f);
}

/* The tunnel is near both cells, and the guest has one: two cells are wanted. */
static void a_guest_that_must_cover_more_cells_than_it_has(void) {
    fixture f;
    answer a;
    nf_reason why;
    uint32_t net = NF_TUNNEL_NET;
    const nf_options all = {.limits = NF_LIMITS_NONE, .net_affinity = NF_NETS_ALL};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_request r = request_of(cells, 1);
    fixture_make(&f, 1);
    COLUMN(&f, uint64_t, cell_nets)[1] |= 1;
    r.nets = &net;
    r.n_nets = 1;
    CHECK(fit(&f.fleet, 0, &r, &all, &a, &why) == NF_TUNNEL);
    CHECK(why.detail == NF_TUNNEL_NET && why.wanted == 2 && why.available == 0);
    r.n_cells = 2;
    CHECK(fit(&f.fleet, 0, &r, &all, &a, &why) == NF_OK);
    fixture_free(&f);
}

/* A PF and four VFs of it. The first request takes a VF, so that the compute node hides the PF; the
 * second, which by counts alone would begin with the PF, takes VFs. By itself it has the PF first. */
static void a_request_that_an_earlier_one_keeps_from_the_pf(void) {
    fixture f;
    answer a;
    uint64_t both = 3, vfs = 2;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_pci_request pci[] = {{1, NF_PCI_LEGACY, &vfs, &vfs, 0, NULL},
                            {2, NF_PCI_LEGACY, &both, &both, 0, NULL}};
    nf_request r = request_of(NULL, 0);
    fixture_make(&f, 1);
    for (uint32_t p = 0; p < 2; p++) {
        COLUMN(&f, int32_t, pool_cell)[p] = NF_POOL_ANYWHERE;
        COLUMN(&f, uint32_t, pool_family)[p] = 1;
        COLUMN(&f, uint32_t, pool_kind)[p] = p ? NF_KIND_VF : NF_KIND_PF;
        f.fleet.pool_count[p] = p ? 4 : 1;
    }
    f.fleet.cell_devices[0] = 0;
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    r.pci = pci;
    r.n_pci = 2;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK);
    CHECK(a.placement.n_draws == 2);
    CHECK(a.draws[0].request == 0 && a.draws[0].pool == 1 && a.draws[0].count == 1);
    CHECK(a.draws[1].request == 1 && a.draws[1].pool == 1 && a.draws[1].count == 2);
    r.pci = pci + 1;
    r.n_pci = 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) != NF_OK);
    fixture_free(&f);
}

/* Nova first looks how near enough devices are, and then leaves out those that the request may not
 * take. Two of an unknown node are enough for one or two of them, and may not be taken: four on the
 * other cell do not count. They do for three. */
static void devices_that_match_and_may_not_be_taken(void) {
    fixture f;
    answer a;
    uint64_t both = 3, far = 1, near = 2;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    nf_pci_request pci[] = {{3, NF_PCI_PREFERRED, &both, &far, 0, NULL},
                            {1, NF_PCI_PREFERRED, &near, &near, 0, NULL}};
    fixture_make(&f, 1);
    f.fleet.pinned[0] = (1u << SLOTS) - 1u;
    nf_derive(&f.fleet, 0, 2, NULL);
    r.pci = pci;
    for (r.n_pci = 1; r.n_pci <= 2; r.n_pci++) {
        for (pci[0].count = 1; pci[0].count <= 2; pci[0].count++)
            CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) != NF_OK);
        CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK);
        CHECK(a.cells[0].cell == 1 && a.draws[0].pool == 0 && a.draws[0].count == 3);
    }
    fixture_free(&f);
}

/* Whatever stands in the scratch memory: two pools of one provider, of which the first is used up. */
static void pools_of_one_provider(void) {
    fixture f;
    answer a;
    uint64_t all = 1;
    const nf_options o = {.limits = NF_LIMITS_NONE, .pci_matching = NF_MATCH_EXACT};
    nf_provider given = {9, 1};
    nf_pci_request pci = {1, NF_PCI_LEGACY, &all, &all, 1, &given};
    nf_request r = request_of(NULL, 0);
    fixture_make(&f, 1);
    r.pci = &pci;
    r.n_pci = 1;
    for (uint32_t p = 0; p < 2; p++) {
        COLUMN(&f, uint32_t, pool_class)[p] = 0;
        COLUMN(&f, uint32_t, pool_provider)[p] = 9;
        COLUMN(&f, int32_t, pool_cell)[p] = NF_POOL_ANYWHERE;
    }
    f.fleet.cell_devices[0] = 0;
    for (int fill = 0; fill < 256; fill += 255)
        for (int gone = 0; gone < 2; gone++) {
            nf_scratch scratch = scratch_for(&f.fleet, &r, fill);
            f.fleet.pool_count[0] = gone ? NF_POOL_GONE : 1;
            answer_make(&a);
            nf_status status = nf_fit(&f.fleet, 0, &r, &o, &scratch, &a.placement, NULL);
            CHECK((status == NF_OK) == gone);
            free(scratch.memory);
        }
    fixture_free(&f);
}

/* Host 1 is of class 1, and the request takes class 0: one of its classes is wanted. */
static void a_class_that_the_request_does_not_take(void) {
    fixture f;
    answer a;
    nf_reason why;
    uint64_t classes = 1;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 2);
    r.host_classes = &classes;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_OK);
    CHECK(fit(&f.fleet, 1, &r, &o, &a, &why) == NF_HOST_CLASS);
    CHECK(why.detail == 1 && why.wanted == 1 && why.available == 0);
    fixture_free(&f);
}

/* Two cells of eight free CPUs: as many guests of two, in whichever pages they have no memory. */
static void guests_without_memory_are_counted_by_their_cpus(void) {
    fixture f;
    fixture_make(&f, 1);
    for (int64_t pages = NF_PAGES_ANY; pages <= NF_PAGES_NONE; pages++) {
        nf_guest_cell cell = pinned(2, 0);
        cell.page_kib = pages;
        nf_request r = request_of(&cell, 1);
        CHECK(capacity_of(&f.fleet, &r, 99) == 8);
    }
    fixture_free(&f);
}

/* Units, devices, a cell: whichever cannot be taken, or given back, what came before it is as it was. */
static void what_fails_late_is_undone_from_the_start(void) {
    fixture f;
    answer a;
    nf_reason why;
    uint64_t all = 1;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cells[] = {pinned(2, 64), pinned(2, 64)};
    nf_resource units = {.resource = 0, .amount = 3};
    nf_pci_request pci = {2, NF_PCI_LEGACY, &all, &all, 0, NULL};
    nf_request r = request_of(cells, 2);
    fixture_make(&f, 1);
    r.resources = &units;
    r.n_resources = 1;
    r.pci = &pci;
    r.n_pci = 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && a.placement.n_draws == 1);
    uint64_t empty = fixture_digest(&f);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(fixture_digest(&f) == empty);
    f.fleet.pinned[a.cells[1].cell] |= (uint64_t)1 << a.slots[a.cells[1].first_slot];
    nf_derive(&f.fleet, 0, 2, NULL);
    uint64_t before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(fixture_digest(&f) == before);
    f.fleet.pinned[a.cells[1].cell] = 0;
    nf_derive(&f.fleet, 0, 2, NULL);
    f.fleet.pool_count[0] = 1;
    f.fleet.cell_devices[0] = 1;
    before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(fixture_digest(&f) == before);
    f.fleet.pool_count[0] = 4;
    f.fleet.cell_devices[0] = 4;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.resource_used[0] == 3);
    f.fleet.pinned[a.cells[1].cell] = 0; /* somebody has given the second cell back */
    nf_derive(&f.fleet, 0, 2, NULL);
    before = fixture_digest(&f);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(fixture_digest(&f) == before && f.fleet.resource_used[0] == 3);
    fixture_free(&f);
}

/* A PF, and VFs of it in two pools: it is hidden until the last of them is given back. */
static void a_pf_is_free_once_all_of_its_vfs_are(void) {
    fixture f;
    answer a[2];
    uint64_t classes[] = {1, 2};
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_pci_request pci[] = {{1, NF_PCI_LEGACY, &classes[0], &classes[0], 0, NULL},
                            {1, NF_PCI_LEGACY, &classes[1], &classes[1], 0, NULL}};
    nf_request r[] = {request_of(NULL, 0), request_of(NULL, 0)};
    fixture_make(&f, 1);
    fixture_pools(&f, 3, 3);
    for (uint32_t p = 0; p < 3; p++) {
        COLUMN(&f, uint32_t, pool_class)[p] = p;
        COLUMN(&f, int32_t, pool_cell)[p] = NF_POOL_ANYWHERE;
        COLUMN(&f, uint32_t, pool_family)[p] = 1;
        COLUMN(&f, uint32_t, pool_kind)[p] = p == 2 ? NF_KIND_PF : NF_KIND_VF;
        f.fleet.pool_count[p] = p == 2 ? 1 : 3;
    }
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    uint64_t before = fixture_digest(&f);
    for (uint32_t i = 0; i < 2; i++) {
        r[i].pci = &pci[i];
        r[i].n_pci = 1;
        CHECK(fit(&f.fleet, 0, &r[i], &o, &a[i], NULL) == NF_OK);
        CHECK(nf_claim(&f.fleet, 0, &r[i], &a[i].placement, NULL) == NF_OK);
        CHECK(f.fleet.pool_count[2] == NF_POOL_GONE && f.fleet.pool_hidden[2] == 1);
    }
    for (uint32_t i = 2; i--;) {
        CHECK(nf_release(&f.fleet, 0, &r[i], &a[i].placement, NULL) == NF_OK);
        CHECK(f.fleet.pool_count[2] == (i ? NF_POOL_GONE : 1));
        CHECK(f.fleet.pool_hidden[2] == (i ? 1 : 0));
    }
    CHECK(fixture_digest(&f) == before);
    fixture_free(&f);
}

/* A core of 64 threads is a whole word of a mask; two of them are taken. */
static void a_core_as_wide_as_a_word(void) {
    enum { WIDE = 64 };
    fixture f;
    answer a;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(3, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    free(COLUMN(&f, int32_t, layout_cpus));
    free(f.fleet.cell_cores);
    int32_t *cpus = calloc(WIDE, sizeof *cpus);
    for (int32_t i = 0; i < WIDE; i++) cpus[i] = i;
    f.fleet.layout_cpus = cpus;
    f.fleet.n_layout_cpus = f.fleet.max_threads = WIDE;
    f.fleet.cell_cores = calloc((size_t)WIDE * 2, sizeof *f.fleet.cell_cores);
    COLUMN(&f, uint64_t, layout_words)[0] = UINT64_MAX;
    *COLUMN(&f, nf_layout, layouts) = (nf_layout){.shift = 6, .threads = WIDE, .n_cores = 1,
                                                  .n_slots = WIDE, .n_shared = WIDE,
                                                  .n_dedicated = WIDE, .same_sets = 1,
                                                  .n_words = 1};
    f.fleet.pinned[0] = 5;
    f.fleet.pinned[1] = UINT64_MAX;
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    CHECK(f.fleet.cell_free[0] == WIDE - 2 && f.fleet.cell_free[1] == 0);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && a.cells[0].cell == 0);
    CHECK(a.slots[0] == 1 && a.slots[1] == 3 && a.slots[2] == 4);
    /* two unlike guest cells, counted and claimed one after the other */
    nf_guest_cell two[] = {pinned(20, 64), pinned(9, 64)};
    nf_request both = request_of(two, 2);
    f.fleet.pinned[1] = 7;
    nf_derive(&f.fleet, 0, 2, NULL);
    uint32_t counted = capacity_of(&f.fleet, &both, 99), claimed = 0;
    while (fit(&f.fleet, 0, &both, &o, &a, NULL) == NF_OK &&
           nf_claim(&f.fleet, 0, &both, &a.placement, NULL) == NF_OK)
        claimed++;
    CHECK(counted == claimed && claimed > 1);
    f.fleet.pinned[0] = 5;
    f.fleet.pinned[1] = UINT64_MAX;
    nf_derive(&f.fleet, 0, 2, NULL);
    cell.threads = NF_THREADS_ISOLATE;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) != NF_OK);
    cell.n_dedicated = WIDE - 1;
    cell.threads = NF_THREADS_NONE;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) != NF_OK);
    /* all threads but the first are another's */
    f.fleet.pinned[0] = ~(uint64_t)1;
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(f.fleet.cell_free[0] == 1);
    cell.n_dedicated = 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && a.slots[0] == 0);
    fixture_free(&f);
}

/* The lower half of a generation counts claims and releases; how often a host has become another one
 * stands in the upper half. */
static void a_generation_counts_from_0_again(void) {
    fixture f;
    answer a;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    f.fleet.host_generation[0] = (uint64_t)5 << 32 | (UINT32_MAX - 1);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    CHECK(f.fleet.host_generation[0] == ((uint64_t)5 << 32 | UINT32_MAX));
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    CHECK(f.fleet.host_generation[0] == (uint64_t)5 << 32);
    fixture_free(&f);
}

static void reasons_are_not_touched_where_it_fits(void) {
    fixture f;
    answer a;
    nf_lock lock = {0};
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    nf_reason why = {.status = NF_OK}, reasons[2] = {{.status = 77}, {.status = 78}};
    fixture_make(&f, 1);
    nf_shared shared = {&f.fleet, &lock, 1, 1};
    answer_make(&a);
    nf_claim_item item = {0, NF_ANY_GENERATION, &r, &o, &a.placement};
    nf_scratch scratch = scratch_for(&f.fleet, &r, 0);
    CHECK(nf_shared_explain(&shared, &item, &scratch, &why, reasons, 2) == NF_OK);
    CHECK(reasons[0].status == 77 && reasons[1].status == 78);
    free(scratch.memory);
    fixture_free(&f);
}

/* A row of a host that is being added, and is not yet among those in use. */
static void a_row_of_the_host_behind_the_last(void) {
    fixture f;
    nf_lock lock = {0};
    const char *why = NULL;
    fixture_make(&f, 2);
    nf_shared shared = {&f.fleet, &lock, 1, 2};
    COLUMN(&f, uint32_t, host_end_cell)[1] = 3;
    COLUMN(&f, uint32_t, cell_host)[3] = 2;
    CHECK(nf_shared_check(&shared, &why) == NF_OK);
    COLUMN(&f, uint32_t, cell_host)[3] = 1;
    CHECK(nf_shared_check(&shared, &why) == NF_EINVAL);
    fixture_free(&f);
}

int main(void) {
    as_many_networks_as_there_may_be();
    what_would_never_run_out();
    kinds_behind_the_first_are_looked_at();
    each_slot_of_a_claim_is_one_of_the_cell();
    no_slot_is_reserved_where_a_cell_has_none();
    the_second_request_that_nobody_can_serve();
    a_guest_that_must_cover_more_cells_than_it_has();
    a_request_that_an_earlier_one_keeps_from_the_pf();
    devices_that_match_and_may_not_be_taken();
    pools_of_one_provider();
    a_class_that_the_request_does_not_take();
    guests_without_memory_are_counted_by_their_cpus();
    what_fails_late_is_undone_from_the_start();
    a_pf_is_free_once_all_of_its_vfs_are();
    a_core_as_wide_as_a_word();
    a_generation_counts_from_0_again();
    reasons_are_not_touched_where_it_fits();
    a_row_of_the_host_behind_the_last();
    return FAILURES();
}
