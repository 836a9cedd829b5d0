/* The counters that follow from a fleet's other columns. */
#include "engine.h"
#include "fleet_check.h"
#include "resources.h"

/* Free dedicated CPUs of a cell, and in with[k - 1] its cores with at least k free threads. */
uint32_t nf_count_threads(const nf_fleet *f, uint32_t cell, uint32_t with[NF_WORD_BITS]) {
    const nf_layout *layout = &f->layouts[f->cell_layout[cell]];
    const nf_word *dedicated = nf_dedicated_mask(f, layout);
    const nf_word *pinned = f->pinned + f->cell_mask_at[cell];
    uint32_t free = 0;
    memset(with, 0, NF_WORD_BITS * sizeof *with);
    for (uint32_t i = 0; i < layout->n_words; i++) free += nf_popcount(dedicated[i] & ~pinned[i]);
    for (uint32_t core = 0; core < layout->n_cores; core++) {
        nf_word bits = nf_core_bits(dedicated, core, layout->shift) &
                       ~nf_core_bits(pinned, core, layout->shift);
        uint32_t threads = nf_popcount(bits);
        for (uint32_t k = 0; k < threads; k++) with[k]++;
    }
    return free;
}

static void derive_cell(const nf_fleet *f, uint32_t host, uint32_t cell) {
    uint32_t with[NF_WORD_BITS];
    f->cell_free[cell] = (int32_t)nf_count_threads(f, cell, with);
    for (uint32_t k = 0; k < f->max_threads; k++)
        f->cell_cores[(size_t)k * f->n_cells + cell] = (int32_t)with[k];
    nf_rooms rooms = nf_find_rooms(f, host, cell);
    f->cell_cpu_room[cell] = rooms.cpus;
    f->cell_memory_room[cell] = rooms.memory;
}

static void derive_units(const nf_fleet *f, uint32_t host) {
    for (uint32_t r = 0; r < f->n_resources; r++) nf_resource_derive(f, nf_resource_at(f, r, host));
}

void nf_derive_host(const nf_fleet *f, uint32_t host) {
    derive_units(f, host);
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        derive_cell(f, host, c);
}

nf_status nf_derive(const nf_fleet *f, uint32_t first, uint32_t count, const char **reason) {
    nf_status status = nf_check_derivable(f, first, count, reason);
    if (status != NF_OK) return status;
    bool all = count == f->n_cells;
    uint32_t last = NF_NO_HOST;
    for (uint32_t h = 0; all && h < f->n_hosts; h++) derive_units(f, h);
    for (uint32_t cell = first; cell < first + count; cell++) {
        uint32_t host = f->cell_host[cell];
        if (host >= f->n_hosts) continue;
        if (!all && host != last) derive_units(f, host);
        derive_cell(f, host, cell);
        last = host;
    }
    return NF_OK;
}
