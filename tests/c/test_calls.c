/* One argument at a time that a call cannot take, beside the call that it can: each status as the
 * header words it, and nothing is done. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fixture.h"

typedef struct call {
    fixture f;
    nf_guest_cell cell;
    uint64_t classes;
    uint32_t net;
    nf_provider provider;
    nf_pci_request pci;
    nf_resource units;
    nf_request r;
    nf_options o;
    answer a;
    nf_scratch scratch;
    nf_lock locks[2];
    nf_shared shared;
    nf_claim_item item;
    nf_arrival arrival;
    uint64_t before;
} call;

static void set(call *c) {
    memset(c, 0, sizeof *c);
    fixture_make(&c->f, 2);
    c->cell = pinned(2, 64);
    c->classes = 1;
    c->net = NF_TUNNEL_NET;
    c->provider = (nf_provider){1, 1};
    c->pci = (nf_pci_request){2, NF_PCI_LEGACY, &c->classes, &c->classes, 0, &c->provider};
    c->units = (nf_resource){0, 1};
    c->r = request_of(&c->cell, 1);
    c->r.nets = &c->net;
    c->r.pci = &c->pci;
    c->r.resources = &c->units;
    c->r.n_nets = c->r.n_pci = c->r.n_resources = 1;
    c->arrival = (nf_arrival){&c->r, 1.0};
    c->scratch.bytes = nf_mix_bytes(&c->f.fleet, &c->arrival, 1);
    c->scratch.memory = malloc(c->scratch.bytes);
    c->shared = (nf_shared){&c->f.fleet, c->locks, 2, 1};
    c->item = (nf_claim_item){0, NF_ANY_GENERATION, &c->r, &c->o, &c->a.placement};
    answer_make(&c->a);
    CHECK(nf_fit(&c->f.fleet, 0, &c->r, &c->o, &c->scratch, &c->a.placement, NULL) == NF_OK);
    CHECK(c->a.cells[0].cell == 0 && c->a.placement.n_draws == 1 && c->a.draws[0].pool == 0);
    c->before = fixture_digest(&c->f);
}

static void strike(call *c) {
    CHECK(fixture_digest(&c->f) == c->before && !c->locks[0].held && !c->locks[1].held);
    free(c->scratch.memory);
    fixture_free(&c->f);
}

#define FIT(c) nf_fit(&(c)->f.fleet, 0, &(c)->r, &(c)->o, &(c)->scratch, &(c)->a.placement, NULL)
#define CLAIM(c) nf_claim(&(c)->f.fleet, 0, &(c)->r, &(c)->a.placement, NULL)

/* The call with the field set to the value; then the field is as it was. */
#define WITH(field, value, call, status)                                                  \
    do {                                                                                  \
        __typeof__(field) kept = (field);                                                 \
        (field) = (value);                                                                \
        CHECK((call) == (status));                                                        \
        (field) = kept;                                                                   \
    } while (0)

