/* Hosts of a fleet at work become others, come and go: what is asked then, and who is turned away. */
#include "check.h"
#include "fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 4, ROOM = 7, ROWS = 2 * ROOM };

/* Four hosts of two cells and two pools, and room for three more. */
typedef struct stage {
    fixture f, other;
    nf_fleet *fleet;
    nf_lock locks[2];
    nf_shared shared;
    nf_guest_cell cells[2];
    nf_request r;
    nf_options o;
    answer a;
    nf_scratch scratch, copy;
} stage;

#define OWN(f, type, name) ((type *)(uintptr_t)(f).fleet.name)

static void set(stage *s) {
    memset(s, 0, sizeof *s);
    fixture_make(&s->f, ROOM);
    fixture_make(&s->other, 1);
    s->fleet = &s->f.fleet;
    s->fleet->n_hosts = HOSTS;
    s->fleet->max_cells = 3;
    s->fleet->max_pools = 3;
    for (uint32_t row = 2 * HOSTS; row < ROWS; row++)
        OWN(s->f, uint32_t, cell_host)[row] = OWN(s->f, uint32_t, pool_host)[row] = NF_NO_HOST;
    s->shared = (nf_shared){s->fleet, s->locks, 2, 4};
    s->cells[0] = s->cells[1] = pinned(3, 64);
    s->r = request_of(s->cells, 1);
    s->o = (nf_options){.limits = NF_LIMITS_NONE};
    answer_make(&s->a);
    s->scratch.bytes = nf_capacity_bytes(s->fleet, &s->r);
    s->copy.bytes = nf_host_copy_bytes(s->fleet);
    s->scratch.memory = malloc(s->scratch.bytes);
    s->copy.memory = malloc(s->copy.bytes);
    CHECK(nf_shared_check(&s->shared, NULL) == NF_OK && nf_fleet_check(s->fleet, NULL) == NF_OK);
}

static void strike(stage *s) {
    CHECK(!s->locks[0].held && !s->locks[1].held);
    free(s->scratch.memory);
    free(s->copy.memory);
    fixture_free(&s->f);
    fixture_free(&s->other);
}

static void sound(const stage *s) {
    const char *reason = "";
    CHECK(nf_fleet_check(s->fleet, &reason) == NF_OK);
    CHECK(nf_shared_check(&s->shared, &reason) == NF_OK);
    if (*reason) fprintf(stderr, "%s\n", reason);
}

/* Bit h: host h can take the guest; by a scan and by a fit, which agree. */
static uint32_t who_can(stage *s) {
    uint8_t fits[ROOM];
    uint32_t found = 0;
    CHECK(nf_shared_scan(&s->shared, &(nf_hosts){NULL, 0, s->fleet->n_hosts}, &s->r, &s->o, &s->scratch,
                         fits) == NF_OK);
    for (uint32_t h = 0; h < s->fleet->n_hosts; h++) {
        nf_claim_item item = {h, 0, &s->r, &s->o, &s->a.placement};
        nf_status status = nf_shared_fit(&s->shared, &item, &s->scratch, NULL);
        CHECK((status == NF_OK) == fits[h]);
        found |= (uint32_t)fits[h] << h;
    }
    return found;
}

static nf_status replace(stage *s, uint32_t host, uint32_t cell, uint32_t pool) {
    nf_place place = {cell, pool};
    return nf_shared_replace(&s->shared, host, &s->other.fleet, &place, NF_ANY_GENERATION, NULL);
}

static void a_host_becomes_another_where_it_stands(void) {
    stage s;
    set(&s);
    CHECK(who_can(&s) == 0xf);
    s.other.fleet.pinned[0] = s.other.fleet.pinned[1] = 0xfc; /* two threads are left of each cell */
    OWN(s.other, uint32_t, host_class)[0] = 1;
    OWN(s.other, int64_t, resource_limit)[0] = 7;
    OWN(s.other, double, host_cpu_ratio)[0] = 1.0;
    s.other.fleet.resource_used[0] = 3;
    CHECK(replace(&s, 2, 4, 4) == NF_OK);
    CHECK(s.fleet->host_generation[2] == 1); /* it has kept its shape */
    CHECK(s.fleet->cell_free[4] == 2 && s.fleet->cell_free[5] == 2 && s.fleet->cell_free[6] == 8);
    CHECK(s.fleet->host_class[2] == 1 && s.fleet->host_class[1] == 1 && s.fleet->host_class[0] == 0);
    CHECK(s.fleet->resource_limit[2] == 7 && s.fleet->resource_room[2] == 4);
    CHECK(s.fleet->resource_limit[1] == 100 && s.fleet->resource_limit[3] == 100);
    CHECK(s.fleet->cell_cpu_room[4] == 8 && s.fleet->cell_cpu_room[6] == 16);
    CHECK(who_can(&s) == 0xb);
    sound(&s);
    strike(&s);
}

