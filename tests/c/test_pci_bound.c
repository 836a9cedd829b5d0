/* The bounds that keep a search for devices short, one by one: a bound that finds less would still
 * end with the same answer, later. Worked out by hand. */
#include "check.h"
#include "fixture.h"

#include "../../src/engine.h"

#include <stdlib.h>

enum { POOLS = 5, KINDS = 3, REQUESTS = 3 };

typedef struct bench {
    fixture f;
    uint64_t matches[REQUESTS], usable[REQUESTS];
    nf_pci_request q[REQUESTS];
    nf_request r;
    nf_pci_job p;
    int64_t budget;
    void *memory;
} bench;

/* Pools: 2 devices of class 0 at cell 0, 3 of class 0 at cell 1, 1 of class 1 at cell 0, 4 of class
 * 0 of an unknown node, 7 of class 2 of a node that is no cell of the host. Requests: 3 of class 0
 * as nova has always done, 1 of class 1 at the guest's cells, 5 of classes 0 and 2 anywhere. */
static void start(bench *b, bool exact) {
    static const struct {
        uint32_t class;
        int32_t cell, count;
    } pools[POOLS] = {{0, 0, 2}, {0, 1, 3}, {1, 0, 1}, {0, NF_POOL_ANYWHERE, 4},
                      {2, NF_POOL_ELSEWHERE, 7}};
    nf_arena a = {NULL, 0};
    fixture_make(&b->f, 1);
    fixture_pools(&b->f, POOLS, KINDS);
    for (uint32_t p = 0; p < POOLS; p++) {
        ((uint32_t *)(uintptr_t)b->f.fleet.pool_class)[p] = pools[p].class;
        ((int32_t *)(uintptr_t)b->f.fleet.pool_cell)[p] = pools[p].cell;
        b->f.fleet.pool_count[p] = pools[p].count;
        if (pools[p].cell >= 0) b->f.fleet.cell_devices[pools[p].cell] += pools[p].count;
    }
    CHECK(nf_fleet_check(&b->f.fleet, NULL) == NF_OK);
    const uint64_t masks[REQUESTS] = {1, 2, 5};
    const uint32_t counts[REQUESTS] = {3, 1, 5};
    const uint32_t policies[REQUESTS] = {NF_PCI_LEGACY, NF_PCI_REQUIRED, NF_PCI_PREFERRED};
    for (uint32_t r = 0; r < REQUESTS; r++) {
        b->matches[r] = b->usable[r] = masks[r];
        b->q[r] =
            (nf_pci_request){counts[r], policies[r], &b->matches[r], &b->usable[r], 0, NULL};
    }
    b->r = (nf_request){.abi = NF_ABI_VERSION, .n_cells = 1, .n_pci = REQUESTS, .pci = b->q};
    b->budget = 1000;
    nf_pci_lay_out(&b->p, &b->f.fleet, &b->r, 2, &a);
    a = (nf_arena){b->memory = malloc(a.used), 0};
    nf_pci_lay_out(&b->p, &b->f.fleet, &b->r, 2, &a);
    nf_pci_start(&b->p, &b->f.fleet, 0, &b->r, exact, &b->budget);
    nf_pci_choose(&b->p, NULL, 0);
}

static void stop(bench *b) {
    free(b->memory);
    fixture_free(&b->f);
}

/* Of the requests in the set: as many devices are wanted, and so many there at best. */
#define HOPES(b, set, open, more, want, there)                                                  \
    do {                                                                                        \
        int64_t wanted = -1, best = -1;                                                         \
        const nf_word cells = (open);                                                           \
        CHECK(nf_pci_hopeful(&(b)->p, (set), &cells, (more), &wanted, &best) ==                 \
              ((there) >= (want)));                                                             \
        CHECK(wanted == (want) && best == (there));                                             \
    } while (0)

