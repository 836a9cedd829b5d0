/* Hosts change, come and go, and the fleet moves, beside threads that claim and read: nobody sees half a
 * change, and what was claimed comes back or is stale. Run it under ThreadSanitizer too. */
#include "check.h"
#include "fixture.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 12, ROOM = 24, PLACES = 2 * ROOM, WORKERS = 3, HELD = 8, LOCKS = 8, MOST_MOVES = 64 };

#ifndef CHANGES
#define CHANGES 200000
#endif

/* A fleet's struct and locks; the arrays are the same in all of them. */
typedef struct era {
    nf_fleet fleet;
    nf_lock locks[LOCKS];
    nf_shared shared;
} era;

static fixture f, others;
static era *eras[MOST_MOVES], *now;
static uint32_t n_eras;
static uint32_t done;
static nf_options options = {.limits = NF_LIMITS_HOST};
static uint64_t class0 = 1;
static nf_pci_request device = {.count = 1, .matches = &class0, .usable = &class0};
static nf_guest_cell kinds[2][2];
static nf_request requests[2];

typedef struct guest {
    bool held;
    answer a;
    nf_claim_item item;
} guest;

typedef struct worker {
    pthread_t thread;
    uint64_t seed;
    unsigned long claimed, gone, stale, moved;
    int failures;
    guest guests[HELD];
    nf_scratch scratch, copy;
} worker;

static uint32_t dice(uint64_t *seed, uint32_t below) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 11) % below;
}

static const nf_shared *at_present(void) {
    return &__atomic_load_n(&now, __ATOMIC_ACQUIRE)->shared;
}

/* Ask again where the fleet has moved. */
#define ASK(w, status, call)                                               \
    do {                                                                   \
        const nf_shared *s = at_present();                                 \
        (status) = (call);                                                 \
        (w)->moved += (status) == NF_EMOVED;                               \
    } while ((status) == NF_EMOVED)

static void turn(worker *w, guest *g) {
    nf_status status;
    if (g->held) {
        ASK(w, status, nf_shared_release(s, &g->item, 1, NULL, NULL));
        g->held = false;
        if (status == NF_STALE)
            w->gone++;
        else if (status != NF_OK)
            w->failures++;
        return;
    }
    answer_make(&g->a);
    g->item = (nf_claim_item){dice(&w->seed, ROOM), 0, &requests[dice(&w->seed, 2)], &options,
                              &g->a.placement};
    ASK(w, status, nf_shared_fit(s, &g->item, &w->scratch, NULL));
    if (status != NF_OK) {
        if (status < 0 && status != NF_EINVAL) w->failures++; /* EINVAL: no host yet */
        return;
    }
    ASK(w, status, nf_shared_claim(s, &g->item, 1, NULL, NULL));
    g->held = status == NF_OK;
    w->claimed += status == NF_OK;
    w->stale += status == NF_STALE;
    if (status != NF_OK && status != NF_STALE) w->failures++;
}

static void look(worker *w) {
    nf_status status;
    nf_fleet copy;
    uint8_t fits[HOSTS];
    uint32_t counts[HOSTS];
    nf_best best = {UINT32_MAX, 0.0};
    const char *reason = "";
    nf_hosts some = {NULL, 0, HOSTS};
    nf_request *r = &requests[dice(&w->seed, 2)];
    ASK(w, status, nf_shared_scan(s, &some, r, &options, &w->scratch, fits));
    if (status != NF_OK) w->failures++;
    ASK(w, status, nf_shared_capacity(s, &some, r, &options, 9, &w->scratch, counts));
    if (status != NF_OK) w->failures++;
    ASK(w, status, nf_shared_choose(s, &some, r, &options, &(nf_preference){NF_BY_ROOM, NULL},
                                    &w->scratch, &best));
    if (status != NF_OK) w->failures++;
    ASK(w, status, nf_shared_copy_host(s, dice(&w->seed, HOSTS), &w->copy, &copy));
    /* a host of one moment, whatever becomes of it now */
    if (status != NF_OK || nf_fleet_check(&copy, &reason) != NF_OK) w->failures++;
    ASK(w, status, nf_shared_check(s, &reason));
    if (status != NF_OK) w->failures++;
    if (w->failures) fprintf(stderr, "%s\n", reason);
}

