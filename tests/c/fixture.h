/* A fleet as a C program would own it: hosts of two cells, four cores of two threads in each. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <numafit/numafit.h>

enum { CORES = 4, THREADS = 2, SLOTS = CORES * THREADS, SIZES = 2, CLASSES = 2, RESOURCES = 2 };

typedef struct fixture {
    nf_fleet fleet;
} fixture;

/* Cells have 4096 MiB: 4 KiB pages, and 64 pages of 2 MiB; physnet 1 is near cell 1, the tunnel
 * near cell 0; 100 units of resource 0 on each host, 2^40 of resource 1 on hosts of even number,
 * which are of class 0, the others of class 1; two PCI pools a host: 4 devices of class 0 at cell 0, 2 of class 1 anywhere. */
void fixture_make(fixture *f, uint32_t hosts);
void fixture_free(fixture *f);

/* One host of so many cells, an even number, without devices; distances: a matrix, row by row. */
void fixture_one_host(fixture *f, uint32_t cells, const int32_t *distances);

/* Other pools: so many on each host, of class 0 and at cell 0, with no devices in them yet. */
void fixture_pools(fixture *f, uint32_t per_host, uint32_t classes);

/* Hosts of so many cells and pools, one after the other. */
void fixture_ranges(fixture *f, uint32_t cells, uint32_t pools);

/* All that claims change, in one number. */
uint64_t fixture_digest(const fixture *f);

/* n dedicated vCPUs and MiB in one cell. */
nf_guest_cell pinned(uint32_t n, int64_t memory);
nf_request request_of(const nf_guest_cell *cells, uint32_t n);

typedef struct answer {
    nf_placed_cell cells[8];
    uint32_t slots[64];
    nf_draw draws[64];
    nf_placement placement;
} answer;

/* An answer with room in its arrays. */
void answer_make(answer *a);

/* nf_fit() with scratch memory of its own. */
nf_status fit(const nf_fleet *fleet, uint32_t host, const nf_request *request,
              const nf_options *options, answer *out, nf_reason *why);

/* Scratch memory for any call about the request, each byte of it fill: to be freed. */
nf_scratch scratch_for(const nf_fleet *fleet, const nf_request *request, int fill);

/* nf_capacity() of host 0, without limits. */
uint32_t capacity_of(const nf_fleet *fleet, const nf_request *request, uint32_t cap);

#endif