static void what_one_request_may_hope_for(void) {
    bench b;
    start(&b, false);
    HOPES(&b, 1, 3, 2, 3, 4); /* the devices of the unknown node will do */
    b.q[0].count = 8;
    HOPES(&b, 1, 3, 0, 8, 4);
    HOPES(&b, 1, 3, 1, 8, 4 + 3); /* the fuller of the cells */
    HOPES(&b, 1, 3, 2, 8, 4 + 3 + 2);
    HOPES(&b, 1, 3, 9, 8, 4 + 3 + 2);
    HOPES(&b, 1, 1, 2, 8, 4 + 2); /* cell 1 is not open */
    HOPES(&b, 1, 0, 2, 8, 4);
    const uint32_t chosen[] = {1, 0};
    nf_pci_choose(&b.p, chosen, 1);
    HOPES(&b, 1, 1, 0, 8, 4 + 3);
    HOPES(&b, 1, 1, 1, 8, 4 + 3 + 2);
    nf_pci_choose(&b.p, chosen, 2);
    HOPES(&b, 1, 0, 0, 8, 4 + 3 + 2);
    b.q[2].count = 99;
    HOPES(&b, 4, 0, 0, 99, 2 + 3 + 4 + 7); /* anywhere: all of classes 0 and 2 */
    nf_pci_choose(&b.p, NULL, 0);
    HOPES(&b, 2, 2, 2, 1, 0); /* its one device is at cell 0 */
    HOPES(&b, 2, 1, 1, 1, 1);
    b.f.fleet.pool_count[3] = NF_POOL_GONE;
    HOPES(&b, 1, 3, 2, 8, 3 + 2);
    stop(&b);
}

static void what_requests_may_hope_for_together(void) {
    bench b;
    start(&b, false);
    b.q[0].count = 9;
    HOPES(&b, 3, 3, 1, 9 + 1, 4 + 3); /* 2 + 1 at cell 0, 3 at cell 1 */
    HOPES(&b, 3, 3, 2, 9 + 1, 4 + 3 + 3);
    HOPES(&b, 5, 0, 0, 9 + 5, 2 + 3 + 4 + 7); /* what one of them takes anywhere is sure */
    HOPES(&b, 7, 1, 1, 9 + 1 + 5, 2 + 3 + 4 + 7);
    HOPES(&b, 7, 1, 0, 9 + 1 + 5, 2 + 3 + 4 + 7);
    /* what placement allocated beside others may be less than the count, or all there is for one */
    const nf_provider provider = {1, 1};
    b.q[0].n_providers = 1;
    b.q[0].providers = &provider;
    HOPES(&b, 3, 3, 1, 1, 4);
    HOPES(&b, 1, 3, 2, 9, 4 + 3 + 2);
    b.p.exact = true;
    HOPES(&b, 3, 3, 2, 9 + 1, 4 + 3 + 3);
    stop(&b);
}

static void who_is_alone_and_who_is_stuck(void) {
    bench b;
    const uint32_t cells[] = {0, 1};
    start(&b, false);
    nf_pci_find_alone(&b.p);
    CHECK(b.p.alone == 3); /* the first takes from what the third matches */
    nf_pci_choose(&b.p, cells, 1);
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 2); /* 2 of the 3 wanted, and the 1 wanted */
    nf_pci_choose(&b.p, cells + 1, 1);
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 1); /* all 3, and none */
    nf_pci_choose(&b.p, cells, 2);
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 3); /* 2 and 3 at the guest's cells: it looks no further */
    b.q[0].count = 5;
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 3);
    HOPES(&b, 1, 0, 0, 5, 5);
    b.q[0].count = 6;
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 2);
    HOPES(&b, 1, 0, 0, 6, 5 + 4);
    /* what matches and cannot be had keeps the request at the guest's cells all the same */
    b.usable[0] = 0;
    b.q[0].count = 5;
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 3);
    HOPES(&b, 1, 0, 0, 5, 0);
    stop(&b);
    start(&b, true); /* exact: others are moved where that helps */
    nf_pci_find_alone(&b.p);
    CHECK(b.p.alone == 0);
    nf_pci_choose(&b.p, cells, 2);
    nf_pci_find_stuck(&b.p);
    CHECK(b.p.stuck == 0);
    stop(&b);
}

static void which_cells_a_request_needs_one_of(void) {
    bench b;
    nf_word cells = 0;
    start(&b, false);
    CHECK(!nf_pci_needs(&b.p, 0, &cells) && cells == 3); /* the 4 of the unknown node will do */
    b.q[0].count = 4;
    CHECK(!nf_pci_needs(&b.p, 0, &cells) && cells == 3);
    b.q[0].count = 5;
    CHECK(nf_pci_needs(&b.p, 0, &cells) && cells == 3);
    CHECK(nf_pci_needs(&b.p, 1, &cells) && cells == 1);
    CHECK(!nf_pci_needs(&b.p, 2, &cells) && cells == 0);
    b.q[1].count = 0;
    CHECK(!nf_pci_needs(&b.p, 1, &cells) && cells == 1);
    b.q[1].count = 1;
    b.f.fleet.pool_count[2] = NF_POOL_GONE;
    CHECK(nf_pci_needs(&b.p, 1, &cells) && cells == 0);
    stop(&b);
}

