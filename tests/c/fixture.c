#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void *take(char **at, size_t count, size_t size) {
    void *here = *at;
    *at += (count * size + 15u) & ~(size_t)15u;
    return here;
}

void fixture_make(fixture *f, uint32_t hosts) {
    uint32_t cells = 2 * hosts, pools = 2 * hosts;
    char *at = calloc((size_t)hosts + 1, 1024);
    memset(f, 0, sizeof *f);
    f->memory = at;
    f->layout = (nf_layout){.shift = 1, .threads = THREADS, .n_cores = CORES, .n_slots = SLOTS,
                            .n_shared = SLOTS, .n_dedicated = SLOTS, .same_sets = 1, .n_words = 1};
#define COLUMN(type, name, n) type *name = take(&at, n, sizeof(type)); f->fleet.name = name
    COLUMN(uint32_t, host_first_cell, hosts + 1);
    COLUMN(double, host_cpu_ratio, hosts);
    COLUMN(double, host_ram_ratio, hosts);
    COLUMN(uint64_t, host_distance_at, hosts);
    COLUMN(uint64_t, host_generation, hosts);
    COLUMN(int32_t, cell_id, cells);
    COLUMN(int32_t, cell_socket, cells);
    COLUMN(uint32_t, cell_layout, cells);
    COLUMN(uint64_t, cell_mask_at, cells);
    COLUMN(int64_t, cell_memory, cells);
    COLUMN(uint32_t, cell_page_sizes, cells);
    COLUMN(uint64_t, cell_nets, cells);
    COLUMN(int32_t, pages_total, SIZES * cells);
    COLUMN(int64_t, cell_memory_used, cells);
    COLUMN(int64_t, cell_cpu_used, cells);
    COLUMN(int32_t, pages_used, SIZES * cells);
    COLUMN(uint64_t, pinned, cells);
    COLUMN(int32_t, cell_free, cells);
    COLUMN(int32_t, cell_cores, THREADS * cells);
    COLUMN(int32_t, pages_free, SIZES * cells);
    COLUMN(int32_t, cell_cpu_room, cells);
    COLUMN(int32_t, cell_memory_room, cells);
    COLUMN(int64_t, cell_devices, cells);
    COLUMN(uint32_t, host_first_pool, hosts + 1);
    COLUMN(uint32_t, pool_class, pools);
    COLUMN(int32_t, pool_cell, pools);
    COLUMN(uint32_t, pool_provider, pools);
    COLUMN(uint32_t, pool_family, pools);
    COLUMN(uint32_t, pool_kind, pools);
    COLUMN(int32_t, pool_count, pools);
    COLUMN(int32_t, pool_taken, pools);
    COLUMN(int32_t, pool_hidden, pools);
    COLUMN(uint64_t, layout_words, 1);
    COLUMN(int32_t, layout_cpus, SLOTS);
    COLUMN(uint32_t, page_kib, SIZES);
    COLUMN(int32_t, distances, 1);
#undef COLUMN
    (void)cell_socket, (void)cell_layout, (void)cell_memory_used, (void)cell_cpu_used;
    (void)pages_used, (void)pinned, (void)cell_free, (void)cell_cores, (void)cell_cpu_room;
    (void)cell_memory_room, (void)pool_provider, (void)pool_family, (void)pool_kind;
    (void)pool_taken, (void)pool_hidden, (void)distances, (void)host_generation;
    for (uint32_t h = 0; h < hosts; h++) {
        host_first_cell[h + 1] = host_first_pool[h + 1] = 2 * (h + 1);
        host_cpu_ratio[h] = host_ram_ratio[h] = 2.0;
        host_distance_at[h] = UINT64_MAX;
        pool_class[2 * h + 1] = 1;
        pool_cell[2 * h + 1] = NF_POOL_ANYWHERE;
        pool_count[2 * h] = 4;
        pool_count[2 * h + 1] = 2;
        cell_devices[2 * h] = 4;
        cell_nets[2 * h] = 1;
        cell_nets[2 * h + 1] = 2;
    }
    for (uint32_t c = 0; c < cells; c++) {
        cell_id[c] = (int32_t)(c % 2);
        cell_mask_at[c] = c;
        cell_memory[c] = 4096;
        cell_page_sizes[c] = 3;
        pages_total[c] = pages_free[c] = 1 << 20;
        pages_total[cells + c] = pages_free[cells + c] = 64;
    }
    layout_words[0] = (1u << SLOTS) - 1;
    for (int32_t slot = 0; slot < SLOTS; slot++) layout_cpus[slot] = 10 + slot;
    page_kib[0] = 4;
    page_kib[1] = 2048;
    f->fleet.abi = NF_ABI_VERSION;
    f->fleet.n_hosts = hosts;
    f->fleet.n_cells = cells;
    f->fleet.n_layouts = 1;
    f->fleet.n_page_sizes = SIZES;
    f->fleet.max_threads = THREADS;
    f->fleet.max_cells = 2;
    f->fleet.max_words = 1;
    f->fleet.net_words = 1;
    f->fleet.n_pools = pools;
    f->fleet.max_pools = 2;
    f->fleet.n_classes = CLASSES;
    f->fleet.layouts = &f->layout;
    nf_derive(&f->fleet, 0, cells);
}

void fixture_free(fixture *f) { free(f->memory); }

static uint64_t mix(uint64_t digest, const void *column, size_t bytes) {
    const unsigned char *b = column;
    for (size_t i = 0; i < bytes; i++) digest = (digest ^ b[i]) * 1099511628211u;
    return digest;
}

uint64_t fixture_digest(const fixture *f) {
    const nf_fleet *l = &f->fleet;
    uint64_t d = 14695981039346656037u;
    size_t cells = l->n_cells;
    d = mix(d, l->cell_memory_used, cells * 8);
    d = mix(d, l->cell_cpu_used, cells * 8);
    d = mix(d, l->pages_used, cells * SIZES * 4);
    d = mix(d, l->pages_free, cells * SIZES * 4);
    d = mix(d, l->pinned, cells * 8);
    d = mix(d, l->cell_free, cells * 4);
    d = mix(d, l->cell_cores, cells * THREADS * 4);
    d = mix(d, l->cell_cpu_room, cells * 4);
    d = mix(d, l->cell_memory_room, cells * 4);
    d = mix(d, l->cell_devices, cells * 8);
    d = mix(d, l->pool_count, l->n_pools * 4);
    d = mix(d, l->pool_taken, l->n_pools * 4);
    return mix(d, l->pool_hidden, l->n_pools * 4);
}

nf_guest_cell pinned(uint32_t n, int64_t memory) {
    return (nf_guest_cell){.memory = memory, .n_dedicated = n, .policy = NF_POLICY_DEDICATED};
}

nf_request request_of(const nf_guest_cell *cells, uint32_t n) {
    return (nf_request){.abi = NF_ABI_VERSION, .n_cells = n, .cells = cells};
}

nf_status fit(const nf_fleet *fleet, uint32_t host, const nf_request *request,
              const nf_options *options, answer *out, nf_reason *why) {
    size_t bytes = nf_workspace_bytes(fleet, request);
    void *workspace = malloc(bytes ? bytes : 1);
    out->placement = (nf_placement){.cells = out->cells, .slots = out->slots, .draws = out->draws};
    nf_status status =
        nf_fit(fleet, host, request, options, workspace, bytes, &out->placement, why);
    free(workspace);
    return status;
}
