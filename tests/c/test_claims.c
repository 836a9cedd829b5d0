/* Claims and releases that fail change nothing, say what was missing, and are judged again where
 * their host has changed; worked out by hand. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "fixture.h"

static const nf_options NO_LIMITS = {.limits = NF_LIMITS_NONE};
static const nf_options LIMITS = {.limits = NF_LIMITS_HOST};

#define SAYS(why, of, want, there)                                                        \
    CHECK((why).status == NF_STALE && (why).detail == (of) && (why).wanted == (want) &&   \
          (why).available == (there))

static void what_is_missing_is_told(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    fixture_make(&f, 1);
    nf_guest_cell cell = pinned(3, 1024);
    nf_request r = request_of(&cell, 1);
    CHECK(fit(&f.fleet, 0, &r, &NO_LIMITS, &a, NULL) == NF_OK && a.cells[0].cell == 1);

    /* slot 2 is CPU 12: the second of three */
    f.fleet.pinned[1] = 4;
    nf_derive(&f.fleet, 0, 2, NULL);
    uint64_t before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 12, 3, 0);
    CHECK(fixture_digest(&f) == before);
    f.fleet.pinned[1] = 0;
    nf_derive(&f.fleet, 0, 2, NULL);

    /* 1024 MiB are 262144 pages of 4 KiB, of which one is missing */
    f.fleet.pages_free[1] = 262143;
    before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 4, 262144, 262143);
    CHECK(fixture_digest(&f) == before);
    f.fleet.pages_free[1] = 262144;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.pages_free[1] == 0 && f.fleet.pages_used[1] == 262144);

    /* in pages that the cell does not have */
    a.cells[0].page_kib = 1 << 20;
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 1 << 20, 1024 * 1024, 0);
    a.cells[0].page_kib = 2048; /* others have them */
    ((uint32_t *)(uintptr_t)f.fleet.cell_page_sizes)[1] = 1;
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 2048, 1024 * 1024, 0);
    ((uint32_t *)(uintptr_t)f.fleet.cell_page_sizes)[1] = 3;
    a.cells[0].page_kib = 0;

    /* given back by somebody else */
    f.fleet.pages_used[1] = 262143;
    before = fixture_digest(&f);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 4, 262144, 262143);
    CHECK(fixture_digest(&f) == before);
    f.fleet.pages_used[1] = 262144;
    f.fleet.cell_memory_used[1] = 1023;
    before = fixture_digest(&f);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 0, 1024, 1023);
    CHECK(fixture_digest(&f) == before);
    f.fleet.cell_memory_used[1] = 1024;
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    fixture_free(&f);
}

/* A cell of which nobody reports pages. */
static void memory_without_pages(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    fixture_make(&f, 1);
    for (uint32_t c = 0; c < 2; c++) {
        ((uint32_t *)(uintptr_t)f.fleet.cell_page_sizes)[c] = 0;
        for (uint32_t s = 0; s < SIZES; s++)
            f.fleet.pages_free[2 * s + c] = ((int32_t *)(uintptr_t)f.fleet.pages_total)[2 * s + c] = 0;
    }
    nf_guest_cell cell = pinned(1, 1024);
    nf_request r = request_of(&cell, 1);
    CHECK(fit(&f.fleet, 0, &r, &NO_LIMITS, &a, NULL) == NF_OK && a.cells[0].cell == 1);
    f.fleet.cell_memory_used[1] = 4096 - 1023;
    uint64_t before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 0, 1024, 1023);
    CHECK(fixture_digest(&f) == before);
    f.fleet.cell_memory_used[1]--;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.cell_memory_used[1] == 4096);
    /* shared guests overcommit it */
    nf_guest_cell more = {.memory = 1, .n_shared = 1, .policy = NF_POLICY_SHARED};
    nf_request shared = request_of(&more, 1);
    a.cells[0].n_slots = 0;
    CHECK(nf_claim(&f.fleet, 0, &shared, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.cell_memory_used[1] == 4097 && f.fleet.cell_cpu_used[1] == 1);
    f.fleet.cell_cpu_used[1] = 0;
    CHECK(nf_release(&f.fleet, 0, &shared, &a.placement, &why) == NF_STALE);
    SAYS(why, 0, 1, 4097);
    fixture_free(&f);
}

/* The first of two cells is overcommitted: what was taken from it a moment ago could not be claimed
 * anew, yet goes back when the second fails. */
static void a_release_that_fails_puts_back_more_than_fits(void) {
    fixture f;
    answer a;
    fixture_make(&f, 1);
    nf_guest_cell cells[] = {pinned(2, 1024), pinned(2, 1024)};
    nf_request r = request_of(cells, 2);
    nf_resource units = {0, 60};
    r.resources = &units;
    r.n_resources = 1;
    CHECK(fit(&f.fleet, 0, &r, &NO_LIMITS, &a, NULL) == NF_OK && a.cells[0].cell == 0);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    f.fleet.pages_used[0] += 1 << 20;
    f.fleet.pages_free[0] -= 1 << 20;
    f.fleet.resource_used[0] = 130; /* of 100 */
    f.fleet.pinned[1] = 0;
    nf_derive(&f.fleet, 0, 2, NULL);
    uint64_t before = fixture_digest(&f);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_STALE);
    CHECK(fixture_digest(&f) == before);
    fixture_free(&f);
}

