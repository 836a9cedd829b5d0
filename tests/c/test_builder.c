/* A builder never builds half a host and gives back all memory, whichever of its allocations fails, and
 * knows the order of calls. That it numbers things as Python does is tested from there
 * (tests/property/test_c_builder.py). */
#include "check.h"
#include "described.h"

#include <numafit/builder.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct purse {
    long left; /* allocations that succeed; below zero: all do */
    long held, taken;
} purse;

static void *spend(void *context, size_t bytes) {
    purse *p = context;
    if (!p->left) return NULL;
    p->left--;
    p->held++;
    p->taken++;
    return malloc(bytes);
}

static void give_back(void *context, void *memory) {
    purse *p = context;
    p->held--;
    free(memory);
}

static nf_status ask(nf_builder *b, nf_guest **g, nf_claim_item *item, nf_scratch *scratch) {
    nf_guest_cell cell = {.memory = 100, .n_dedicated = 2, .policy = NF_POLICY_DEDICATED};
    nf_status status = nf_guest_new(b, g);
    if (status != NF_OK) return status;
    nf_guest_add_cells(*g, 1, &cell);
    nf_guest_add_physnet(*g, "net1");
    nf_guest_add_devices(*g, 1, NF_PCI_REQUIRED);
    nf_guest_set_property(*g, "product_id", "word1");
    nf_guest_or(*g);
    nf_guest_set_property(*g, "vendor_id", "none");
    nf_guest_add_resource(*g, "WORD1", 4);
    nf_guest_add_trait(*g, "WORD1", 0);
    return nf_guest_finish(*g, item, scratch);
}

static void everything(purse *p, bool *short_of_memory) {
    nf_allocator memory = {spend, give_back, p};
    nf_builder *b = NULL;
    nf_guest *g = NULL;
    const nf_shared *shared = NULL;
    nf_claim_item item;
    nf_scratch scratch;
    nf_reason why = {NF_OK, 0, 0, 0};
    nf_status status = nf_builder_new(&memory, &b);
    for (unsigned n = 0; status == NF_OK && n < 3; n++) status = describe(b, n);
    if (status == NF_OK) status = nf_builder_finish(b, &shared);
    if (status == NF_OK) status = ask(b, &g, &item, &scratch);
    if (status == NF_OK) {
        item.host = 1;
        CHECK(nf_shared_fit(shared, &item, &scratch, &why) == NF_OK);
        CHECK(nf_shared_claim(shared, &item, 1, NULL, NULL) == NF_OK);
        CHECK(nf_shared_release(shared, &item, 1, NULL, NULL) == NF_OK);
        item.host = 0;
        CHECK(nf_shared_fit(shared, &item, &scratch, &why) == NF_HOST_CLASS);
        CHECK(!strcmp(nf_guest_why(g, &why), "WORD1: trait wanted, the host does not have it"));
    }
    *short_of_memory = status == NF_ENOMEM;
    CHECK(status == NF_OK || *short_of_memory);
    if (*short_of_memory && b)
        CHECK(strstr(nf_builder_error(b), "memory") || !g || strstr(nf_guest_error(g), "memory"));
    nf_guest_free(g);
    nf_builder_free(b);
}

static void every_allocation_fails_once(void) {
    bool failed = true;
    long n = 0;
    for (; failed && n < 10000; n++) {
        purse p = {n, 0, 0};
        everything(&p, &failed);
        CHECK(!p.held);
        CHECK(failed == (p.taken == n && !p.left) || !failed);
    }
    CHECK(n > 60 && !failed);
}

/* A host for which there is no memory leaves nothing behind: what is built with it in between is, byte
 * for byte, what is built without. */
static void a_host_that_fails_leaves_nothing(void) {
    nf_builder *plain = NULL;
    const nf_shared *expected, *found;
    CHECK(nf_builder_new(NULL, &plain) == NF_OK);
    CHECK(describe(plain, 0) == NF_OK && describe(plain, 2) == NF_OK);
    CHECK(nf_builder_finish(plain, &expected) == NF_OK);
    for (long n = 0; n < 1000; n++) {
        purse p = {-1, 0, 0};
        nf_allocator memory = {spend, give_back, &p};
        nf_builder *b = NULL;
        uint32_t index = 77;
        CHECK(nf_builder_new(&memory, &b) == NF_OK);
        p.left = n;
        nf_status status = describe(b, 1);
        p.left = -1;
        if (status == NF_OK) { /* all of its allocations have failed */
            CHECK(n > 30);
            nf_builder_free(b);
            break;
        }
        CHECK(status == NF_ENOMEM && !strcmp(nf_builder_error(b), "host host1: the allocator gave no memory"));
        CHECK(nf_builder_find_host(b, "host1") == UINT32_MAX);
        CHECK(describe(b, 0) == NF_OK && describe(b, 2) == NF_OK);
        nf_builder_add_host(b, "host2");
        CHECK(nf_builder_end_host(b, &index) == NF_EINVAL && index == 77);
        CHECK(nf_builder_finish(b, &found) == NF_OK);
        const nf_column_info *column;
        for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
            uint64_t shape[2], other[2];
            nf_column_shape(expected->fleet, i, shape);
            nf_column_shape(found->fleet, i, other);
            CHECK(shape[0] == other[0] && shape[1] == other[1]);
            const void *a = *(void *const *)(const void *)((const char *)expected->fleet + column->offset);
            const void *c = *(void *const *)(const void *)((const char *)found->fleet + column->offset);
            CHECK(!memcmp(a, c, (size_t)(shape[0] * shape[1]) * column->size));
        }
        nf_builder_free(b);
        CHECK(!p.held);
    }
    nf_builder_free(plain);
}

