/*
 * Do a fleet's columns hold together? Columns may come from a file that somebody changed, so what
 * points into another column is checked before anything is looked up through it.
 */
#include "fleet_check.h"

#include "resources.h"

#include <math.h>

#define HOLD(condition, words)     \
    do {                           \
        if (!(condition)) {        \
            *reason = (words);     \
            return NF_EINVAL;      \
        }                          \
    } while (0)

#define TRY(call)                               \
    do {                                        \
        nf_status status = (call);              \
        if (status != NF_OK) return status;     \
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

static bool within(uint64_t at, uint64_t n, uint64_t length) {
    return n <= length && at <= length - n;
}

static nf_status check_layout(const nf_fleet *f, const nf_layout *l, const char **reason) {
    HOLD(l->shift < 32 && 1u << l->shift <= NF_MAX_THREADS, "layout: more than 64 slots a core");
    HOLD(l->threads <= 1u << l->shift, "layout: threads exceed the slots of a core");
    HOLD(l->threads <= f->max_threads, "layout: threads exceed max_threads");
    HOLD(l->n_slots <= NF_MAX_SLOTS, "layout: too many slots");
    HOLD(l->n_cores <= l->n_slots >> l->shift, "layout: cores exceed the slots");
    HOLD(l->n_words == nf_words_for(l->n_slots), "layout: n_words does not hold the slots");
    HOLD(l->n_words <= f->max_words, "layout: n_words exceeds max_words");
    HOLD(within(l->mask_at, l->n_words, f->n_layout_words), "layout: mask_at beyond layout_words");
    HOLD(within(l->cpu_at, l->n_slots, f->n_layout_cpus), "layout: cpu_at beyond layout_cpus");
    HOLD(widest(f, l) == l->threads, "layout: threads are not those of the widest core");
    HOLD(l->n_shared <= NF_MAX_SLOTS, "layout: too many shared CPUs");
    const nf_word *dedicated = nf_dedicated_mask(f, l);
    for (uint32_t slot = 0; slot < l->n_words * NF_WORD_BITS; slot++)
        HOLD(!nf_bit_get(dedicated, slot) ||
                 (slot < l->n_slots && f->layout_cpus[l->cpu_at + slot] >= 0),
             "layout: a dedicated slot without a CPU");
    HOLD(nf_mask_count(dedicated, l->n_words) == l->n_dedicated,
         "layout: n_dedicated is not the count of its mask");
    return NF_OK;
}

static nf_status check_counts(const nf_fleet *f, const char **reason) {
    HOLD(f->n_page_sizes <= NF_MAX_PAGE_SIZES, "n_page_sizes: at most 32");
    HOLD(f->max_cells <= NF_MAX_CELLS, "max_cells: at most 1024");
    HOLD(f->max_threads <= NF_MAX_THREADS, "max_threads: at most 64");
    HOLD(f->max_words <= NF_MAX_SLOTS / NF_WORD_BITS, "max_words: at most 1024");
    HOLD(f->net_words >= 1, "net_words: at least 1");
    HOLD(f->n_host_classes >= 1, "n_host_classes: at least 1");
    HOLD(f->n_resources <= NF_MOST_RESOURCES, "n_resources: at most 4096");
    HOLD(nf_n_hosts(f) <= f->host_room, "n_hosts: more than host_room");
    HOLD(f->n_layouts <= f->layout_room, "n_layouts: more than layout_room");
    HOLD(f->n_cells != UINT32_MAX && f->n_pools <= INT32_MAX, "n_cells, n_pools: too many");
    return NF_OK;
}

/* The words that a row's mask has are enough. */
static nf_status check_words(const nf_fleet *f, uint32_t cell, uint32_t words,
                             const char **reason) {
    uint64_t at = f->cell_mask_at[cell];
    uint64_t end = cell + 1 < f->n_cells ? f->cell_mask_at[cell + 1] : f->n_mask_words;
    HOLD(at <= end && words <= end - at, "cell_mask_at: masks overlap, or are out of order");
    return NF_OK;
}

/* A range within its column, each of whose rows says that it is the host's: so none overlap. */
static nf_status check_range(const nf_fleet *f, uint32_t host, const char **reason) {
    uint32_t first = f->host_first_cell[host], end = f->host_end_cell[host];
    uint32_t pool = f->host_first_pool[host], last = f->host_end_pool[host];
    HOLD(first <= end, "host_end_cell: before host_first_cell");
    HOLD(end <= f->n_cells, "host_end_cell: beyond n_cells");
    HOLD(end - first <= f->max_cells, "host_end_cell: more than max_cells");
    HOLD(pool <= last, "host_end_pool: before host_first_pool");
    HOLD(last <= f->n_pools, "host_end_pool: beyond n_pools");
    HOLD(last - pool <= f->max_pools, "host_end_pool: more than max_pools");
    for (uint32_t c = first; c < end; c++)
        HOLD(f->cell_host[c] == host, "cell_host: not the host in whose range the cell is");
    for (uint32_t p = pool; p < last; p++)
        HOLD(f->pool_host[p] == host, "pool_host: not the host in whose range the pool is");
    return NF_OK;
}

/* Rows that say that they are a host's stand in its range, and none of the others do. Those of
 * indices that are no hosts yet are void. */
static nf_status check_owners(const nf_fleet *f, const char **reason) {
    for (uint32_t c = 0; c < f->n_cells; c++) {
        uint32_t host = f->cell_host[c];
        HOLD(host == NF_NO_HOST || host < f->host_room, "cell_host: no such host");
        if (host < f->n_hosts)
            HOLD(f->host_first_cell[host] <= c && c < f->host_end_cell[host],
                 "cell_host: a cell beyond its host's range");
        else
            TRY(check_words(f, c, 0, reason));
    }
    for (uint32_t p = 0; p < f->n_pools; p++) {
        uint32_t host = f->pool_host[p];
        HOLD(host == NF_NO_HOST || host < f->host_room, "pool_host: no such host");
        HOLD(host >= f->n_hosts || (f->host_first_pool[host] <= p && p < f->host_end_pool[host]),
             "pool_host: a pool beyond its host's range");
    }
    return NF_OK;
}

static nf_status check_fleet(const nf_fleet *f, const char **reason) {
    HOLD(f != NULL, "no fleet");
    if (f->abi != NF_ABI_VERSION) {
        *reason = "abi: built against another version of numafit.h";
        return NF_EABI;
    }
    const char *missing = nf_missing_column(f);
    HOLD(!missing, missing);
    return check_counts(f, reason);
}

static nf_status check_layouts(const nf_fleet *f, const char **reason) {
    for (uint32_t l = 0; l < f->n_layouts; l++) TRY(check_layout(f, &f->layouts[l], reason));
    return NF_OK;
}

/* What of a cell finds memory, or is counted with. */
static nf_status check_place(const nf_fleet *f, uint32_t cell, const char **reason) {
    HOLD(f->cell_layout[cell] < f->n_layouts, "cell_layout: no such layout");
    HOLD(within(f->cell_mask_at[cell], f->layouts[f->cell_layout[cell]].n_words, f->n_mask_words),
         "cell_mask_at: beyond pinned");
    HOLD(f->cell_memory[cell] >= 0, "cell_memory: negative");
    HOLD(f->cell_memory[cell] <= NF_MAX_AMOUNT, "cell_memory: too much");
    return NF_OK;
}

nf_status nf_check_derivable(const nf_fleet *f, uint32_t first, uint32_t count,
                             const char **reason) {
    const char *unused;
    if (!reason) reason = &unused;
    TRY(check_fleet(f, reason));
    HOLD(first <= f->n_cells && count <= f->n_cells - first, "cells: beyond n_cells");
    if (count >= f->n_layouts) TRY(check_layouts(f, reason));
    for (uint32_t cell = first; cell < first + count; cell++) {
        if (f->cell_host[cell] >= f->n_hosts) continue;
        TRY(check_place(f, cell, reason));
        if (count < f->n_layouts) TRY(check_layout(f, &f->layouts[f->cell_layout[cell]], reason));
    }
    return NF_OK;
}

static nf_status check_pools(const nf_fleet *f, uint32_t host, const char **reason) {
    for (uint32_t p = f->host_first_pool[host]; p < f->host_end_pool[host]; p++) {
        HOLD(f->pool_class[p] < f->n_classes, "pool_class: no such property set");
        HOLD(f->pool_cell[p] >= NF_POOL_ELSEWHERE &&
                 f->pool_cell[p] < (int32_t)nf_host_cells(f, host),
             "pool_cell: no such cell");
        HOLD(f->pool_kind[p] <= NF_KIND_VF, "pool_kind: no such kind");
    }
    return NF_OK;
}

static nf_status check_ids(const nf_fleet *f, uint32_t host, const char **reason) {
    uint32_t first = f->host_first_cell[host], last = f->host_end_cell[host];
    for (uint32_t a = first; a < last; a++)
        for (uint32_t b = first; b < a; b++)
            HOLD(f->cell_id[a] != f->cell_id[b], "cell_id: twice in one host");
    return NF_OK;
}

static nf_status check_cell(const nf_fleet *f, uint32_t cell, const char **reason) {
    TRY(check_place(f, cell, reason));
    TRY(check_words(f, cell, f->layouts[f->cell_layout[cell]].n_words, reason));
    HOLD(f->cell_id[cell] >= 0, "cell_id: negative");
    HOLD(f->cell_socket[cell] >= -1, "cell_socket: below -1");
    HOLD(f->n_page_sizes == NF_MAX_PAGE_SIZES || !(f->cell_page_sizes[cell] >> f->n_page_sizes),
         "cell_page_sizes: no such page size");
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        int32_t total = f->pages_total[(size_t)s * f->n_cells + cell];
        HOLD(total >= 0, "pages_total: negative");
        HOLD(f->cell_page_sizes[cell] >> s & 1u || !total,
             "pages_total: pages of a size that the cell does not have");
    }
    return NF_OK;
}

