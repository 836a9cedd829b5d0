/* The rows of all hosts become the columns of a fleet, in one block of memory. */
#include <string.h>

#include "arena.h"
#include "build.h"
#include "columns.h"
#include "fleet_check.h"
#include "resources.h"

enum { LEAST_HOSTS_PER_LOCK = 64 }; /* enough for their cells to be looked at together */

/* Columns are written here and nowhere else: what is const to the engine is not yet. */
#define OWN(type, f, column) ((type *)(uintptr_t)(f)->column)

static void copy(void *to, const void *from, uint64_t count, size_t size) {
    if (to && from && count) memcpy(to, from, (size_t)count * size);
}

static uint32_t at_least_one(uint32_t n) { return n ? n : 1; }

static const nf_layout *layout_at(const nf_builder *b, uint32_t number) {
    return nf_kept_at(&b->kept[NF_KEPT_LAYOUTS], number, NULL);
}

static nf_fleet count(const nf_builder *b) {
    nf_fleet f = {
        .abi = NF_ABI_VERSION,
        .n_hosts = (uint32_t)b->lists[NF_HOSTS].count,
        .host_room = (uint32_t)b->lists[NF_HOSTS].count,
        .n_cells = (uint32_t)b->lists[NF_CELLS].count,
        .n_layouts = nf_kept_count(&b->kept[NF_KEPT_LAYOUTS]),
        .layout_room = nf_kept_count(&b->kept[NF_KEPT_LAYOUTS]),
        .n_page_sizes = nf_kept_count(&b->kept[NF_KEPT_PAGE_SIZES]),
        .max_cells = b->max_cells,
        .net_words = nf_words_for(NF_TUNNEL_NET + 1 + nf_kept_count(&b->kept[NF_KEPT_NETS])),
        .n_pools = (uint32_t)b->lists[NF_POOLS].count,
        .max_pools = b->max_pools,
        .n_classes = nf_kept_count(&b->kept[NF_KEPT_CLASSES]),
        .n_resources = nf_kept_count(&b->kept[NF_KEPT_RESOURCES]),
        .n_host_classes = at_least_one(nf_kept_count(&b->kept[NF_KEPT_KINDS])),
        .identity = (uintptr_t)b, /* no other builder has it while this one lives */
        .n_mask_words = b->lists[NF_MASKS].count,
        .n_distances = b->lists[NF_DISTANCES].count,
    };
    for (uint32_t n = 0; n < f.n_layouts; n++) {
        const nf_layout *l = layout_at(b, n);
        f.n_layout_words += l->n_words;
        f.n_layout_cpus += l->n_slots;
        if (l->threads > f.max_threads) f.max_threads = l->threads;
        if (l->n_words > f.max_words) f.max_words = l->n_words;
    }
    return f;
}

/* Each column. Without memory: how many bytes. */
static size_t lay_out(nf_fleet *f, void *memory) {
    nf_arena a = {memory, 0};
    uint64_t shape[2];
    uint32_t i = 0;
#define LAY_OUT(column, per, derived) \
    nf_column_shape(f, i++, shape);   \
    f->column = nf_carve(&a, (size_t)(shape[0] * shape[1]), sizeof *f->column);
    NF_COLUMNS(LAY_OUT)
    return a.used;
}

