/* Placement's half of the decision: units of the host, and the classes of hosts that a request
 * takes. The counts are worked out by hand. */
#include "check.h"
#include "fixture.h"

#include "../../src/cell_filter.h"
#include "../../src/resources.h"

#include <stdlib.h>
#include <string.h>

enum { HOSTS = 4 };

/* Hosts 0 and 2 are of class 0 and have much of resource 1; all have 100 units of resource 0. */
static fixture f;
static nf_options options = {.limits = NF_LIMITS_HOST};

static nf_request asking(const nf_guest_cell *cell, const nf_resource *resources, uint32_t n,
                         const uint64_t *classes) {
    nf_request r = request_of(cell, cell ? 1 : 0);
    r.resources = resources;
    r.n_resources = n;
    r.host_classes = classes;
    return r;
}

static void ask(const nf_request *r, const char *expected, const uint32_t *counts) {
    nf_scratch scratch = {.bytes = nf_capacity_bytes(&f.fleet, r)};
    nf_hosts all = {NULL, 0, HOSTS};
    uint8_t fits[HOSTS];
    uint32_t found[HOSTS];
    nf_reason why;
    answer a;
    scratch.memory = malloc(scratch.bytes);
    CHECK(nf_scan(&f.fleet, &all, r, &options, &scratch, fits) == NF_OK);
    CHECK(nf_capacity(&f.fleet, &all, r, &options, 1000, &scratch, found) == NF_OK);
    for (uint32_t h = 0; h < HOSTS; h++) {
        CHECK(fits[h] == (expected[h] == 'y'));
        CHECK((fit(&f.fleet, h, r, &options, &a, &why) == NF_OK) == (expected[h] == 'y'));
        CHECK(found[h] == counts[h]);
    }
    free(scratch.memory);
}

static void units_and_classes(void) {
    nf_guest_cell cell = pinned(2, 64);
    nf_resource one[] = {{0, 30}}, both[] = {{0, 1}, {1, 1u << 30}}, much[] = {{0, 101}};
    uint64_t even = 1, odd = 2;
    nf_request r = asking(&cell, one, 1, NULL);
    ask(&r, "yyyy", (uint32_t[]){3, 3, 3, 3}); /* 8 by their CPUs */
    r = asking(&cell, one, 1, &even);
    ask(&r, "ynyn", (uint32_t[]){3, 0, 3, 0});
    r = asking(&cell, NULL, 0, &odd);
    ask(&r, "nyny", (uint32_t[]){0, 8, 0, 8});
    r = asking(&cell, both, 2, NULL);
    ask(&r, "ynyn", (uint32_t[]){8, 0, 8, 0});
    r = asking(&cell, much, 1, NULL);
    ask(&r, "nnnn", (uint32_t[]){0, 0, 0, 0});
    /* no topology: the host's units alone end it */
    r = asking(NULL, one, 1, NULL);
    ask(&r, "yyyy", (uint32_t[]){3, 3, 3, 3});
    r = asking(NULL, &both[1], 1, NULL);
    ask(&r, "ynyn", (uint32_t[]){1000, 0, 1000, 0}); /* 1024, but no more than asked for */
}

static void refusals_say_what_is_short(void) {
    nf_guest_cell cell = pinned(2, 64);
    nf_resource much[] = {{1, 7}, {0, 101}};
    uint64_t even = 1;
    nf_request r = asking(&cell, much, 2, NULL);
    nf_reason why;
    answer a;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, &why) == NF_RESOURCE);
    CHECK(why.detail == 0 && why.wanted == 101 && why.available == 100);
    CHECK(fit(&f.fleet, 1, &r, &options, &a, &why) == NF_RESOURCE);
    CHECK(why.detail == 1 && why.wanted == 7 && why.available == 0);
    r = asking(&cell, NULL, 0, &even);
    CHECK(fit(&f.fleet, 3, &r, &options, &a, &why) == NF_HOST_CLASS && why.detail == 1);
}

static void claims_count_units(void) {
    nf_guest_cell cell = pinned(2, 64);
    nf_resource one[] = {{0, 30}};
    nf_request r = asking(&cell, one, 1, NULL);
    uint64_t before = fixture_digest(&f);
    answer a[4];
    for (int i = 0; i < 3; i++) {
        CHECK(fit(&f.fleet, 2, &r, &options, &a[i], NULL) == NF_OK);
        CHECK(nf_claim(&f.fleet, 2, &r, &a[i].placement, NULL) == NF_OK);
        CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    }
    CHECK(f.fleet.resource_used[2] == 90 && f.fleet.resource_room[2] == 10);
    nf_reason why;
    CHECK(fit(&f.fleet, 2, &r, &options, &a[3], &why) == NF_RESOURCE && why.available == 10);
    memcpy(&a[3], &a[2], sizeof a[3]); /* a placement of before: what it holds is not there */
    uint64_t full = fixture_digest(&f);
    CHECK(nf_claim(&f.fleet, 2, &r, &a[2].placement, &why) == NF_STALE);
    CHECK(fixture_digest(&f) == full);
    for (int i = 0; i < 3; i++) CHECK(nf_release(&f.fleet, 2, &r, &a[i].placement, NULL) == NF_OK);
    CHECK(nf_release(&f.fleet, 2, &r, &a[0].placement, NULL) == NF_STALE);
    CHECK(fixture_digest(&f) == before);
}