static void requests(void) {
    call c;
    set(&c);
    WITH(c.r.n_cells, NF_MAX_GUEST + 1, FIT(&c), NF_EINVAL);
    WITH(c.r.n_nets, NF_MAX_NETS + 1, FIT(&c), NF_EINVAL);
    WITH(c.r.n_pci, NF_MAX_PCI + 1, FIT(&c), NF_EINVAL);
    WITH(c.r.n_resources, NF_MAX_RESOURCES + 1, FIT(&c), NF_EINVAL);
    WITH(c.r.cells, NULL, FIT(&c), NF_EINVAL);
    WITH(c.r.nets, NULL, FIT(&c), NF_EINVAL);
    WITH(c.r.pci, NULL, FIT(&c), NF_EINVAL);
    WITH(c.r.resources, NULL, FIT(&c), NF_EINVAL);
    WITH(c.cell.memory, -1, FIT(&c), NF_EINVAL);
    WITH(c.cell.memory, NF_MAX_AMOUNT + 1, FIT(&c), NF_EINVAL);
    WITH(c.cell.page_kib, NF_PAGES_ANY - 1, FIT(&c), NF_EINVAL);
    WITH(c.cell.policy, NF_POLICY_MIXED + 1, FIT(&c), NF_EINVAL);
    WITH(c.cell.threads, NF_THREADS_REQUIRE + 1, FIT(&c), NF_EINVAL);
    WITH(c.cell.n_dedicated, NF_MAX_SLOTS + 1, FIT(&c), NF_EINVAL);
    WITH(c.cell.n_shared, NF_MAX_SLOTS + 1, FIT(&c), NF_EINVAL);
    WITH(c.pci.count, (uint32_t)INT32_MAX + 1, FIT(&c), NF_EINVAL);
    WITH(c.pci.policy, NF_PCI_PREFERRED + 1, FIT(&c), NF_EINVAL);
    WITH(c.pci.matches, NULL, FIT(&c), NF_EINVAL);
    WITH(c.pci.usable, NULL, FIT(&c), NF_EINVAL);
    c.pci.n_providers = 1;
    WITH(c.pci.providers, NULL, FIT(&c), NF_EINVAL);
    c.pci.n_providers = 0;
    WITH(c.o.strategy, NF_CLOSEST + 1, FIT(&c), NF_EINVAL);
    WITH(c.o.net_affinity, NF_NETS_ALL + 1, FIT(&c), NF_EINVAL);
    WITH(c.o.limits, NF_LIMITS_GIVEN + 1, FIT(&c), NF_EINVAL);
    WITH(c.o.pci_matching, NF_MATCH_EXACT + 1, FIT(&c), NF_EINVAL);
    c.o.limits = NF_LIMITS_GIVEN;
    WITH(c.o.cpu_ratio, -0.5, FIT(&c), NF_EINVAL);
    WITH(c.o.ram_ratio, -0.5, FIT(&c), NF_EINVAL);
    c.o.limits = NF_LIMITS_NONE;
    WITH(c.r.abi, NF_ABI_VERSION + 1, FIT(&c), NF_EABI);
    WITH(c.f.fleet.abi, NF_ABI_VERSION + 1, FIT(&c), NF_EABI);
    WITH(c.r.fleet, 1, FIT(&c), NF_EFLEET);
    CHECK(nf_fit(&c.f.fleet, 2, &c.r, &c.o, &c.scratch, &c.a.placement, NULL) == NF_EINVAL);
    CHECK(nf_fit(&c.f.fleet, 0, &c.r, &c.o, &c.scratch, NULL, NULL) == NF_EINVAL);
    /* the largest that there can be are requests, though they do not fit */
    WITH(c.cell.n_dedicated, NF_MAX_SLOTS, nf_fit_bytes(&c.f.fleet, &c.r) > 0, 1);
    WITH(c.cell.memory, NF_MAX_AMOUNT, nf_fit_bytes(&c.f.fleet, &c.r) > 0, 1);
    WITH(c.pci.count, INT32_MAX, nf_fit_bytes(&c.f.fleet, &c.r) > 0, 1);
    strike(&c);
}

