/* Calls that make no sense get a negative status, and nothing is read or written that should not
 * be: run this under AddressSanitizer and UBSan. */
#include "check.h"
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct stage {
    fixture f;
    nf_guest_cell cell;
    nf_request r;
    nf_options o;
    answer a;
    nf_reason why;
    nf_scratch scratch;
    uint8_t fits[4];
    uint32_t counts[4];
    nf_best best;
    nf_reason reasons[8];
} stage;

static void set(stage *s) {
    memset(s, 0, sizeof *s);
    fixture_make(&s->f, 2);
    s->cell = pinned(2, 64);
    s->r = request_of(&s->cell, 1);
    s->o.limits = NF_LIMITS_HOST;
    answer_make(&s->a);
    s->scratch.bytes = nf_capacity_bytes(&s->f.fleet, &s->r);
    s->scratch.memory = malloc(s->scratch.bytes);
    s->best.host = UINT32_MAX;
}

static void strike(stage *s) {
    free(s->scratch.memory);
    fixture_free(&s->f);
}

/* Every function that takes the request; all answers must be this one. */
static void all_say(stage *s, const nf_fleet *f, const nf_request *r, const nf_options *o,
                    nf_status wanted) {
    CHECK(nf_fit(f, 0, r, o, &s->scratch, &s->a.placement, &s->why) == wanted);
    CHECK(nf_scan(f, &(nf_hosts){NULL, 0, 2}, r, o, &s->scratch, s->fits) == wanted);
    CHECK(nf_choose(f, &(nf_hosts){NULL, 0, 2}, r, o, &(nf_preference){NF_BY_ROOM, NULL},
                    &s->scratch, &s->best) == wanted);
    CHECK(nf_capacity(f, &(nf_hosts){NULL, 0, 2}, r, o, 9, &s->scratch, s->counts) == wanted);
    CHECK(nf_explain(f, 0, r, o, s->reasons, 8) == wanted);
    CHECK(nf_pci(f, 0, r, o, NULL, 0, &s->scratch, &s->a.placement) == wanted);
}

static void null_arguments(void) {
    stage s;
    set(&s);
    all_say(&s, NULL, &s.r, &s.o, NF_EINVAL);
    all_say(&s, &s.f.fleet, NULL, &s.o, NF_EINVAL);
    all_say(&s, &s.f.fleet, &s.r, NULL, NF_EINVAL);
    const nf_fleet *f = &s.f.fleet;
    CHECK(nf_fit_bytes(NULL, &s.r) == 0 && nf_fit_bytes(f, NULL) == 0);
    CHECK(nf_capacity_bytes(NULL, &s.r) == 0 && nf_capacity_bytes(f, NULL) == 0);
    CHECK(nf_max_draws(NULL, &s.r) == 0 && nf_max_draws(f, NULL) == 0);
    CHECK(nf_fleet_check(NULL, NULL) < 0 && nf_derive(NULL, 0, 1, NULL) < 0);
    CHECK(nf_fit(f, 0, &s.r, &s.o, &s.scratch, NULL, NULL) < 0);
    CHECK(nf_scan(f, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, &s.scratch, NULL) < 0);
    CHECK(nf_capacity(f, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, 9, &s.scratch, NULL) < 0);
    CHECK(nf_choose(f, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, &(nf_preference){NF_BY_SCORE, NULL},
                    &s.scratch, &s.best) < 0);
    CHECK(nf_choose(f, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, &(nf_preference){NF_BY_ROOM, NULL},
                    &s.scratch, NULL) < 0);
    CHECK(nf_explain(f, 0, &s.r, &s.o, NULL, 8) < 0);
    CHECK(nf_claim(NULL, 0, &s.r, &s.a.placement, NULL) < 0);
    CHECK(nf_claim(f, 0, NULL, &s.a.placement, NULL) < 0);
    CHECK(nf_claim(f, 0, &s.r, NULL, NULL) < 0);
    nf_placement empty = {0};
    CHECK(nf_claim(f, 0, &s.r, &empty, NULL) < 0 && nf_release(f, 0, &s.r, &empty, NULL) < 0);
    strike(&s);
}