static void *work(void *context) {
    worker *w = context;
    for (unsigned long n = 0; !__atomic_load_n(&done, __ATOMIC_RELAXED); n++) {
        turn(w, &w->guests[dice(&w->seed, HELD)]);
        if (n % 32 == 0) look(w);
    }
    return NULL;
}

/* The one that changes hosts. */
typedef struct changer {
    uint64_t seed;
    nf_scratch copy;
    uint32_t place_of[ROOM]; /* rows 2 * place .. + 1; PLACES: none */
    bool used[PLACES];
    uint32_t n_hosts;
} changer;

static uint32_t free_place(changer *c) {
    uint32_t place = dice(&c->seed, PLACES);
    while (c->used[place]) place = (place + 1) % PLACES;
    return place;
}

#define OWN(fleet, type, name) ((type *)(uintptr_t)(fleet)->name)

/* Another host, empty, somewhere else. */
static void renew(changer *c, uint32_t host) {
    const nf_shared *s = at_present();
    uint32_t place = free_place(c);
    nf_place rows = {2 * place, 2 * place};
    OWN(&others.fleet, int32_t, cell_id)[0] = (int32_t)dice(&c->seed, 3);
    OWN(&others.fleet, int32_t, cell_id)[1] = 3;
    OWN(&others.fleet, uint32_t, host_class)[0] = dice(&c->seed, 2);
    CHECK(nf_shared_replace(s, host, &others.fleet, &rows, NF_ANY_GENERATION, NULL) == NF_OK);
    c->used[place] = true;
    if (c->place_of[host] < PLACES) c->used[c->place_of[host]] = false;
    c->place_of[host] = place;
}

/* The same with another ratio, unless a claim comes between. */
static void adjust(changer *c, uint32_t host) {
    const nf_shared *s = at_present();
    nf_fleet one;
    uint32_t rows = 2 * c->place_of[host];
    if (c->place_of[host] == PLACES) return;
    CHECK(nf_shared_copy_host(s, host, &c->copy, &one) == NF_OK);
    OWN(&one, double, host_cpu_ratio)[0] = 1.0 + dice(&c->seed, 3);
    nf_status status = nf_shared_replace(s, host, &one, &(nf_place){rows, rows},
                                         one.host_generation[0], NULL);
    CHECK(status == NF_OK || status == NF_STALE);
}

static void leave(changer *c, uint32_t host) {
    CHECK(nf_shared_remove(at_present(), host) == NF_OK);
    if (c->place_of[host] < PLACES) c->used[c->place_of[host]] = false;
    c->place_of[host] = PLACES;
}

static void begin_era(const nf_fleet *fleet) {
    era *next = calloc(1, sizeof *next);
    next->fleet = *fleet;
    next->shared = (nf_shared){&next->fleet, next->locks, LOCKS, ROOM / LOCKS};
    eras[n_eras++] = next;
    __atomic_store_n(&now, next, __ATOMIC_RELEASE);
}

static void move(void) {
    const nf_shared *s = at_present();
    if (n_eras == MOST_MOVES) return;
    CHECK(nf_shared_lock(s) == NF_OK);
    begin_era(s->fleet);
    CHECK(nf_shared_move(s) == NF_OK);
    CHECK(nf_shared_unlock(s) == NF_OK);
}

static void change(changer *c) {
    uint32_t host = dice(&c->seed, c->n_hosts);
    switch (dice(&c->seed, 8)) {
    case 0: case 1: renew(c, host); break;
    case 2: leave(c, host); break;
    case 3:
        if (c->n_hosts == ROOM) break;
        renew(c, c->n_hosts);
        CHECK(nf_shared_publish(at_present(), ++c->n_hosts, NULL) == NF_OK);
        break;
    case 4:
        if (!dice(&c->seed, 100)) move();
        break;
    default: adjust(c, host); break;
    }
}