static void what_it_may_write_to(void) {
    call c;
    set(&c);
    WITH(c.scratch.memory, NULL, FIT(&c), NF_ESPACE);
    for (int off = 1; off < 8; off++)
        WITH(c.scratch.memory, (char *)c.scratch.memory + off, FIT(&c), NF_ESPACE);
    WITH(c.scratch.bytes, nf_fit_bytes(&c.f.fleet, &c.r) - 1, FIT(&c), NF_ESPACE);
    WITH(c.scratch.bytes, nf_fit_bytes(&c.f.fleet, &c.r), FIT(&c), NF_OK);
    CHECK(nf_fit(&c.f.fleet, 0, &c.r, &c.o, NULL, &c.a.placement, NULL) == NF_ESPACE);
    WITH(c.a.placement.cells, NULL, FIT(&c), NF_ESPACE);
    WITH(c.a.placement.cells_size, 0, FIT(&c), NF_ESPACE);
    WITH(c.a.placement.slots, NULL, FIT(&c), NF_ESPACE);
    WITH(c.a.placement.slots_size, 1, FIT(&c), NF_ESPACE);
    WITH(c.a.placement.slots_size, 2, FIT(&c), NF_OK);
    WITH(c.a.placement.draws, NULL, FIT(&c), NF_ESPACE);
    WITH(c.a.placement.draws_size, nf_max_draws(&c.f.fleet, &c.r) - 1, FIT(&c), NF_ESPACE);
    CHECK(nf_max_slots(NULL) == 0 && nf_max_slots(&c.r) == 2);
    WITH(c.r.cells, NULL, nf_max_slots(&c.r), 0);
    /* two devices of two pools at most */
    CHECK(nf_max_draws(&c.f.fleet, &c.r) == 2 && nf_max_draws(NULL, &c.r) == 0);
    CHECK(nf_max_draws(&c.f.fleet, NULL) == 0);
    WITH(c.pci.count, 1, nf_max_draws(&c.f.fleet, &c.r), 1);
    WITH(c.pci.count, 9, nf_max_draws(&c.f.fleet, &c.r), 2);
    WITH(c.r.pci, NULL, nf_max_draws(&c.f.fleet, &c.r), 0);
    WITH(c.r.n_pci, NF_MAX_PCI + 1, nf_max_draws(&c.f.fleet, &c.r), 0);
    strike(&c);
}

static void slots_are_counted_up_to_what_a_number_holds(void) {
    nf_guest_cell cells[3] = {pinned(UINT32_MAX, 1), pinned(0, 1), pinned(0, 1)};
    nf_request r = request_of(cells, 3);
    CHECK(nf_max_slots(&r) == UINT32_MAX);
    cells[0].n_dedicated = UINT32_MAX - 1;
    CHECK(nf_max_slots(&r) == UINT32_MAX - 1);
    cells[1].n_dedicated = cells[2].n_dedicated = UINT32_MAX;
    CHECK(nf_max_slots(&r) == UINT32_MAX);
}

static void lists_of_hosts(void) {
    call c;
    set(&c);
    uint8_t fits[4];
    uint32_t counts[4], list[] = {1, 0, 1, 2};
    nf_hosts hosts = {NULL, 0, 2};
    nf_best best = {UINT32_MAX, 0.0};
    nf_preference prefer = {NF_BY_ROOM, NULL};
#define SCAN(h) nf_scan(&c.f.fleet, h, &c.r, &c.o, &c.scratch, fits)
    CHECK(SCAN(&hosts) == NF_OK && SCAN(NULL) == NF_EINVAL);
    WITH(hosts.first, 1, SCAN(&hosts), NF_EINVAL);
    WITH(hosts.first, 3, SCAN(&hosts), NF_EINVAL);
    hosts = (nf_hosts){NULL, 2, 0};
    CHECK(SCAN(&hosts) == NF_OK);
    hosts = (nf_hosts){list, 0, 3};
    CHECK(SCAN(&hosts) == NF_OK);
    WITH(hosts.count, 4, SCAN(&hosts), NF_EINVAL);
    WITH(hosts.count, 0, SCAN(&hosts), NF_OK);
    CHECK(nf_scan(&c.f.fleet, &hosts, &c.r, &c.o, &c.scratch, NULL) == NF_EINVAL);
    CHECK(nf_capacity(&c.f.fleet, &hosts, &c.r, &c.o, 1, &c.scratch, NULL) == NF_EINVAL);
    CHECK(nf_mix(&c.f.fleet, &hosts, &c.arrival, 1, &c.o, 1, &c.scratch, NULL) == NF_EINVAL);
    CHECK(nf_capacity(&c.f.fleet, &hosts, &c.r, &c.o, 1, &c.scratch, counts) == NF_OK);
    CHECK(nf_mix(&c.f.fleet, &hosts, &c.arrival, 1, &c.o, 1, &c.scratch, counts) == NF_OK);
#define CHOOSE(p, b) nf_choose(&c.f.fleet, &hosts, &c.r, &c.o, p, &c.scratch, b)
    CHECK(CHOOSE(NULL, &best) == NF_EINVAL && CHOOSE(&prefer, NULL) == NF_EINVAL);
    WITH(prefer.by, NF_BY_SCORE, CHOOSE(&prefer, &best), NF_EINVAL);
    WITH(prefer.by, NF_BY_SCORE + 1, CHOOSE(&prefer, &best), NF_EINVAL);
    CHECK(best.host == UINT32_MAX && CHOOSE(&prefer, &best) == NF_OK && best.host == 1);
    /* nothing that could run out */
    nf_request empty = request_of(NULL, 0);
    nf_scratch some = {c.scratch.memory, c.scratch.bytes};
    CHECK(nf_capacity(&c.f.fleet, &hosts, &empty, &c.o, 1, &some, counts) == NF_EINVAL);
    strike(&c);
}

