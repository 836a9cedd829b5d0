/* Scratch memory, handed out piece by piece. One function lays a structure out: with memory it
 * hands out, without it only counts, so that size and layout cannot differ. */
#ifndef NF_ARENA_H
#define NF_ARENA_H

#include <stddef.h>

typedef struct nf_arena {
    char *memory; /* NULL: only count */
    size_t used;
} nf_arena;

/* Room for count items of size bytes each, aligned for uint64_t. */
static inline void *nf_carve(nf_arena *a, size_t count, size_t size) {
    void *here = a->memory ? a->memory + a->used : NULL;
    a->used += (count * size + 7u) & ~(size_t)7u;
    return here;
}

#endif
