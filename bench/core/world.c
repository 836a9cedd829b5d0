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

static void *room(world *w, size_t count, size_t size) {
    void *block = calloc(count + 1, size);
    if (!block) {
        fprintf(stderr, "no memory for the fleet\n");
        exit(2);
    }
    return w->blocks[w->n_blocks++] = block;
}

#define COLUMN(name, count) (f->name = room(w, (count), sizeof *f->name))

/* One layout for each size and number of a cell. CPU ids as Linux gives them: first threads of all
 * cores, cell by cell, then second threads. */
static void make_layouts(world *w, const shape *s) {
    nf_fleet *f = &w->fleet;
    nf_layout *layouts = room(w, (size_t)SIZES * s->cells, sizeof *layouts);
    uint64_t *words = room(w, (size_t)SIZES * s->cells * 2, sizeof *words);
    int32_t *cpus = room(w, (size_t)SIZES * s->cells * 96, sizeof *cpus);
    uint64_t next_word = 0, next_cpu = 0;
    for (uint32_t size = 0; size < SIZES; size++)
        for (uint32_t cell = 0; cell < s->cells; cell++) {
            uint32_t n = cpus_of[size], cores = n / 2, shared = cores / 8;
            layouts[size * s->cells + cell] = (nf_layout){
                .shift = 1, .threads = 2, .n_cores = cores, .n_slots = n, .n_shared = 2 * shared,
                .n_dedicated = n - 2 * shared, .same_sets = 0, .n_words = (n + 63) / 64,
                .mask_at = next_word, .cpu_at = next_cpu};
            for (uint32_t slot = 2 * shared; slot < n; slot++)
                words[next_word + slot / 64] |= (uint64_t)1 << (slot % 64);
            for (uint32_t slot = 0; slot < n; slot++)
                cpus[next_cpu + slot] =
                    (int32_t)(cell * cores + slot / 2 + slot % 2 * cores * s->cells);
            next_word += (n + 63) / 64;
            next_cpu += n;
        }
    f->layouts = layouts;
    f->layout_words = words;
    f->layout_cpus = cpus;
    f->n_layouts = SIZES * s->cells;
    f->n_layout_words = next_word;
    f->n_layout_cpus = next_cpu;
}

static void fill_cell(world *w, const shape *s, uint32_t cell, uint32_t size, uint64_t *mask_at,
                      int32_t *total) {
    nf_fleet *f = &w->fleet;
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
        total[at] = (int32_t)pages[p];
        f->pages_used[at] = (int32_t)used;
        f->pages_free[at] = (int32_t)(pages[p] - used);
        f->cell_memory_used[cell] += (int64_t)used * f->page_kib[p] / 1024;
    }
    f->cell_cpu_used[cell] = s->used ? world_random(w, l->n_shared * 8) : 0;
    *mask_at += l->n_words;
}

