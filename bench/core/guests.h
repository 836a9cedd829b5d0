/* Guests that the measured operations ask for. */
#ifndef GUESTS_H
#define GUESTS_H

#include "numafit/numafit.h"

enum { MOST_CELLS = 64, MOST_NETS = 8, MOST_PCI = 4 };

typedef struct guest {
    nf_request request;
    nf_guest_cell cells[MOST_CELLS];
    uint32_t nets[MOST_NETS];
    nf_pci_request pci[MOST_PCI];
    uint64_t masks[MOST_PCI];
} guest;

/* A guest of n alike cells. */
void guest_of(guest *g, uint32_t n, nf_guest_cell cell);
/* near networks 1 .. n */
void guest_near(guest *g, uint32_t n);
/* one more request for count devices of a property set */
void guest_device(guest *g, uint32_t count, uint32_t class, uint32_t policy);

enum { N_MIX = 10 };
/* Ten flavors: pinned, shared, mixed, all thread policies, page sizes, one and two cells. */
void guest_mix(guest mix[N_MIX]);

#endif