static void null_columns(void) {
    stage s;
    set(&s);
    const char *reason = NULL;
    /* every pointer of nf_fleet but the last, distances, which no host points into */
    const size_t first = offsetof(nf_fleet, host_first_cell), last = offsetof(nf_fleet, distances);
    for (size_t at = first; at < last; at += sizeof(void *)) {
        nf_fleet broken = s.f.fleet;
        void *none = NULL;
        memcpy((char *)&broken + at, &none, sizeof none);
        CHECK(nf_fleet_check(&broken, &reason) == NF_EINVAL && strstr(reason, "missing"));
        all_say(&s, &broken, &s.r, &s.o, NF_EINVAL);
        CHECK(nf_derive(&broken, 0, 1, NULL) == NF_EINVAL);
        CHECK(nf_claim(&broken, 0, &s.r, &s.a.placement, NULL) == NF_EINVAL);
    }
    strike(&s);
}

static void requests_of_other_fleets(void) {
    stage s;
    set(&s);
    nf_fleet f = s.f.fleet;
    f.identity = 77;
    all_say(&s, &f, &s.r, &s.o, NF_EFLEET);
    CHECK(nf_claim(&f, 0, &s.r, &s.a.placement, NULL) == NF_EFLEET);
    CHECK(nf_release(&f, 0, &s.r, &s.a.placement, NULL) == NF_EFLEET);
    nf_lock locks[1] = {{0}};
    nf_shared shared = {&f, locks, 1, 2};
    nf_hosts both = {NULL, 0, 2};
    nf_claim_item item = {0, 0, &s.r, &s.o, &s.a.placement};
    nf_arrival kind = {&s.r, 1.0};
    nf_reason why = {0, 0, 0, 0};
    CHECK(nf_mix(&f, &both, &kind, 1, &s.o, 9, &s.scratch, s.counts) == NF_EFLEET);
    CHECK(nf_shared_fit(&shared, &item, &s.scratch, NULL) == NF_EFLEET);
    CHECK(nf_shared_pci(&shared, 0, &s.r, &s.o, NULL, 0, &s.scratch, &s.a.placement) == NF_EFLEET);
    for (why.status = NF_OK; why.status < 2; why.status++) /* whether it is fitted again or not */
        CHECK(nf_shared_explain(&shared, &item, &s.scratch, &why, s.reasons, 8) == NF_EFLEET);
    CHECK(nf_shared_scan(&shared, &both, &s.r, &s.o, &s.scratch, s.fits) == NF_EFLEET);
    CHECK(nf_shared_capacity(&shared, &both, &s.r, &s.o, 9, &s.scratch, s.counts) == NF_EFLEET);
    CHECK(nf_shared_mix(&shared, &both, &kind, 1, &s.o, 9, &s.scratch, s.counts) == NF_EFLEET);
    CHECK(nf_shared_choose(&shared, &both, &s.r, &s.o, &(nf_preference){NF_BY_ROOM, NULL},
                           &s.scratch, &s.best) == NF_EFLEET);
    CHECK(nf_shared_claim(&shared, &item, 1, NULL, NULL) == NF_EFLEET);
    CHECK(nf_shared_release(&shared, &item, 1, NULL, NULL) == NF_EFLEET);
    strike(&s);
}

static void other_versions(void) {
    stage s;
    set(&s);
    nf_fleet f = s.f.fleet;
    f.abi++;
    all_say(&s, &f, &s.r, &s.o, NF_EABI);
    CHECK(nf_fleet_check(&f, NULL) == NF_EABI && nf_derive(&f, 0, 1, NULL) == NF_EABI);
    CHECK(nf_claim(&f, 0, &s.r, &s.a.placement, NULL) == NF_EABI);
    nf_request r = s.r;
    r.abi = 0;
    all_say(&s, &s.f.fleet, &r, &s.o, NF_EABI);
    strike(&s);
}