static void fill_pools(world *w, const shape *s, uint32_t host, uint32_t *class, int32_t *near,
                       uint32_t *kind) {
    nf_fleet *f = &w->fleet;
    for (uint32_t p = 0; p < s->pools; p++) {
        uint32_t pool = host * s->pools + p, cell = p % s->cells;
        int32_t count = (int32_t)world_random(w, 9 - 8 * s->used / 100);
        class[pool] = p % CLASSES;
        near[pool] = (int32_t)cell;
        kind[pool] = NF_KIND_VF;
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
    *f = (nf_fleet){.abi = NF_ABI_VERSION, .n_hosts = hosts, .n_cells = cells,
                    .n_page_sizes = PAGE_SIZES, .max_threads = 2, .max_cells = s->cells,
                    .max_words = 2, .net_words = 1, .n_pools = pools, .max_pools = s->pools,
                    .n_classes = CLASSES, .n_host_classes = 1};
    make_layouts(w, s);
    f->n_mask_words = (uint64_t)2 * cells;
    uint32_t *first_cell = room(w, hosts + 1, 4), *first_pool = room(w, hosts + 1, 4);
    double *cpu_ratio = room(w, hosts, 8), *ram_ratio = room(w, hosts, 8);
    uint64_t *distance = room(w, hosts, 8), *mask = room(w, cells, 8), *nets = room(w, cells, 8);
    int32_t *id = room(w, cells, 4), *socket = room(w, cells, 4);
    uint32_t *layout = room(w, cells, 4), *sizes = room(w, cells, 4), *kib = room(w, PAGE_SIZES, 4);
    int64_t *memory = room(w, cells, 8);
    int32_t *total = room(w, (size_t)PAGE_SIZES * cells, 4);
    uint32_t *class = room(w, pools, 4), *kind = room(w, pools, 4);
    int32_t *near = room(w, pools, 4);
    f->pool_provider = room(w, pools, 4);
    f->host_class = room(w, hosts, 4);
    f->pool_family = room(w, pools, 4);
    COLUMN(host_generation, hosts);
    COLUMN(cell_memory_used, cells);
    COLUMN(cell_cpu_used, cells);
    COLUMN(pages_used, (size_t)PAGE_SIZES * cells);
    COLUMN(pages_free, (size_t)PAGE_SIZES * cells);
    COLUMN(pinned, (size_t)2 * cells);
    COLUMN(cell_free, cells);
    COLUMN(cell_cores, (size_t)2 * cells);
    COLUMN(cell_cpu_room, cells);
    COLUMN(cell_memory_room, cells);
    COLUMN(cell_devices, cells);
    COLUMN(pool_count, pools);
    COLUMN(pool_taken, pools);
    COLUMN(pool_hidden, pools);
    f->host_first_cell = first_cell;
    f->host_first_pool = first_pool;
    f->host_cpu_ratio = cpu_ratio;
    f->host_ram_ratio = ram_ratio;
    f->host_distance_at = distance;
    f->cell_id = id;
    f->cell_socket = socket;
    f->cell_layout = layout;
    f->cell_mask_at = mask;
    f->cell_memory = memory;
    f->cell_page_sizes = sizes;
    f->cell_nets = nets;
    f->pages_total = total;
    f->pool_class = class;
    f->pool_cell = near;
    f->pool_kind = kind;
    f->page_kib = kib;
    kib[0] = 4, kib[1] = 2048, kib[2] = 1048576;
    uint64_t mask_at = 0;
    for (uint32_t h = 0; h < hosts; h++) {
        uint32_t size = world_random(w, SIZES);
        first_cell[h + 1] = first_cell[h] + s->cells;
        first_pool[h + 1] = first_pool[h] + s->pools;
        cpu_ratio[h] = 16.0;
        ram_ratio[h] = 1.5;
        distance[h] = UINT64_MAX;
        for (uint32_t c = 0; c < s->cells; c++) {
            uint32_t cell = h * s->cells + c;
            id[cell] = socket[cell] = (int32_t)c;
            layout[cell] = size * s->cells + c;
            mask[cell] = mask_at;
            memory[cell] = (int64_t)cpus_of[size] * (512 + 1024 + 2048);
            sizes[cell] = (1u << PAGE_SIZES) - 1u;
            for (uint32_t n = c; n < s->nets; n += s->cells) nets[cell] |= (uint64_t)1 << n;
            fill_cell(w, s, cell, size, &mask_at, total);
        }
        fill_pools(w, s, h, class, near, kind);
    }
    const char *reason = "derived columns";
    if (nf_derive(f, 0, cells, NULL) != NF_OK || nf_fleet_check(f, &reason) != NF_OK) {
        fprintf(stderr, "the fleet does not hold together: %s\n", reason);
        exit(2);
    }
    return w;
}

void world_free(world *w) {
    while (w->n_blocks) free(w->blocks[--w->n_blocks]);
    free(w);
}
