/* Random fleets and requests, sound and unsound: whatever passes nf_fleet_check() must be safe to
 * ask anything about, and what a fit answers can be claimed and given back. */
#include "check.h"
#include "fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 3, ROUNDS = 20000 };

static uint64_t state = 88172645463325252u;

static uint32_t dice(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % below;
}

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

/* A bit of one of the fleet's columns or counts becomes another. */
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
    size_t n = shape[0] * shape[1] * nf_column(which)->size;
    memcpy(&bytes, (char *)&f->fleet + nf_column(which)->offset, sizeof bytes);
    if (n) bytes[dice((uint32_t)n)] ^= (unsigned char)(1u << dice(8));
}

static void ask(fixture *f, nf_guest_cell cells[4]) {
    uint32_t nets[2] = {odd(3), odd(200)};
    uint64_t masks[2] = {dice(4), dice(4)};
    nf_provider provider = {dice(2), 1};
    nf_pci_request q[2] = {
        {odd(4), dice(4), &masks[0], &masks[0], 0, NULL},
        {dice(3), dice(4), &masks[1], &masks[1], dice(2), &provider},
    };
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
    r.pci = q;
    r.n_pci = dice(3);
    nf_options o = {.strategy = dice(3), .net_affinity = dice(2), .limits = dice(3),
                    .pci_matching = dice(2), .cpu_ratio = 2.0, .ram_ratio = 1.5};
    size_t bytes = nf_capacity_bytes(&f->fleet, &r);
    if (!bytes || bytes > 1 << 20) return;
    char *workspace = malloc(bytes);
    uint8_t fits[HOSTS];
    uint32_t counts[HOSTS], draws_room = nf_max_draws(&f->fleet, &r);
    nf_status scanned = nf_scan(&f->fleet, &(nf_hosts){NULL, 0, HOSTS}, &r, &o,
                                &(nf_scratch){workspace, bytes}, fits);
    CHECK(scanned == NF_OK || scanned == NF_UNDECIDED || scanned == NF_EINVAL);
    nf_capacity(&f->fleet, &(nf_hosts){NULL, 0, HOSTS}, &r, &o, 20, &(nf_scratch){workspace, bytes},
                counts);
    uint32_t slots = nf_max_slots(&r);
    nf_placement out = {.cells = calloc(n, sizeof *out.cells),
                        .slots = calloc(slots + 1, sizeof *out.slots),
                        .draws = calloc(draws_room + 1, sizeof *out.draws),
                        .cells_size = n,
                        .slots_size = slots,
                        .draws_size = draws_room};
    nf_reason why;
    for (uint32_t h = 0; h < HOSTS && scanned == NF_OK; h++) {
        uint64_t before = fixture_digest(f);
        nf_status status =
            nf_fit(&f->fleet, h, &r, &o, &(nf_scratch){workspace, bytes}, &out, &why);
        CHECK((status == NF_OK) == (fits[h] == 1));
        CHECK(status <= NF_OK || why.status == (int32_t)status);
        if (status != NF_OK) continue;
        CHECK(out.n_draws <= draws_room);
        if (nf_claim(&f->fleet, h, &r, &out, &why) == NF_OK) {
            CHECK(nf_fleet_check(&f->fleet, NULL) == NF_OK);
            CHECK(nf_release(&f->fleet, h, &r, &out, &why) == NF_OK);
        }
        CHECK(fixture_digest(f) == before);
    }
    free(out.cells);
    free(out.slots);
    free(out.draws);
    free(workspace);
}

int main(void) {
    nf_guest_cell cells[4];
    int damaged = 0, passed = 0;
    for (int round = 0; round < ROUNDS && check_failures < 10; round++) {
        fixture f;
        fixture_make(&f, HOSTS);
        use_up(&f);
        CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK);
        ask(&f, cells);
        damage(&f);
        damaged++;
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