static void devices_of_cells_that_were_chosen(void) {
    call c;
    set(&c);
    uint32_t mine = 0, theirs = 2;
#define PCI(cells, n) \
    nf_pci(&c.f.fleet, 0, &c.r, &c.o, cells, n, &c.scratch, &c.a.placement)
    CHECK(PCI(&mine, 1) == NF_OK && c.a.placement.n_draws == 1 && c.a.draws[0].count == 2);
    CHECK(PCI(&theirs, 1) == NF_EINVAL && PCI(NULL, 1) == NF_EINVAL);
    CHECK(PCI(NULL, 0) == NF_OK);
    CHECK(nf_pci(&c.f.fleet, 1, &c.r, &c.o, &mine, 1, &c.scratch, &c.a.placement) == NF_EINVAL);
    CHECK(nf_pci(&c.f.fleet, 2, &c.r, &c.o, &mine, 1, &c.scratch, &c.a.placement) == NF_EINVAL);
    CHECK(nf_pci(&c.f.fleet, 0, &c.r, &c.o, &mine, 1, &c.scratch, NULL) == NF_EINVAL);
    WITH(c.a.placement.draws, NULL, PCI(&mine, 1), NF_ESPACE);
    WITH(c.a.placement.draws_size, 1, PCI(&mine, 1), NF_ESPACE);
    WITH(c.pci.count, 9, PCI(&mine, 1), NF_PCI_NUMA);
    c.o = (nf_options){.pci_matching = NF_MATCH_EXACT, .budget = 1};
    CHECK(PCI(&mine, 1) == NF_UNDECIDED);
    strike(&c);
}

