/* What is there: the counters derived from a fleet's columns, and whether the columns hold. */
#include "engine.h"

/* Free dedicated CPUs of a cell, and in with[k - 1] its cores with at least k free threads. */
static uint32_t count_cell(const nf_fleet *f, uint32_t cell, uint32_t with[NF_WORD_BITS]) {
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

static void derive_cell(const nf_fleet *f, uint32_t cell) {
    uint32_t with[NF_WORD_BITS];
    f->cell_free[cell] = (int32_t)count_cell(f, cell, with);
    for (uint32_t k = 0; k < f->max_threads; k++)
        f->cell_cores[(size_t)k * f->n_cells + cell] = (int32_t)with[k];
}

nf_status nf_derive(const nf_fleet *f, uint32_t first, uint32_t count) {
    if (!f) return NF_EINVAL;
    if (f->abi != NF_ABI_VERSION) return NF_EABI;
    if (nf_missing_column(f)) return NF_EINVAL;
    if (first > f->n_cells || count > f->n_cells - first) return NF_EINVAL;
    uint32_t host = count ? nf_host_of(f, first) : 0;
    for (uint32_t cell = first; cell < first + count; cell++)
        if (f->cell_layout[cell] >= f->n_layouts) return NF_EINVAL;
    for (uint32_t cell = first; cell < first + count; cell++) {
        while (host + 1 < f->n_hosts && f->host_first_cell[host + 1] <= cell) host++;
        derive_cell(f, cell);
        nf_rooms rooms = nf_find_rooms(f, host, cell);
        f->cell_cpu_room[cell] = rooms.cpus;
        f->cell_memory_room[cell] = rooms.memory;
    }
    return NF_OK;
}

#define HOLD(condition, words)     \
    do {                           \
        if (!(condition)) {        \
            *reason = (words);     \
            return NF_EINVAL;      \
        }                          \
    } while (0)

/* CPUs of the widest core. */
static uint32_t widest(const nf_fleet *f, const nf_layout *l) {
    uint32_t most = 0;
    for (uint32_t core = 0; core < l->n_cores; core++) {
        uint32_t here = 0;
        for (uint32_t t = 0; t < 1u << l->shift; t++)
            here += f->layout_cpus[l->cpu_at + (core << l->shift) + t] >= 0;
        if (here > most) most = here;
    }
    return most;
}

static nf_status check_layout(const nf_fleet *f, const nf_layout *l, const char **reason) {
    HOLD(l->shift <= 6, "layout: more than 64 slots a core");
    HOLD(l->threads <= 1u << l->shift, "layout: threads exceed the slots of a core");
    HOLD(l->threads <= f->max_threads, "layout: threads exceed max_threads");
    HOLD(l->n_slots <= NF_MAX_SLOTS, "layout: too many slots");
    HOLD(l->n_cores <= l->n_slots >> l->shift, "layout: cores exceed the slots");
    HOLD(l->n_words == nf_words_for(l->n_slots), "layout: n_words does not hold the slots");
    HOLD(widest(f, l) == l->threads, "layout: threads are not those of the widest core");
    uint32_t tail = l->n_slots % NF_WORD_BITS;
    if (tail)
        HOLD(!(f->layout_words[l->mask_at + l->n_words - 1] >> tail),
             "layout: a dedicated CPU beyond the last slot");
    HOLD(nf_mask_count(f->layout_words + l->mask_at, l->n_words) == l->n_dedicated,
         "layout: n_dedicated is not the count of its mask");
    return NF_OK;
}

static nf_status check_cell(const nf_fleet *f, uint32_t cell, const char **reason) {
    const nf_layout *l = &f->layouts[f->cell_layout[cell]];
    uint32_t tail = l->n_slots % NF_WORD_BITS;
    if (tail)
        HOLD(!(f->pinned[f->cell_mask_at[cell] + l->n_words - 1] >> tail),
             "pinned: a CPU beyond the last slot");
    HOLD(f->n_page_sizes == NF_MAX_PAGE_SIZES || !(f->cell_page_sizes[cell] >> f->n_page_sizes),
         "cell_page_sizes: no such page size");
    HOLD(f->cell_memory[cell] >= 0, "cell_memory: negative");
    uint32_t with[NF_WORD_BITS];
    HOLD(f->cell_free[cell] == (int32_t)count_cell(f, cell, with),
         "cell_free: not the count of its mask");
    for (uint32_t k = 0; k < f->max_threads; k++)
        HOLD(f->cell_cores[(size_t)k * f->n_cells + cell] == (int32_t)with[k],
             "cell_cores: not the count of its mask");
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        size_t at = (size_t)s * f->n_cells + cell;
        HOLD(f->pages_used[at] >= 0, "pages_used: negative");
        HOLD(f->pages_total[at] >= 0, "pages_total: negative");
        HOLD(f->pages_free[at] <= (int64_t)f->pages_total[at] - f->pages_used[at],
             "pages_free: more than total less used");
        HOLD(f->cell_page_sizes[cell] >> s & 1u || !f->pages_total[at],
             "pages_total: pages of a size that the cell does not have");
    }
    HOLD(f->cell_memory_used[cell] >= 0 && f->cell_cpu_used[cell] >= 0,
         "cell_memory_used, cell_cpu_used: negative");
    return NF_OK;
}

static nf_status check_rooms(const nf_fleet *f, uint32_t host, const char **reason) {
    for (uint32_t cell = f->host_first_cell[host]; cell < f->host_first_cell[host + 1]; cell++) {
        nf_rooms rooms = nf_find_rooms(f, host, cell);
        HOLD(f->cell_cpu_room[cell] == rooms.cpus && f->cell_memory_room[cell] == rooms.memory,
             "cell_cpu_room, cell_memory_room: not what the host's ratios leave");
    }
    return NF_OK;
}

