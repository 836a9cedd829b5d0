/* A copy of one host in the workspace, to place guests on without touching the fleet. */
#include "engine.h"
#include "mirror.h"

typedef struct plan {
    char *at;
    size_t used;
} plan;

static void *room(plan *p, size_t count, size_t size) {
    void *here = p->at ? p->at + p->used : NULL;
    p->used += (count * size + 7u) & ~(size_t)7u;
    return here;
}

static void lay_out(nf_mirror *m, const nf_fleet *f, plan *p) {
    size_t cells = f->max_cells, pools = f->max_pools;
    m->first_cell = room(p, 2, sizeof *m->first_cell);
    m->first_pool = room(p, 2, sizeof *m->first_pool);
    m->mask_at = room(p, cells, sizeof *m->mask_at);
    m->memory_used = room(p, cells, sizeof *m->memory_used);
    m->cpu_used = room(p, cells, sizeof *m->cpu_used);
    m->devices = room(p, cells, sizeof *m->devices);
    m->free = room(p, cells, sizeof *m->free);
    m->cores = room(p, cells * f->max_threads, sizeof *m->cores);
    m->pages_total = room(p, cells * f->n_page_sizes, sizeof *m->pages_total);
    m->pages_used = room(p, cells * f->n_page_sizes, sizeof *m->pages_used);
    m->pages_free = room(p, cells * f->n_page_sizes, sizeof *m->pages_free);
    m->cpu_room = room(p, cells, sizeof *m->cpu_room);
    m->memory_room = room(p, cells, sizeof *m->memory_room);
    m->pinned = room(p, cells * f->max_words, sizeof *m->pinned);
    m->pool_count = room(p, pools, sizeof *m->pool_count);
    m->pool_taken = room(p, pools, sizeof *m->pool_taken);
    m->pool_hidden = room(p, pools, sizeof *m->pool_hidden);
    m->generation = room(p, 1, sizeof *m->generation);
}

size_t nf_mirror_bytes(const nf_fleet *f) {
    nf_mirror m;
    plan p = {NULL, 0};
    lay_out(&m, f, &p);
    return p.used;
}

static void copy(void *to, const void *from, size_t count, size_t size) {
    if (count) memcpy(to, from, count * size);
}

void nf_mirror_make(nf_mirror *m, const nf_fleet *f, uint32_t host, void *memory) {
    plan p = {memory, 0};
    lay_out(m, f, &p);
    uint32_t c0 = f->host_first_cell[host], cells = nf_host_cells(f, host);
    uint32_t p0 = f->host_first_pool[host], pools = f->host_first_pool[host + 1] - p0;
    m->fleet = *f;
    m->first_cell[0] = m->first_pool[0] = 0;
    m->first_cell[1] = cells;
    m->first_pool[1] = pools;
    uint32_t word = 0;
    for (uint32_t c = 0; c < cells; c++) {
        uint32_t words = f->layouts[f->cell_layout[c0 + c]].n_words;
        m->mask_at[c] = word;
        copy(m->pinned + word, f->pinned + f->cell_mask_at[c0 + c], words, sizeof *m->pinned);
        word += words;
    }
    copy(m->memory_used, f->cell_memory_used + c0, cells, sizeof *m->memory_used);
    copy(m->cpu_used, f->cell_cpu_used + c0, cells, sizeof *m->cpu_used);
    copy(m->devices, f->cell_devices + c0, cells, sizeof *m->devices);
    copy(m->free, f->cell_free + c0, cells, sizeof *m->free);
    copy(m->cpu_room, f->cell_cpu_room + c0, cells, sizeof *m->cpu_room);
    copy(m->memory_room, f->cell_memory_room + c0, cells, sizeof *m->memory_room);
    for (uint32_t k = 0; k < f->max_threads; k++)
        copy(m->cores + (size_t)k * cells, f->cell_cores + (size_t)k * f->n_cells + c0, cells,
             sizeof *m->cores);
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        size_t from = (size_t)s * f->n_cells + c0, to = (size_t)s * cells;
        copy(m->pages_total + to, f->pages_total + from, cells, sizeof *m->pages_total);
        copy(m->pages_used + to, f->pages_used + from, cells, sizeof *m->pages_used);
        copy(m->pages_free + to, f->pages_free + from, cells, sizeof *m->pages_free);
    }
    copy(m->pool_count, f->pool_count + p0, pools, sizeof *m->pool_count);
    copy(m->pool_taken, f->pool_taken + p0, pools, sizeof *m->pool_taken);
    copy(m->pool_hidden, f->pool_hidden + p0, pools, sizeof *m->pool_hidden);
    m->generation[0] = 0;

    nf_fleet *own = &m->fleet;
    own->n_hosts = 1;
    own->n_cells = own->max_cells = cells;
    own->n_pools = own->max_pools = pools;
    own->host_first_cell = m->first_cell;
    own->host_first_pool = m->first_pool;
    own->host_cpu_ratio = f->host_cpu_ratio + host;
    own->host_ram_ratio = f->host_ram_ratio + host;
    own->host_distance_at = f->host_distance_at + host;
    own->host_generation = m->generation;
    own->cell_id = f->cell_id + c0;
    own->cell_socket = f->cell_socket + c0;
    own->cell_layout = f->cell_layout + c0;
    own->cell_mask_at = m->mask_at;
    own->cell_memory = f->cell_memory + c0;
    own->cell_page_sizes = f->cell_page_sizes + c0;
    own->cell_nets = f->cell_nets + (size_t)c0 * f->net_words;
    own->pages_total = m->pages_total;
    own->cell_memory_used = m->memory_used;
    own->cell_cpu_used = m->cpu_used;
    own->pages_used = m->pages_used;
    own->pinned = m->pinned;
    own->cell_free = m->free;
    own->cell_cores = m->cores;
    own->pages_free = m->pages_free;
    own->cell_cpu_room = m->cpu_room;
    own->cell_memory_room = m->memory_room;
    own->cell_devices = m->devices;
    own->pool_class = f->pool_class + p0;
    own->pool_cell = f->pool_cell + p0;
    own->pool_provider = f->pool_provider + p0;
    own->pool_family = f->pool_family + p0;
    own->pool_kind = f->pool_kind + p0;
    own->pool_count = m->pool_count;
    own->pool_taken = m->pool_taken;
    own->pool_hidden = m->pool_hidden;
}