static void placements(void) {
    call c;
    set(&c);
    nf_placed_cell *cell = &c.a.cells[0];
    nf_draw *draw = &c.a.draws[0];
    WITH(c.r.n_cells, NF_MAX_GUEST + 1, CLAIM(&c), NF_EINVAL);
    WITH(c.r.cells, NULL, CLAIM(&c), NF_EINVAL);
    WITH(c.r.resources, NULL, CLAIM(&c), NF_EINVAL);
    WITH(c.a.placement.cells, NULL, CLAIM(&c), NF_EINVAL);
    WITH(c.a.placement.cells_size, 0, CLAIM(&c), NF_EINVAL);
    WITH(c.a.placement.slots, NULL, CLAIM(&c), NF_EINVAL);
    WITH(c.a.placement.slots_size, 1, CLAIM(&c), NF_EINVAL);
    WITH(c.a.placement.draws, NULL, CLAIM(&c), NF_EINVAL);
    WITH(c.a.placement.draws_size, 0, CLAIM(&c), NF_EINVAL);
    WITH(draw->pool, 2, CLAIM(&c), NF_EINVAL);
    WITH(draw->count, 0, CLAIM(&c), NF_EINVAL);
    WITH(draw->count, (uint32_t)INT32_MAX + 1, CLAIM(&c), NF_EINVAL);
    WITH(draw->request, 1, CLAIM(&c), NF_EINVAL);
    WITH(cell->cell, 2, CLAIM(&c), NF_EINVAL);
    WITH(cell->first_slot, 63, CLAIM(&c), NF_EINVAL);
    WITH(cell->first_slot, UINT32_MAX, CLAIM(&c), NF_EINVAL);
    WITH(cell->reserved, SLOTS, CLAIM(&c), NF_EINVAL);
    WITH(c.a.slots[1], SLOTS, CLAIM(&c), NF_EINVAL);
    WITH(c.cell.n_shared, NF_MAX_SLOTS + 1, CLAIM(&c), NF_EINVAL);
    WITH(c.cell.memory, -1, CLAIM(&c), NF_EINVAL);
    WITH(c.cell.memory, NF_MAX_AMOUNT + 1, CLAIM(&c), NF_EINVAL);
    WITH(c.r.abi, NF_ABI_VERSION + 1, CLAIM(&c), NF_EABI);
    WITH(c.f.fleet.abi, NF_ABI_VERSION + 1, CLAIM(&c), NF_EABI);
    WITH(c.r.fleet, 1, CLAIM(&c), NF_EFLEET);
    WITH(c.f.fleet.pinned, NULL, CLAIM(&c), NF_EINVAL);
    CHECK(nf_claim(&c.f.fleet, 2, &c.r, &c.a.placement, NULL) == NF_EINVAL);
    CHECK(nf_claim(NULL, 0, &c.r, &c.a.placement, NULL) == NF_EINVAL);
    CHECK(nf_claim(&c.f.fleet, 0, NULL, &c.a.placement, NULL) == NF_EINVAL);
    CHECK(nf_claim(&c.f.fleet, 0, &c.r, NULL, NULL) == NF_EINVAL);
    /* a pool of the host before */
    nf_placement p = c.a.placement;
    nf_placed_cell there = *cell;
    there.cell = 2;
    p.cells = &there;
    CHECK(nf_claim(&c.f.fleet, 1, &c.r, &p, NULL) == NF_EINVAL);
    strike(&c);
}

