/* Small fleets, requests and options of every shape, made of the fuzzer's bytes. */
#include "world.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A column of the fleet, to be filled. */
#define OWN(type, name) type *name = (type *)(uintptr_t)f->name

static const uint32_t PAGE_KIB[] = {3, 4, 64, 2048, 1048576};
enum { PAGE_KINDS = sizeof PAGE_KIB / sizeof *PAGE_KIB };

static const double RATIOS[] = {NAN, 1.0, 2.0, 0.0, 16.0, 0.7};

/* Counts of the fleet before its columns are there; what they hold is decided with them. */
typedef struct plan {
    uint32_t cells[MOST_HOSTS], pools[MOST_HOSTS];
    uint32_t first_cell[MOST_HOSTS], first_pool[MOST_HOSTS];
    nf_layout layouts[3];
    bool matrix[MOST_HOSTS]; /* the distances of the host are known */
    uint32_t page_kinds;     /* bit k: PAGE_KIB[k] */
} plan;

static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* Cores of 1 to 64 slots, and up to three CPUs that stand in no sibling set. */
static void plan_layout(nf_fleet *f, nf_layout *l, bytes *b) {
    uint32_t wide = now_and_then(b, 16);
    l->shift = wide ? 4 + below(b, 3) : below(b, 3);
    l->n_cores = wide ? below(b, 3) : below(b, 7);
    l->n_slots = (l->n_cores << l->shift) + (now_and_then(b, 4) ? below(b, 4) : 0);
    l->n_words = (l->n_slots + 63) / 64;
    l->mask_at = f->n_layout_words;
    l->cpu_at = f->n_layout_cpus;
    f->n_layout_words += l->n_words;
    f->n_layout_cpus += l->n_slots;
    f->max_words = most(f->max_words, l->n_words);
    f->max_threads = most(f->max_threads, 1u << l->shift);
}

static void plan_hosts(nf_fleet *f, plan *p, bytes *b) {
    f->n_hosts = 1 + below(b, MOST_HOSTS);
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        p->cells[h] = now_and_then(b, 4) ? below(b, MOST_CELLS + 1) : 2;
        p->pools[h] = below(b, MOST_POOLS + 1);
        p->matrix[h] = below(b, 2);
        f->max_cells = most(f->max_cells, p->cells[h]);
        f->max_pools = most(f->max_pools, p->pools[h]);
        if (p->matrix[h]) f->n_distances += p->cells[h] * p->cells[h];
    }
}

/* Ranges one after the other, or in any order with void rows before, between and behind them. */
static void plan_ranges(nf_fleet *f, plan *p, bytes *b) {
    uint32_t moved = last_below(b, 2), start = moved ? last_below(b, f->n_hosts) : 0;
    f->host_room = f->n_hosts + (moved ? last_below(b, 3) : 0);
    f->layout_room = f->n_layouts + moved;
    for (uint32_t i = 0; i < f->n_hosts; i++) {
        uint32_t h = moved ? (start + f->n_hosts - i) % f->n_hosts : i;
        p->first_cell[h] = f->n_cells += moved ? last_below(b, 3) : 0;
        p->first_pool[h] = f->n_pools += moved ? last_below(b, 3) : 0;
        f->n_cells += p->cells[h];
        f->n_pools += p->pools[h];
    }
    f->n_cells += moved ? last_below(b, 3) : 0;
    f->n_pools += moved ? last_below(b, 3) : 0;
    f->n_mask_words = (uint64_t)f->n_cells * f->max_words;
}

static void plan_fleet(nf_fleet *f, plan *p, bytes *b) {
    *f = (nf_fleet){.abi = NF_ABI_VERSION, .identity = below(b, 2) ? 7 : 0};
    memset(p, 0, sizeof *p);
    plan_hosts(f, p, b);
    f->n_layouts = 1 + below(b, 3);
    for (uint32_t l = 0; l < f->n_layouts; l++) plan_layout(f, &p->layouts[l], b);
    p->page_kinds = below(b, 1u << PAGE_KINDS);
    for (uint32_t k = 0; k < PAGE_KINDS; k++) f->n_page_sizes += p->page_kinds >> k & 1u;
    f->net_words = now_and_then(b, 8) ? 2 : 1;
    f->n_classes = now_and_then(b, 16) ? 70 : 1 + below(b, 3);
    f->n_host_classes = 1 + below(b, 3);
    f->n_resources = now_and_then(b, 2) ? below(b, MOST_RESOURCES + 1) : 0;
    plan_ranges(f, p, b);
    if (f->max_threads < 64) f->max_threads += now_and_then(b, 8); /* wider than any layout */
}