static void a_host_moves_and_leaves_void_rows(void) {
    stage s;
    set(&s);
    s.other.fleet.pinned[0] = 0xff;
    CHECK(replace(&s, 1, 10, 12) == NF_OK);
    CHECK(s.fleet->host_first_cell[1] == 10 && s.fleet->host_end_cell[1] == 12);
    CHECK(s.fleet->host_first_pool[1] == 12 && s.fleet->host_end_pool[1] == 14);
    CHECK(s.fleet->cell_host[2] == NF_NO_HOST && s.fleet->cell_host[3] == NF_NO_HOST);
    CHECK(s.fleet->pool_host[2] == NF_NO_HOST && s.fleet->cell_host[10] == 1);
    CHECK(s.fleet->host_generation[1] == (uint64_t)1 << 32);
    CHECK(who_can(&s) == 0xf);
    CHECK(replace(&s, 3, 2, 2) == NF_OK); /* another takes what it has left */
    CHECK(replace(&s, 1, 11, 12) == NF_OK); /* and it overlaps its own old place */
    CHECK(s.fleet->cell_host[10] == NF_NO_HOST && s.fleet->cell_free[11] == 0);
    CHECK(s.fleet->cell_free[12] == 8 && who_can(&s) == 0xf);
    sound(&s);
    /* neither others' rows nor such as are not there */
    CHECK(replace(&s, 1, 1, 12) == NF_EINVAL && replace(&s, 1, 13, 12) == NF_EINVAL);
    CHECK(replace(&s, 1, 11, 5) == NF_EINVAL && replace(&s, 1, UINT32_MAX, 12) == NF_EINVAL);
    sound(&s);
    strike(&s);
}

static void a_removed_host_takes_nobody(void) {
    stage s;
    nf_reason why;
    nf_claim_item item;
    uint32_t counts[HOSTS];
    uint64_t classes = 3;
    const nf_resource one = {0, 1};
    set(&s);
    CHECK(nf_shared_remove(&s.shared, 0) == NF_OK && nf_shared_remove(&s.shared, 2) == NF_OK);
    CHECK(s.fleet->cell_host[0] == NF_NO_HOST && s.fleet->pool_host[5] == NF_NO_HOST);
    sound(&s);
    for (uint32_t kind = 0; kind < 4; kind++) {
        s.r.n_cells = kind % 2; /* also guests without cells, and such as ask hosts for nothing */
        s.r.host_classes = kind / 2 ? &classes : NULL;
        s.r.n_resources = kind / 2;
        s.r.resources = &one;
        CHECK(who_can(&s) == 0xa);
        item = (nf_claim_item){0, 0, &s.r, &s.o, &s.a.placement};
        CHECK(nf_shared_fit(&s.shared, &item, &s.scratch, &why) == NF_REMOVED);
        CHECK(why.status == NF_REMOVED && !why.detail && !why.wanted && !why.available);
        if (!s.r.n_cells && !s.r.n_resources) continue; /* nothing would run out */
        CHECK(nf_shared_capacity(&s.shared, &(nf_hosts){NULL, 0, HOSTS}, &s.r, &s.o, 9, &s.scratch,
                                 counts) == NF_OK);
        CHECK(!counts[0] && counts[1] && !counts[2] && counts[3]);
    }
    CHECK(nf_shared_pci(&s.shared, 0, &s.r, &s.o, NULL, 0, &s.scratch, &s.a.placement) == NF_REMOVED);
    nf_best best = {UINT32_MAX, 0.0};
    CHECK(nf_shared_choose(&s.shared, &(nf_hosts){NULL, 0, HOSTS}, &s.r, &s.o,
                           &(nf_preference){NF_BY_INDEX, NULL}, &s.scratch, &best) == NF_OK);
    CHECK(best.host == 1);
    /* and can come back */
    s.r = request_of(s.cells, 1);
    CHECK(replace(&s, 2, 0, 0) == NF_OK && who_can(&s) == 0xe);
    sound(&s);
    strike(&s);
}

