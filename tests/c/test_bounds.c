/* Counts that come from a caller or from placement, and the arrays that they size: what is asked for
 * beyond an array is a status and never a write. Run this under AddressSanitizer, too. */
#include "check.h"
#include "fixture.h"

#include "../../src/engine.h"

#include <stdlib.h>

enum { POOLS = 60 };

#define SET(f, column, i, value) (((uint32_t *)(uintptr_t)(f)->fleet.column)[i] = (value))

/* Pool p of each host: one device of provider p + 1, at cell 0. */
static void one_device_each(fixture *f) {
    fixture_make(f, 2);
    fixture_pools(f, POOLS, 1);
    for (uint32_t p = 0; p < 2 * POOLS; p++) {
        SET(f, pool_provider, p, p % POOLS + 1);
        f->fleet.pool_count[p] = 1;
        f->fleet.cell_devices[2 * (p / POOLS)]++;
    }
    CHECK(nf_fleet_check(&f->fleet, NULL) == NF_OK);
}

static nf_status ask(const fixture *f, const nf_request *r, uint32_t matching, uint32_t budget,
                     nf_placement *out) {
    nf_options o = {.pci_matching = matching, .budget = budget};
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f->fleet, r)};
    scratch.memory = malloc(scratch.bytes);
    nf_status status = nf_pci(&f->fleet, 0, r, &o, NULL, 0, &scratch, out);
    free(scratch.memory);
    return status;
}

/* The count says 1, placement's allocation names 60 providers: nova takes a device of each. */
static void more_providers_than_devices(void) {
    fixture f;
    uint64_t all = 1;
    nf_provider providers[POOLS];
    nf_draw draws[POOLS];
    one_device_each(&f);
    for (uint32_t i = 0; i < POOLS; i++) providers[i] = (nf_provider){i + 1, 1};
    nf_pci_request q = {1, NF_PCI_LEGACY, &all, &all, POOLS, providers};
    nf_request r = {.abi = NF_ABI_VERSION, .n_pci = 1, .pci = &q};
    CHECK(nf_max_draws(&f.fleet, &r) == POOLS);
    nf_placement out = {.draws = draws, .draws_size = POOLS - 1};
    CHECK(ask(&f, &r, NF_MATCH_NOVA, 0, &out) == NF_ESPACE);
    out.draws_size = POOLS;
    CHECK(ask(&f, &r, NF_MATCH_NOVA, 0, &out) == NF_OK && out.n_draws == POOLS);
    CHECK(ask(&f, &r, NF_MATCH_EXACT, 0, &out) == NF_OK && out.n_draws == 1);
    q.n_providers = 3;
    CHECK(nf_max_draws(&f.fleet, &r) == 3);
    q.count = 7;
    CHECK(nf_max_draws(&f.fleet, &r) == 7);
    q.count = INT32_MAX; /* a pool is drawn on once by a request */
    CHECK(nf_max_draws(&f.fleet, &r) == POOLS);
    fixture_free(&f);
}

static void sums_that_no_number_holds(void) {
    fixture f;
    uint64_t all = 1;
    nf_pci_request q[NF_MAX_PCI];
    nf_request r = {.abi = NF_ABI_VERSION, .n_pci = NF_MAX_PCI, .pci = q};
    fixture_make(&f, 1);
    for (uint32_t i = 0; i < NF_MAX_PCI; i++)
        q[i] = (nf_pci_request){.count = INT32_MAX, .matches = &all, .usable = &all};
    f.fleet.max_pools = INT32_MAX;
    CHECK(nf_max_draws(&f.fleet, &r) == UINT32_MAX);
    r.n_pci = 3;
    CHECK(nf_max_draws(&f.fleet, &r) == UINT32_MAX);
    r.n_pci = 2;
    CHECK(nf_max_draws(&f.fleet, &r) == 2u * INT32_MAX);
    r.n_pci = UINT32_MAX; /* more than are there */
    CHECK(nf_max_draws(&f.fleet, &r) == 0);
    fixture_free(&f);
}

/* A draw beyond the engine's own array: what would be a fault of the bound is a status. */
static void a_draw_too_many_is_not_written(void) {
    fixture f;
    uint64_t all = 1;
    one_device_each(&f);
    nf_pci_request q = {5, NF_PCI_LEGACY, &all, &all, 0, NULL};
    nf_request r = {.abi = NF_ABI_VERSION, .n_pci = 1, .pci = &q};
    for (uint32_t exact = 0; exact < 2; exact++) {
        nf_pci_job p;
        int64_t budget = 1000;
        nf_arena a = {NULL, 0};
        nf_pci_lay_out(&p, &f.fleet, &r, 2, &a);
        a = (nf_arena){malloc(a.used), 0};
        nf_pci_lay_out(&p, &f.fleet, &r, 2, &a);
        nf_draw *draws = malloc(4 * sizeof *draws);
        p.draws = draws;
        p.draws_size = 4;
        nf_pci_start(&p, &f.fleet, 0, &r, exact, &budget);
        nf_pci_choose(&p, NULL, 0);
        CHECK(!nf_pci_serve(&p) && p.overrun && p.n_draws == 4);
        free(draws);
        free(a.memory);
    }
    fixture_free(&f);
}