/* CPUs with holes between them; some of them, or all, for dedicated vCPUs. */
static void fill_layout(nf_fleet *f, nf_layout *l, bytes *b) {
    OWN(int32_t, layout_cpus);
    OWN(uint64_t, layout_words);
    uint32_t holes = now_and_then(b, 4), shared = now_and_then(b, 3);
    for (uint32_t slot = 0; slot < l->n_slots; slot++) {
        bool loose = slot >= l->n_cores << l->shift;
        bool there = loose || !holes || !now_and_then(b, 4);
        layout_cpus[l->cpu_at + slot] = there ? (int32_t)slot : -1;
        if (!there) continue;
        l->n_shared++;
        if (shared && now_and_then(b, 3)) continue;
        layout_words[l->mask_at + slot / 64] |= (uint64_t)1 << (slot % 64);
        l->n_dedicated++;
    }
    for (uint32_t core = 0; core < l->n_cores; core++) {
        uint32_t here = 0;
        for (uint32_t t = 0; t < 1u << l->shift; t++)
            here += layout_cpus[l->cpu_at + (core << l->shift) + t] >= 0;
        l->threads = most(l->threads, here);
    }
    l->same_sets = !shared;
    if (shared) l->n_shared = below(b, l->n_shared + 1);
}

static void fill_tables(nf_fleet *f, plan *p, bytes *b) {
    OWN(nf_layout, layouts);
    OWN(uint32_t, page_kib);
    OWN(int32_t, distances);
    for (uint32_t l = 0; l < f->n_layouts; l++) {
        fill_layout(f, &p->layouts[l], b);
        layouts[l] = p->layouts[l];
    }
    for (uint32_t k = 0, s = 0; k < PAGE_KINDS; k++)
        if (p->page_kinds >> k & 1u) page_kib[s++] = PAGE_KIB[k];
    for (uint64_t i = 0; i < f->n_distances; i++) distances[i] = (int32_t)(10 * below(b, 4));
}

static void fill_pages(nf_fleet *f, uint32_t cell, bytes *b) {
    OWN(uint32_t, cell_page_sizes);
    OWN(int32_t, pages_total);
    cell_page_sizes[cell] = now_and_then(b, 4) ? below(b, 1u << f->n_page_sizes)
                                               : (1u << f->n_page_sizes) - 1;
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        uint32_t at = s * f->n_cells + cell;
        if (!(cell_page_sizes[cell] >> s & 1u)) continue;
        pages_total[at] = (int32_t)below(b, f->page_kib[s] < 2048 ? 4000 : 9);
        f->pages_used[at] = (int32_t)below(b, now_and_then(b, 8) ? 5000 : 3);
        int32_t reserved = now_and_then(b, 8) ? (int32_t)below(b, 5) : 0;
        f->pages_free[at] = pages_total[at] - f->pages_used[at] - reserved;
    }
}

static void fill_cell(nf_fleet *f, uint32_t cell, uint32_t number, bytes *b) {
    OWN(int32_t, cell_id);
    OWN(int32_t, cell_socket);
    OWN(uint32_t, cell_layout);
    OWN(int64_t, cell_memory);
    OWN(uint64_t, cell_nets);
    cell_id[cell] = (int32_t)number;
    cell_socket[cell] = (int32_t)below(b, 4) - 1;
    if (cell_socket[cell] < 0 && !now_and_then(b, 4)) cell_socket[cell] = 0;
    cell_layout[cell] = below(b, f->n_layouts);
    cell_memory[cell] = now_and_then(b, 16) ? NF_MAX_AMOUNT : below(b, 12);
    f->cell_memory_used[cell] = below(b, now_and_then(b, 8) ? 20 : 3);
    f->cell_cpu_used[cell] = below(b, now_and_then(b, 8) ? 20 : 3);
    for (uint32_t n = 0; n < f->net_words; n++)
        cell_nets[cell * f->net_words + n] = below(b, 8) | (uint64_t)below(b, 2) << 63;
    const nf_layout *l = &f->layouts[cell_layout[cell]];
    if (now_and_then(b, 2)) /* CPUs that are no dedicated ones too: a guest of other days */
        for (uint32_t slot = 0; slot < l->n_slots; slot++)
            if (now_and_then(b, 4))
                f->pinned[f->cell_mask_at[cell] + slot / 64] |= (uint64_t)1 << (slot % 64);
    fill_pages(f, cell, b);
}

