/* A host that has something of everything, for tests of the builder. */
#ifndef DESCRIBED_H
#define DESCRIBED_H

#include <numafit/builder.h>
#include <stdio.h>

static const uint32_t CORES[4][2] = {{0, 4}, {1, 5}, {2, 6}, {3, 7}};
static const int32_t NEAR[4] = {10, 21, 21, 10}, FAR[4] = {10, 40, 40, 10};

/* Its names hold the number. */
static inline nf_status describe(nf_builder *b, unsigned n) {
    char name[16], net[16], word[16];
    snprintf(name, sizeof name, "host%u", n);
    snprintf(net, sizeof net, "net%u", n);
    snprintf(word, sizeof word, "WORD%u", n);
    nf_builder_add_host(b, name);
    nf_builder_set_ratios(b, 16.0, 1.0 + n);
    for (uint32_t node = 0; node < 2; node++) {
        nf_builder_add_cell(b, node, 4096 + n);
        nf_builder_set_socket(b, node);
        nf_builder_set_usage(b, 100, 3);
        for (int c = 0; c < 4; c++) nf_builder_add_core(b, CORES[c], 2);
        nf_builder_add_cpus(b, 0, 1 + n % 2, NF_CPUS_SHARED);
        nf_builder_add_cpus(b, 2, 6, NF_CPUS_DEDICATED);
        nf_builder_add_cpus(b, 2, 1, NF_CPUS_PINNED);
        nf_builder_add_pages(b, 4, 1 << 20, 10, 1);
        nf_builder_add_pages(b, 2048 << n, 10, 0, 0);
        nf_builder_add_physnet(b, net);
        nf_builder_add_tunnel(b);
    }
    nf_builder_set_distances(b, n % 2 ? NEAR : FAR, 2);
    nf_builder_add_devices(b, "8086", word, "type-VF", 1, 4);
    nf_builder_set_property(b, "physical_network", net);
    nf_builder_add_devices(b, "15b3", "1017", "type-PF", 0, 1);
    nf_builder_add_inventory(b, word, 10, 1, 1.5, 2);
    nf_builder_set_units(b, 1, 8, 2);
    nf_builder_add_trait(b, word);
    return nf_builder_end_host(b, NULL);
}

#endif
