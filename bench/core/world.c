#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 4, PAGE_SIZES = 3, CLASSES = 8 };
static const uint32_t cpus_of[SIZES] = {48, 64, 80, 96};

uint32_t world_random(world *w, uint32_t below) {
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((w->seed >> 32) * below) >> 32);
}

/* A column of the fleet, to be filled. */
#define OWN(type, name) type *name = (type *)(uintptr_t)w->fleet.name

/* All columns, as long as the fleet's counts say. */
static void make_room(world *w) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        nf_column_shape(&w->fleet, i, shape);
        void *data = calloc(shape[0] * shape[1] + 1, column->size);
        if (!data) {
            fprintf(stderr, "no memory for the fleet\n");
            exit(2);
        }
        memcpy((char *)&w->fleet + column->offset, &data, sizeof data);
    }
}

/* One layout for each size and number of a cell. CPU ids as Linux gives them: first threads of all
 * cores, cell by cell, then second threads. */
static void make_layouts(world *w, const shape *s) {
    OWN(nf_layout, layouts);
    OWN(uint64_t, layout_words);
    OWN(int32_t, layout_cpus);
    uint64_t next_word = 0, next_cpu = 0;
    for (uint32_t size = 0; size < SIZES; size++)
        for (uint32_t cell = 0; cell < s->cells; cell++) {
            uint32_t n = cpus_of[size], cores = n / 2, shared = cores / 8;
            layouts[size * s->cells + cell] = (nf_layout){
                .shift = 1, .threads = 2, .n_cores = cores, .n_slots = n, .n_shared = 2 * shared,
                .n_dedicated = n - 2 * shared, .same_sets = 0, .n_words = (n + 63) / 64,
                .mask_at = next_word, .cpu_at = next_cpu};
            for (uint32_t slot = 2 * shared; slot < n; slot++)
                layout_words[next_word + slot / 64] |= (uint64_t)1 << (slot % 64);
            for (uint32_t slot = 0; slot < n; slot++)
                layout_cpus[next_cpu + slot] =
                    (int32_t)(cell * cores + slot / 2 + slot % 2 * cores * s->cells);
            next_word += (n + 63) / 64;
            next_cpu += n;
        }
}

static void fill_cell(world *w, const shape *s, uint32_t cell, uint32_t size, uint64_t *mask_at) {
    nf_fleet *f = &w->fleet;
    OWN(int32_t, pages_total);
    const nf_layout *l = &f->layouts[f->cell_layout[cell]];
    uint32_t cpus = cpus_of[size];
    const uint32_t pages[PAGE_SIZES] = {cpus * 131072u, cpus * 512u, cpus * 2u};
    for (uint32_t slot = 0; slot < l->n_slots; slot++) {
        uint64_t bit = (uint64_t)1 << (slot % 64);
        if ((f->layout_words[l->mask_at + slot / 64] & bit) && world_random(w, 100) < s->used)
            f->pinned[*mask_at + slot / 64] |= bit;
    }
    for (uint32_t p = 0; p < PAGE_SIZES; p++) {
        size_t at = (size_t)p * f->n_cells + cell;
        uint32_t used = (uint32_t)((uint64_t)pages[p] * world_random(w, 2 * s->used + 1) / 100);
        if (used > pages[p]) used = pages[p];
        pages_total[at] = (int32_t)pages[p];
        f->pages_used[at] = (int32_t)used;
        f->pages_free[at] = (int32_t)(pages[p] - used);
        f->cell_memory_used[cell] += (int64_t)used * f->page_kib[p] / 1024;
    }
    f->cell_cpu_used[cell] = s->used ? world_random(w, l->n_shared * 8) : 0;
    *mask_at += l->n_words;
}

