/* Small fleets, requests and options of every shape, made of the fuzzer's bytes. */
#ifndef WORLD_H
#define WORLD_H

#include <numafit/numafit.h>

#include "bytes.h"

enum {
    MOST_HOSTS = 4,
    MOST_CELLS = 6, /* of one host */
    MOST_POOLS = 5, /* likewise */
    MOST_GUEST = 4, /* cells of one guest */
    MOST_NETS = 3,
    MOST_PCI = 3,
    MOST_PROVIDERS = 3,
    MOST_RESOURCES = 2,
    MOST_MASK_WORDS = 2 /* of a request's classes */
};

/* A fleet that owns its columns. It holds together: nf_fleet_check() says NF_OK. */
typedef struct world {
    nf_fleet fleet;
} world;

void world_make(world *w, bytes *b);
void world_free(world *w);

/* All that claims change, in one number; how often is left out. */
uint64_t world_digest(const nf_fleet *fleet);

/* A request with the memory that it points to, so that it must not be moved. */
typedef struct wish {
    nf_request request;
    nf_options options;
    nf_guest_cell cells[MOST_GUEST];
    uint32_t nets[MOST_NETS];
    nf_pci_request pci[MOST_PCI];
    uint64_t masks[MOST_PCI][2][MOST_MASK_WORDS];
    nf_provider providers[MOST_PCI][MOST_PROVIDERS];
    nf_resource resources[MOST_RESOURCES], fallback[MOST_RESOURCES];
    uint64_t host_classes, fallback_classes;
} wish;

void wish_make(wish *w, const nf_fleet *fleet, bytes *b);

/* An answer in arrays that are as long as they have to be, so that a sanitizer sees what is
 * written beyond them. */
void answer_make(nf_placement *out, const nf_fleet *fleet, const nf_request *request);
void answer_free(nf_placement *out);

/* narrate.c: what a case is about, printed where NARRATE=1 stands in the environment. */
void narrate_fleet(const nf_fleet *fleet);
void narrate_wish(const wish *w);

#endif