static void short_arrays(void) {
    stage s;
    set(&s);
    const nf_fleet *f = &s.f.fleet;
    size_t need = nf_fit_bytes(f, &s.r);
    CHECK(nf_fit(f, 0, &s.r, &s.o, &(nf_scratch){s.scratch.memory, need - 1}, &s.a.placement,
                 NULL) == NF_ESPACE);
    CHECK(nf_fit(f, 0, &s.r, &s.o, &(nf_scratch){NULL, need}, &s.a.placement, NULL) == NF_ESPACE);
    CHECK(nf_fit(f, 0, &s.r, &s.o, &(nf_scratch){(char *)s.scratch.memory + 4, need},
                 &s.a.placement, NULL) == NF_ESPACE);
    CHECK(nf_capacity(f, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, 9,
                      &(nf_scratch){s.scratch.memory, s.scratch.bytes - 8}, s.counts) == NF_ESPACE);
    CHECK(nf_explain(f, 0, &s.r, &s.o, s.reasons, 1) == NF_ESPACE);
    nf_placement small = s.a.placement;
    small.cells_size = 0;
    CHECK(nf_fit(f, 0, &s.r, &s.o, &s.scratch, &small, NULL) == NF_ESPACE);
    small = s.a.placement;
    small.slots_size = nf_max_slots(&s.r) - 1;
    CHECK(nf_fit(f, 0, &s.r, &s.o, &s.scratch, &small, NULL) == NF_ESPACE);
    strike(&s);
}

static void out_of_range(void) {
    stage s;
    set(&s);
    const nf_fleet *f = &s.f.fleet;
    uint32_t wild[] = {2};
    CHECK(nf_fit(f, 2, &s.r, &s.o, &s.scratch, &s.a.placement, NULL) < 0);
    CHECK(nf_fit(f, UINT32_MAX, &s.r, &s.o, &s.scratch, &s.a.placement, NULL) < 0);
    CHECK(nf_scan(f, &(nf_hosts){NULL, 1, 2}, &s.r, &s.o, &s.scratch, s.fits) < 0);
    CHECK(nf_scan(f, &(nf_hosts){NULL, UINT32_MAX, 2}, &s.r, &s.o, &s.scratch, s.fits) < 0);
    CHECK(nf_scan(f, &(nf_hosts){wild, 0, 1}, &s.r, &s.o, &s.scratch, s.fits) < 0);
    CHECK(nf_capacity(f, &(nf_hosts){wild, 0, 1}, &s.r, &s.o, 9, &s.scratch, s.counts) < 0);
    CHECK(nf_choose(f, &(nf_hosts){wild, 0, 1}, &s.r, &s.o, &(nf_preference){NF_BY_ROOM, NULL},
                    &s.scratch, &s.best) < 0);
    CHECK(nf_choose(f, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, &(nf_preference){17, NULL}, &s.scratch,
                    &s.best) < 0);
    CHECK(nf_explain(f, 2, &s.r, &s.o, s.reasons, 8) < 0);
    ((uint32_t *)(uintptr_t)f->cell_layout)[1] = 7;
    CHECK(nf_derive(f, 0, 4, NULL) < 0);
    ((uint32_t *)(uintptr_t)f->cell_layout)[1] = 0;
    f->cell_memory_used[0] = INT64_MIN;
    CHECK(nf_derive(f, 0, 4, NULL) == NF_OK);
    f->cell_memory_used[0] = 0;
    CHECK(nf_derive(f, 0, 4, NULL) == NF_OK);
    CHECK(nf_derive(f, 3, 2, NULL) < 0 && nf_derive(f, 5, 0, NULL) < 0 &&
          nf_derive(f, 0, UINT32_MAX, NULL) < 0);
    const nf_options wrong[] = {{.strategy = 9}, {.net_affinity = 9}, {.limits = 9},
                                {.pci_matching = 9}, {.limits = NF_LIMITS_GIVEN, .cpu_ratio = -1},
                                {.limits = NF_LIMITS_GIVEN, .ram_ratio = (double)NAN}};
    for (int i = 0; i < 6; i++) all_say(&s, f, &s.r, &wrong[i], NF_EINVAL);
    strike(&s);
}