static bool exclude(const nf_fleet *f, uint32_t p, uint32_t q) {
    return f->pool_family[p] && f->pool_family[p] == f->pool_family[q] &&
           f->pool_kind[p] != f->pool_kind[q];
}

/* Of what excludes each other only one kind is in use, and the others are out of sight. */
static void settle_families(nf_fleet *f, uint32_t first, uint32_t last) {
    for (uint32_t p = first; p < last; p++)
        for (uint32_t q = p + 1; q < last; q++)
            if (f->pool_taken[p] && exclude(f, p, q)) f->pool_taken[q] = 0;
    for (uint32_t p = first; p < last; p++)
        for (uint32_t q = first; q < last; q++) {
            if (!f->pool_taken[q] || !exclude(f, p, q) || f->pool_count[p] <= 0) continue;
            f->pool_hidden[p] = f->pool_count[p];
            f->pool_count[p] = NF_POOL_GONE;
        }
}

static void fill_pools(nf_fleet *f, uint32_t host, bytes *b) {
    OWN(uint32_t, pool_class);
    OWN(int32_t, pool_cell);
    OWN(uint32_t, pool_provider);
    OWN(uint32_t, pool_family);
    OWN(uint32_t, pool_kind);
    uint32_t first = f->host_first_pool[host], last = f->host_end_pool[host];
    uint32_t first_cell = f->host_first_cell[host];
    uint32_t cells = f->host_end_cell[host] - first_cell;
    bool families = now_and_then(b, 2);
    for (uint32_t p = first; p < last; p++) {
        pool_class[p] = below(b, f->n_classes);
        pool_cell[p] = (int32_t)below(b, cells + 2) + NF_POOL_ELSEWHERE;
        pool_provider[p] = below(b, 4);
        if (families) pool_family[p] = below(b, 3);
        if (families) pool_kind[p] = below(b, 3);
        f->pool_count[p] = (int32_t)below(b, 6) - 1;
        f->pool_taken[p] = now_and_then(b, 4) ? (int32_t)below(b, 3) : 0;
    }
    settle_families(f, first, last);
    for (uint32_t p = first; p < last; p++)
        if (pool_cell[p] >= 0 && f->pool_count[p] > 0)
            f->cell_devices[first_cell + (uint32_t)pool_cell[p]] += f->pool_count[p];
}

static void fill_host(nf_fleet *f, uint32_t h, bytes *b) {
    OWN(double, host_cpu_ratio);
    OWN(double, host_ram_ratio);
    OWN(uint32_t, host_class);
    OWN(int64_t, resource_limit);
    host_cpu_ratio[h] = RATIOS[below(b, sizeof RATIOS / sizeof *RATIOS)];
    host_ram_ratio[h] = RATIOS[below(b, sizeof RATIOS / sizeof *RATIOS)];
    host_class[h] = now_and_then(b, 4) ? below(b, f->n_host_classes) : 0;
    for (uint32_t r = 0; r < f->n_resources; r++) {
        resource_limit[r * f->host_room + h] = (int64_t)below(b, 9) - 1;
        f->resource_used[r * f->host_room + h] = now_and_then(b, 4) ? below(b, 9) : 0;
    }
}

/* Does the value stand in the row of a host that is none, or of a void cell or pool? */
static bool in_void(const nf_fleet *f, const nf_column_info *column, const uint64_t shape[2],
                    uint64_t at) {
    switch (column->per) {
    case NF_PER_HOST: return at >= f->n_hosts;
    case NF_PER_RESOURCE_HOST: return at % shape[1] >= f->n_hosts;
    case NF_PER_CELL: return f->cell_host[at] == NF_NO_HOST;
    case NF_PER_CELL_NET: return f->cell_host[at / shape[1]] == NF_NO_HOST;
    case NF_PER_PAGE_CELL: case NF_PER_THREAD_CELL: return f->cell_host[at % shape[1]] == NF_NO_HOST;
    case NF_PER_POOL: return f->pool_host[at] == NF_NO_HOST;
    case NF_PER_LAYOUT: return at >= f->n_layouts;
    default: return false;
    }
}

/* Void rows hold what nobody may follow. Where their masks are is the one thing that is judged. */
static void fill_void(nf_fleet *f) {
    OWN(uint64_t, cell_mask_at);
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        char *data;
        if (column->offset == offsetof(nf_fleet, cell_host) ||
            column->offset == offsetof(nf_fleet, pool_host))
            continue;
        nf_column_shape(f, i, shape);
        memcpy(&data, (char *)f + column->offset, sizeof data);
        for (uint64_t at = 0; at < shape[0] * shape[1]; at++)
            if (in_void(f, column, shape, at)) memset(data + at * column->size, 0xa5, column->size);
    }
    for (uint32_t c = 0; c < f->n_cells; c++) cell_mask_at[c] = (uint64_t)c * f->max_words;
}