/* NaN stands for a ratio that is not known. */
static bool ratio_holds(double ratio) { return isnan(ratio) || (ratio >= 0.0 && isfinite(ratio)); }

nf_status nf_check_tables(const nf_fleet *f, const char **reason) {
    TRY(check_fleet(f, reason));
    TRY(check_layouts(f, reason));
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        HOLD(f->page_kib[s] > 0, "page_kib: 0");
        HOLD(!s || f->page_kib[s] > f->page_kib[s - 1], "page_kib: not ascending");
    }
    return NF_OK;
}

/* What of a host claims do not change. */
static nf_status check_still(const nf_fleet *f, uint32_t host, const char **reason) {
    TRY(check_range(f, host, reason));
    uint64_t cells = nf_host_cells(f, host), at = f->host_distance_at[host];
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        TRY(check_cell(f, c, reason));
    TRY(check_pools(f, host, reason));
    TRY(check_ids(f, host, reason));
    if (nf_removed(f, host))
        HOLD(!cells && !nf_host_pools(f, host), "host_class: removed, beside cells or pools");
    else
        HOLD(f->host_class[host] < f->n_host_classes, "host_class: no such class");
    for (uint32_t r = 0; r < f->n_resources; r++)
        HOLD(f->resource_limit[nf_resource_at(f, r, host)] >= -1 &&
                 f->resource_limit[nf_resource_at(f, r, host)] <= NF_MAX_AMOUNT,
             "resource_limit: below -1, or too many units");
    HOLD(ratio_holds(f->host_cpu_ratio[host]), "host_cpu_ratio: expected 0 or more, or NaN");
    HOLD(ratio_holds(f->host_ram_ratio[host]), "host_ram_ratio: expected 0 or more, or NaN");
    HOLD(at == NF_NO_DISTANCES || within(at, cells * cells, f->n_distances),
         "host_distance_at: beyond distances");
    for (uint64_t i = 0; at != NF_NO_DISTANCES && i < cells * cells; i++)
        HOLD(f->distances[at + i] >= 0, "distances: negative");
    return NF_OK;
}

