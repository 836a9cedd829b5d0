/* Random fleets and requests, sound and unsound: whatever passes nf_fleet_check() must be safe to
 * ask anything about, and what a fit answers can be claimed and given back. */
#include "check.h"
#include "dice.h"
#include "fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 3, ROUNDS = 20000, POOLS = 5, KINDS_OF_POOLS = 4, MOST_PROVIDERS = 8 };

static uint32_t odd(uint32_t below) {
    return dice(20) ? dice(below) : dice(2) ? UINT32_MAX - dice(3) : dice(100000);
}

static void use_up(fixture *f) {
    for (uint32_t c = 0; c < f->fleet.n_cells; c++) {
        f->fleet.pinned[c] = dice(256) & dice(256);
        f->fleet.cell_memory_used[c] = dice(5000);
        f->fleet.cell_cpu_used[c] = dice(20);
        for (uint32_t s = 0; s < SIZES; s++) {
            uint32_t at = s * f->fleet.n_cells + c, used = dice(s ? 70 : 1 << 20);
            f->fleet.pages_used[at] = (int32_t)used;
            f->fleet.pages_free[at] = f->fleet.pages_total[at] - (int32_t)used;
        }
    }
    nf_derive(&f->fleet, 0, f->fleet.n_cells, NULL);
}

/* A value becomes one at which something ends. */
static void put_extreme(unsigned char *at, uint32_t size) {
    const uint64_t ends[] = {0, 1, 2, 63, 64, 65, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe,
                             INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 1};
    uint64_t value = ends[dice(sizeof ends / sizeof *ends)];
    memcpy(at, &value, size < sizeof value ? size : sizeof value);
}

/* A value or a bit of one of the fleet's columns or counts becomes another. */
static void damage(fixture *f) {
    uint32_t columns = 0, counts = 0;
    while (nf_column(columns)) columns++;
    while (nf_count(counts)) counts++;
    if (!dice(8)) {
        const nf_count_info *count = nf_count(dice(counts));
        /* what the arrays' lengths are made of must stay, or fall: they are the caller's word */
        uint32_t *at = (uint32_t *)(void *)((char *)&f->fleet + count->offset);
        *at = dice(*at + 1);
        return;
    }
    uint32_t which = dice(columns);
    uint64_t shape[2];
    unsigned char *bytes;
    nf_column_shape(&f->fleet, which, shape);
    uint32_t size = nf_column(which)->type == NF_LAYOUT_STRUCT ? 4 : nf_column(which)->size;
    size_t n = shape[0] * shape[1] * nf_column(which)->size;
    memcpy(&bytes, (char *)&f->fleet + nf_column(which)->offset, sizeof bytes);
    if (!n) return;
    if (dice(2))
        bytes[dice((uint32_t)n)] ^= (unsigned char)(1u << dice(8));
    else
        put_extreme(bytes + (size_t)size * dice((uint32_t)(n / size)), size);
}

/* Pools of a few families with all kinds, some of one provider, and more classes. */
static void pools(fixture *f) {
    fixture_pools(f, POOLS, KINDS_OF_POOLS);
    for (uint32_t c = 0; c < f->fleet.n_cells; c++)
        ((int32_t *)(uintptr_t)f->fleet.cell_socket)[c] = (int32_t)dice(8) / 3 - 1;
    for (uint32_t p = 0; p < HOSTS * POOLS; p++) {
        int32_t cell = (int32_t)dice(6) - 2, count = (int32_t)dice(5) + NF_POOL_GONE;
        if (cell > 1) cell = 0;
        ((uint32_t *)(uintptr_t)f->fleet.pool_class)[p] = dice(KINDS_OF_POOLS);
        ((int32_t *)(uintptr_t)f->fleet.pool_cell)[p] = cell;
        ((uint32_t *)(uintptr_t)f->fleet.pool_provider)[p] = dice(3) ? p % POOLS : dice(4);
        ((uint32_t *)(uintptr_t)f->fleet.pool_family)[p] = dice(3);
        ((uint32_t *)(uintptr_t)f->fleet.pool_kind)[p] = dice(3);
        f->fleet.pool_count[p] = count;
        if (cell >= 0 && count > 0) f->fleet.cell_devices[2 * (p / POOLS) + (uint32_t)cell] += count;
    }
}

