/* A fleet made up from a seed, for programs that measure the engine. */
#ifndef WORLD_H
#define WORLD_H

#include "numafit/numafit.h"

typedef struct world {
    nf_fleet fleet; /* its columns are the world's */
    uint64_t seed;
} world;

typedef struct shape {
    uint32_t hosts, cells;
    uint32_t pools;  /* of each host; spread over its cells */
    uint32_t nets;   /* network n is near cell n modulo cells; network 0 is the tunnel endpoint */
    uint32_t used;   /* percent of CPUs, pages and devices */
    uint64_t seed;
} shape;

/* Cells of 48, 64, 80 and 96 CPUs, two threads a core, an eighth of the cores for shared guests. */
world *world_new(const shape *s);
void world_free(world *w);
uint32_t world_random(world *w, uint32_t below);

#endif
