/* What a scan says of many hosts is what a fit says of each: where blocks are full, at the first host
 * and the last, where networks and units need another word. Run this under AddressSanitizer, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fixture.h"

enum { MANY = 10000, BLOCKS = 300 };

#define COLUMN(f, type, name) ((type *)(uintptr_t)(f)->fleet.name)

/* 1 or 0 of each host; expected, where that was worked out by hand: the same. */
static void scan_says_what_fit_says(const nf_fleet *f, uint32_t hosts, const nf_request *r,
                                    const nf_options *o, const uint8_t *expected) {
    answer a;
    uint8_t *fits = malloc(hosts);
    nf_scratch scratch = scratch_for(f, r, 0);
    memset(fits, 7, hosts);
    CHECK(nf_scan(f, &(nf_hosts){NULL, 0, hosts}, r, o, &scratch, fits) == NF_OK);
    for (uint32_t h = 0; h < hosts; h++) {
        CHECK(fits[h] == (fit(f, h, r, o, &a, NULL) == NF_OK));
        CHECK(!expected || fits[h] == expected[h]);
    }
    free(scratch.memory);
    free(fits);
}

/* The first of those that fit and have most dedicated CPUs left, or fewest. */
static void choice_says_what_fit_says(const nf_fleet *f, uint32_t hosts, const nf_request *r,
                                      const nf_options *o) {
    answer a;
    nf_scratch scratch = scratch_for(f, r, 0);
    for (uint32_t by = NF_BY_INDEX; by <= NF_BY_FULLNESS; by++) {
        uint32_t expected = UINT32_MAX;
        int64_t most = INT64_MIN;
        for (uint32_t h = 0; h < hosts; h++) {
            int64_t left = 0;
            for (uint32_t c = f->host_first_cell[h]; c < f->host_end_cell[h]; c++)
                left += f->cell_free[c];
            left *= by == NF_BY_ROOM ? 1 : by == NF_BY_FULLNESS ? -1 : 0;
            if (left <= most || fit(f, h, r, o, &a, NULL) != NF_OK) continue;
            expected = h;
            most = left;
        }
        nf_best best = {UINT32_MAX, 0.0};
        CHECK(nf_choose(f, &(nf_hosts){NULL, 0, hosts}, r, o, &(nf_preference){by, NULL}, &scratch,
                        &best) == NF_OK);
        CHECK(best.host == expected);
    }
    free(scratch.memory);
}

/* A ratio of 0 takes nobody; one that is not known takes all. */
static void a_ratio_of_nothing(void) {
    fixture f;
    answer a;
    nf_reason why;
    const nf_options o = {.limits = NF_LIMITS_HOST};
    nf_guest_cell cell = {.memory = 64, .n_shared = 1, .policy = NF_POLICY_SHARED};
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 1);
    double *cpu = COLUMN(&f, double, host_cpu_ratio), *ram = COLUMN(&f, double, host_ram_ratio);
    const double ratios[][2] = {{0.0, NAN}, {NAN, 0.0}, {NAN, NAN}};
    const int expected[] = {NF_CPU_LIMIT, NF_MEMORY_LIMIT, NF_OK};
    for (int i = 0; i < 3; i++) {
        *cpu = ratios[i][0];
        *ram = ratios[i][1];
        nf_derive(&f.fleet, 0, 2, NULL);
        CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
        nf_status status = fit(&f.fleet, 0, &r, &o, &a, &why);
        CHECK(status == expected[i]);
        scan_says_what_fit_says(&f.fleet, 1, &r, &o, &(uint8_t){expected[i] == NF_OK});
    }
    fixture_free(&f);
}

