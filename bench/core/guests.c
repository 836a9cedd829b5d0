#include "guests.h"

#include <string.h>

void guest_of(guest *g, uint32_t n, nf_guest_cell cell) {
    memset(g, 0, sizeof *g);
    for (uint32_t i = 0; i < n; i++) g->cells[i] = cell;
    g->request = (nf_request){.abi = NF_ABI_VERSION, .n_cells = n, .cells = g->cells,
                              .nets = g->nets, .pci = g->pci};
}

void guest_near(guest *g, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) g->nets[i] = i + 1;
    g->request.n_nets = n;
}

void guest_device(guest *g, uint32_t count, uint32_t class, uint32_t policy) {
    uint32_t n = g->request.n_pci++;
    g->masks[n] = (uint64_t)1 << class;
    g->pci[n] = (nf_pci_request){.count = count, .policy = policy, .matches = &g->masks[n],
                                 .usable = &g->masks[n]};
}

void guest_mix(guest mix[N_MIX]) {
    enum { SHARED = NF_POLICY_SHARED, PINNED = NF_POLICY_DEDICATED, MIXED = NF_POLICY_MIXED };
    static const struct {
        uint32_t n;
        nf_guest_cell cell;
    } flavors[N_MIX] = {
        {1, {2048, NF_PAGES_NONE, 0, 2, PINNED, NF_THREADS_NONE}},
        {1, {4096, 2048, 0, 4, PINNED, NF_THREADS_PREFER}},
        {1, {8192, 1048576, 0, 8, PINNED, NF_THREADS_NONE}},
        {1, {2048, NF_PAGES_LARGE, 0, 6, PINNED, NF_THREADS_REQUIRE}},
        {1, {2048, NF_PAGES_ANY, 0, 4, PINNED, NF_THREADS_NONE}},
        {1, {2048, NF_PAGES_NONE, 2, 0, SHARED, NF_THREADS_NONE}},
        {1, {4096, 2048, 4, 0, SHARED, NF_THREADS_NONE}},
        {1, {4096, NF_PAGES_NONE, 2, 2, MIXED, NF_THREADS_NONE}},
        {2, {4096, NF_PAGES_NONE, 0, 4, PINNED, NF_THREADS_NONE}},
        {2, {2048, NF_PAGES_SMALL, 2, 0, SHARED, NF_THREADS_NONE}},
    };
    for (uint32_t i = 0; i < N_MIX; i++) guest_of(&mix[i], flavors[i].n, flavors[i].cell);
}
