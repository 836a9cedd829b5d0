/* A scheduler's calls on a fleet that was written by hand, with answers worked out by hand. */
#include "check.h"
#include "fixture.h"

#include <stdlib.h>

static void places_and_takes(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    nf_options options = {.limits = NF_LIMITS_HOST};
    fixture_make(&f, 2);
    uint64_t before = fixture_digest(&f);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);

    /* three vCPUs: a whole core and the first thread of the next, on the cell without devices */
    nf_guest_cell cell = pinned(3, 1024);
    nf_request r = request_of(&cell, 1);
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK);
    CHECK(a.cells[0].cell == 1 && a.cells[0].n_slots == 3 && a.cells[0].reserved == -1);
    CHECK(a.slots[0] == 0 && a.slots[1] == 1 && a.slots[2] == 2);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(f.fleet.pinned[1] == 7 && f.fleet.cell_free[1] == 5 && f.fleet.host_generation[0] == 1);
    CHECK(f.fleet.pages_used[1] == 1024 * 1024 / 4 && f.fleet.cell_memory_used[1] == 1024);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(fixture_digest(&f) == before);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(fixture_digest(&f) == before);

    /* nine vCPUs are more than a cell has */
    cell = pinned(9, 1024);
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_DEDICATED_TOTAL);
    CHECK(why.status == NF_DEDICATED_TOTAL && why.wanted == 9 && why.available == 8);

    /* 2 MiB pages: 64 of them are 128 MiB */
    cell = pinned(1, 130);
    cell.page_kib = 2048;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_PAGES);
    CHECK(why.wanted == 130 * 1024 && why.available == 128 * 1024);
    cell.page_kib = NF_PAGES_ANY;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK && a.cells[0].page_kib == 4);
    cell.memory = 128;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK && a.cells[0].page_kib == 2048);
    fixture_free(&f);
}

static void networks_and_devices(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    nf_options options = {0};
    fixture_make(&f, 1);
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    uint32_t nets[] = {1, NF_TUNNEL_NET};
    r.nets = nets;
    r.n_nets = 1;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK && a.cells[0].cell == 1);
    r.n_nets = 2; /* no cell is near both */
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_NETWORKS);
    r.n_nets = 0;

    uint64_t class0 = 1;
    nf_pci_request q = {.count = 3, .policy = NF_PCI_REQUIRED, .matches = &class0,
                        .usable = &class0};
    r.pci = &q;
    r.n_pci = 1;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK && a.cells[0].cell == 0);
    CHECK(a.placement.n_draws == 1 && a.draws[0].pool == 0 && a.draws[0].count == 3);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK && f.fleet.pool_count[0] == 1);
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) > NF_OK);
    CHECK(why.wanted == 3 && why.available == 1);
    fixture_free(&f);
}

/* An exact matching of devices takes a few steps. */
static void a_budget_that_ends_is_neither_a_yes_nor_a_no(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    nf_options options = {.pci_matching = NF_MATCH_EXACT, .budget = 1};
    uint64_t class0 = 1;
    nf_pci_request q = {.count = 3, .policy = NF_PCI_REQUIRED, .matches = &class0,
                        .usable = &class0};
    fixture_make(&f, 1);
    nf_guest_cell cells[] = {pinned(2, 64), pinned(1, 64)};
    for (uint32_t n = 0; n <= 2; n++) {
        nf_request r = request_of(cells, n);
        r.pci = &q;
        r.n_pci = 1;
        options.budget = 1;
        CHECK(fit(&f.fleet, 0, &r, &options, &a, NULL) == NF_UNDECIDED);
        CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_UNDECIDED);
        CHECK(why.status == NF_UNDECIDED && !why.wanted && !why.available && !why.detail);
        options.budget = 0; /* the default */
        q.count = 4;
        CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK);
        q.count = 5;
        CHECK(fit(&f.fleet, 0, &r, &options, &a, NULL) > NF_OK);
        CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_PCI_DEVICES);
        CHECK(why.detail == 0 && why.wanted == 5 && why.available == 4);
        q.count = 3;
    }
    fixture_free(&f);
}