static void fill_hosts(nf_fleet *f, const plan *p, bytes *b) {
    OWN(uint32_t, host_first_cell);
    OWN(uint32_t, host_end_cell);
    OWN(uint32_t, host_first_pool);
    OWN(uint32_t, host_end_pool);
    OWN(uint32_t, host_class);
    OWN(uint64_t, host_distance_at);
    OWN(uint32_t, cell_host);
    OWN(uint32_t, pool_host);
    uint64_t distance_at = 0;
    memset(cell_host, 0xff, f->n_cells * sizeof *cell_host);
    memset(pool_host, 0xff, f->n_pools * sizeof *pool_host);
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        host_first_cell[h] = p->first_cell[h];
        host_end_cell[h] = p->first_cell[h] + p->cells[h];
        host_first_pool[h] = p->first_pool[h];
        host_end_pool[h] = p->first_pool[h] + p->pools[h];
        for (uint32_t c = host_first_cell[h]; c < host_end_cell[h]; c++) cell_host[c] = h;
        for (uint32_t i = host_first_pool[h]; i < host_end_pool[h]; i++) pool_host[i] = h;
    }
    fill_void(f);
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        fill_host(f, h, b);
        host_distance_at[h] = p->matrix[h] ? distance_at : UINT64_MAX;
        if (p->matrix[h]) distance_at += p->cells[h] * p->cells[h];
        for (uint32_t c = 0; c < p->cells[h]; c++) fill_cell(f, host_first_cell[h] + c, c, b);
        fill_pools(f, h, b);
        bool empty = !p->cells[h] && !p->pools[h];
        if (empty && last_below(b, 2)) host_class[h] = NF_REMOVED_CLASS;
    }
}

void world_make(world *w, bytes *b) {
    plan p;
    nf_fleet *f = &w->fleet;
    const nf_column_info *column;
    plan_fleet(f, &p, b);
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        nf_column_shape(f, i, shape);
        void *data = calloc(shape[0] * shape[1], column->size);
        memcpy((char *)f + column->offset, &data, sizeof data);
    }
    fill_tables(f, &p, b);
    fill_hosts(f, &p, b);
    nf_derive(f, 0, f->n_cells, NULL);
    narrate_fleet(f);
}

void world_free(world *w) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        void *data;
        memcpy(&data, (char *)&w->fleet + column->offset, sizeof data);
        free(data);
    }
}

uint64_t world_digest(const nf_fleet *f) {
    const nf_column_info *column;
    uint64_t digest = 14695981039346656037u;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        const unsigned char *data;
        if (!column->claimed || !strcmp(column->name, "host_generation")) continue;
        nf_column_shape(f, i, shape);
        memcpy(&data, (const char *)f + column->offset, sizeof data);
        for (size_t n = 0; n < shape[0] * shape[1] * column->size; n++)
            digest = (digest ^ data[n]) * 1099511628211u;
    }
    return digest;
}

static void wish_cell(nf_guest_cell *c, const nf_fleet *f, bytes *b) {
    static const int64_t MEMORY[] = {0, 1, 2, 3, 4, 8, 2048, NF_MAX_AMOUNT};
    uint32_t pages = below(b, 8);
    c->memory = MEMORY[now_and_then(b, 4) ? below(b, 8) : 1 + below(b, 4)];
    c->page_kib = pages < 4 ? -(int64_t)pages : NF_PAGES_NONE;
    if (pages > 4 && f->n_page_sizes) c->page_kib = f->page_kib[below(b, f->n_page_sizes)];
    if (now_and_then(b, 32)) c->page_kib = 5;
    c->policy = below(b, 4);
    c->n_shared = c->policy == NF_POLICY_DEDICATED ? 0 : below(b, 4);
    c->n_dedicated = c->policy >= NF_POLICY_DEDICATED || now_and_then(b, 8) ? below(b, 6) : 0;
    c->threads = below(b, 4);
}

