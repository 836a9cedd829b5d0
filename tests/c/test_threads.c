/* A million claims and releases in random order by four threads: no CPU twice, no page and no
 * device too many, and in the end all is as it was. Run it under ThreadSanitizer too. */
#include "check.h"
#include "fixture.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 24, WORKERS = 4, HELD = 16, LOCKS = 8 };

#ifndef TURNS
#define TURNS 250000
#endif

static fixture f;
static nf_lock locks[LOCKS];
static nf_shared shared = {&f.fleet, locks, LOCKS, HOSTS / LOCKS};
static nf_options options = {.limits = NF_LIMITS_HOST};
static uint64_t class0 = 1;
static nf_pci_request device = {.count = 1, .matches = &class0, .usable = &class0};
static nf_guest_cell kinds[4][2];
static nf_request requests[4];

typedef struct worker {
    pthread_t thread;
    uint64_t seed;
    unsigned long claimed, stale, refused;
    int failures;
} worker;

typedef struct guest {
    bool held;
    answer a;
    nf_claim_item item;
} guest;

static uint32_t dice(uint64_t *seed, uint32_t below) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 11) % below;
}

static void boot(worker *w, guest *g, const nf_scratch *scratch) {
    const nf_request *r = &requests[dice(&w->seed, 4)];
    uint32_t host = dice(&w->seed, HOSTS);
    answer_make(&g->a);
    g->item = (nf_claim_item){host, 0, r, &options, &g->a.placement};
    nf_status status = nf_shared_fit(&shared, &g->item, scratch, NULL);
    if (status != NF_OK) {
        w->refused++;
        return;
    }
    status = nf_shared_claim(&shared, &g->item, 1, NULL, NULL);
    g->held = status == NF_OK;
    if (g->held)
        w->claimed++;
    else if (status == NF_STALE)
        w->stale++;
    else
        w->failures++;
}

static void *work(void *context) {
    worker *w = context;
    guest *guests = calloc(HELD, sizeof *guests);
    nf_scratch scratch = {NULL, 0};
    for (int i = 0; i < 4; i++) {
        size_t needed = nf_fit_bytes(&f.fleet, &requests[i]);
        if (needed > scratch.bytes) scratch.bytes = needed;
    }
    scratch.memory = malloc(scratch.bytes);
    uint8_t fits[HOSTS];
    for (int turn = 0; turn < TURNS; turn++) {
        guest *g = &guests[dice(&w->seed, HELD)];
        if (!g->held) {
            boot(w, g, &scratch);
        } else {
            g->held = false;
            if (nf_shared_release(&shared, &g->item, 1, NULL, NULL) != NF_OK) w->failures++;
        }
        if (turn % 1000 == 0 && nf_shared_scan(&shared, &(nf_hosts){NULL, 0, HOSTS}, &requests[0],
                                               &options, &scratch, fits) != NF_OK)
            w->failures++;
    }
    for (int i = 0; i < HELD; i++)
        if (guests[i].held && nf_shared_release(&shared, &guests[i].item, 1, NULL, NULL) != NF_OK)
            w->failures++;
    free(scratch.memory);
    free(guests);
    return NULL;
}

/* Both or none: the second asks for more than there is. */
static void batches(void) {
    answer a, b;
    uint64_t before = fixture_digest(&f);
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &requests[0])};
    scratch.memory = malloc(scratch.bytes);
    answer_make(&a);
    nf_claim_item both[2] = {{1, 0, &requests[0], &options, &a.placement}};
    CHECK(nf_shared_fit(&shared, &both[0], &scratch, NULL) == NF_OK);
    memcpy(&b, &a, sizeof b);
    answer_make(&b);
    b.placement.n_draws = a.placement.n_draws;
    both[1] = both[0];
    both[1].placement = &b.placement;
    uint32_t failed = 9;
    CHECK(nf_shared_claim(&shared, both, 2, &failed, NULL) == NF_STALE && failed == 1);
    CHECK(fixture_digest(&f) == before);
    free(scratch.memory);
}

int main(void) {
    worker workers[WORKERS];
    unsigned long claimed = 0, stale = 0, refused = 0;
    fixture_make(&f, HOSTS);
    kinds[0][0] = pinned(3, 256);
    kinds[1][0] = pinned(2, 32);
    kinds[1][0].page_kib = 2048;
    kinds[1][0].threads = NF_THREADS_REQUIRE;
    kinds[2][0] = kinds[2][1] = pinned(2, 128);
    kinds[3][0] = (nf_guest_cell){.memory = 512, .n_shared = 4};
    for (int i = 0; i < 4; i++) requests[i] = request_of(kinds[i], i == 2 ? 2 : 1);
    requests[0].pci = &device;
    requests[0].n_pci = 1;
    uint64_t before = fixture_digest(&f);
    batches();
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.seed = 1234567u + 7919u * (uint64_t)i};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK(workers[i].failures == 0);
        claimed += workers[i].claimed;
        stale += workers[i].stale;
        refused += workers[i].refused;
    }
    fprintf(stderr, "%d turns: %lu claims, %lu stale, %lu refused\n", TURNS * WORKERS, claimed,
            stale, refused);
    CHECK(claimed > (unsigned long)TURNS && refused > 0);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
    CHECK(fixture_digest(&f) == before);
    fixture_free(&f);
    return FAILURES();
}