/* Far more hosts in a row than a block has cells. */
static void hosts_without_cells(void) {
    fixture f;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, MANY);
    for (uint32_t h = 0; h < MANY; h++) {
        COLUMN(&f, uint32_t, host_end_cell)[h] = COLUMN(&f, uint32_t, host_first_cell)[h];
        COLUMN(&f, uint32_t, cell_host)[2 * h] = NF_NO_HOST;
        COLUMN(&f, uint32_t, cell_host)[2 * h + 1] = NF_NO_HOST;
        COLUMN(&f, int32_t, pool_cell)[2 * h] = NF_POOL_ELSEWHERE;
    }
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    scan_says_what_fit_says(&f.fleet, MANY, &r, &o, (const uint8_t[MANY]){0});
    choice_says_what_fit_says(&f.fleet, MANY, &r, &o);
    fixture_free(&f);
}

/* Blocks that are full, of hosts of one cell and of two, for guests that look at several page sizes;
 * one host in the middle is unlike the others. */
static void blocks_that_are_full(void) {
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    cell.page_kib = NF_PAGES_ANY;
    nf_request r = request_of(&cell, 1);
    for (uint32_t cells = 1; cells <= 2; cells++)
        for (uint32_t odd = 0; odd <= BLOCKS; odd += BLOCKS / 2) {
            fixture f;
            fixture_make(&f, BLOCKS);
            fixture_ranges(&f, cells, 2);
            f.fleet.max_cells = cells;
            for (uint32_t c = cells * BLOCKS; c < 2 * BLOCKS; c++)
                COLUMN(&f, uint32_t, cell_host)[c] = NF_NO_HOST;
            if (odd < BLOCKS) {
                COLUMN(&f, uint32_t, host_end_cell)[odd]--;
                COLUMN(&f, uint32_t, cell_host)[cells * (odd + 1) - 1] = NF_NO_HOST;
            }
            f.fleet.pinned[cells * 7] = 0x3f;
            nf_derive(&f.fleet, 0, 2 * BLOCKS, NULL);
            scan_says_what_fit_says(&f.fleet, BLOCKS, &r, &o, NULL);
            choice_says_what_fit_says(&f.fleet, BLOCKS, &r, &o);
            fixture_free(&f);
        }
}

/* The last network of so many words is near the cell that is full. */
static void networks_of_the_last_word(uint32_t words) {
    enum { HOSTS = 4 };
    fixture f;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    uint32_t net = 64 * words - 1;
    fixture_make(&f, HOSTS);
    free((void *)(uintptr_t)f.fleet.cell_nets);
    f.fleet.net_words = words;
    uint64_t *nets = calloc((size_t)words * 2 * HOSTS, sizeof *nets);
    for (uint32_t h = 0; h < HOSTS; h++) {
        nets[words * (2 * h + 2) - 1] = (uint64_t)1 << 63;
        f.fleet.pinned[2 * h + 1] = h % 2 ? 0 : 0xff;
    }
    f.fleet.cell_nets = nets;
    nf_derive(&f.fleet, 0, 2 * HOSTS, NULL);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    r.nets = &net;
    r.n_nets = 1;
    scan_says_what_fit_says(&f.fleet, HOSTS, &r, &o, (const uint8_t[HOSTS]){0, 1, 0, 1});
    fixture_free(&f);
}

/* A PF and a VF of it are not taken at once; so on the first host of a block, too. */
static void the_first_host_has_a_pf_and_its_vf(void) {
    fixture f;
    uint64_t all = 1;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    nf_pci_request pci = {2, NF_PCI_LEGACY, &all, &all, 0, NULL};
    fixture_make(&f, 3);
    for (uint32_t h = 0; h < 3; h++)
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t p = 2 * h + i;
            COLUMN(&f, uint32_t, pool_class)[p] = 0;
            COLUMN(&f, int32_t, pool_cell)[p] = 0;
            COLUMN(&f, uint32_t, pool_family)[p] = h == 0;
            COLUMN(&f, uint32_t, pool_kind)[p] = i ? NF_KIND_VF : NF_KIND_PF;
            f.fleet.pool_count[p] = 1;
            f.fleet.cell_devices[2 * h] = 2;
        }
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    r.pci = &pci;
    r.n_pci = 1;
    scan_says_what_fit_says(&f.fleet, 3, &r, &o, (const uint8_t[]){0, 1, 1});
    fixture_free(&f);
}