static void shared_fleets(void) {
    call c;
    set(&c);
    uint8_t fits[2];
    uint32_t counts[2], cell = 0;
    nf_reason why = {0, 0, 0, 0}, reasons[2];
    nf_hosts hosts = {NULL, 0, 2};
    nf_best best = {UINT32_MAX, 0.0};
    const nf_preference prefer = {NF_BY_INDEX, NULL};
    nf_scratch *w = &c.scratch;
    nf_shared few = c.shared;
    few.n_locks = 1; /* host 1 has none */
    const nf_shared *s = &c.shared;
#define ALL_OF(s, status)                                                                           \
    do {                                                                                            \
        CHECK(nf_shared_fit(s, &c.item, w, &why) == (status));                                      \
        CHECK(nf_shared_explain(s, &c.item, w, &why, reasons, 2) == (status));                      \
        CHECK(nf_shared_pci(s, 0, &c.r, &c.o, &cell, 1, w, &c.a.placement) == (status));            \
        CHECK(nf_shared_scan(s, &hosts, &c.r, &c.o, w, fits) == (status));                          \
        CHECK(nf_shared_capacity(s, &hosts, &c.r, &c.o, 1, w, counts) == (status));                 \
        CHECK(nf_shared_mix(s, &hosts, &c.arrival, 1, &c.o, 1, w, counts) == (status));             \
        CHECK(nf_shared_choose(s, &hosts, &c.r, &c.o, &prefer, w, &best) == (status));              \
        CHECK(nf_shared_check(s, NULL) == (status));                                                \
        CHECK(nf_shared_lock(s) == (status));                                                       \
        CHECK(nf_shared_unlock(s) == (status));                                                     \
    } while (0)
    ALL_OF(&few, NF_EINVAL);
    ALL_OF(NULL, NF_EINVAL);
    ALL_OF(s, NF_OK);
    for (uint32_t n = 0; n < 4; n++) WITH(c.f.fleet.cell_free[n], 7, nf_shared_check(s, NULL), NF_EINVAL);
    CHECK(nf_shared_claim(&few, &c.item, 1, NULL, NULL) == NF_EINVAL);
    hosts.count = 3;
    CHECK(nf_shared_scan(s, &hosts, &c.r, &c.o, w, fits) == NF_EINVAL);
    CHECK(nf_shared_capacity(s, &hosts, &c.r, &c.o, 1, w, counts) == NF_EINVAL);
    CHECK(nf_shared_mix(s, &hosts, &c.arrival, 1, &c.o, 1, w, counts) == NF_EINVAL);
    CHECK(nf_shared_choose(s, &hosts, &c.r, &c.o, &prefer, w, &best) == NF_EINVAL);
    hosts.count = 2;
    CHECK(nf_shared_scan(s, &hosts, &c.r, &c.o, w, NULL) == NF_EINVAL);
    CHECK(nf_shared_capacity(s, &hosts, &c.r, &c.o, 1, w, NULL) == NF_EINVAL);
    CHECK(nf_shared_mix(s, &hosts, &c.arrival, 1, &c.o, 1, w, NULL) == NF_EINVAL);
    CHECK(nf_shared_choose(s, &hosts, &c.r, &c.o, &prefer, w, NULL) == NF_EINVAL);
    CHECK(nf_shared_fit(s, NULL, w, &why) == NF_EINVAL);
    CHECK(nf_shared_explain(s, NULL, w, &why, reasons, 2) == NF_EINVAL);
    CHECK(nf_shared_explain(s, &c.item, w, NULL, reasons, 2) == NF_EINVAL);
    CHECK(nf_shared_pci(s, 2, &c.r, &c.o, &cell, 1, w, &c.a.placement) == NF_EINVAL);
    WITH(c.item.host, 2, nf_shared_fit(s, &c.item, w, &why), NF_EINVAL);
    WITH(c.item.host, 2, nf_shared_explain(s, &c.item, w, &why, reasons, 2), NF_EINVAL);
    WITH(c.item.host, 2, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.item.request, NULL, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.item.options, NULL, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.item.placement, NULL, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.a.cells[0].cell, 4, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.a.placement.cells, NULL, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.a.placement.cells_size, 0, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.o.strategy, 9, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.cell.memory, -1, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EINVAL);
    WITH(c.r.abi, 0, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EABI);
    WITH(c.r.fleet, 1, nf_shared_claim(s, &c.item, 1, NULL, NULL), NF_EFLEET);
    CHECK(nf_shared_claim(s, NULL, 1, NULL, NULL) == NF_EINVAL);
    CHECK(nf_shared_claim(s, NULL, 0, NULL, NULL) == NF_OK);
    strike(&c);
}