/* Half of the rows are void, and half of the indices free. */
static void begin(changer *c) {
    fixture_make(&f, PLACES);
    fixture_make(&others, 1);
    f.fleet.n_hosts = HOSTS;
    f.fleet.host_room = ROOM;
    for (uint32_t row = 2 * HOSTS; row < 2 * PLACES; row++)
        OWN(&f.fleet, uint32_t, cell_host)[row] = OWN(&f.fleet, uint32_t, pool_host)[row] = NF_NO_HOST;
    for (uint32_t h = 0; h < HOSTS; h++) /* [resource][host] has another stride now */
        for (uint32_t r = 0; r < RESOURCES; r++)
            OWN(&f.fleet, int64_t, resource_limit)[r * ROOM + h] = 100;
    CHECK(nf_derive(&f.fleet, 0, 2 * PLACES, NULL) == NF_OK);
    begin_era(&f.fleet);
    for (uint32_t h = 0; h < ROOM; h++) c->place_of[h] = h < HOSTS ? h : PLACES;
    for (uint32_t p = 0; p < HOSTS; p++) c->used[p] = true;
    c->n_hosts = HOSTS;
    c->copy.bytes = nf_host_copy_bytes(&f.fleet);
    c->copy.memory = malloc(c->copy.bytes);
    kinds[0][0] = pinned(3, 256);
    kinds[1][0] = kinds[1][1] = pinned(2, 128);
    requests[0] = request_of(kinds[0], 1);
    requests[1] = request_of(kinds[1], 2);
    requests[0].pci = &device;
    requests[0].n_pci = 1;
}

static void end(changer *c, worker *workers) {
    const nf_fleet *last = &now->fleet;
    unsigned long claimed = 0, gone = 0, stale = 0, moved = 0;
    for (int i = 0; i < WORKERS; i++) {
        worker *w = &workers[i];
        for (int g = 0; g < HELD; g++)
            if (w->guests[g].held) turn(w, &w->guests[g]);
        CHECK(w->failures == 0);
        claimed += w->claimed, gone += w->gone, stale += w->stale, moved += w->moved;
        free(w->scratch.memory);
        free(w->copy.memory);
    }
    fprintf(stderr, "%d changes, %u moves: %lu claims, %lu gone with their hosts, %lu stale, %lu sent on\n",
            CHANGES, n_eras - 1, claimed, gone, stale, moved);
    CHECK(claimed > 1000 && gone > 0);
    CHECK(nf_fleet_check(last, NULL) == NF_OK);
    for (uint32_t row = 0; row < last->n_cells; row++) /* all has been given back, or gone */
        if (last->cell_host[row] != NF_NO_HOST)
            CHECK(!last->pinned[last->cell_mask_at[row]] && !last->cell_memory_used[row]);
    for (uint32_t i = 0; i < n_eras; i++) free(eras[i]);
    free(c->copy.memory);
    fixture_free(&f);
    fixture_free(&others);
}

int main(void) {
    static worker workers[WORKERS];
    static changer c = {.seed = 99991};
    begin(&c);
    for (int i = 0; i < WORKERS; i++) {
        worker *w = &workers[i];
        w->seed = 1234567u + 7919u * (uint64_t)i;
        for (int k = 0; k < 2; k++) {
            size_t needed = nf_capacity_bytes(&f.fleet, &requests[k]);
            if (needed > w->scratch.bytes) w->scratch.bytes = needed;
        }
        w->copy.bytes = nf_host_copy_bytes(&f.fleet);
        w->scratch.memory = malloc(w->scratch.bytes);
        w->copy.memory = malloc(w->copy.bytes);
        CHECK(pthread_create(&w->thread, NULL, work, w) == 0);
    }
    for (int n = 0; n < CHANGES; n++) change(&c);
    __atomic_store_n(&done, 1u, __ATOMIC_RELAXED);
    for (int i = 0; i < WORKERS; i++) pthread_join(workers[i].thread, NULL);
    end(&c, workers);
    return FAILURES();
}