static nf_status check_usage(const nf_fleet *f, uint32_t cell, const char **reason) {
    const nf_layout *l = &f->layouts[f->cell_layout[cell]];
    const nf_word *pinned = f->pinned + f->cell_mask_at[cell];
    uint32_t tail = l->n_slots % NF_WORD_BITS;
    if (tail) HOLD(!(pinned[l->n_words - 1] >> tail), "pinned: a CPU beyond the last slot");
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        size_t at = (size_t)s * f->n_cells + cell;
        HOLD(f->pages_used[at] >= 0, "pages_used: negative");
        HOLD(f->cell_page_sizes[cell] >> s & 1u || (!f->pages_used[at] && !f->pages_free[at]),
             "pages_used, pages_free: pages of a size that the cell does not have");
        HOLD(f->pages_free[at] <= (int64_t)f->pages_total[at] - f->pages_used[at],
             "pages_free: more than total less used");
    }
    HOLD(f->cell_memory_used[cell] >= 0 && f->cell_cpu_used[cell] >= 0,
         "cell_memory_used, cell_cpu_used: negative");
    HOLD(f->cell_memory_used[cell] <= NF_MAX_AMOUNT && f->cell_cpu_used[cell] <= INT32_MAX,
         "cell_memory_used, cell_cpu_used: too much");
    return NF_OK;
}