static void draws_are_all_or_nothing(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    uint64_t first = 1, second = 2;
    nf_pci_request pci[] = {{3, NF_PCI_PREFERRED, &first, &first, 0, NULL},
                            {2, NF_PCI_PREFERRED, &second, &second, 0, NULL}};
    fixture_make(&f, 1);
    nf_guest_cell cell = pinned(1, 64);
    nf_request r = request_of(&cell, 1);
    r.pci = pci;
    r.n_pci = 2;
    CHECK(fit(&f.fleet, 0, &r, &NO_LIMITS, &a, NULL) == NF_OK && a.placement.n_draws == 2);
    f.fleet.pool_count[1] = 1;
    uint64_t before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 1, 2, 1);
    CHECK(fixture_digest(&f) == before);
    f.fleet.pool_count[1] = NF_POOL_GONE;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 1, 2, 0);
    f.fleet.pool_count[1] = 2;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.pool_count[0] == 1 && f.fleet.pool_taken[0] == 3 && f.fleet.cell_devices[0] == 1);
    CHECK(f.fleet.pool_count[1] == NF_POOL_GONE && f.fleet.pool_taken[1] == 2);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.pool_count[0] == 4 && f.fleet.pool_count[1] == 2 && !f.fleet.pool_taken[1]);
    fixture_free(&f);
}

/* Isolate takes whole cores, and a CPU for the emulator threads beside them. */
static void isolated_guests_take_whole_cores(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    fixture_make(&f, 1);
    nf_guest_cell cell = pinned(2, 64);
    cell.threads = NF_THREADS_ISOLATE;
    nf_request r = request_of(&cell, 1);
    r.emulator_isolated = 1;
    CHECK(fit(&f.fleet, 0, &r, &NO_LIMITS, &a, NULL) == NF_OK && a.cells[0].cell == 1);
    CHECK(a.slots[0] == 0 && a.slots[1] == 2 && a.cells[0].reserved == 4);
    uint64_t before = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    CHECK(f.fleet.pinned[1] == 0x3f && f.fleet.cell_free[1] == 2);
    CHECK(f.fleet.cell_cores[1] == 1 && f.fleet.cell_cores[2 + 1] == 1);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    /* the sibling of a vCPU's thread has been unpinned meanwhile */
    f.fleet.pinned[1] = 0x37;
    nf_derive(&f.fleet, 0, 2, NULL);
    uint64_t halfway = fixture_digest(&f);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    SAYS(why, 12, 3, 0);
    CHECK(fixture_digest(&f) == halfway);
    f.fleet.pinned[1] = 0x3f;
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    CHECK(fixture_digest(&f) == before);
    /* a placement made elsewhere may name both threads of a core, which is taken once */
    a.slots[0] = 2;
    a.slots[1] = 3;
    a.cells[0].reserved = -1;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK && f.fleet.pinned[1] == 0x0c);
    CHECK(f.fleet.cell_free[1] == 6 && nf_fleet_check(&f.fleet, NULL) == NF_OK);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    CHECK(fixture_digest(&f) == before);
    a.cells[0].n_slots = 3;
    a.slots[0] = 0;
    a.slots[1] = 4;
    a.slots[2] = 5;
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK && f.fleet.pinned[1] == 0x33);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    CHECK(fixture_digest(&f) == before);
    fixture_free(&f);
}

/* Slots 6 and 7 stand in no core, and slot 5 has no CPU. */
static void cpus_outside_sibling_sets_are_taken_one_by_one(void) {
    fixture f;
    answer a;
    fixture_make(&f, 1);
    nf_layout *layout = (nf_layout *)(uintptr_t)f.fleet.layouts;
    layout->n_cores = 3;
    layout->n_dedicated = layout->n_shared = 7;
    ((uint64_t *)(uintptr_t)f.fleet.layout_words)[0] = 0xdf;
    ((int32_t *)(uintptr_t)f.fleet.layout_cpus)[5] = -1;
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK && f.fleet.cell_free[1] == 7);
    CHECK(f.fleet.cell_cores[1] == 3 && f.fleet.cell_cores[3] == 2);
    uint64_t before = fixture_digest(&f);
    nf_guest_cell cell = pinned(3, 64);
    nf_request r = request_of(&cell, 1);
    answer_make(&a);
    a.cells[0] = (nf_placed_cell){.cell = 1, .n_slots = 3, .reserved = -1};
    a.slots[0] = 6;
    a.slots[1] = 0;
    a.slots[2] = 4;
    for (uint32_t threads = NF_THREADS_NONE; threads <= NF_THREADS_REQUIRE; threads++) {
        bool whole = threads == NF_THREADS_ISOLATE; /* core 0 has two threads, core 2 one */
        cell.threads = threads;
        CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
        CHECK(f.fleet.pinned[1] == (whole ? 0x53u : 0x51u));
        CHECK(f.fleet.cell_free[1] == (whole ? 3 : 4));
        CHECK(f.fleet.cell_cores[1] == (whole ? 1 : 2) && f.fleet.cell_cores[3] == 1);
        CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
        CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_STALE);
        CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
        CHECK(fixture_digest(&f) == before);
    }
    fixture_free(&f);
}

