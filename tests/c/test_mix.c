/* Guests of several kinds arriving in turns; the counts are worked out by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fixture.h"

enum { HOSTS = 3 };

static void in_turns(void) {
    fixture f;
    nf_options o = {.limits = NF_LIMITS_HOST};
    uint32_t counts[HOSTS * 2], few[] = {2, 0};
    fixture_make(&f, HOSTS);
    uint64_t before = fixture_digest(&f);
    nf_guest_cell two = pinned(2, 64), six = pinned(6, 64);
    nf_request small = request_of(&two, 1), large = request_of(&six, 1);
    nf_arrival kinds[] = {{&small, 4.0}, {&large, 1.0}};
    size_t bytes = nf_mix_bytes(&f.fleet, kinds, 2);
    void *workspace = malloc(bytes);
    /* cells of 8: four small ones fill the cell without devices (among equals the first comes),
     * then a large one and a small one the other */
    CHECK(nf_mix(&f.fleet, &(nf_hosts){NULL, 0, HOSTS}, kinds, 2, &o, 500,
                 &(nf_scratch){workspace, bytes}, counts) == NF_OK);
    for (int h = 0; h < HOSTS; h++) CHECK(counts[2 * h] == 5 && counts[2 * h + 1] == 1);
    /* in turns: a small and a large one in each cell */
    kinds[0].weight = 1.0;
    CHECK(nf_mix(&f.fleet, &(nf_hosts){few, 0, 2}, kinds, 2, &o, 500,
                 &(nf_scratch){workspace, bytes}, counts) == NF_OK);
    CHECK(counts[0] == 2 && counts[1] == 2 && counts[2] == 2 && counts[3] == 2);
    CHECK(nf_mix(&f.fleet, &(nf_hosts){few, 0, 2}, kinds, 2, &o, 1, &(nf_scratch){workspace, bytes},
                 counts) == NF_OK);
    CHECK(counts[0] == 1 && counts[1] == 1 && counts[2] == 1 && counts[3] == 1);
    CHECK(nf_mix(&f.fleet, &(nf_hosts){few, 0, 1}, kinds, 2, &o, 0, &(nf_scratch){workspace, bytes},
                 counts) == NF_OK);
    CHECK(counts[0] == 0 && counts[1] == 0);

    nf_lock locks[2] = {{0}};
    nf_shared shared = {&f.fleet, locks, 2, 2};
    CHECK(nf_shared_mix(&shared, &(nf_hosts){few, 0, 2}, kinds, 2, &o, 500,
                        &(nf_scratch){workspace, bytes}, counts) == NF_OK);
    CHECK(counts[0] == 2 && counts[1] == 2 && counts[2] == 2 && counts[3] == 2);
    CHECK(!locks[0].held && !locks[1].held);
    CHECK(fixture_digest(&f) == before);
    free(workspace);
    fixture_free(&f);
}

static void misuse(void) {
    fixture f;
    nf_options o = {.limits = NF_LIMITS_HOST};
    uint32_t counts[4], wild[] = {7};
    fixture_make(&f, 2);
    nf_guest_cell cell = pinned(2, 64);
    nf_request r = request_of(&cell, 1), none = request_of(NULL, 0);
    nf_arrival good = {&r, 1.0}, bad[] = {{&r, 0.0}, {&r, -1.0}, {&r, NAN}, {&r, INFINITY},
                                          {NULL, 1.0}};
    nf_arrival endless = {&none, 1.0};
    size_t bytes = nf_mix_bytes(&f.fleet, &good, 1);
    void *workspace = malloc(bytes);
    const nf_fleet *fl = &f.fleet;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(nf_mix_bytes(fl, &bad[i], 1) == 0);
        CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, &bad[i], 1, &o, 9,
                     &(nf_scratch){workspace, bytes}, counts) == NF_EINVAL);
    }
    CHECK(nf_mix_bytes(NULL, &good, 1) == 0 && nf_mix_bytes(fl, NULL, 1) == 0);
    CHECK(nf_mix_bytes(fl, &good, 0) == 0);
    CHECK(nf_mix(NULL, &(nf_hosts){NULL, 0, 2}, &good, 1, &o, 9, &(nf_scratch){workspace, bytes},
                 counts) == NF_EINVAL);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, NULL, 1, &o, 9, &(nf_scratch){workspace, bytes},
                 counts) == NF_EINVAL);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, &good, 1, NULL, 9, &(nf_scratch){workspace, bytes},
                 counts) == NF_EINVAL);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, &good, 1, &o, 9, &(nf_scratch){workspace, bytes},
                 NULL) == NF_EINVAL);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, &endless, 1, &o, 9, &(nf_scratch){workspace, bytes},
                 counts) < 0);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, &good, 1, &o, 9, &(nf_scratch){workspace, bytes - 8},
                 counts) == NF_ESPACE);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 0, 2}, &good, 1, &o, 9, &(nf_scratch){NULL, bytes},
                 counts) == NF_ESPACE);
    CHECK(nf_mix(fl, &(nf_hosts){wild, 0, 1}, &good, 1, &o, 9, &(nf_scratch){workspace, bytes},
                 counts) == NF_EINVAL);
    CHECK(nf_mix(fl, &(nf_hosts){NULL, 1, 2}, &good, 1, &o, 9, &(nf_scratch){workspace, bytes},
                 counts) == NF_EINVAL);
    CHECK(nf_shared_mix(NULL, &(nf_hosts){NULL, 0, 2}, &good, 1, &o, 9,
                        &(nf_scratch){workspace, bytes}, counts) == NF_EINVAL);
    free(workspace);
    fixture_free(&f);
}

int main(void) {
    in_turns();
    misuse();
    return FAILURES();
}