static void wish_pci(wish *w, uint32_t i, const nf_fleet *f, bytes *b) {
    nf_pci_request *q = &w->pci[i];
    uint32_t usable = now_and_then(b, 4) ? below(b, 256) : 255;
    q->count = now_and_then(b, 16) ? 200 : below(b, 5);
    q->policy = below(b, 4);
    w->masks[i][0][0] = below(b, 8) | (uint64_t)below(b, 2) << 63;
    w->masks[i][0][1] = f->n_classes > 64 ? below(b, 64) : 0;
    for (uint32_t word = 0; word < MOST_MASK_WORDS; word++)
        w->masks[i][1][word] = w->masks[i][0][word] & (usable | usable << 4 | (uint64_t)1 << 63);
    q->matches = w->masks[i][0];
    q->usable = w->masks[i][1];
    if (!now_and_then(b, 3)) return;
    q->n_providers = below(b, MOST_PROVIDERS + 1);
    q->providers = w->providers[i];
    for (uint32_t p = 0; p < q->n_providers; p++) {
        uint32_t left = 1 + below(b, 4); /* each provider once, as the binding counts them */
        for (uint32_t other = 0; other < p; other++)
            if (w->providers[i][other].provider == left) left = 4 + p;
        w->providers[i][p] = (nf_provider){left, below(b, 4)};
    }
}

/* What is asked of the host itself. */
static void wish_host(wish *w, const nf_fleet *f, bytes *b) {
    nf_request *r = &w->request;
    uint32_t classes = f->n_resources < MOST_RESOURCES ? f->n_resources : MOST_RESOURCES;
    r->n_resources = below(b, classes + 1);
    r->resources = w->resources;
    for (uint32_t i = 0; i < r->n_resources; i++)
        w->resources[i] = (nf_resource){i, 1 + below(b, 4)};
    w->host_classes = 1 + below(b, 7);
    if (below(b, 2)) r->host_classes = &w->host_classes;
    if (!r->host_classes || !now_and_then(b, 3)) return;
    w->fallback_classes = below(b, 8);
    r->fallback_classes = &w->fallback_classes;
    r->n_fallback = below(b, classes + 1);
    r->fallback = w->fallback;
    for (uint32_t i = 0; i < r->n_fallback; i++)
        w->fallback[i] = (nf_resource){f->n_resources - 1 - i, 1 + below(b, 4)};
}

static void wish_options(nf_options *o, bytes *b) {
    static const uint32_t BUDGETS[] = {0, 0, 0, 1, 2, 9, 100};
    *o = (nf_options){.strategy = below(b, 3),
                      .net_affinity = below(b, 2),
                      .limits = below(b, 3),
                      .pci_matching = below(b, 2),
                      .budget = BUDGETS[below(b, 7)]};
    if (o->limits != NF_LIMITS_GIVEN) return;
    o->cpu_ratio = now_and_then(b, 8) ? INFINITY : below(b, 40) / 10.0;
    o->ram_ratio = now_and_then(b, 8) ? INFINITY : below(b, 40) / 10.0;
}

void wish_make(wish *w, const nf_fleet *f, bytes *b) {
    memset(w, 0, sizeof *w); /* cells that ask for the same are found by comparing bytes */
    wish_options(&w->options, b);
    nf_request *r = &w->request;
    *r = (nf_request){.abi = NF_ABI_VERSION, .fleet = f->identity};
    r->n_cells = now_and_then(b, 16) ? 0 : 1 + below(b, MOST_GUEST);
    r->cells = w->cells;
    for (uint32_t g = 0; g < r->n_cells; g++) {
        if (g && below(b, 2))
            w->cells[g] = w->cells[g - 1];
        else
            wish_cell(&w->cells[g], f, b);
    }
    r->emulator_isolated = now_and_then(b, 4);
    r->n_nets = now_and_then(b, 2) ? below(b, MOST_NETS + 1) : 0;
    r->nets = w->nets;
    for (uint32_t n = 0; n < r->n_nets; n++)
        w->nets[n] = now_and_then(b, 8) ? 63 + below(b, 70) : below(b, 3);
    r->n_pci = now_and_then(b, 2) ? below(b, MOST_PCI + 1) : 0;
    r->pci = w->pci;
    for (uint32_t i = 0; i < r->n_pci; i++) wish_pci(w, i, f, b);
    if (now_and_then(b, 3)) wish_host(w, f, b);
    narrate_wish(w);
}

void answer_make(nf_placement *out, const nf_fleet *f, const nf_request *r) {
    *out = (nf_placement){.cells_size = r->n_cells,
                          .slots_size = nf_max_slots(r),
                          .draws_size = nf_max_draws(f, r)};
    out->cells = calloc(out->cells_size, sizeof *out->cells);
    out->slots = calloc(out->slots_size, sizeof *out->slots);
    out->draws = calloc(out->draws_size, sizeof *out->draws);
}

void answer_free(nf_placement *out) {
    free(out->cells);
    free(out->slots);
    free(out->draws);
}
