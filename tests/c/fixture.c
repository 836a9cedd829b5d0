#include "fixture.h"

#include <stdlib.h>
#include <string.h>

/* A column of the fleet, to be filled. */
#define OWN(type, name) type *name = (type *)(uintptr_t)f->fleet.name

void fixture_ranges(fixture *f, uint32_t cells, uint32_t pools) {
    OWN(uint32_t, host_first_cell);
    OWN(uint32_t, host_end_cell);
    OWN(uint32_t, host_first_pool);
    OWN(uint32_t, host_end_pool);
    OWN(uint32_t, cell_host);
    OWN(uint32_t, pool_host);
    for (uint32_t h = 0; h < f->fleet.n_hosts; h++) {
        host_first_cell[h] = h * cells;
        host_end_cell[h] = (h + 1) * cells;
        host_first_pool[h] = h * pools;
        host_end_pool[h] = (h + 1) * pools;
    }
    for (uint32_t c = 0; c < f->fleet.n_cells; c++) cell_host[c] = c / cells;
    for (uint32_t p = 0; p < f->fleet.n_pools; p++) pool_host[p] = p / pools;
}

void fixture_make(fixture *f, uint32_t hosts) {
    const nf_column_info *column;
    uint32_t cells = 2 * hosts;
    memset(f, 0, sizeof *f);
    f->fleet = (nf_fleet){.abi = NF_ABI_VERSION,
                          .n_hosts = hosts,
                          .host_room = hosts,
                          .n_cells = cells,
                          .n_layouts = 1,
                          .layout_room = 1,
                          .n_page_sizes = SIZES,
                          .max_threads = THREADS,
                          .max_cells = 2,
                          .max_words = 1,
                          .net_words = 1,
                          .n_pools = 2 * hosts,
                          .max_pools = 2,
                          .n_classes = CLASSES,
                          .n_resources = RESOURCES,
                          .n_host_classes = 2,
                          .n_mask_words = cells,
                          .n_layout_words = 1,
                          .n_layout_cpus = SLOTS,
                          .n_distances = 1};
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        nf_column_shape(&f->fleet, i, shape);
        void *data = calloc(shape[0] * shape[1] + 1, column->size);
        memcpy((char *)&f->fleet + column->offset, &data, sizeof data);
    }
    OWN(nf_layout, layouts);
    OWN(uint32_t, host_class);
    OWN(int64_t, resource_limit);
    OWN(double, host_cpu_ratio);
    OWN(double, host_ram_ratio);
    OWN(uint64_t, host_distance_at);
    OWN(uint32_t, pool_class);
    OWN(int32_t, pool_cell);
    OWN(int32_t, pool_count);
    OWN(int64_t, cell_devices);
    OWN(uint64_t, cell_nets);
    OWN(int32_t, cell_id);
    OWN(uint64_t, cell_mask_at);
    OWN(int64_t, cell_memory);
    OWN(uint32_t, cell_page_sizes);
    OWN(int32_t, pages_total);
    OWN(int32_t, pages_free);
    OWN(uint64_t, layout_words);
    OWN(int32_t, layout_cpus);
    OWN(uint32_t, page_kib);
    layouts[0] = (nf_layout){.shift = 1,
                             .threads = THREADS,
                             .n_cores = CORES,
                             .n_slots = SLOTS,
                             .n_shared = SLOTS,
                             .n_dedicated = SLOTS,
                             .same_sets = 1,
                             .n_words = 1};
    for (uint32_t h = 0; h < hosts; h++) {
        host_cpu_ratio[h] = host_ram_ratio[h] = 2.0;
        host_distance_at[h] = UINT64_MAX;
        host_class[h] = h % 2;
        resource_limit[h] = 100;
        resource_limit[hosts + h] = h % 2 ? -1 : (int64_t)1 << 40;
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
    fixture_ranges(f, 2, 2);
    layout_words[0] = (1u << SLOTS) - 1;
    for (int32_t slot = 0; slot < SLOTS; slot++) layout_cpus[slot] = 10 + slot;
    page_kib[0] = 4;
    page_kib[1] = 2048;
    nf_derive(&f->fleet, 0, cells, NULL);
}