/* Rows that lie anywhere, and say that they are a host's that does not have them. */
static void a_row_is_the_host_s_that_has_it(void) {
    stage s;
    const char *reason = "";
    set(&s);
    OWN(s.f, uint32_t, cell_host)[10] = 1;
    CHECK(nf_shared_check(&s.shared, &reason) == NF_EINVAL && !strncmp(reason, "cell_host", 9));
    OWN(s.f, uint32_t, cell_host)[10] = NF_NO_HOST;
    OWN(s.f, uint32_t, pool_host)[12] = 0;
    CHECK(nf_shared_check(&s.shared, &reason) == NF_EINVAL && !strncmp(reason, "pool_host", 9));
    OWN(s.f, uint32_t, pool_host)[12] = NF_NO_HOST;
    sound(&s);
    strike(&s);
}

static void hosts_come_all_at_once(void) {
    stage s;
    const char *reason = NULL;
    set(&s);
    OWN(s.f, uint32_t, host_first_cell)[4] = 9; /* what an unused index holds is nobody's word */
    OWN(s.f, uint32_t, host_end_cell)[4] = UINT32_MAX;
    OWN(s.f, uint32_t, host_first_pool)[4] = UINT32_MAX;
    OWN(s.f, uint32_t, host_first_cell)[5] = 0;
    OWN(s.f, uint32_t, host_end_cell)[5] = 3;
    CHECK(replace(&s, 4, 8, 8) == NF_OK && replace(&s, 5, 10, 10) == NF_OK);
    CHECK(s.fleet->cell_host[0] == 0 && s.fleet->cell_host[2] == 1);
    CHECK(replace(&s, 5, 12, 12) == NF_OK); /* filled anew before anybody saw it */
    CHECK(s.fleet->cell_host[10] == NF_NO_HOST);
    CHECK(s.fleet->n_hosts == HOSTS && who_can(&s) == 0xf);
    sound(&s);
    CHECK(nf_shared_publish(&s.shared, 7, &reason) == NF_EINVAL && reason && *reason);
    CHECK(nf_shared_publish(&s.shared, 8, NULL) == NF_EINVAL);
    CHECK(nf_shared_publish(&s.shared, 3, NULL) == NF_EINVAL && s.fleet->n_hosts == HOSTS);
    CHECK(nf_shared_publish(&s.shared, 6, NULL) == NF_OK && s.fleet->n_hosts == 6);
    CHECK(who_can(&s) == 0x3f);
    CHECK(replace(&s, 7, 10, 10) == NF_EINVAL); /* there is no such index */
    sound(&s);
    strike(&s);
}

/* Placements and claims of before. */
static void what_was_placed_before(void) {
    stage s;
    set(&s);
    uint32_t failed = 9;
    nf_claim_item item = {1, 0, &s.r, &s.o, &s.a.placement};
    CHECK(nf_shared_fit(&s.shared, &item, &s.scratch, NULL) == NF_OK);
    CHECK(s.a.cells[0].cell == 3 && s.a.cells[0].id == 1 && s.a.cells[0].layout == 0);
    /* other usage: judged again, and it still fits */
    CHECK(replace(&s, 1, 2, 2) == NF_OK);
    CHECK(nf_shared_claim(&s.shared, &item, 1, NULL, NULL) == NF_OK);
    /* the state that the host comes with next holds the claim: it can be given back */
    s.other.fleet.pinned[1] = s.fleet->pinned[3];
    s.other.fleet.cell_memory_used[1] = s.fleet->cell_memory_used[3];
    s.other.fleet.pages_used[1] = s.fleet->pages_used[3];
    s.other.fleet.pages_free[1] = s.fleet->pages_free[3];
    CHECK(replace(&s, 1, 2, 2) == NF_OK);
    CHECK(nf_shared_release(&s.shared, &item, 1, NULL, NULL) == NF_OK);
    CHECK(s.fleet->pinned[3] == 0);
    /* as another host it takes nothing of that, though the CPUs are free, and gives nothing back */
    CHECK(nf_shared_fit(&s.shared, &item, &s.scratch, NULL) == NF_OK);
    OWN(s.other, int32_t, cell_id)[1] = 5;
    CHECK(replace(&s, 1, 2, 2) == NF_OK);
    uint64_t before = fixture_digest(&s.f);
    CHECK(nf_shared_claim(&s.shared, &item, 1, &failed, NULL) == NF_STALE && failed == 0);
    CHECK(nf_shared_release(&s.shared, &item, 1, NULL, NULL) == NF_STALE);
    CHECK(nf_shared_remove(&s.shared, 1) == NF_OK);
    CHECK(nf_shared_claim(&s.shared, &item, 1, NULL, NULL) == NF_STALE);
    CHECK(s.a.cells[0].id == 1); /* what was decided can still be read */
    CHECK(replace(&s, 1, 2, 2) == NF_OK && fixture_digest(&s.f) == before);
    sound(&s);
    strike(&s);
}