/* Requests 0 and 1 find devices at once, 0 and 2 do not: seen before any choice of cells is tried. */
static void requests_that_want_more_together_than_there_is_are_refused_at_once(void) {
    bench b;
    answer a;
    nf_guest_cell cells[] = {pinned(1, 64), pinned(1, 128)};
    const nf_options o = {.budget = 1};
    start(&b, false);
    b.matches[1] = b.usable[1] = 2;
    b.matches[2] = b.usable[2] = 1;
    b.q[0].count = b.q[2].count = 5; /* of 9 of class 0 */
    b.r = request_of(cells, 2);
    b.r.n_pci = REQUESTS;
    b.r.pci = b.q;
    CHECK(fit(&b.f.fleet, 0, &b.r, &o, &a, NULL) == NF_PCI_TOGETHER);
    b.q[2].count = 4;
    CHECK(fit(&b.f.fleet, 0, &b.r, &(nf_options){.budget = 1000}, &a, NULL) == NF_OK);
    stop(&b);
}

/* What was tried is known until the next guest, whatever the memory was lent for before. */
static void failures_are_remembered_for_one_guest(void) {
    bench b;
    const uint32_t cells[] = {0, 1};
    nf_arena again = {NULL, 0};
    start(&b, false);
    nf_pci_choose(&b.p, cells, 1);
    CHECK(!nf_pci_failed_before(&b.p));
    nf_pci_remember_failure(&b.p);
    CHECK(nf_pci_failed_before(&b.p));
    nf_pci_choose(&b.p, cells + 1, 1);
    CHECK(!nf_pci_failed_before(&b.p));
    nf_pci_remember_failure(&b.p);
    CHECK(nf_pci_failed_before(&b.p));
    nf_pci_choose(&b.p, cells, 1);
    CHECK(nf_pci_failed_before(&b.p));
    again.memory = b.memory;
    nf_pci_lay_out(&b.p, &b.f.fleet, &b.r, 2, &again);
    nf_pci_start(&b.p, &b.f.fleet, 0, &b.r, false, &b.budget);
    nf_pci_choose(&b.p, cells + 1, 1);
    nf_pci_remember_failure(&b.p);
    nf_pci_choose(&b.p, cells, 1);
    CHECK(!nf_pci_failed_before(&b.p));
    stop(&b);
}

/* Cell 1 alone is near the network: a guest's search for devices there is that of nf_pci() for the
 * cell, and ends in a decision with the same budget. */
static void a_budget_that_is_just_enough_decides(void) {
    bench b;
    answer a;
    nf_guest_cell cell = pinned(1, 64);
    const uint32_t net = 1, near = 1;
    uint32_t decided = 0;
    start(&b, true);
    b.q[0].count = 4; /* 3 are there */
    b.q[0].policy = NF_PCI_REQUIRED;
    b.r = request_of(&cell, 1);
    b.r.nets = &net;
    b.r.n_nets = b.r.n_pci = 1;
    b.r.pci = b.q;
    nf_scratch scratch = {.bytes = nf_fit_bytes(&b.f.fleet, &b.r)};
    scratch.memory = malloc(scratch.bytes);
    answer_make(&a);
    for (uint32_t budget = 1; budget < 10; budget++) {
        const nf_options o = {.pci_matching = NF_MATCH_EXACT, .budget = budget};
        nf_status alone = nf_pci(&b.f.fleet, 0, &b.r, &o, &near, 1, &scratch, &a.placement);
        nf_status whole = nf_fit(&b.f.fleet, 0, &b.r, &o, &scratch, &a.placement, NULL);
        CHECK(alone == NF_UNDECIDED || alone == NF_PCI_NUMA);
        CHECK(whole == (alone == NF_UNDECIDED ? NF_UNDECIDED : NF_ASSIGNMENT));
        decided += whole == NF_ASSIGNMENT;
    }
    CHECK(decided > 0 && decided < 9);
    free(scratch.memory);
    stop(&b);
}

int main(void) {
    requests_that_want_more_together_than_there_is_are_refused_at_once();
    failures_are_remembered_for_one_guest();
    a_budget_that_is_just_enough_decides();
    what_one_request_may_hope_for();
    what_requests_may_hope_for_together();
    who_is_alone_and_who_is_stuck();
    which_cells_a_request_needs_one_of();
    return FAILURES();
}