typedef struct devices {
    nf_pci_request q[4];
    uint64_t masks[4][2];
    nf_provider providers[4][MOST_PROVIDERS];
} devices;

static void ask_for_devices(devices *d) {
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t n = dice(3) ? 0 : dice(MOST_PROVIDERS + 1);
        d->masks[i][0] = dice(1 << KINDS_OF_POOLS);
        d->masks[i][1] = d->masks[i][0] & (dice(2) ? ~(uint64_t)0 : dice(1 << KINDS_OF_POOLS));
        for (uint32_t k = 0; k < n; k++)
            d->providers[i][k] = (nf_provider){dice(POOLS + 2), dice(10) ? 1 + dice(2) : odd(3)};
        d->q[i] = (nf_pci_request){odd(5), dice(4), &d->masks[i][0], &d->masks[i][1], n,
                                   n ? d->providers[i] : NULL};
    }
}

/* What is drawn is there, within the host, and excludes nothing that is drawn beside it. */
static void look_at_draws(const nf_fleet *f, uint32_t host, const nf_placement *p) {
    for (uint32_t i = 0; i < p->n_draws; i++) {
        uint32_t pool = p->draws[i].pool;
        int64_t sum = 0;
        CHECK(pool >= f->host_first_pool[host] && pool < f->host_end_pool[host]);
        for (uint32_t k = 0; k < p->n_draws; k++) {
            uint32_t other = p->draws[k].pool;
            if (other == pool) sum += p->draws[k].count;
            CHECK(!f->pool_family[pool] || f->pool_family[pool] != f->pool_family[other] ||
                  f->pool_kind[pool] == f->pool_kind[other]);
        }
        CHECK(sum <= f->pool_count[pool]);
    }
}

/* The devices alone, near some cells: what is drawn can be claimed, and exact finds what is found
 * without. */
static void ask_pools(fixture *f, uint32_t host, nf_request r, const nf_scratch *scratch) {
    uint32_t cells[2] = {2 * host, 2 * host + 1}, draws = nf_max_draws(&f->fleet, &r);
    uint32_t n = r.n_cells ? 1 + dice(2) : 0, first = dice(n == 1 ? 2 : 1);
    nf_placement out = {.draws = calloc(draws ? draws : 1, sizeof *out.draws), .draws_size = draws};
    nf_request alone = {.abi = NF_ABI_VERSION, .n_pci = r.n_pci, .pci = r.pci};
    nf_status status[2];
    uint64_t before = fixture_digest(f);
    bool allocated = false;
    for (uint32_t i = 0; i < r.n_pci; i++) allocated |= r.pci[i].n_providers > 0;
    for (uint32_t matching = 0; matching < 2; matching++) {
        nf_options o = {.pci_matching = matching};
        status[matching] =
            nf_pci(&f->fleet, host, &alone, &o, cells + first, n, scratch, &out);
        if (status[matching] != NF_OK) continue;
        look_at_draws(&f->fleet, host, &out);
        CHECK(nf_claim(&f->fleet, host, &alone, &out, NULL) == NF_OK);
        CHECK(nf_fleet_check(&f->fleet, NULL) == NF_OK);
        CHECK(nf_release(&f->fleet, host, &alone, &out, NULL) == NF_OK);
        CHECK(fixture_digest(f) == before);
        if (!out.n_draws) continue;
        out.draws_size = out.n_draws - 1; /* an array that was cut short since */
        CHECK(nf_claim(&f->fleet, host, &alone, &out, NULL) == NF_EINVAL);
        out.draws_size = draws;
    }
    CHECK(allocated || status[NF_MATCH_NOVA] != NF_OK || status[NF_MATCH_EXACT] == NF_OK);
    free(out.draws);
}

/* As long as the sizes say to the byte, and too short now and then. */
static void give_room(nf_placement *p, uint32_t cells, uint32_t slots, uint32_t draws) {
    *p = (nf_placement){.cells_size = dice(20) ? cells : dice(cells),
                        .slots_size = dice(20) ? slots : dice(slots + 1),
                        .draws_size = dice(20) ? draws : dice(draws + 1)};
    p->cells = malloc(p->cells_size * sizeof *p->cells);
    p->slots = malloc(p->slots_size * sizeof *p->slots);
    p->draws = malloc(p->draws_size * sizeof *p->draws);
}