static void requests_without_sense(void) {
    stage s;
    set(&s);
    const nf_fleet *f = &s.f.fleet;
    nf_guest_cell cells[] = {{.memory = -1}, {.memory = INT64_MAX}, {.policy = 9}, {.threads = 9},
                             {.page_kib = -4}, {.n_dedicated = UINT32_MAX},
                             {.n_shared = UINT32_MAX}};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        nf_request r = request_of(&cells[i], 1);
        all_say(&s, f, &r, &s.o, NF_EINVAL);
        CHECK(nf_fit_bytes(f, &r) == 0);
    }
    nf_request r = s.r;
    r.n_cells = UINT32_MAX;
    all_say(&s, f, &r, &s.o, NF_EINVAL);
    r = s.r;
    r.n_nets = UINT32_MAX;
    all_say(&s, f, &r, &s.o, NF_EINVAL);
    r = s.r;
    r.n_pci = 1;
    all_say(&s, f, &r, &s.o, NF_EINVAL);
    nf_pci_request q = {.count = 1};
    r.pci = &q;
    all_say(&s, f, &r, &s.o, NF_EINVAL);
    uint64_t mask = 1;
    q = (nf_pci_request){.count = UINT32_MAX, .matches = &mask, .usable = &mask};
    all_say(&s, f, &r, &s.o, NF_EINVAL);
    /* the second may take what it does not match */
    uint64_t none = 0;
    nf_pci_request two[] = {{.count = 1, .matches = &mask, .usable = &mask},
                            {.count = 1, .matches = &none, .usable = &mask}};
    r.pci = two;
    r.n_pci = 2;
    CHECK(nf_fit(f, 0, &r, &s.o, &s.scratch, &s.a.placement, &s.why) == NF_EINVAL);
    strike(&s);
}

/* Placements that no fit would make. */
static void placements_without_sense(void) {
    stage s;
    set(&s);
    const nf_fleet *f = &s.f.fleet;
    uint64_t before = fixture_digest(&s.f);
    const nf_placed_cell good = {.cell = 1, .n_slots = 2, .reserved = -1};
    nf_placed_cell wrong[] = {good, good, good, good, good, good};
    wrong[0].cell = 2; /* another host's */
    wrong[1].cell = UINT32_MAX;
    wrong[2].n_slots = UINT32_MAX;
    wrong[3].first_slot = UINT32_MAX;
    wrong[4].reserved = 99;
    wrong[5].page_kib = 12345;
    s.a.slots[1] = 1;
    for (int i = 0; i < 6; i++) {
        s.a.cells[0] = wrong[i];
        CHECK(nf_claim(f, 0, &s.r, &s.a.placement, NULL) != NF_OK);
        CHECK(nf_release(f, 0, &s.r, &s.a.placement, NULL) != NF_OK);
        CHECK(fixture_digest(&s.f) == before);
    }
    s.a.cells[0] = good;
    s.a.slots[1] = 64;
    CHECK(nf_claim(f, 0, &s.r, &s.a.placement, NULL) == NF_EINVAL);
    s.a.slots[1] = 0; /* one CPU for two vCPUs */
    CHECK(nf_claim(f, 0, &s.r, &s.a.placement, NULL) == NF_STALE);
    s.a.slots[1] = 1;
    s.a.placement.n_draws = 1;
    s.a.draws[0] = (nf_draw){.pool = 0, .count = 1};
    CHECK(nf_claim(f, 0, &s.r, &s.a.placement, NULL) == NF_EINVAL); /* for no request */
    CHECK(fixture_digest(&s.f) == before);
    strike(&s);
}