/* Another host, by its generation, than it was? */
static bool has_become_another(stage *s) {
    uint64_t before = s->fleet->host_generation[1] >> 32;
    CHECK(replace(s, 1, 2, 2) == NF_OK);
    sound(s);
    return s->fleet->host_generation[1] >> 32 != before;
}

static void what_makes_another_host(void) {
    stage s;
    set(&s);
    nf_layout *layouts = OWN(s.f, nf_layout, layouts); /* there is room for one more */
    layouts[1] = layouts[0];
    s.fleet->n_layouts = s.fleet->layout_room = 2;
    CHECK(!has_become_another(&s));
    s.other.fleet.pool_count[1]++;
    OWN(s.other, int64_t, cell_memory)[0]++;
    OWN(s.other, uint64_t, cell_nets)[0] = 2;
    CHECK(!has_become_another(&s));
#define ANOTHER(column, type, at, value)                                    \
    do {                                                                    \
        OWN(s.other, type, column)[at] = (value);                           \
        CHECK(has_become_another(&s) && !has_become_another(&s));           \
    } while (0)
    ANOTHER(cell_layout, uint32_t, 1, 1);
    ANOTHER(cell_id, int32_t, 1, 7);
    ANOTHER(pool_class, uint32_t, 1, 0);
    ANOTHER(pool_cell, int32_t, 1, NF_POOL_ELSEWHERE);
    ANOTHER(pool_provider, uint32_t, 0, 3);
    ANOTHER(pool_family, uint32_t, 0, 3);
    ANOTHER(pool_kind, uint32_t, 0, NF_KIND_VF);
    OWN(s.other, uint32_t, host_end_pool)[0] = s.other.fleet.n_pools = 1;
    CHECK(has_become_another(&s) && !has_become_another(&s));
    /* without cells and pools it stands nowhere, and is asked all the same */
    OWN(s.other, uint32_t, host_end_pool)[0] = OWN(s.other, uint32_t, host_end_cell)[0] = 0;
    s.other.fleet.n_pools = s.other.fleet.n_cells = 0;
    CHECK(has_become_another(&s) && !has_become_another(&s));
    CHECK(nf_shared_replace(&s.shared, 1, &s.other.fleet, NULL, NF_ANY_GENERATION, NULL) == NF_OK);
    CHECK(s.fleet->cell_host[2] == NF_NO_HOST && s.fleet->pool_host[2] == NF_NO_HOST);
    CHECK(who_can(&s) == 0xd);
    s.r.n_cells = 0;
    CHECK(who_can(&s) == 0xf);
    s.other.fleet.n_cells = s.other.fleet.n_pools = 2; /* for what is freed */
    strike(&s);
}

