/* Two hosts and a guest with a port of physnet1: where does it land, or why not? */
#include <inttypes.h>
#include <numafit/builder.h>
#include <stdio.h>

/* Two cells of 8 cores with 2 threads; the NIC is on one of them. */
static nf_status describe(nf_builder *b, const char *name, uint32_t nic_cell) {
    nf_builder_add_host(b, name);
    for (uint32_t id = 0; id < 2; id++) {
        uint32_t cpu = 16 * id;
        nf_builder_add_cell(b, id, 65536); /* MiB */
        for (uint32_t core = 0; core < 8; core++)
            nf_builder_add_core(b, (uint32_t[]){cpu + 2 * core, cpu + 2 * core + 1}, 2);
        nf_builder_add_cpus(b, cpu, 4, NF_CPUS_SHARED);
        nf_builder_add_cpus(b, cpu + 4, 12, NF_CPUS_DEDICATED);
        if (id == nic_cell) nf_builder_add_physnet(b, "physnet1");
    }
    nf_builder_add_devices(b, "8086", "154c", "type-VF", 1, 8); /* on cell 1 */
    nf_builder_set_property(b, "physical_network", "physnet1");
    return nf_builder_end_host(b, NULL); /* the first error of all these calls */
}

static void place(nf_guest *g, const nf_shared *fleet, nf_claim_item *item, nf_scratch *scratch) {
    nf_reason why = {NF_OK, 0, 0, 0};
    if (nf_shared_fit(fleet, item, scratch, &why) != NF_OK ||
        nf_shared_claim(fleet, item, 1, NULL, &why) != NF_OK) {
        printf(" no: %s\n", nf_guest_why(g, &why));
        return;
    }
    const nf_placed_cell *cell = item->placement->cells;
    printf(" cell %" PRId32 ", CPUs", cell->id);
    for (uint32_t i = 0; i < cell->n_slots; i++)
        printf(" %" PRId32, nf_cpu_id(fleet->fleet, cell, item->placement->slots[i]));
    printf("\n");
}

int main(void) {
    nf_builder *b = NULL;
    nf_guest *g = NULL;
    const nf_shared *fleet = NULL;
    nf_claim_item item;
    nf_scratch scratch;
    nf_guest_cell cell = {.memory = 8192, .n_dedicated = 4, .policy = NF_POLICY_DEDICATED};
    int failed =
        nf_builder_new(NULL, &b) || describe(b, "rack1-a", 0) || describe(b, "rack1-b", 1) ||
        nf_builder_finish(b, &fleet) || nf_guest_new(b, &g) || nf_guest_add_cells(g, 1, &cell) ||
        nf_guest_add_physnet(g, "physnet1") || nf_guest_add_devices(g, 1, NF_PCI_REQUIRED) ||
        nf_guest_set_property(g, "physical_network", "physnet1") ||
        nf_guest_finish(g, &item, &scratch);
    if (failed) fprintf(stderr, "%s%s\n", nf_builder_error(b), nf_guest_error(g));
    for (uint32_t host = 0; !failed && host < fleet->fleet->n_hosts; host++) {
        printf("%s:", nf_builder_host_name(b, host));
        item.host = host;
        place(g, fleet, &item, &scratch);
    }
    nf_guest_free(g);
    nf_builder_free(b);
    return failed;
}