static void calls_at_the_wrong_time(void) {
    nf_builder *b = NULL;
    nf_guest *g = NULL;
    const nf_shared *shared = NULL;
    nf_claim_item item;
    CHECK(nf_builder_new(NULL, NULL) == NF_EINVAL);
    CHECK(nf_builder_new(&(nf_allocator){NULL, give_back, NULL}, &b) == NF_EINVAL);
    CHECK(nf_builder_add_host(NULL, "a") == NF_EINVAL && nf_builder_add_tunnel(NULL) == NF_EINVAL);
    CHECK(nf_builder_end_host(NULL, NULL) == NF_EINVAL && nf_builder_finish(NULL, &shared) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(NULL), "") && !strcmp(nf_guest_error(NULL), ""));
    CHECK(nf_builder_new(NULL, &b) == NF_OK && !strcmp(nf_builder_error(b), ""));
    CHECK(nf_builder_add_trait(b, "A") == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "nf_builder_add_trait: expected after nf_builder_add_host()"));
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(nf_guest_new(b, &g) == NF_EINVAL && !g);
    CHECK(nf_builder_add_host(b, "a") == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_EINVAL && !shared);
    CHECK(!strcmp(nf_builder_error(b), "nf_builder_finish: expected after nf_builder_end_host()"));
    CHECK(nf_builder_end_host(b, NULL) == NF_OK); /* a host without cells */
    CHECK(nf_builder_add_host(b, "") == NF_EINVAL);
    CHECK(nf_builder_finish(b, &shared) == NF_EINVAL && !shared); /* nobody has asked for its end */
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(nf_builder_finish(b, NULL) == NF_EINVAL);
    CHECK(nf_builder_finish(b, &shared) == NF_OK && shared->fleet->n_hosts == 1);
    CHECK(nf_builder_finish(b, &shared) == NF_EINVAL);
    CHECK(nf_builder_add_host(b, "b") == NF_EINVAL && nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(nf_builder_set_ratios(b, 1.0, 1.0) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "nf_builder_set_ratios: expected before nf_builder_finish()"));
    CHECK(!strcmp(nf_builder_host_name(b, 0), "a") && !nf_builder_host_name(b, 1));
    CHECK(nf_builder_find_host(b, "a") == 0 && nf_builder_find_host(b, NULL) == UINT32_MAX);
    CHECK(nf_guest_new(b, NULL) == NF_EINVAL && nf_guest_new(b, &g) == NF_OK);
    CHECK(nf_guest_finish(g, &item, NULL) == NF_OK); /* a guest that asks for nothing */
    CHECK(nf_guest_add_tunnel(g) == NF_EINVAL);
    CHECK(!strcmp(nf_guest_error(g), "nf_guest_add_tunnel: expected before nf_guest_finish()"));
    CHECK(nf_guest_add_tunnel(NULL) == NF_EINVAL && nf_guest_finish(NULL, &item, NULL) == NF_EINVAL);
    nf_guest_free(g);
    nf_guest_free(NULL);
    nf_builder_free(b);
    nf_builder_free(NULL);
}

/* By hand: threads of a core by their ids, the cores as they were named; then dedicated and pinned CPUs
 * of no core. A CPU that is only shared, and of no core, needs no slot. */