/* Twice as many units in use as there are: no guest, and not as many as an unsigned number has. */
static void more_in_use_than_there_is(void) {
    nf_guest_cell cell = pinned(2, 64);
    nf_resource one[] = {{0, 30}};
    nf_request r = asking(&cell, one, 1, NULL);
    f.fleet.resource_used[1] = 200;
    nf_derive(&f.fleet, 0, HOSTS, NULL);
    ask(&r, "ynyy", (uint32_t[]){3, 0, 3, 3});
    f.fleet.resource_used[1] = 0;
    nf_derive(&f.fleet, 0, HOSTS, NULL);
}

/* Odd hosts are ruled out by their class, and asked for the fallback. */
static void other_classes_give_other_units(void) {
    nf_guest_cell cell = pinned(2, 64);
    nf_resource one[] = {{0, 30}}, much[] = {{1, 1u << 30}}, other[] = {{0, 45}};
    uint64_t even = 1, odd = 2, none = 0;
    uint64_t before = fixture_digest(&f);
    nf_request r = asking(&cell, one, 1, &even);
    answer a;
    r.fallback = other;
    r.n_fallback = 1;
    r.fallback_classes = &odd;
    ask(&r, "yyyy", (uint32_t[]){3, 2, 3, 2});
    CHECK(fit(&f.fleet, 1, &r, &options, &a, NULL) == NF_OK);
    CHECK(nf_claim(&f.fleet, 1, &r, &a.placement, NULL) == NF_OK);
    CHECK(f.fleet.resource_used[1] == 45 && f.fleet.resource_used[0] == 0);
    ask(&r, "yyyy", (uint32_t[]){3, 1, 3, 2});
    CHECK(nf_release(&f.fleet, 1, &r, &a.placement, NULL) == NF_OK);
    CHECK(fixture_digest(&f) == before);
    r.fallback_classes = &none;
    ask(&r, "ynyn", (uint32_t[]){3, 0, 3, 0});
    r = asking(&cell, much, 1, &odd); /* what the first class has is not asked of the other */
    r.fallback_classes = &even;
    ask(&r, "ynyn", (uint32_t[]){8, 0, 8, 0});
    r.n_fallback = 1;
    CHECK(fit(&f.fleet, 0, &r, &options, &a, NULL) == NF_EINVAL);
}

/* As many hosts as are looked at together, and nothing beside them; the same host by host, where some
 * may be asked for other units. */
static void a_block_is_judged_to_its_end(void) {
    static uint8_t keep[NF_BLOCK + 1];
    static fixture many;
    nf_resource units[] = {{0, 1}, {1, 1u << 30}};
    uint64_t classes[] = {1, 2, 3}, none = 0; /* even hosts, odd ones, both */
    fixture_make(&many, NF_BLOCK + 1);
    for (uint32_t n = NF_BLOCK - 1; n <= NF_BLOCK; n++)
        for (uint32_t k = 0; k < 12; k++) {
            uint32_t unit = k % 2, class = k / 2 % 3;
            nf_request r = asking(NULL, units + unit, 1, classes + class);
            if (k >= 6) r.fallback_classes = &none;
            memset(keep, 1, sizeof keep);
            nf_resources_keep(&many.fleet, 0, n, &r, keep);
            for (uint32_t h = 0; h < n; h++)
                CHECK(keep[h] == ((class == 2 || h % 2 == class) && (!unit || h % 2 == 0)));
            for (uint32_t h = n; h <= NF_BLOCK; h++) CHECK(keep[h] == 1);
        }
    fixture_free(&many);
}

static void misuse(void) {
    nf_guest_cell cell = pinned(2, 64);
    nf_resource wrong[][2] = {{{RESOURCES, 1}, {0, 1}}, {{0, 0}, {1, 1}}, {{0, 1u << 31}, {1, 1}},
                              {{1, 1}, {1, 2}}};
    answer a;
    for (int i = 0; i < 4; i++) {
        nf_request r = asking(&cell, wrong[i], 2, NULL);
        CHECK(fit(&f.fleet, 0, &r, &options, &a, NULL) == NF_EINVAL);
        CHECK(nf_claim(&f.fleet, 0, &r, &a.placement, NULL) == NF_EINVAL);
    }
    nf_request r = asking(&cell, NULL, 1, NULL);
    CHECK(fit(&f.fleet, 0, &r, &options, &a, NULL) == NF_EINVAL);
}

int main(void) {
    fixture_make(&f, HOSTS);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    units_and_classes();
    refusals_say_what_is_short();
    claims_count_units();
    more_in_use_than_there_is();
    other_classes_give_other_units();
    a_block_is_judged_to_its_end();
    misuse();
    fixture_free(&f);
    return FAILURES();
}