static nf_status check_derived(const nf_fleet *f, uint32_t host, uint32_t cell,
                               const char **reason) {
    uint32_t with[NF_WORD_BITS];
    HOLD(f->cell_free[cell] == (int32_t)nf_count_threads(f, cell, with),
         "cell_free: not the count of its mask");
    for (uint32_t k = 0; k < f->max_threads; k++)
        HOLD(f->cell_cores[(size_t)k * f->n_cells + cell] == (int32_t)with[k],
             "cell_cores: not the count of its mask");
    nf_rooms rooms = nf_find_rooms(f, host, cell);
    HOLD(f->cell_cpu_room[cell] == rooms.cpus && f->cell_memory_room[cell] == rooms.memory,
         "cell_cpu_room, cell_memory_room: not what the host's ratios leave");
    return NF_OK;
}

/* Are devices taken that exclude those of the pool? */
static bool excluded(const nf_fleet *f, uint32_t host, uint32_t pool) {
    for (uint32_t p = f->host_first_pool[host]; p < f->host_end_pool[host]; p++)
        if (f->pool_taken[p] && nf_pools_exclude(f, p, pool)) return true;
    return false;
}

/* What is in use of the host, as far as it is not derived. */
static nf_status check_used(const nf_fleet *f, uint32_t host, const char **reason) {
    uint32_t first = f->host_first_pool[host], last = f->host_end_pool[host];
    for (uint32_t p = first; p < last; p++) {
        HOLD(f->pool_count[p] >= NF_POOL_GONE, "pool_count: negative");
        HOLD(f->pool_taken[p] >= 0 && f->pool_hidden[p] >= 0, "pool_taken, pool_hidden: negative");
        HOLD((int64_t)f->pool_count[p] + f->pool_taken[p] + f->pool_hidden[p] <= INT32_MAX,
             "pool_count, pool_taken, pool_hidden: more devices than can be counted");
        bool out = f->pool_family[p] && excluded(f, host, p);
        HOLD(!out || (f->pool_count[p] <= 0 && !f->pool_taken[p]),
             "pool_count, pool_taken: devices beside others that exclude them");
        HOLD(out || !f->pool_hidden[p], "pool_hidden: devices that no claim hides");
    }
    for (uint32_t r = 0; r < f->n_resources; r++) {
        size_t at = nf_resource_at(f, r, host);
        HOLD(f->resource_used[at] >= 0 && f->resource_used[at] <= NF_MAX_AMOUNT,
             "resource_used: negative, or too many units");
    }
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++) {
        int64_t devices = 0;
        for (uint32_t p = first; p < last; p++)
            if (f->pool_cell[p] == (int32_t)(c - f->host_first_cell[host]) && f->pool_count[p] > 0)
                devices += f->pool_count[p];
        HOLD(devices == f->cell_devices[c], "cell_devices: not the sum of its pools");
        TRY(check_usage(f, c, reason));
    }
    return NF_OK;
}

nf_status nf_check_given(const nf_fleet *f, uint32_t host, const char **reason) {
    TRY(check_still(f, host, reason));
    return check_used(f, host, reason);
}

nf_status nf_check_host(const nf_fleet *f, uint32_t host, const char **reason) {
    TRY(nf_check_given(f, host, reason));
    for (uint32_t r = 0; r < f->n_resources; r++) {
        size_t at = nf_resource_at(f, r, host);
        HOLD(f->resource_room[at] == nf_resource_room(f->resource_limit[at], f->resource_used[at]),
             "resource_room: not what the limit leaves");
        HOLD(f->resource_few[at] == nf_resource_few(f->resource_room[at]),
             "resource_few: not what resource_room says");
    }
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        TRY(check_derived(f, host, c, reason));
    return NF_OK;
}

nf_status nf_fleet_check(const nf_fleet *f, const char **reason) {
    const char *unused;
    if (!reason) reason = &unused;
    TRY(nf_check_tables(f, reason));
    for (uint32_t h = 0; h < f->n_hosts; h++) TRY(check_range(f, h, reason));
    TRY(check_owners(f, reason));
    for (uint32_t h = 0; h < f->n_hosts; h++) TRY(nf_check_host(f, h, reason));
    return NF_OK;
}