/* A host that says of itself what no host may. */
static void hosts_that_do_not_hold(void) {
    stage s;
    set(&s);
    uint64_t before = fixture_digest(&s.f);
    const char *reason = NULL;
    nf_place place = {2, 2};
#define REFUSED(field, value, status)                                                         \
    do {                                                                                      \
        __typeof__(field) kept = (field);                                                     \
        (field) = (value);                                                                    \
        reason = NULL;                                                                        \
        CHECK(nf_shared_replace(&s.shared, 1, &s.other.fleet, &place, NF_ANY_GENERATION,      \
                                &reason) == (status));                                        \
        CHECK(reason && *reason && fixture_digest(&s.f) == before);                           \
        (field) = kept;                                                                       \
    } while (0)
    REFUSED(s.other.fleet.abi, 2, NF_EABI);
    REFUSED(s.other.fleet.identity, 9, NF_EFLEET);
    REFUSED(s.other.fleet.n_hosts, 0, NF_EINVAL);
    REFUSED(s.other.fleet.n_resources, 1, NF_EINVAL);
    REFUSED(s.other.fleet.n_page_sizes, 1, NF_EINVAL);
    REFUSED(s.other.fleet.net_words, 2, NF_EINVAL);
    REFUSED(s.other.fleet.cell_socket, NULL, NF_EINVAL);
    REFUSED(OWN(s.other, uint32_t, cell_layout)[1], 1, NF_EINVAL); /* its own table may have more */
    REFUSED(OWN(s.other, uint32_t, pool_class)[1], CLASSES, NF_EINVAL);
    REFUSED(OWN(s.other, uint32_t, host_class)[0], 2, NF_EINVAL);
    REFUSED(OWN(s.other, uint64_t, host_distance_at)[0], 0, NF_EINVAL); /* of four values */
    REFUSED(s.other.fleet.cell_devices[0], 1, NF_EINVAL);
    REFUSED(s.other.fleet.pinned[0], 1u << SLOTS, NF_EINVAL);
    REFUSED(s.other.fleet.pages_used[0], -1, NF_EINVAL);
    REFUSED(s.other.fleet.resource_used[0], -1, NF_EINVAL);
    REFUSED(s.other.fleet.pool_count[0], -2, NF_EINVAL);
    REFUSED(s.fleet->max_cells, 1, NF_ESPACE);
    REFUSED(s.fleet->max_pools, 1, NF_ESPACE);
    REFUSED(OWN(s.f, uint64_t, cell_mask_at)[4], 3, NF_ESPACE); /* the next row's masks begin there */
    CHECK(nf_shared_replace(&s.shared, 1, &s.other.fleet, NULL, NF_ANY_GENERATION, NULL) == NF_EINVAL);
    CHECK(nf_shared_replace(&s.shared, 1, NULL, &place, NF_ANY_GENERATION, NULL) == NF_EINVAL);
    CHECK(nf_shared_replace(NULL, 1, &s.other.fleet, &place, NF_ANY_GENERATION, NULL) == NF_EINVAL);
    CHECK(nf_shared_remove(&s.shared, HOSTS) == NF_EINVAL && nf_shared_remove(NULL, 0) == NF_EINVAL);
    CHECK(nf_shared_publish(NULL, 1, NULL) == NF_EINVAL && nf_shared_move(NULL) == NF_EINVAL);
    /* derived columns are not asked for, and a copy of a host will do */
    int32_t *derived = s.other.fleet.cell_free;
    s.other.fleet.cell_free = NULL;
    CHECK(replace(&s, 1, 2, 2) == NF_OK);
    s.other.fleet.cell_free = derived;
    nf_fleet copy;
    CHECK(nf_shared_copy_host(&s.shared, 3, &s.copy, &copy) == NF_OK);
    CHECK(nf_shared_replace(&s.shared, 0, &copy, &(nf_place){8, 8}, NF_ANY_GENERATION, NULL) == NF_OK);
    CHECK(s.fleet->host_class[0] == 1 && who_can(&s) == 0xf);
    /* a copy of before loses no claim */
    CHECK(nf_shared_copy_host(&s.shared, 2, &s.copy, &copy) == NF_OK);
    nf_claim_item item = {2, 0, &s.r, &s.o, &s.a.placement};
    CHECK(nf_shared_fit(&s.shared, &item, &s.scratch, NULL) == NF_OK);
    CHECK(nf_shared_claim(&s.shared, &item, 1, NULL, NULL) == NF_OK);
    before = fixture_digest(&s.f);
    CHECK(nf_shared_replace(&s.shared, 2, &copy, &(nf_place){4, 4}, copy.host_generation[0], NULL) ==
          NF_STALE);
    CHECK(fixture_digest(&s.f) == before);
    CHECK(nf_shared_copy_host(&s.shared, 2, &s.copy, &copy) == NF_OK);
    CHECK(nf_shared_replace(&s.shared, 2, &copy, &(nf_place){4, 4}, copy.host_generation[0], NULL) ==
          NF_OK);
    CHECK(fixture_digest(&s.f) == before);
    CHECK(nf_shared_release(&s.shared, &item, 1, NULL, NULL) == NF_OK);
    sound(&s);
    strike(&s);
}