/* The cells of a host that has changed since are judged again, limits included, each of them. */
static void what_has_changed_is_judged_again(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    uint32_t failed = 9;
    nf_lock locks[1] = {0};
    fixture_make(&f, 2);
    const nf_shared shared = {&f.fleet, locks, 1, 2};
    nf_guest_cell cells[2] = {{.memory = 64, .n_shared = 2, .policy = NF_POLICY_SHARED}};
    cells[1] = cells[0];
    nf_request r = request_of(cells, 2);
    CHECK(fit(&f.fleet, 1, &r, &LIMITS, &a, NULL) == NF_OK);
    nf_claim_item item = {1, 0, &r, &LIMITS, &a.placement};
    for (uint32_t c = 2; c < 4; c++) {
        /* 16 shared vCPUs are the limit of a cell: there is room for one */
        f.fleet.cell_cpu_used[c] = 15;
        nf_derive(&f.fleet, 0, 4, NULL);
        f.fleet.host_generation[1] = 1;
        uint64_t before = fixture_digest(&f);
        CHECK(nf_shared_claim(&shared, &item, 1, &failed, &why) == NF_STALE && failed == 0);
        SAYS(why, 0, 0, 0);
        CHECK(fixture_digest(&f) == before && f.fleet.host_generation[1] == 1);
        f.fleet.cell_cpu_used[c] = 14;
        nf_derive(&f.fleet, 0, 4, NULL);
        CHECK(nf_shared_claim(&shared, &item, 1, &failed, &why) == NF_OK);
        CHECK(f.fleet.cell_cpu_used[c] == 16);
        CHECK(nf_shared_release(&shared, &item, 1, &failed, &why) == NF_OK);
        f.fleet.cell_cpu_used[c] = 0;
        nf_derive(&f.fleet, 0, 4, NULL);
    }
    /* as it was when the placement was made, or made elsewhere: no limits are looked at */
    f.fleet.cell_cpu_used[2] = f.fleet.cell_cpu_used[3] = 15;
    nf_derive(&f.fleet, 0, 4, NULL);
    item.generation = f.fleet.host_generation[1];
    CHECK(nf_shared_claim(&shared, &item, 1, &failed, &why) == NF_OK);
    item.generation = NF_ANY_GENERATION;
    CHECK(nf_shared_claim(&shared, &item, 1, &failed, &why) == NF_OK);
    CHECK(f.fleet.cell_cpu_used[2] == 19);
    /* and what is given back is not judged */
    item.generation = 0;
    CHECK(nf_shared_release(&shared, &item, 1, &failed, &why) == NF_OK);
    CHECK(f.fleet.cell_cpu_used[2] == 17 && !locks[0].held);
    fixture_free(&f);
}

static void of_many_items_the_one_that_fails_is_named(void) {
    fixture f;
    answer a, b;
    nf_reason why = {0, 0, 0, 0};
    uint32_t failed = 9;
    nf_lock locks[2] = {0};
    fixture_make(&f, 2);
    const nf_shared shared = {&f.fleet, locks, 2, 1};
    nf_guest_cell cell = pinned(5, 64);
    nf_request r = request_of(&cell, 1);
    CHECK(fit(&f.fleet, 0, &r, &LIMITS, &a, NULL) == NF_OK);
    CHECK(fit(&f.fleet, 1, &r, &LIMITS, &b, NULL) == NF_OK);
    nf_claim_item items[] = {{0, NF_ANY_GENERATION, &r, &LIMITS, &a.placement},
                             {1, NF_ANY_GENERATION, &r, &LIMITS, &b.placement},
                             {0, NF_ANY_GENERATION, &r, &LIMITS, &a.placement}};
    uint64_t before = fixture_digest(&f);
    CHECK(nf_shared_claim(&shared, items, 3, &failed, &why) == NF_STALE && failed == 2);
    SAYS(why, 10, 5, 0);
    CHECK(fixture_digest(&f) == before);
    CHECK(nf_shared_claim(&shared, items, 2, &failed, &why) == NF_OK);
    CHECK(nf_shared_release(&shared, items, 3, &failed, &why) == NF_STALE && failed == 2);
    CHECK(nf_shared_release(&shared, items, 2, NULL, NULL) == NF_OK);
    CHECK(fixture_digest(&f) == before && !locks[0].held && !locks[1].held);
    fixture_free(&f);
}

int main(void) {
    what_is_missing_is_told();
    memory_without_pages();
    a_release_that_fails_puts_back_more_than_fits();
    draws_are_all_or_nothing();
    isolated_guests_take_whole_cores();
    cpus_outside_sibling_sets_are_taken_one_by_one();
    what_has_changed_is_judged_again();
    of_many_items_the_one_that_fails_is_named();
    return FAILURES();
}