static void fill_hosts(const nf_builder *b, const nf_fleet *f) {
    const nf_host_row *rows = NF_ITEMS(const nf_host_row, &b->lists[NF_HOSTS]);
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        uint32_t first_cell = h ? rows[h - 1].end_cell : 0;
        uint32_t first_pool = h ? rows[h - 1].end_pool : 0;
        OWN(uint32_t, f, host_first_cell)[h] = first_cell;
        OWN(uint32_t, f, host_end_cell)[h] = rows[h].end_cell;
        OWN(uint32_t, f, host_first_pool)[h] = first_pool;
        OWN(uint32_t, f, host_end_pool)[h] = rows[h].end_pool;
        for (uint32_t c = first_cell; c < rows[h].end_cell; c++) OWN(uint32_t, f, cell_host)[c] = h;
        for (uint32_t p = first_pool; p < rows[h].end_pool; p++) OWN(uint32_t, f, pool_host)[p] = h;
        OWN(double, f, host_cpu_ratio)[h] = rows[h].cpu_ratio;
        OWN(double, f, host_ram_ratio)[h] = rows[h].ram_ratio;
        OWN(uint64_t, f, host_distance_at)[h] = rows[h].distance_at;
        OWN(uint32_t, f, host_class)[h] = rows[h].kind;
    }
    size_t all = (size_t)f->n_resources * f->host_room;
    for (size_t i = 0; i < all; i++) OWN(int64_t, f, resource_limit)[i] = NF_MAX_AMOUNT;
    const nf_list *inventories = &b->lists[NF_INVENTORIES];
    for (size_t i = 0; i < inventories->count; i++) {
        const nf_inventory_row *row = &NF_ITEMS(const nf_inventory_row, inventories)[i];
        size_t at = nf_resource_at(f, row->resource, row->host);
        OWN(int64_t, f, resource_limit)[at] = row->limit;
        f->resource_used[at] = row->used;
    }
}

static void fill_cells(const nf_builder *b, const nf_fleet *f) {
    const nf_cell_row *rows = NF_ITEMS(const nf_cell_row, &b->lists[NF_CELLS]);
    for (uint32_t c = 0; c < f->n_cells; c++) {
        OWN(int32_t, f, cell_id)[c] = rows[c].id;
        OWN(int32_t, f, cell_socket)[c] = rows[c].socket;
        OWN(uint32_t, f, cell_layout)[c] = rows[c].layout;
        OWN(uint64_t, f, cell_mask_at)[c] = rows[c].mask_at;
        OWN(int64_t, f, cell_memory)[c] = rows[c].memory;
        f->cell_memory_used[c] = rows[c].memory_used;
        f->cell_cpu_used[c] = rows[c].cpu_used;
    }
    const nf_near_row *near = NF_ITEMS(const nf_near_row, &b->lists[NF_NEAR]);
    for (size_t i = 0; i < b->lists[NF_NEAR].count; i++)
        nf_bit_set(OWN(uint64_t, f, cell_nets) + (size_t)near[i].cell * f->net_words, near[i].net);
    copy(f->pinned, b->lists[NF_MASKS].items, f->n_mask_words, sizeof *f->pinned);
}

static uint32_t page_kib(const nf_builder *b, uint32_t number) {
    return *(const uint32_t *)nf_kept_at(&b->kept[NF_KEPT_PAGE_SIZES], number, NULL);
}

/* Sizes were numbered as they were met, and stand in ascending order. */
static void fill_pages(const nf_builder *b, const nf_fleet *f) {
    uint32_t place[NF_MAX_PAGE_SIZES] = {0};
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        for (uint32_t other = 0; other < f->n_page_sizes; other++)
            place[s] += page_kib(b, other) < page_kib(b, s);
        OWN(uint32_t, f, page_kib)[place[s]] = page_kib(b, s);
    }
    const nf_page_row *rows = NF_ITEMS(const nf_page_row, &b->lists[NF_PAGE_ROWS]);
    for (size_t i = 0; i < b->lists[NF_PAGE_ROWS].count; i++) {
        uint32_t s = place[rows[i].size];
        size_t at = (size_t)s * f->n_cells + rows[i].cell;
        OWN(uint32_t, f, cell_page_sizes)[rows[i].cell] |= 1u << s;
        OWN(int32_t, f, pages_total)[at] = rows[i].total;
        f->pages_used[at] = rows[i].used;
        f->pages_free[at] = rows[i].free;
    }
}

static void fill_pools(const nf_builder *b, const nf_fleet *f) {
    const nf_pool_row *rows = NF_ITEMS(const nf_pool_row, &b->lists[NF_POOLS]);
    for (uint32_t p = 0; p < f->n_pools; p++) {
        uint32_t first_cell = f->host_first_cell[f->pool_host[p]];
        OWN(uint32_t, f, pool_class)[p] = rows[p].class;
        OWN(int32_t, f, pool_cell)[p] = rows[p].cell;
        OWN(uint32_t, f, pool_family)[p] = rows[p].family;
        OWN(uint32_t, f, pool_kind)[p] = rows[p].kind;
        f->pool_count[p] = rows[p].count;
        if (rows[p].cell >= 0)
            f->cell_devices[first_cell + (uint32_t)rows[p].cell] += rows[p].count;
    }
}

