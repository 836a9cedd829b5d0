/* In which order are the host's cells looked at? As nova sorts them: by free devices, then by
 * CPUs, then by memory; equals keep the host's order. */
#include "engine.h"

nf_ordering nf_ordering_of(const nf_request *r, const nf_options *options) {
    return (nf_ordering){.shares = !nf_pins(&r->cells[0]),
                         .pack = options->strategy != NF_SPREAD,
                         .wants_devices = r->n_pci > 0};
}

/* nova sorts by devices the same way whether it packs or spreads */
static bool before(const nf_cell *a, const nf_cell *b, const nf_ordering *by) {
    if (a->devices != b->devices)
        return by->wants_devices ? a->devices > b->devices : a->devices < b->devices;
    int64_t cpus = by->shares ? a->cpu_used - b->cpu_used : b->free - a->free;
    int64_t memory = (a->memory_used - a->memory) - (b->memory_used - b->memory);
    int64_t first = cpus ? cpus : memory;
    return by->pack ? first > 0 : first < 0;
}

void nf_order(const nf_cell *cells, uint32_t n, const nf_ordering *by, uint32_t *order) {
    for (uint32_t i = 0; i < n; i++) {
        /* binary search for the place behind all that are not larger: stable, and cheap enough
         * for the 1024 cells that a host may have */
        uint32_t low = 0, high = i;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (before(&cells[i], &cells[order[mid]], by))
                high = mid;
            else
                low = mid + 1;
        }
        memmove(order + low + 1, order + low, (i - low) * sizeof *order);
        order[low] = i;
    }
}