/* Everybody who comes to a fleet that has moved is told so, and changes nothing. */
static void a_fleet_that_has_moved(void) {
    stage s;
    set(&s);
    uint8_t fits[HOSTS];
    uint32_t counts[HOSTS];
    nf_reason why = {NF_PAGES, 0, 0, 0}, reasons[8];
    nf_best best = {UINT32_MAX, 0.0};
    nf_hosts all = {NULL, 0, HOSTS};
    nf_arrival kind = {&s.r, 1.0};
    nf_fleet copy;
    nf_claim_item item = {1, 0, &s.r, &s.o, &s.a.placement};
    const nf_scratch *m = &s.scratch;
    CHECK(nf_shared_fit(&s.shared, &item, m, NULL) == NF_OK);
    CHECK(nf_shared_lock(&s.shared) == NF_OK && nf_shared_move(&s.shared) == NF_OK);
    CHECK(nf_shared_unlock(&s.shared) == NF_OK);
    uint64_t before = fixture_digest(&s.f);
    CHECK(nf_shared_fit(&s.shared, &item, m, NULL) == NF_EMOVED);
    CHECK(nf_shared_pci(&s.shared, 0, &s.r, &s.o, NULL, 0, m, &s.a.placement) == NF_EMOVED);
    CHECK(nf_shared_explain(&s.shared, &item, m, &why, reasons, 8) == NF_EMOVED);
    CHECK(nf_shared_scan(&s.shared, &all, &s.r, &s.o, m, fits) == NF_EMOVED);
    CHECK(nf_shared_capacity(&s.shared, &all, &s.r, &s.o, 9, m, counts) == NF_EMOVED);
    CHECK(nf_shared_mix(&s.shared, &all, &kind, 1, &s.o, 9, m, counts) == NF_EMOVED);
    CHECK(nf_shared_choose(&s.shared, &all, &s.r, &s.o, &(nf_preference){NF_BY_ROOM, NULL}, m, &best) ==
          NF_EMOVED);
    CHECK(best.host == UINT32_MAX);
    CHECK(nf_shared_claim(&s.shared, &item, 1, NULL, NULL) == NF_EMOVED);
    CHECK(nf_shared_release(&s.shared, &item, 1, NULL, NULL) == NF_EMOVED);
    CHECK(nf_shared_copy_host(&s.shared, 1, &s.copy, &copy) == NF_EMOVED);
    CHECK(nf_shared_copy(&s.shared, s.fleet) == NF_EMOVED);
    CHECK(nf_shared_check(&s.shared, NULL) == NF_EMOVED);
    CHECK(replace(&s, 1, 2, 2) == NF_EMOVED && nf_shared_remove(&s.shared, 1) == NF_EMOVED);
    CHECK(nf_shared_publish(&s.shared, HOSTS, NULL) == NF_EMOVED);
    CHECK(nf_shared_lock(&s.shared) == NF_EMOVED && s.locks[1].held);
    CHECK(nf_shared_unlock(&s.shared) == NF_OK && fixture_digest(&s.f) == before);
    /* the same arrays under another struct, with locks of its own, go on */
    nf_fleet next = *s.fleet;
    nf_lock locks[2] = {{0}};
    nf_shared shared = {&next, locks, 2, 4};
    next.max_cells++;
    CHECK(nf_shared_claim(&shared, &item, 1, NULL, NULL) == NF_OK);
    strike(&s);
}

int main(void) {
    a_host_becomes_another_where_it_stands();
    a_host_moves_and_leaves_void_rows();
    a_removed_host_takes_nobody();
    a_row_is_the_host_s_that_has_it();
    hosts_come_all_at_once();
    what_was_placed_before();
    what_makes_another_host();
    hosts_that_do_not_hold();
    a_fleet_that_has_moved();
    return FAILURES();
}