void fixture_pools(fixture *f, uint32_t per_host, uint32_t classes) {
    const nf_column_info *column;
    uint32_t hosts = f->fleet.n_hosts;
    f->fleet.n_pools = hosts * per_host;
    f->fleet.max_pools = per_host;
    f->fleet.n_classes = classes;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        void *data;
        if (column->per != NF_PER_POOL) continue;
        memcpy(&data, (char *)&f->fleet + column->offset, sizeof data);
        free(data);
        data = calloc((size_t)hosts * per_host + 1, column->size);
        memcpy((char *)&f->fleet + column->offset, &data, sizeof data);
    }
    fixture_ranges(f, f->fleet.max_cells, per_host);
    memset(f->fleet.cell_devices, 0, f->fleet.n_cells * sizeof *f->fleet.cell_devices);
}

void fixture_one_host(fixture *f, uint32_t cells, const int32_t *distances) {
    size_t n = (size_t)cells * cells;
    fixture_make(f, cells / 2);
    fixture_pools(f, 0, CLASSES);
    OWN(uint64_t, host_distance_at);
    OWN(int32_t, cell_id);
    f->fleet.n_hosts = 1;
    f->fleet.max_cells = cells;
    fixture_ranges(f, cells, 0);
    host_distance_at[0] = 0;
    for (uint32_t c = 0; c < cells; c++) cell_id[c] = (int32_t)c;
    int32_t *own = malloc(n * sizeof *own);
    memcpy(own, distances, n * sizeof *own);
    free((void *)(uintptr_t)f->fleet.distances);
    f->fleet.distances = own;
    f->fleet.n_distances = n;
}

void fixture_free(fixture *f) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        void *data;
        memcpy(&data, (char *)&f->fleet + column->offset, sizeof data);
        free(data);
    }
}

uint64_t fixture_digest(const fixture *f) {
    const nf_column_info *column;
    uint64_t digest = 14695981039346656037u;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        const unsigned char *data;
        /* generations count what was done, they do not go back */
        if (!column->claimed || !strcmp(column->name, "host_generation")) continue;
        nf_column_shape(&f->fleet, i, shape);
        memcpy(&data, (const char *)&f->fleet + column->offset, sizeof data);
        for (size_t b = 0; b < shape[0] * shape[1] * column->size; b++)
            digest = (digest ^ data[b]) * 1099511628211u;
    }
    return digest;
}

nf_guest_cell pinned(uint32_t n, int64_t memory) {
    return (nf_guest_cell){.memory = memory, .n_dedicated = n, .policy = NF_POLICY_DEDICATED};
}

nf_request request_of(const nf_guest_cell *cells, uint32_t n) {
    return (nf_request){.abi = NF_ABI_VERSION, .n_cells = n, .cells = cells};
}

void answer_make(answer *a) {
    a->placement = (nf_placement){.cells = a->cells,
                                  .slots = a->slots,
                                  .draws = a->draws,
                                  .cells_size = sizeof a->cells / sizeof *a->cells,
                                  .slots_size = sizeof a->slots / sizeof *a->slots,
                                  .draws_size = sizeof a->draws / sizeof *a->draws};
}

nf_status fit(const nf_fleet *fleet, uint32_t host, const nf_request *request,
              const nf_options *options, answer *out, nf_reason *why) {
    nf_scratch scratch = {.bytes = nf_fit_bytes(fleet, request)};
    scratch.memory = malloc(scratch.bytes + 1);
    answer_make(out);
    nf_status status = nf_fit(fleet, host, request, options, &scratch, &out->placement, why);
    free(scratch.memory);
    return status;
}

nf_scratch scratch_for(const nf_fleet *fleet, const nf_request *request, int fill) {
    nf_scratch scratch = {.bytes = nf_capacity_bytes(fleet, request)};
    scratch.memory = malloc(scratch.bytes);
    memset(scratch.memory, fill, scratch.bytes);
    return scratch;
}

uint32_t capacity_of(const nf_fleet *fleet, const nf_request *request, uint32_t cap) {
    const nf_options o = {.limits = NF_LIMITS_NONE};
    nf_scratch scratch = scratch_for(fleet, request, 0);
    uint32_t count = 0;
    nf_status status =
        nf_capacity(fleet, &(nf_hosts){NULL, 0, 1}, request, &o, cap, &scratch, &count);
    free(scratch.memory);
    return status == NF_OK ? count : UINT32_MAX;
}