static void copies(void) {
    call c;
    answer a;
    fixture other;
    nf_fleet one;
    set(&c);
    size_t bytes = nf_host_copy_bytes(&c.f.fleet);
    nf_scratch memory = {malloc(bytes), bytes};
#define COPY(to) nf_copy_host(&c.f.fleet, 1, &memory, to)
    CHECK(nf_host_copy_bytes(NULL) == 0 && bytes > 0);
    CHECK(nf_copy_host(NULL, 0, &memory, &one) == NF_EINVAL && COPY(NULL) == NF_EINVAL);
    CHECK(nf_copy_host(&c.f.fleet, 2, &memory, &one) == NF_EINVAL);
    CHECK(nf_copy_host(&c.f.fleet, 1, NULL, &one) == NF_ESPACE);
    WITH(memory.bytes, bytes - 1, COPY(&one), NF_ESPACE);
    WITH(c.f.fleet.abi, 0, COPY(&one), NF_EABI);
    WITH(c.f.fleet.pinned, NULL, COPY(&one), NF_EINVAL);
    /* its answers are those of the host, and what is claimed of it is its own */
    c.f.fleet.pinned[2] = c.f.fleet.pinned[3] = 3;
    nf_derive(&c.f.fleet, 0, 4, NULL);
    c.before = fixture_digest(&c.f);
    CHECK(COPY(&one) == NF_OK && one.n_hosts == 1 && one.n_cells == 2);
    CHECK(nf_fleet_check(&one, NULL) == NF_OK);
    CHECK(fit(&one, 0, &c.r, &c.o, &a, NULL) == NF_OK && a.cells[0].cell == 0);
    CHECK(a.slots[0] == 2 && a.slots[1] == 3);
    CHECK(nf_claim(&one, 0, &c.r, &a.placement, NULL) == NF_OK && one.pinned[0] == 15);
    CHECK(c.f.fleet.pinned[2] == 3);
    fixture_make(&other, 2);
    fixture_pools(&other, 2, CLASSES);
    nf_shared mine = {&c.f.fleet, c.locks, 2, 1};
    CHECK(nf_shared_copy(&mine, NULL) == NF_EINVAL && nf_shared_copy(NULL, &other.fleet) == NF_EINVAL);
    WITH(other.fleet.pinned, NULL, nf_shared_copy(&mine, &other.fleet), NF_EINVAL);
    /* what no claim changes is copied where there is an array for it */
    int32_t *own = (int32_t *)(uintptr_t)other.fleet.cell_id;
    own[0] = 77;
    WITH(other.fleet.cell_id, NULL, nf_shared_copy(&mine, &other.fleet), NF_OK);
    CHECK(own[0] == 77);
    CHECK(nf_shared_copy(&mine, &other.fleet) == NF_OK && own[0] == 0);
    CHECK(fixture_digest(&other) == c.before);
    fixture_free(&other);
    free(memory.memory);
    strike(&c);
}

static void fleets(void) {
    call c;
    const char *reason = NULL;
    set(&c);
    nf_fleet *f = &c.f.fleet;
    double *ratio = (double *)(uintptr_t)f->host_cpu_ratio;
    int32_t *distance = (int32_t *)(uintptr_t)f->distances;
#define CHECKED nf_fleet_check(f, &reason)
    CHECK(CHECKED == NF_OK);
    WITH(f->max_threads, NF_MAX_THREADS + 1, CHECKED, NF_EINVAL);
    WITH(f->max_words, NF_MAX_SLOTS / 64 + 1, CHECKED, NF_EINVAL);
    WITH(f->n_resources, 4097, CHECKED, NF_EINVAL);
    WITH(f->n_cells, UINT32_MAX, CHECKED, NF_EINVAL);
    WITH(f->n_pools, (uint32_t)INT32_MAX + 1, CHECKED, NF_EINVAL);
    WITH(*ratio, INFINITY, CHECKED, NF_EINVAL);
    WITH(*ratio, -1.0, CHECKED, NF_EINVAL);
    WITH(*ratio, NAN, (nf_derive(f, 0, f->n_cells, NULL), CHECKED), NF_OK);
    WITH(*ratio, 0.0, (nf_derive(f, 0, f->n_cells, NULL), CHECKED), NF_OK);
    ((uint64_t *)(uintptr_t)f->host_distance_at)[0] = 0;
    int32_t *four = calloc(4, sizeof *four);
    f->distances = four;
    f->n_distances = 4;
    nf_derive(f, 0, f->n_cells, NULL);
    CHECK(CHECKED == NF_OK);
    for (int i = 0; i < 4; i++) WITH(four[i], -1, CHECKED, NF_EINVAL);
    WITH(f->n_distances, 3, CHECKED, NF_EINVAL);
    f->distances = distance;
    f->n_distances = 1;
    free(four);
    strike(&c);
}

int main(void) {
    fleets();
    requests();
    what_it_may_write_to();
    slots_are_counted_up_to_what_a_number_holds();
    lists_of_hosts();
    devices_of_cells_that_were_chosen();
    placements();
    shared_fleets();
    copies();
    return FAILURES();
}