/* Hosts larger than the fleet says that its largest is. */
static void hosts_beyond_the_largest(void) {
    fixture f;
    uint64_t all = 1;
    nf_draw draws[1];
    nf_placement out = {.draws = draws, .draws_size = 1};
    one_device_each(&f);
    nf_pci_request q = {1, NF_PCI_LEGACY, &all, &all, 0, NULL};
    nf_request r = {.abi = NF_ABI_VERSION, .n_pci = 1, .pci = &q};
    f.fleet.max_pools = POOLS - 1;
    CHECK(ask(&f, &r, NF_MATCH_NOVA, 0, &out) == NF_EINVAL);
    f.fleet.max_pools = POOLS;
    f.fleet.max_cells = 1;
    CHECK(ask(&f, &r, NF_MATCH_NOVA, 0, &out) == NF_EINVAL);
    f.fleet.max_cells = 2;
    CHECK(ask(&f, &r, NF_MATCH_NOVA, 0, &out) == NF_OK);
    uint64_t none = 0; /* may be used, and does not match */
    q.matches = &none;
    CHECK(ask(&f, &r, NF_MATCH_NOVA, 0, &out) == NF_EINVAL);
    fixture_free(&f);
}

static void claims_with_short_arrays(void) {
    fixture f;
    nf_lock locks[1] = {{0}};
    fixture_make(&f, 2);
    nf_shared shared = {&f.fleet, locks, 1, 2};
    nf_guest_cell cells[2] = {pinned(1, 64), pinned(1, 64)};
    nf_request r = request_of(cells, 2);
    nf_options o = {0};
    nf_placement out = {.cells = calloc(1, sizeof *out.cells), .cells_size = 1};
    nf_claim_item item = {0, 99, &r, &o, &out};
    CHECK(nf_shared_claim(&shared, &item, 1, NULL, NULL) == NF_EINVAL);
    CHECK(nf_claim(&f.fleet, 0, &r, &out, NULL) == NF_EINVAL);
    free(out.cells);
    fixture_free(&f);
}

/* As many devices as can be counted are moved at once, not one by one. */
static void very_many_devices(void) {
    fixture f;
    uint64_t masks[2] = {3, 1};
    nf_draw draws[4];
    nf_placement out = {.draws = draws, .draws_size = 4};
    fixture_make(&f, 1);
    fixture_pools(&f, 2, 2);
    SET(&f, pool_class, 1, 1);
    f.fleet.pool_count[0] = f.fleet.pool_count[1] = INT32_MAX;
    f.fleet.cell_devices[0] = 2 * (int64_t)INT32_MAX;
    /* the first takes what the second cannot do without, and gives it back */
    nf_pci_request q[2] = {{INT32_MAX, NF_PCI_LEGACY, &masks[0], &masks[0], 0, NULL},
                           {INT32_MAX, NF_PCI_LEGACY, &masks[1], &masks[1], 0, NULL}};
    nf_request r = {.abi = NF_ABI_VERSION, .n_pci = 2, .pci = q};
    CHECK(ask(&f, &r, NF_MATCH_EXACT, 10, &out) == NF_OK && out.n_draws == 2);
    CHECK(out.draws[0].pool == 1 && out.draws[0].count == INT32_MAX);
    CHECK(out.draws[1].pool == 0 && out.draws[1].count == INT32_MAX);
    fixture_free(&f);
}

/* Families without end, each of a PF and VFs that are wanted at once: no stack, and no more work
 * than the budget pays for. */
static void very_many_families(void) {
    enum { FAMILIES = 2000 };
    fixture f;
    uint64_t pf = 1, vf = 2;
    fixture_make(&f, 1);
    fixture_pools(&f, 2 * FAMILIES, 2);
    for (uint32_t p = 0; p < 2 * FAMILIES; p++) {
        SET(&f, pool_class, p, p % 2);
        SET(&f, pool_family, p, p / 2 + 1);
        SET(&f, pool_kind, p, p % 2 ? NF_KIND_VF : NF_KIND_PF);
        f.fleet.pool_count[p] = 1;
        f.fleet.cell_devices[0]++;
    }
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    nf_pci_request q[2] = {{FAMILIES / 2, NF_PCI_LEGACY, &pf, &pf, 0, NULL},
                           {FAMILIES / 2 + 1, NF_PCI_LEGACY, &vf, &vf, 0, NULL}};
    nf_request r = {.abi = NF_ABI_VERSION, .n_pci = 2, .pci = q};
    nf_placement out = {.draws_size = nf_max_draws(&f.fleet, &r)};
    out.draws = calloc(out.draws_size, sizeof *out.draws);
    CHECK(ask(&f, &r, NF_MATCH_EXACT, 0, &out) == NF_UNDECIDED);
    q[0].count = q[1].count = 4;
    CHECK(ask(&f, &r, NF_MATCH_EXACT, 0, &out) == NF_OK && out.n_draws == 8);
    free(out.draws);
    fixture_free(&f);
}

int main(void) {
    more_providers_than_devices();
    sums_that_no_number_holds();
    a_draw_too_many_is_not_written();
    hosts_beyond_the_largest();
    claims_with_short_arrays();
    very_many_devices();
    very_many_families();
    return FAILURES();
}