static void fill_tables(const nf_builder *b, const nf_fleet *f) {
    uint64_t words = 0, cpus = 0;
    for (uint32_t n = 0; n < f->n_layouts; n++) {
        const nf_layout *l = layout_at(b, n);
        nf_layout *to = OWN(nf_layout, f, layouts) + n;
        *to = *l;
        to->mask_at = words;
        to->cpu_at = cpus;
        copy(OWN(uint64_t, f, layout_words) + words, NF_LAYOUT_WORDS(l), l->n_words,
             sizeof *f->layout_words);
        copy(OWN(int32_t, f, layout_cpus) + cpus, NF_LAYOUT_CPUS(l), l->n_slots,
             sizeof *f->layout_cpus);
        words += l->n_words;
        cpus += l->n_slots;
    }
    copy(OWN(int32_t, f, distances), b->lists[NF_DISTANCES].items, f->n_distances,
         sizeof *f->distances);
}

static nf_status complain(nf_builder *b, nf_status status, const char *words) {
    b->error.used = 0;
    nf_say(&b->error, "nf_builder_finish: %s", words);
    return status;
}

static nf_status make_fleet(nf_builder *b) {
    const char *reason = "";
    nf_fleet f = count(b);
    nf_shared shared = {.hosts_per_lock = (f.n_hosts + NF_MAX_LOCKS - 1) / NF_MAX_LOCKS};
    if (shared.hosts_per_lock < LEAST_HOSTS_PER_LOCK) shared.hosts_per_lock = LEAST_HOSTS_PER_LOCK;
    shared.n_locks = f.n_hosts / shared.hosts_per_lock + 1;
    if (shared.n_locks > NF_MAX_LOCKS) shared.n_locks = NF_MAX_LOCKS;
    size_t columns = lay_out(&f, NULL), bytes = columns + (shared.n_locks + 1) * sizeof(nf_lock);
    b->slab = b->memory.allocate(b->memory.context, bytes);
    if (!b->slab) return complain(b, NF_ENOMEM, "the allocator gave no memory");
    memset(b->slab, 0, bytes);
    lay_out(&f, b->slab);
    /* each lock has a cache line to itself */
    char *behind = (char *)b->slab + columns;
    size_t beyond = (uintptr_t)behind % sizeof(nf_lock);
    shared.locks = (nf_lock *)(void *)(behind + sizeof(nf_lock) - beyond);
    fill_hosts(b, &f);
    fill_cells(b, &f);
    fill_pages(b, &f);
    fill_pools(b, &f);
    fill_tables(b, &f);
    nf_status status = nf_derive(&f, 0, f.n_cells, &reason);
    if (status == NF_OK) status = nf_fleet_check(&f, &reason);
    if (status != NF_OK) return complain(b, status, reason);
    b->fleet = f;
    b->shared = shared;
    b->shared.fleet = &b->fleet;
    return NF_OK;
}

nf_status nf_builder_finish(nf_builder *b, const nf_shared **out) {
    if (!b || !out) return NF_EINVAL;
    if (b->finished) return complain(b, NF_EINVAL, "expected once");
    if (b->in_host && b->status != NF_OK) return b->status;
    if (b->in_host) return complain(b, NF_EINVAL, "expected after nf_builder_end_host()");
    nf_status status = make_fleet(b);
    if (status != NF_OK) {
        if (b->slab) b->memory.release(b->memory.context, b->slab);
        b->slab = NULL;
        return status;
    }
    /* the columns hold what the rows say; names and what else has a number are asked for on */
    for (int i = 0; i < NF_LISTS; i++) nf_list_free(&b->memory, &b->lists[i]);
    nf_kept_free(&b->memory, &b->kept[NF_KEPT_LAYOUTS]);
    nf_kept_free(&b->memory, &b->kept[NF_KEPT_MATRICES]);
    b->finished = true;
    *out = &b->shared;
    return NF_OK;
}