static void columns_that_do_not_hold(void) {
    stage s;
    set(&s);
    const char *reason = NULL;
    nf_fleet *f = &s.f.fleet;
#define BREAK(place, value)                                               \
    do {                                                                  \
        __typeof__(place) kept = (place);                                 \
        (place) = (value);                                                \
        CHECK(nf_fleet_check(f, &reason) < 0 && reason && *reason);       \
        (place) = kept;                                                   \
        CHECK(nf_fleet_check(f, NULL) == NF_OK);                          \
    } while (0)
    BREAK(((uint32_t *)(uintptr_t)f->host_first_cell)[1], 3); /* its first cell is nobody's */
    BREAK(((uint32_t *)(uintptr_t)f->host_first_cell)[1], 0); /* so is another's */
    BREAK(((uint32_t *)(uintptr_t)f->host_first_cell)[1], 5); /* it ends before it begins */
    BREAK(((uint32_t *)(uintptr_t)f->host_end_cell)[1], 9);
    BREAK(((uint32_t *)(uintptr_t)f->host_end_cell)[0], UINT32_MAX);
    BREAK(((uint32_t *)(uintptr_t)f->host_first_pool)[1], 9);
    BREAK(((uint32_t *)(uintptr_t)f->host_first_pool)[1], 1);
    BREAK(((uint32_t *)(uintptr_t)f->host_end_pool)[1], 9);
    BREAK(((uint32_t *)(uintptr_t)f->cell_host)[1], NF_NO_HOST);
    BREAK(((uint32_t *)(uintptr_t)f->cell_host)[1], 1);
    BREAK(((uint32_t *)(uintptr_t)f->cell_host)[1], 2);
    BREAK(((uint32_t *)(uintptr_t)f->pool_host)[1], NF_NO_HOST);
    BREAK(((uint32_t *)(uintptr_t)f->pool_host)[1], 1);
    BREAK(((uint32_t *)(uintptr_t)f->pool_host)[1], 2);
    BREAK(((uint32_t *)(uintptr_t)f->host_class)[1], NF_REMOVED_CLASS); /* and has cells */
    BREAK(f->host_room, 1);
    BREAK(f->layout_room, 0);
    BREAK(((uint32_t *)(uintptr_t)f->cell_layout)[1], 7);
    BREAK(((uint64_t *)(uintptr_t)f->cell_mask_at)[1], 0); /* two cells share a mask */
    BREAK(((int64_t *)(uintptr_t)f->cell_memory)[0], -5);
    BREAK(((uint32_t *)(uintptr_t)f->cell_page_sizes)[0], 0xff);
    BREAK(((uint32_t *)(uintptr_t)f->pool_class)[0], 5);
    BREAK(((int32_t *)(uintptr_t)f->pool_cell)[0], 2);
    BREAK(((int32_t *)(uintptr_t)f->pool_cell)[0], -3);
    BREAK(((uint32_t *)(uintptr_t)f->page_kib)[1], 4);
    BREAK(((uint32_t *)(uintptr_t)f->page_kib)[0], 0);
    BREAK(f->pinned[0], 1u << 20);
    BREAK(f->pinned[0], 1);
    BREAK(f->cell_free[0], 3);
    BREAK(f->cell_cores[1], 3);
    BREAK(f->pages_used[0], -1);
    BREAK(f->pages_free[0], INT32_MAX);
    BREAK(f->cell_memory_used[0], -1);
    BREAK(f->cell_devices[0], 9);
    BREAK(f->cell_devices[1], 9);
    BREAK(((uint32_t *)(uintptr_t)f->pool_kind)[0], 3);
    BREAK(((int32_t *)(uintptr_t)f->pages_total)[0], -1);
    BREAK(f->pool_count[0], -2);
    BREAK(f->pool_taken[0], -1);
    BREAK(f->pool_hidden[0], 1); /* by which claim? */
    BREAK(f->cell_cpu_room[0], -9);
    BREAK(f->n_page_sizes, 33);
    BREAK(f->net_words, 0);
    BREAK(f->max_cells, 1);
    BREAK(f->max_pools, 1);
    BREAK(f->max_threads, 1);
    nf_layout *layouts = (nf_layout *)(uintptr_t)s.f.fleet.layouts;
    BREAK(layouts[0].shift, 7);
    BREAK(layouts[0].n_words, 2);
    BREAK(layouts[0].n_cores, 5);
    BREAK(layouts[0].threads, 3);
    BREAK(layouts[0].n_dedicated, 3);
    strike(&s);
}