static void cpus_get_their_slots(void) {
    static const uint32_t CORE[2][2] = {{4, 0}, {1, 5}};
    static const int32_t EXPECTED[] = {0, 4, 1, 5, 7, 9};
    nf_builder *b = NULL;
    const nf_shared *shared;
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    nf_builder_add_host(b, "h");
    nf_builder_add_cell(b, 0, 64);
    nf_builder_add_cpus(b, 9, 1, NF_CPUS_DEDICATED | NF_CPUS_PINNED);
    nf_builder_add_cpus(b, 7, 1, NF_CPUS_PINNED);
    nf_builder_add_cpus(b, 1, 1, NF_CPUS_SHARED);
    nf_builder_add_cpus(b, 8, 1, NF_CPUS_SHARED);
    for (int c = 0; c < 2; c++) nf_builder_add_core(b, CORE[c], 2);
    nf_builder_add_cpus(b, 4, 2, NF_CPUS_DEDICATED);
    nf_builder_add_cpus(b, 0, 1, NF_CPUS_DEDICATED);
    nf_builder_add_cpus(b, 5, 1, NF_CPUS_PINNED);
    nf_builder_add_cell(b, 1, 64); /* no cores: CPUs by their ids, each a core, shared and dedicated */
    nf_builder_add_cpus(b, 12, 1, NF_CPUS_SHARED | NF_CPUS_DEDICATED);
    nf_builder_add_cpus(b, 10, 1, NF_CPUS_SHARED | NF_CPUS_DEDICATED);
    CHECK(nf_builder_end_host(b, NULL) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
    const nf_fleet *f = shared->fleet;
    const nf_layout *l = &f->layouts[f->cell_layout[0]], *other = &f->layouts[f->cell_layout[1]];
    CHECK(l->n_slots == 6 && l->n_cores == 2 && l->threads == 2 && l->shift == 1 && l->n_words == 1);
    CHECK(l->n_shared == 2 && l->n_dedicated == 4 && !l->same_sets);
    for (uint32_t slot = 0; slot < 6; slot++)
        CHECK(f->layout_cpus[l->cpu_at + slot] == EXPECTED[slot]);
    CHECK(f->layout_words[l->mask_at] == 0x2b); /* slots 0, 1, 3, 5 */
    CHECK(f->pinned[f->cell_mask_at[0]] == 0x38 && f->cell_free[0] == 2); /* slots 3, 4, 5 */
    CHECK(other->n_slots == 2 && other->n_cores == 2 && other->threads == 1 && other->same_sets);
    const nf_placed_cell placed = {.cell = 1, .id = 1, .layout = f->cell_layout[1]};
    CHECK(nf_cpu_id(f, &placed, 0) == 10 && nf_cpu_id(f, &placed, 1) == 12 && f->cell_free[1] == 2);
    nf_builder_free(b);
}

/* A fleet without hosts is one. */
static void no_hosts(void) {
    nf_builder *b = NULL;
    const nf_shared *shared;
    const char *reason;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
    CHECK(nf_shared_check(shared, &reason) == NF_OK && shared->fleet->n_hosts == 0);
    nf_builder_free(b);
}

/* Of a fleet as columns alone: cells can be asked for, and nothing that has a name. */
static void a_guest_of_any_fleet(void) {
    nf_builder *b = NULL;
    const nf_shared *shared;
    nf_guest *g = NULL;
    nf_claim_item item;
    nf_scratch scratch;
    nf_reason why = {NF_OK, 0, 0, 0};
    purse p = {-1, 0, 0};
    nf_allocator memory = {spend, give_back, &p}, broken = {spend, NULL, &p};
    nf_guest_cell cell = {.memory = 8, .n_dedicated = 5, .policy = NF_POLICY_DEDICATED};
    CHECK(nf_builder_new(NULL, &b) == NF_OK && describe(b, 1) == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_OK);
    nf_fleet other = *shared->fleet;
    other.abi++;
    CHECK(nf_guest_of(NULL, NULL, &g) == NF_EINVAL && nf_guest_of(&other, NULL, &g) == NF_EABI);
    CHECK(nf_guest_of(shared->fleet, &broken, &g) == NF_EINVAL && !g);
    for (uint32_t wanted = 5; wanted < 7; wanted++) {
        cell.n_dedicated = wanted;
        CHECK(nf_guest_of(shared->fleet, &memory, &g) == NF_OK);
        CHECK(nf_guest_add_cells(g, 1, &cell) == NF_OK && nf_guest_add_tunnel(g) == NF_OK);
        CHECK(nf_guest_finish(g, &item, &scratch) == NF_OK);
        item.host = 0;
        CHECK(nf_shared_fit(shared, &item, &scratch, &why) == (wanted == 5 ? NF_OK : NF_FREE_CPUS));
        CHECK(wanted == 5 || !strcmp(nf_guest_why(g, &why),
                                     "too few free dedicated CPUs: 6 wanted, 5 there"));
        nf_guest_free(g);
    }
    CHECK(nf_guest_of(shared->fleet, &memory, &g) == NF_OK);
    CHECK(nf_guest_add_resource(g, "VGPU", 1) == NF_EINVAL);
    CHECK(!strcmp(nf_guest_error(g), "resource class VGPU: expected a fleet of a builder, which knows names"));
    nf_guest_free(g);
    CHECK(!p.held);
    nf_builder_free(b);
}

int main(void) {
    a_guest_of_any_fleet();
    every_allocation_fails_once();
    a_host_that_fails_leaves_nothing();
    calls_at_the_wrong_time();
    cpus_get_their_slots();
    no_hosts();
    return FAILURES();
}