/* The request that no choice of cells can serve is named, with the most that one has near. */
static void the_request_that_fails_is_named(void) {
    fixture f;
    answer a;
    nf_reason why = {0, 0, 0, 0};
    const nf_options options = {.limits = NF_LIMITS_NONE};
    uint64_t class0 = 1, class1 = 2;
    /* the node of class 1's devices is not known, and its request wants them at the guest's cells */
    nf_pci_request q[] = {{3, NF_PCI_REQUIRED, &class0, &class0, 0, NULL},
                          {2, NF_PCI_REQUIRED, &class1, &class1, 0, NULL}};
    fixture_make(&f, 1);
    nf_guest_cell cells[] = {pinned(2, 64), pinned(1, 64)};
    for (uint32_t n = 1; n <= 2; n++) {
        nf_request r = request_of(cells, n);
        r.pci = q;
        r.n_pci = 2;
        CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_PCI_NUMA);
        CHECK(why.detail == 1 && why.wanted == 2 && why.available == 0);
        q[1].policy = NF_PCI_LEGACY;
        CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_OK && a.placement.n_draws == 2);
        q[1].policy = NF_PCI_REQUIRED;
    }
    fixture_free(&f);
}

/* More devices than 16 bits count, where many hosts are looked at at once. */
static void very_many_devices_are_devices(void) {
    fixture f;
    uint8_t fits[2];
    const nf_options options = {.limits = NF_LIMITS_NONE};
    uint64_t class0 = 1;
    nf_pci_request q = {1, NF_PCI_REQUIRED, &class0, &class0, 0, NULL};
    fixture_make(&f, 2);
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    r.pci = &q;
    r.n_pci = 1;
    for (uint32_t h = 0; h < 2; h++)
        f.fleet.pool_count[2 * h] = (int32_t)(f.fleet.cell_devices[2 * h] = h ? 1 << 16 : 1 << 30);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    q.count = 256;
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &r)};
    scratch.memory = malloc(scratch.bytes);
    for (q.count = 1; q.count <= 256; q.count += 85) {
        CHECK(nf_scan(&f.fleet, &(nf_hosts){NULL, 0, 2}, &r, &options, &scratch, fits) == NF_OK);
        CHECK(fits[0] && fits[1]);
    }
    free(scratch.memory);
    fixture_free(&f);
}

static void fleets(void) {
    fixture f;
    nf_options options = {.limits = NF_LIMITS_HOST};
    enum { HOSTS = 100 };
    uint8_t fits[HOSTS];
    uint32_t counts[HOSTS], few[] = {99, 3, 3};
    nf_best best = {UINT32_MAX, 0};
    fixture_make(&f, HOSTS);
    nf_guest_cell cells[] = {pinned(4, 512), pinned(4, 512)};
    nf_request r = request_of(cells, 2);
    size_t bytes = nf_capacity_bytes(&f.fleet, &r);
    void *workspace = malloc(bytes);
    CHECK(nf_scan(&f.fleet, &(nf_hosts){NULL, 0, HOSTS}, &r, &options,
                  &(nf_scratch){workspace, bytes}, fits) == NF_OK);
    CHECK(nf_capacity(&f.fleet, &(nf_hosts){NULL, 0, HOSTS}, &r, &options, 500,
                      &(nf_scratch){workspace, bytes}, counts) == NF_OK);
    for (int h = 0; h < HOSTS; h++) CHECK(fits[h] == 1 && counts[h] == 2);
    CHECK(nf_capacity(&f.fleet, &(nf_hosts){few, 0, 3}, &r, &options, 1,
                      &(nf_scratch){workspace, bytes}, counts) == NF_OK);
    CHECK(counts[0] == 1 && counts[1] == 1 && counts[2] == 1);
    CHECK(nf_choose(&f.fleet, &(nf_hosts){few, 0, 3}, &r, &options,
                    &(nf_preference){NF_BY_INDEX, NULL}, &(nf_scratch){workspace, bytes},
                    &best) == NF_OK &&
          best.host == 99);
    free(workspace);
    fixture_free(&f);
}

int main(void) {
    places_and_takes();
    networks_and_devices();
    a_budget_that_ends_is_neither_a_yes_nor_a_no();
    the_request_that_fails_is_named();
    very_many_devices_are_devices();
    fleets();
    return FAILURES();
}