/* Units by the narrow column and by the wide one: exactly as many as there are, and one more. */
static void as_many_units_as_there_are(void) {
    static const uint32_t amounts[] = {INT16_MAX - 1, INT16_MAX, INT16_MAX + 1, 1000000};
    fixture f;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    nf_resource units = {.resource = 0};
    fixture_make(&f, 3);
    r.resources = &units;
    r.n_resources = 1;
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        units.amount = amounts[i];
        for (uint32_t h = 0; h < 3; h++)
            COLUMN(&f, int64_t, resource_limit)[h] = (int64_t)amounts[i] - 1 + h;
        nf_derive(&f.fleet, 0, 6, NULL);
        scan_says_what_fit_says(&f.fleet, 3, &r, &o, (const uint8_t[]){0, 1, 1});
    }
    fixture_free(&f);
}

/* As much as a number of 32 bits holds can be asked for, and no more. */
static void as_many_units_as_a_number_holds(void) {
    fixture f;
    answer a;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1);
    nf_resource units = {.resource = 1, .amount = INT32_MAX};
    fixture_make(&f, 1);
    r.resources = &units;
    r.n_resources = 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_OK);
    scan_says_what_fit_says(&f.fleet, 1, &r, &o, &(uint8_t){1});
    units.amount = (uint32_t)INT32_MAX + 1;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_EINVAL);
    units.amount = 0;
    CHECK(fit(&f.fleet, 0, &r, &o, &a, NULL) == NF_EINVAL);
    fixture_free(&f);
}

/* Mixed guest cells whose dedicated vCPUs are all in other cells, under each thread policy; the
 * second host has half of each core free, the third nothing. */
static void cells_of_mixed_guests_without_dedicated_cpus(void) {
    fixture f;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    fixture_make(&f, 3);
    for (uint32_t c = 2; c < 6; c++) f.fleet.pinned[c] = c < 4 ? 0x55 : 0xff;
    nf_derive(&f.fleet, 0, 6, NULL);
    for (uint32_t threads = NF_THREADS_NONE; threads <= NF_THREADS_REQUIRE; threads++)
        for (uint32_t n = 0; n < 3; n++) {
            nf_guest_cell cell = {.memory = 64, .n_shared = 1, .n_dedicated = n,
                                  .policy = NF_POLICY_MIXED, .threads = threads};
            nf_request r = request_of(&cell, 1);
            scan_says_what_fit_says(&f.fleet, 3, &r, &o, NULL);
        }
    fixture_free(&f);
}

/* A guest without memory in large pages: the second host has none, the third nothing else. */
static void nothing_in_large_pages(void) {
    fixture f;
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_guest_cell cell = pinned(2, 0);
    nf_request r = request_of(&cell, 1);
    fixture_make(&f, 3);
    for (uint32_t c = 2; c < 6; c++) {
        uint32_t gone = c < 4;
        COLUMN(&f, uint32_t, cell_page_sizes)[c] = gone ? 1 : 2;
        COLUMN(&f, int32_t, pages_total)[gone * 6 + c] = f.fleet.pages_free[gone * 6 + c] = 0;
    }
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    for (int64_t pages = NF_PAGES_ANY; pages <= NF_PAGES_NONE; pages++) {
        cell.page_kib = pages;
        scan_says_what_fit_says(&f.fleet, 3, &r, &o, NULL);
        scan_says_what_fit_says(&f.fleet, 2, &r, &o, NULL);
    }
    fixture_free(&f);
}

int main(void) {
    a_ratio_of_nothing();
    hosts_without_cells();
    blocks_that_are_full();
    for (uint32_t words = 1; words <= 6; words++) networks_of_the_last_word(words);
    the_first_host_has_a_pf_and_its_vf();
    as_many_units_as_there_are();
    as_many_units_as_a_number_holds();
    cells_of_mixed_guests_without_dedicated_cpus();
    nothing_in_large_pages();
    return FAILURES();
}
