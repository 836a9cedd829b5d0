/* Which threads does a guest cell get? nf_pair() has said that there are enough. */
#include "engine.h"

typedef struct cores {
    const nf_word *dedicated, *pinned;
    uint32_t n, shift;
} cores;

static inline nf_word free_threads(const cores *c, uint32_t core) {
    return nf_core_bits(c->dedicated, core, c->shift) & ~nf_core_bits(c->pinned, core, c->shift);
}

/* The most threads a core that still make n: emptier cores first, as nova prefers. 0: none do. */
static uint32_t threads_per_core(const nf_cell *c, uint32_t n) {
    for (uint32_t k = c->layout->threads; k; k--)
        if ((int64_t)k * nf_cores_with(c, k) >= n) return k;
    return 0;
}

/* Take up to per_core threads of each core that has at least need of them free, n in all. */
static void take(const cores *c, uint32_t need, uint32_t per_core, uint32_t n, uint32_t *slots) {
    for (uint32_t core = 0, taken = 0; taken < n && core < c->n; core++) {
        nf_word bits = free_threads(c, core);
        if (nf_popcount(bits) < need) continue;
        for (uint32_t k = 0; k < per_core && taken < n && bits; k++, bits &= bits - 1)
            slots[taken++] = (core << c->shift) + nf_lowest(bits);
    }
}

/* The first free thread that the guest does not take; with isolate, on no core of its own. Slots
 * ascend, so one walk over both lists finds it. */
static int32_t reserve(const cores *c, bool isolate, const uint32_t *slots, uint32_t n) {
    for (uint32_t core = 0, next = 0; core < c->n; core++) {
        nf_word bits = free_threads(c, core);
        if (isolate && next < n && slots[next] >> c->shift == core) {
            next++;
            continue;
        }
        while (next < n && slots[next] >> c->shift == core)
            bits &= ~((nf_word)1 << (slots[next++] - (core << c->shift)));
        if (bits) return (int32_t)((core << c->shift) + nf_lowest(bits));
    }
    return -1;
}

void nf_pin(const nf_fleet *f, uint32_t cell, const nf_cell *state, const nf_demand *w,
            uint32_t *slots, int32_t *reserved) {
    const nf_layout *layout = state->layout;
    const cores c = {nf_dedicated_mask(f, layout), f->pinned + f->cell_mask_at[cell],
                     layout->n_cores, layout->shift};
    bool isolate = w->threads == NF_THREADS_ISOLATE;
    *reserved = -1;
    if (!w->pins || !w->n_dedicated) return;
    if (isolate) {
        take(&c, layout->threads, 1, w->n_dedicated, slots);
    } else {
        uint32_t k = threads_per_core(state, w->n_dedicated);
        take(&c, k ? k : 1, k ? k : 1u << layout->shift, w->n_dedicated, slots);
    }
    if (w->reserved) *reserved = reserve(&c, isolate, slots, w->n_dedicated);
}