static void ask(fixture *f, nf_guest_cell cells[4]) {
    uint32_t nets[2] = {odd(3), odd(200)};
    devices d;
    ask_for_devices(&d);
    uint32_t n = 1 + dice(3);
    for (uint32_t i = 0; i < n; i++)
        cells[i] = (nf_guest_cell){
            .memory = dice(4) ? dice(600) : odd(5000), .page_kib = (int64_t)dice(6) - 3,
            .n_shared = dice(2) ? 0 : odd(6), .n_dedicated = odd(5), .policy = dice(4),
            .threads = dice(4)};
    nf_request r = request_of(cells, n);
    r.emulator_isolated = dice(4) == 0;
    r.nets = nets;
    r.n_nets = dice(3);
    r.pci = d.q;
    r.n_pci = dice(5);
    nf_options o = {.strategy = dice(3), .net_affinity = dice(2), .limits = dice(3),
                    .pci_matching = dice(2), .cpu_ratio = 2.0, .ram_ratio = 1.5};
    size_t bytes = nf_capacity_bytes(&f->fleet, &r);
    if (!bytes || bytes > 1 << 20) return;
    nf_scratch scratch = {malloc(bytes), bytes};
    uint8_t fits[HOSTS];
    uint32_t counts[HOSTS], slots = nf_max_slots(&r), draws = nf_max_draws(&f->fleet, &r);
    nf_status scanned =
        nf_scan(&f->fleet, &(nf_hosts){NULL, 0, HOSTS}, &r, &o, &scratch, fits);
    CHECK(scanned == NF_OK || scanned == NF_UNDECIDED || scanned == NF_EINVAL);
    nf_capacity(&f->fleet, &(nf_hosts){NULL, 0, HOSTS}, &r, &o, 20, &scratch, counts);
    nf_placement out;
    give_room(&out, n, slots, draws);
    bool room = out.cells_size >= n && out.slots_size >= slots && out.draws_size >= draws;
    nf_reason why;
    for (uint32_t h = 0; h < HOSTS && scanned == NF_OK; h++) {
        uint64_t before = fixture_digest(f);
        nf_status status = nf_fit(&f->fleet, h, &r, &o, &scratch, &out, &why);
        if (room)
            CHECK((status == NF_OK) == (fits[h] == 1));
        else
            CHECK(status == NF_ESPACE);
        CHECK(status <= NF_OK || why.status == (int32_t)status);
        ask_pools(f, h, r, &scratch);
        if (status != NF_OK) continue;
        CHECK(out.n_draws <= draws);
        look_at_draws(&f->fleet, h, &out);
        if (nf_claim(&f->fleet, h, &r, &out, &why) == NF_OK) {
            CHECK(nf_fleet_check(&f->fleet, NULL) == NF_OK);
            CHECK(nf_release(&f->fleet, h, &r, &out, &why) == NF_OK);
        }
        CHECK(fixture_digest(f) == before);
    }
    free(out.cells);
    free(out.slots);
    free(out.draws);
    free(scratch.memory);
}

int main(void) {
    nf_guest_cell cells[4];
    int damaged = 0, passed = 0;
    for (int round = 0; round < ROUNDS && check_failures < 10; round++) {
        fixture f;
        fixture_make(&f, HOSTS);
        use_up(&f);
        if (dice(4)) pools(&f);
        CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
        ask(&f, cells);
        for (uint32_t n = 1 + dice(2); n; n--) damage(&f);
        damaged++;
        /* as with columns from a file: what is derived is derived from what may be damaged */
        if (dice(2)) nf_derive(&f.fleet, 0, f.fleet.n_cells, NULL);
        if (nf_fleet_check(&f.fleet, NULL) == NF_OK) {
            passed++;
            ask(&f, cells);
        }
        fixture_free(&f);
    }
    fprintf(stderr, "%d damaged fleets, %d of them still sound\n", damaged, passed);
    CHECK(passed > ROUNDS / 100 && passed < ROUNDS);
    return FAILURES();
}