static void fill_pools(world *w, const shape *s, uint32_t host) {
    nf_fleet *f = &w->fleet;
    OWN(uint32_t, pool_class);
    OWN(uint32_t, pool_host);
    OWN(uint32_t, pool_kind);
    OWN(int32_t, pool_cell);
    for (uint32_t p = 0; p < s->pools; p++) {
        uint32_t pool = host * s->pools + p, cell = p % s->cells;
        int32_t count = (int32_t)world_random(w, 9 - 8 * s->used / 100);
        pool_host[pool] = host;
        pool_class[pool] = p % CLASSES;
        pool_cell[pool] = (int32_t)cell;
        pool_kind[pool] = NF_KIND_VF;
        f->pool_count[pool] = count ? count : NF_POOL_GONE;
        f->cell_devices[f->host_first_cell[host] + cell] += count;
    }
}

world *world_new(const shape *s) {
    world *w = calloc(1, sizeof *w);
    if (!w) exit(2);
    nf_fleet *f = &w->fleet;
    uint32_t hosts = s->hosts, cells = hosts * s->cells, pools = hosts * s->pools;
    w->seed = s->seed;
    *f = (nf_fleet){.abi = NF_ABI_VERSION, .n_hosts = hosts, .host_room = hosts, .n_cells = cells,
                    .n_page_sizes = PAGE_SIZES, .max_threads = 2, .max_cells = s->cells,
                    .max_words = 2, .net_words = 1, .n_pools = pools, .max_pools = s->pools,
                    .n_classes = CLASSES, .n_host_classes = 1,
                    .n_layouts = SIZES * s->cells, .layout_room = SIZES * s->cells, .n_mask_words = (uint64_t)2 * cells};
    for (uint32_t size = 0; size < SIZES; size++) {
        f->n_layout_words += (uint64_t)s->cells * ((cpus_of[size] + 63) / 64);
        f->n_layout_cpus += (uint64_t)s->cells * cpus_of[size];
    }
    make_room(w);
    make_layouts(w, s);
    OWN(uint32_t, host_first_cell);
    OWN(uint32_t, host_end_cell);
    OWN(uint32_t, host_first_pool);
    OWN(uint32_t, host_end_pool);
    OWN(uint32_t, cell_host);
    OWN(double, host_cpu_ratio);
    OWN(double, host_ram_ratio);
    OWN(uint64_t, host_distance_at);
    OWN(int32_t, cell_id);
    OWN(int32_t, cell_socket);
    OWN(uint32_t, cell_layout);
    OWN(uint64_t, cell_mask_at);
    OWN(int64_t, cell_memory);
    OWN(uint32_t, cell_page_sizes);
    OWN(uint64_t, cell_nets);
    OWN(uint32_t, page_kib);
    page_kib[0] = 4, page_kib[1] = 2048, page_kib[2] = 1048576;
    uint64_t mask_at = 0;
    for (uint32_t h = 0; h < hosts; h++) {
        uint32_t size = world_random(w, SIZES);
        host_first_cell[h] = h * s->cells, host_end_cell[h] = (h + 1) * s->cells;
        host_first_pool[h] = h * s->pools, host_end_pool[h] = (h + 1) * s->pools;
        host_cpu_ratio[h] = 16.0;
        host_ram_ratio[h] = 1.5;
        host_distance_at[h] = NF_NO_DISTANCES;
        for (uint32_t c = 0; c < s->cells; c++) {
            uint32_t cell = h * s->cells + c;
            cell_host[cell] = h;
            cell_id[cell] = cell_socket[cell] = (int32_t)c;
            cell_layout[cell] = size * s->cells + c;
            cell_mask_at[cell] = mask_at;
            cell_memory[cell] = (int64_t)cpus_of[size] * (512 + 1024 + 2048);
            cell_page_sizes[cell] = (1u << PAGE_SIZES) - 1u;
            for (uint32_t n = c; n < s->nets; n += s->cells) cell_nets[cell] |= (uint64_t)1 << n;
            fill_cell(w, s, cell, size, &mask_at);
        }
        fill_pools(w, s, h);
    }
    const char *reason = "derived columns";
    if (nf_derive(f, 0, cells, NULL) != NF_OK || nf_fleet_check(f, &reason) != NF_OK) {
        fprintf(stderr, "the fleet does not hold together: %s\n", reason);
        exit(2);
    }
    return w;
}

void world_free(world *w) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        void *data;
        memcpy(&data, (char *)&w->fleet + column->offset, sizeof data);
        free(data);
    }
    free(w);
}
