/* A copy of one host, as a fleet of its own. */
#ifndef NF_MIRROR_H
#define NF_MIRROR_H

#include "engine.h"

typedef struct nf_mirror {
    nf_fleet fleet;
    uint32_t *first_cell, *first_pool;
    uint64_t *mask_at;
    int64_t *memory_used, *cpu_used, *devices;
    int32_t *free, *cores;
    int32_t *pages_total, *pages_used, *pages_free, *cpu_room, *memory_room;
    uint64_t *pinned;
    int32_t *pool_count, *pool_taken, *pool_hidden;
    uint64_t *generation;
} nf_mirror;

size_t nf_mirror_bytes(const nf_fleet *f);
void nf_mirror_make(nf_mirror *m, const nf_fleet *f, uint32_t host, void *memory);

#endif
