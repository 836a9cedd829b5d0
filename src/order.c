/* In which order are the host's cells looked at? As nova sorts them: by free devices, then by
 * CPUs, then by memory; equals keep the host's order. */
#include "engine.h"

typedef struct keys {
    int64_t devices, cpus, memory;
} keys;

/* Every key such that smaller comes first. */
static keys keys_of(const nf_fleet *f, uint32_t cell, bool shares, bool pack, bool wants_devices) {
    int64_t devices = f->cell_devices[cell];
    int64_t cpus = shares ? f->cell_cpu_used[cell] : -(int64_t)f->cell_free[cell];
    int64_t memory = f->cell_memory_used[cell] - f->cell_memory[cell];
    /* nova sorts by devices the same way whether it packs or spreads */
    return (keys){wants_devices ? -devices : devices, pack ? -cpus : cpus,
                  pack ? -memory : memory};
}

static bool before(const keys *a, const keys *b) {
    if (a->devices != b->devices) return a->devices < b->devices;
    if (a->cpus != b->cpus) return a->cpus < b->cpus;
    return a->memory < b->memory;
}

void nf_order(const nf_fleet *f, uint32_t host, bool shares, uint32_t strategy, bool wants_devices,
              uint32_t *order) {
    uint32_t first = f->host_first_cell[host], n = nf_host_cells(f, host);
    bool pack = strategy != NF_SPREAD;
    for (uint32_t i = 0; i < n; i++) {
        keys mine = keys_of(f, first + i, shares, pack, wants_devices);
        /* binary search for the place behind all that are not larger: stable, and cheap enough
         * for the 1024 cells that a host may have */
        uint32_t low = 0, high = i;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            keys theirs = keys_of(f, order[mid], shares, pack, wants_devices);
            if (before(&mine, &theirs))
                high = mid;
            else
                low = mid + 1;
        }
        memmove(order + low + 1, order + low, (i - low) * sizeof *order);
        order[low] = first + i;
    }
}