static nf_status check_pools(const nf_fleet *f, uint32_t host, const char **reason) {
    uint32_t first = f->host_first_pool[host], last = f->host_first_pool[host + 1];
    HOLD(first <= last && last <= f->n_pools, "host_first_pool: falls");
    HOLD(last - first <= f->max_pools, "host_first_pool: more than max_pools");
    for (uint32_t p = first; p < last; p++) {
        HOLD(f->pool_class[p] < f->n_classes, "pool_class: no such property set");
        HOLD(f->pool_cell[p] >= NF_POOL_ELSEWHERE &&
                 f->pool_cell[p] < (int32_t)nf_host_cells(f, host),
             "pool_cell: no such cell");
        HOLD(f->pool_count[p] >= NF_POOL_GONE, "pool_count: negative");
        HOLD(f->pool_kind[p] <= NF_KIND_VF, "pool_kind: no such kind");
        HOLD(f->pool_taken[p] >= 0 && f->pool_hidden[p] >= 0, "pool_taken: negative");
    }
    for (uint32_t c = 0; c < nf_host_cells(f, host); c++) {
        int64_t devices = 0;
        for (uint32_t p = first; p < last; p++)
            if (f->pool_cell[p] == (int32_t)c && f->pool_count[p] > 0) devices += f->pool_count[p];
        HOLD(devices == f->cell_devices[f->host_first_cell[host] + c],
             "cell_devices: not the sum of its pools");
    }
    return NF_OK;
}

#define NEED(column) \
    if (!f->column) return #column ": missing"

const char *nf_missing_column(const nf_fleet *f) {
    NEED(host_first_cell);
    NEED(host_first_pool);
    if (f->n_hosts) {
        NEED(host_cpu_ratio);
        NEED(host_ram_ratio);
        NEED(host_distance_at);
        NEED(host_generation);
    }
    if (f->n_layouts) {
        NEED(layouts);
        NEED(layout_words);
        NEED(layout_cpus);
    }
    if (f->n_cells) {
        NEED(cell_id);
        NEED(cell_socket);
        NEED(cell_layout);
        NEED(cell_mask_at);
        NEED(cell_memory);
        NEED(cell_page_sizes);
        NEED(cell_nets);
        NEED(cell_memory_used);
        NEED(cell_cpu_used);
        NEED(pinned);
        NEED(cell_free);
        NEED(cell_cores);
        NEED(cell_cpu_room);
        NEED(cell_memory_room);
        NEED(cell_devices);
    }
    if (f->n_cells && f->n_page_sizes) {
        NEED(page_kib);
        NEED(pages_total);
        NEED(pages_used);
        NEED(pages_free);
    }
    if (f->n_pools) {
        NEED(pool_class);
        NEED(pool_cell);
        NEED(pool_provider);
        NEED(pool_family);
        NEED(pool_kind);
        NEED(pool_count);
        NEED(pool_taken);
        NEED(pool_hidden);
    }
    return NULL;
}

nf_status nf_fleet_check(const nf_fleet *f, const char **reason) {
    const char *unused;
    if (!reason) reason = &unused;
    HOLD(f != NULL, "no fleet");
    if (f->abi != NF_ABI_VERSION) {
        *reason = "abi: built against another version of numafit.h";
        return NF_EABI;
    }
    const char *missing = nf_missing_column(f);
    HOLD(!missing, missing);
    HOLD(f->n_page_sizes <= NF_MAX_PAGE_SIZES, "n_page_sizes: at most 32");
    HOLD(f->max_cells <= NF_MAX_CELLS, "max_cells: at most 1024");
    HOLD(f->net_words >= 1, "net_words: at least 1");
    HOLD(f->host_first_cell && f->host_first_cell[0] == 0, "host_first_cell: starts at 0");
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        HOLD(f->page_kib[s] > 0, "page_kib: 0");
        HOLD(!s || f->page_kib[s] > f->page_kib[s - 1], "page_kib: not ascending");
    }
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        HOLD(f->host_first_cell[h] <= f->host_first_cell[h + 1], "host_first_cell: falls");
        HOLD(nf_host_cells(f, h) <= f->max_cells, "host_first_cell: more than max_cells");
    }
    HOLD(f->host_first_cell[f->n_hosts] == f->n_cells, "host_first_cell: does not end at n_cells");
    HOLD(f->host_first_pool && f->host_first_pool[0] == 0, "host_first_pool: starts at 0");
    HOLD(f->host_first_pool[f->n_hosts] == f->n_pools, "host_first_pool: does not end at n_pools");
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        nf_status status = check_pools(f, h, reason);
        if (status != NF_OK) return status;
    }
    for (uint32_t l = 0; l < f->n_layouts; l++) {
        nf_status status = check_layout(f, &f->layouts[l], reason);
        if (status != NF_OK) return status;
    }
    uint64_t free_at = 0;
    for (uint32_t cell = 0; cell < f->n_cells; cell++) {
        HOLD(f->cell_layout[cell] < f->n_layouts, "cell_layout: no such layout");
        HOLD(f->cell_mask_at[cell] >= free_at, "cell_mask_at: masks overlap, or are out of order");
        free_at = f->cell_mask_at[cell] + f->layouts[f->cell_layout[cell]].n_words;
        nf_status status = check_cell(f, cell, reason);
        if (status != NF_OK) return status;
    }
    for (uint32_t h = 0; h < f->n_hosts; h++) {
        nf_status status = check_rooms(f, h, reason);
        if (status != NF_OK) return status;
    }
    return NF_OK;
}