static void shared_without_sense(void) {
    stage s;
    set(&s);
    nf_lock locks[1] = {{0}};
    nf_shared good = {&s.f.fleet, locks, 1, 2};
    nf_shared wrong[] = {{NULL, locks, 1, 2}, {&s.f.fleet, NULL, 1, 2}, {&s.f.fleet, locks, 0, 2},
                         {&s.f.fleet, locks, 1, 0}, {&s.f.fleet, locks, 1, 1},
                         {&s.f.fleet, locks, NF_MAX_LOCKS + 1, 2}};
    uint32_t failed;
    nf_reason why = {0, 0, 0, 0}, reasons[4];
    nf_claim_item item = {0, 0, &s.r, &s.o, &s.a.placement};
    for (int i = -1; i < 6; i++) {
        nf_shared *sh = i < 0 ? NULL : &wrong[i];
        CHECK(nf_shared_fit(sh, &item, &s.scratch, NULL) < 0);
        CHECK(nf_shared_scan(sh, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, &s.scratch, s.fits) < 0);
        CHECK(nf_shared_capacity(sh, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o, 9, &s.scratch, s.counts) <
              0);
        CHECK(nf_shared_choose(sh, &(nf_hosts){NULL, 0, 2}, &s.r, &s.o,
                               &(nf_preference){NF_BY_ROOM, NULL}, &s.scratch, &s.best) < 0);
        CHECK(nf_shared_claim(sh, &item, 1, &failed, NULL) < 0);
        CHECK(nf_shared_explain(sh, &item, &s.scratch, &why, reasons, 4) < 0);
        CHECK(nf_shared_lock(sh) < 0 && nf_shared_unlock(sh) < 0);
    }
    CHECK(nf_shared_explain(&good, &item, &s.scratch, NULL, reasons, 4) == NF_EINVAL);
    CHECK(nf_shared_explain(&good, NULL, &s.scratch, &why, reasons, 4) == NF_EINVAL);
    CHECK(nf_shared_claim(&good, NULL, 1, NULL, NULL) < 0);
    nf_claim_item wild[] = {{9, 0, &s.r, &s.o, &s.a.placement},
                            {0, 0, NULL, &s.o, &s.a.placement},
                            {0, 0, &s.r, NULL, &s.a.placement},
                            {0, 0, &s.r, &s.o, NULL}};
    for (int i = 0; i < 4; i++) CHECK(nf_shared_claim(&good, &wild[i], 1, NULL, NULL) < 0);
    /* an old generation: the placement would be judged again */
    nf_request old = s.r;
    nf_claim_item stale = {0, 99, &old, &s.o, &s.a.placement};
    old.abi++;
    CHECK(nf_shared_claim(&good, &stale, 1, NULL, NULL) == NF_EABI);
    old = s.r;
    old.cells = NULL;
    CHECK(nf_shared_claim(&good, &stale, 1, NULL, NULL) == NF_EINVAL);
    old.n_cells = UINT32_MAX;
    CHECK(nf_shared_claim(&good, &stale, 1, NULL, NULL) == NF_EINVAL);
    stale = (nf_claim_item){0, 99, &s.r, &(nf_options){.limits = 9}, &s.a.placement};
    CHECK(nf_shared_claim(&good, &stale, 1, NULL, NULL) == NF_EINVAL);
    nf_fleet without = s.f.fleet;
    nf_shared half = {&without, locks, 1, 2};
    without.host_generation = NULL;
    CHECK(nf_shared_fit(&half, &item, &s.scratch, NULL) < 0);
    strike(&s);
}

int main(void) {
    null_arguments();
    null_columns();
    requests_of_other_fleets();
    other_versions();
    short_arrays();
    out_of_range();
    requests_without_sense();
    placements_without_sense();
    columns_that_do_not_hold();
    shared_without_sense();
    return FAILURES();
}
