/* Cells that are overcommitted until their columns can count no more; worked out by hand. */
#include "check.h"
#include "fixture.h"

/* 4096 MiB are 1 << 20 pages of 4 KiB: the column pages_used has room for 2047 times as many. */
enum { GUESTS = 2047 };

static nf_guest_cell shared(int64_t memory) {
    return (nf_guest_cell){.memory = memory, .n_shared = 1, .policy = NF_POLICY_SHARED};
}

static void claims_end_before_a_column_overflows(void) {
    fixture f;
    answer a;
    nf_reason why;
    nf_options o = {.limits = NF_LIMITS_NONE};
    fixture_make(&f, 1);
    nf_guest_cell cell = shared(4096);
    nf_request r = request_of(&cell, 1);
    uint32_t claimed = 0;
    for (; claimed < 5000; claimed++) {
        CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_OK);
        if (nf_claim(&f.fleet, 0, &r, &a.placement, &why) != NF_OK) break;
    }
    CHECK(claimed == GUESTS && why.status == NF_STALE && why.wanted == 1 << 20);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    fixture_free(&f);
}

static void capacity_is_that_of_claiming(void) {
    fixture f;
    fixture_make(&f, 1);
    nf_guest_cell cells[] = {shared(4096), shared(4096), shared(2048)};
    nf_request one = request_of(cells, 1), two = request_of(cells, 2);
    CHECK(capacity_of(&f.fleet, &one, 5000) == GUESTS && capacity_of(&f.fleet, &one, 9) == 9);
    CHECK(capacity_of(&f.fleet, &two, 5000) == GUESTS && capacity_of(&f.fleet, &two, 70000) == GUESTS);
    nf_request unlike = request_of(cells + 1, 2); /* each to the cell where the other is not */
    CHECK(capacity_of(&f.fleet, &unlike, 5000) == GUESTS && capacity_of(&f.fleet, &unlike, 9) == 9);
    fixture_free(&f);
}

/* Memory in use beyond what there is, to the last MiB but 100 that a column can count: whatever the
 * guest takes beside it, one more goes on each cell. */
static void memory_counts_beside_cpus_and_pages(void) {
    const nf_guest_cell guests[] = {
        {.memory = 64, .n_shared = 1, .policy = NF_POLICY_SHARED, .page_kib = NF_PAGES_SMALL},
        {.memory = 64, .n_shared = 1, .policy = NF_POLICY_SHARED, .page_kib = 2048},
        {.memory = 64, .n_dedicated = 1, .policy = NF_POLICY_DEDICATED},
        {.memory = 64, .n_dedicated = 1, .policy = NF_POLICY_DEDICATED, .page_kib = 2048}};
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
        fixture f;
        answer a;
        uint32_t claimed = 0;
        nf_options o = {.limits = NF_LIMITS_NONE};
        nf_request r = request_of(&guests[i], 1);
        fixture_make(&f, 1);
        for (uint32_t c = 0; c < 2; c++) f.fleet.cell_memory_used[c] = NF_MAX_AMOUNT - 100;
        nf_derive(&f.fleet, 0, 2, NULL);
        CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
        uint32_t counted = capacity_of(&f.fleet, &r, 5);
        while (fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK &&
               nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK)
            claimed++;
        CHECK(counted == claimed);
        CHECK(claimed == 1 || claimed == 2); /* the first choice that cannot be claimed ends it */
        fixture_free(&f);
    }
}

/* All but seven of them are there: no cap that is small enough to be counted at a glance goes on. */
static void a_small_cap_ends_there_too(void) {
    enum { BEFORE = GUESTS - 7 };
    fixture f;
    fixture_make(&f, 1);
    nf_guest_cell cells[] = {shared(4096), shared(4096)};
    nf_request two = request_of(cells, 2);
    for (uint32_t c = 0; c < 2; c++) {
        f.fleet.cell_memory_used[c] = BEFORE * (int64_t)4096;
        f.fleet.cell_cpu_used[c] = BEFORE;
        f.fleet.pages_used[c] = BEFORE << 20;
        f.fleet.pages_free[c] -= BEFORE << 20;
    }
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    CHECK(capacity_of(&f.fleet, &two, 9) == 7 && capacity_of(&f.fleet, &two, 7) == 7);
    CHECK(capacity_of(&f.fleet, &two, 6) == 6);
    fixture_free(&f);
}

/* Likewise for cells of large pages alone: 2 TiB are 1 << 20 pages of 2 MiB. */
static void large_pages_are_counted_as_small_ones_are(void) {
    fixture f;
    fixture_make(&f, 1);
    for (uint32_t c = 0; c < 2; c++) {
        ((int64_t *)(uintptr_t)f.fleet.cell_memory)[c] = 1 << 21;
        ((uint32_t *)(uintptr_t)f.fleet.cell_page_sizes)[c] = 2;
        ((int32_t *)(uintptr_t)f.fleet.pages_total)[c] = f.fleet.pages_free[c] = 0;
        ((int32_t *)(uintptr_t)f.fleet.pages_total)[2 + c] = f.fleet.pages_free[2 + c] = 1 << 20;
    }
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    nf_guest_cell cells[] = {shared(1 << 21), shared(1 << 20)};
    nf_request one = request_of(cells, 1), unlike = request_of(cells, 2);
    CHECK(capacity_of(&f.fleet, &one, 5000) == GUESTS && capacity_of(&f.fleet, &one, 9) == 9);
    CHECK(capacity_of(&f.fleet, &unlike, 5000) == GUESTS);
    fixture_free(&f);
}

