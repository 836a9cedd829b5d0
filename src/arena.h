/* Scratch memory, handed out piece by piece. One function lays a structure out: with memory it
 * hands out, without it only counts, so that size and layout cannot differ. */
#ifndef NF_ARENA_H
#define NF_ARENA_H

#include <stddef.h>

/* Under AddressSanitizer, which sees only the ends of the caller's memory, a gap that must not be
 * touched follows each piece. Not for memory on the stack, where the marks would outlive it. */
#ifdef NF_GAPS
#include <sanitizer/asan_interface.h>
#define NF_GAP 16u
#else
#define NF_GAP 0u
#endif

typedef struct nf_arena {
    char *memory; /* NULL: only count */
    size_t used;
} nf_arena;

/* Room for count items of size bytes each, aligned for uint64_t. */
static inline void *nf_carve(nf_arena *a, size_t count, size_t size) {
    size_t bytes = count * size, room = ((bytes + 7u) & ~(size_t)7u) + NF_GAP;
    char *here = a->memory ? a->memory + a->used : NULL;
    a->used += room;
#ifdef NF_GAPS
    if (here) __asan_unpoison_memory_region(here, bytes);
    if (here) __asan_poison_memory_region(here + bytes, room - bytes);
#endif
    return here;
}

#endif