/* A cell of as much memory as there can be, and a guest of the same. */
static void memory_stays_a_number_of_kib(void) {
    fixture f;
    answer a;
    nf_reason why;
    nf_options o = {.limits = NF_LIMITS_NONE};
    const int64_t most = NF_MAX_AMOUNT;
    fixture_make(&f, 1);
    for (int c = 0; c < 2; c++) {
        ((int64_t *)(uintptr_t)f.fleet.cell_memory)[c] = most;
        ((uint32_t *)(uintptr_t)f.fleet.cell_page_sizes)[c] = 0;
        for (uint32_t s = 0; s < SIZES; s++)
            ((int32_t *)(uintptr_t)f.fleet.pages_total)[2 * s + (uint32_t)c] = 0;
        f.fleet.pages_free[c] = f.fleet.pages_free[2 + c] = 0;
    }
    nf_derive(&f.fleet, 0, 2, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    nf_guest_cell cell = shared(most);
    nf_request r = request_of(&cell, 1);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, &why) == NF_OK);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, &why) == NF_STALE);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    CHECK(nf_release(&f.fleet, 0, &r, &a.placement, &why) == NF_OK);
    CHECK(capacity_of(&f.fleet, &r, UINT32_MAX) == 1);
    cell.memory = most / 1024;
    CHECK(capacity_of(&f.fleet, &r, 5000) == 1024 && capacity_of(&f.fleet, &r, 1024) == 1024);
    /* of one vCPU each a hundred more can be counted: cell 1, which has no devices, comes first */
    f.fleet.cell_cpu_used[1] = INT32_MAX - 100;
    cell.memory = 1;
    CHECK(capacity_of(&f.fleet, &r, 5000) == 100);
    fixture_free(&f);
}

/* The last claim that a column has room for, and the one after it. */
static void a_column_is_filled_to_its_end(void) {
    fixture f;
    answer a;
    nf_options o = {.limits = NF_LIMITS_NONE};
    const int32_t pages = 1 << 20;
    fixture_make(&f, 1);
    nf_guest_cell cell = shared(4096);
    nf_request r = request_of(&cell, 1);
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK && a.cells[0].cell == 1);
    for (int over = 0; over < 2; over++) {
        nf_status wanted = over ? NF_STALE : NF_OK;
#define CLAIMS(column, nearly, full)                                                           do {                                                                                           (column) = (nearly) + (over);                                                              CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == wanted);                            if (!over) CHECK((column) == (full));                                                      if (!over) CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);                (column) = 0;                                                                          } while (0)
        CLAIMS(f.fleet.pages_used[1], INT32_MAX - pages, INT32_MAX);
        CLAIMS(f.fleet.cell_memory_used[1], NF_MAX_AMOUNT - 4096, NF_MAX_AMOUNT);
        CLAIMS(f.fleet.cell_cpu_used[1], INT32_MAX - 1, INT32_MAX);
        f.fleet.pages_free[1] = INT32_MIN + pages - over;
        CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == wanted);
        CHECK(over || f.fleet.pages_free[1] == INT32_MIN);
        if (!over) CHECK(nf_release(&f.fleet, 0, &r, &a.placement, NULL) == NF_OK);
    }
    fixture_free(&f);
}

/* What stands for a host is derived for each host of which cells are. */
static void derive_fills_the_hosts_of_its_cells(void) {
    fixture f;
    enum { HOSTS = 4 };
    fixture_make(&f, HOSTS);
    for (uint32_t h = 0; h < HOSTS; h++) f.fleet.resource_room[h] = 777;
    CHECK(nf_derive(&f.fleet, 3, 2, NULL) == NF_OK); /* the last cell of host 1, the first of 2 */
    CHECK(f.fleet.resource_room[0] == 777 && f.fleet.resource_room[3] == 777);
    CHECK(f.fleet.resource_room[1] == 100 && f.fleet.resource_room[2] == 100);
    CHECK(nf_derive(&f.fleet, 0, 0, NULL) == NF_OK && f.fleet.resource_room[0] == 777);
    CHECK(nf_derive(&f.fleet, 0, 2 * HOSTS, NULL) == NF_OK);
    for (uint32_t h = 0; h < HOSTS; h++) CHECK(f.fleet.resource_room[h] == 100);
    fixture_free(&f);
}

static void derive_refuses_memory_below_zero(void) {
    fixture f;
    const char *reason = NULL;
    fixture_make(&f, 1);
    ((int64_t *)(uintptr_t)f.fleet.cell_memory)[1] = INT64_MIN;
    CHECK(nf_derive(&f.fleet, 0, 2, &reason) == NF_EINVAL && reason);
    CHECK(nf_derive(&f.fleet, 0, 1, NULL) == NF_OK);
    fixture_free(&f);
}

int main(void) {
    claims_end_before_a_column_overflows();
    capacity_is_that_of_claiming();
    a_small_cap_ends_there_too();
    memory_counts_beside_cpus_and_pages();
    large_pages_are_counted_as_small_ones_are();
    memory_stays_a_number_of_kib();
    a_column_is_filled_to_its_end();
    derive_fills_the_hosts_of_its_cells();
    derive_refuses_memory_below_zero();
    return FAILURES();
}
