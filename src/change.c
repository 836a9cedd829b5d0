/*
 * One host of a fleet at work becomes another, comes or goes. All of it is checked first; what is
 * written is that host's rows and void ones, under its lock. Readers look at rows under the lock of
 * the host that they belong to, and at nothing else that changes.
 */
#define _POSIX_C_SOURCE 200809L // NOLINT(bugprone-reserved-identifier,cert-*): POSIX names it
#include "locks.h"

#include <math.h>

#include "fleet_check.h"
#include "resources.h"

#define FAIL(status, words) \
    do {                    \
        *reason = (words);  \
        return (status);    \
    } while (0)

/* Both the caller's host and where it is to stand. */
typedef struct change {
    const nf_fleet *f;
    uint32_t host;
    nf_fleet one;
    uint32_t cells, pools;
    nf_place from, to;
} change;

/* A column of the fleet, to be written. */
#define OWN(type, name) ((type *)(uintptr_t)c->f->name)

/* The caller's columns with this fleet's tables: what they point to is looked up here. */
static nf_status view(change *c, const nf_fleet *one, const char **reason) {
    const nf_fleet *f = c->f;
    if (!one) FAIL(NF_EINVAL, "one: no host");
    if (one->abi != NF_ABI_VERSION) FAIL(NF_EABI, "abi: built against another version of numafit.h");
    if (one->identity != f->identity) FAIL(NF_EFLEET, "identity: a host in another fleet's numbers");
    if (one->n_hosts != 1) FAIL(NF_EINVAL, "n_hosts: expected a fleet of one host");
    if (one->n_page_sizes != f->n_page_sizes || one->net_words != f->net_words ||
        one->n_resources != f->n_resources)
        FAIL(NF_EINVAL, "n_page_sizes, net_words, n_resources: not those of the fleet");
    c->one = *one;
#define TABLE(name) c->one.name = f->name
    TABLE(layouts);
    TABLE(layout_words);
    TABLE(layout_cpus);
    TABLE(page_kib);
    TABLE(distances);
    TABLE(n_layouts);
    TABLE(layout_room);
    TABLE(n_layout_words);
    TABLE(n_layout_cpus);
    TABLE(n_distances);
    TABLE(n_classes);
    TABLE(n_host_classes);
    TABLE(max_cells);
    TABLE(max_pools);
    TABLE(max_words);
    TABLE(max_threads);
    const char *missing = nf_missing_given(&c->one);
    if (missing) FAIL(NF_EINVAL, missing);
    c->cells = nf_host_cells(&c->one, 0);
    c->pools = nf_host_pools(&c->one, 0);
    c->from = (nf_place){c->one.host_first_cell[0], c->one.host_first_pool[0]};
    nf_status status = nf_check_given(&c->one, 0, reason);
    if (status == NF_EINVAL && (c->cells > f->max_cells || c->pools > f->max_pools)) return NF_ESPACE;
    return status;
}

/* Rows that are void, or the host's own. */
static bool rows_free(const uint32_t *owner, uint32_t n, uint32_t first, uint32_t count,
                      uint32_t host) {
    if (first > n || count > n - first) return false;
    for (uint32_t row = first; row < first + count; row++)
        if (owner[row] != NF_NO_HOST && owner[row] != host) return false;
    return true;
}

static uint64_t words_of(const change *c) {
    uint64_t words = 0;
    for (uint32_t i = 0; i < c->cells; i++)
        words += c->f->layouts[c->one.cell_layout[c->from.first_cell + i]].n_words;
    return words;
}

static nf_status check_place(change *c, const nf_place *place, const char **reason) {
    const nf_fleet *f = c->f;
    if (!place && (c->cells || c->pools)) FAIL(NF_EINVAL, "place: where the host is to stand");
    if (c->cells) c->to.first_cell = place->first_cell;
    if (c->pools) c->to.first_pool = place->first_pool;
    if (!rows_free(f->cell_host, f->n_cells, c->to.first_cell, c->cells, c->host))
        FAIL(NF_EINVAL, "first_cell: rows that are not there, or another host's");
    if (!rows_free(f->pool_host, f->n_pools, c->to.first_pool, c->pools, c->host))
        FAIL(NF_EINVAL, "first_pool: rows that are not there, or another host's");
    if (!c->cells) return NF_OK;
    uint32_t end = c->to.first_cell + c->cells;
    uint64_t last = end < f->n_cells ? f->cell_mask_at[end] : f->n_mask_words;
    if (words_of(c) > last - f->cell_mask_at[c->to.first_cell])
        FAIL(NF_ESPACE, "cell_mask_at: masks that do not fit before the next row's");
    return NF_OK;
}

/* Does what was placed before mean the same? */
static bool same_shape(const change *c) {
    const nf_fleet *f = c->f, *one = &c->one;
    uint32_t cell = f->host_first_cell[c->host], pool = f->host_first_pool[c->host];
    if (nf_removed(f, c->host) || nf_removed(one, 0)) return false;
    if (nf_host_cells(f, c->host) != c->cells || nf_host_pools(f, c->host) != c->pools) return false;
    if ((c->cells && cell != c->to.first_cell) || (c->pools && pool != c->to.first_pool)) return false;
    for (uint32_t i = 0; i < c->cells; i++) {
        uint32_t from = c->from.first_cell + i, to = cell + i;
        if (f->cell_id[to] != one->cell_id[from] || f->cell_layout[to] != one->cell_layout[from])
            return false;
    }
    for (uint32_t i = 0; i < c->pools; i++) {
        uint32_t from = c->from.first_pool + i, to = pool + i;
        if (f->pool_class[to] != one->pool_class[from] || f->pool_cell[to] != one->pool_cell[from] ||
            f->pool_provider[to] != one->pool_provider[from] ||
            f->pool_family[to] != one->pool_family[from] ||
            f->pool_kind[to] != one->pool_kind[from])
            return false;
    }
    return true;
}

/* Whose rows these are: read without a lock by nf_shared_check(). */
// NOLINTNEXTLINE(readability-non-const-parameter): it is stored to
static void give(uint32_t *owner, uint32_t first, uint32_t end, uint32_t host) {
    for (uint32_t row = first; row < end; row++)
        __atomic_store_n(&owner[row], host, __ATOMIC_RELAXED);
}

/* Rows that have been the host's. At an index that was never filled the range may be anything. */
static void leave_rows(uint32_t *owner, uint32_t n, uint32_t first, uint32_t end, uint32_t most,
                       uint32_t host) {
    if (first > end || end > n || end - first > most) return;
    for (uint32_t row = first; row < end; row++)
        if (owner[row] == host) give(owner, row, row + 1, NF_NO_HOST);
}

static void leave(const change *c) {
    const nf_fleet *f = c->f;
    uint32_t h = c->host;
    leave_rows(OWN(uint32_t, cell_host), f->n_cells, f->host_first_cell[h], f->host_end_cell[h],
               f->max_cells, h);
    leave_rows(OWN(uint32_t, pool_host), f->n_pools, f->host_first_pool[h], f->host_end_pool[h],
               f->max_pools, h);
}

static void take_place(const change *c) {
    uint32_t cell = c->to.first_cell, pool = c->to.first_pool;
    OWN(uint32_t, host_first_cell)[c->host] = cell;
    OWN(uint32_t, host_end_cell)[c->host] = cell + c->cells;
    OWN(uint32_t, host_first_pool)[c->host] = pool;
    OWN(uint32_t, host_end_pool)[c->host] = pool + c->pools;
    give(OWN(uint32_t, cell_host), cell, cell + c->cells, c->host);
    give(OWN(uint32_t, pool_host), pool, pool + c->pools, c->host);
}

/* Each mask behind the one before it. Where the first row's begins stays: that is where the masks of
 * the row before it end, which may be read under another lock. */
static void write_masks(const change *c) {
    const nf_fleet *f = c->f, *one = &c->one;
    uint64_t at = c->cells ? f->cell_mask_at[c->to.first_cell] : 0;
    for (uint32_t i = 0; i < c->cells; i++) {
        uint32_t from = c->from.first_cell + i;
        uint32_t words = f->layouts[one->cell_layout[from]].n_words;
        if (i) OWN(uint64_t, cell_mask_at)[c->to.first_cell + i] = at;
        nf_mask_copy(f->pinned + at, one->pinned + one->cell_mask_at[from], words);
        at += words;
    }
}

/* rows of n values: at "to" in rows of width, from "from" in rows of own width. */
static void copy_rows(const change *c, const nf_column_info *column, uint64_t rows, size_t n,
                      size_t to, size_t width, size_t from, size_t own_width) {
    char *into = nf_column_data(c->f, column);
    const char *out = nf_column_data(&c->one, column);
    for (uint64_t r = 0; r < rows && n; r++)
        memcpy(into + (r * width + to) * column->size, out + (r * own_width + from) * column->size,
               n * column->size);
}

/* Everything that the caller gives of the host but where it stands, its masks and its generation. */
static void write_values(const change *c) {
    const nf_fleet *f = c->f, *one = &c->one;
    const nf_column_info *k;
    nf_place to = c->to, from = c->from;
    size_t words = f->net_words;
    for (uint32_t i = 0; (k = nf_column(i)) != NULL; i++) {
        if (k->derived || nf_says_where(k->offset) ||
            k->offset == offsetof(nf_fleet, host_generation))
            continue;
        switch ((nf_per)k->per) {
        case NF_PER_HOST: copy_rows(c, k, 1, 1, c->host, 0, 0, 0); break;
        case NF_PER_RESOURCE_HOST:
            copy_rows(c, k, f->n_resources, 1, c->host, f->host_room, 0, one->host_room);
            break;
        case NF_PER_CELL: copy_rows(c, k, 1, c->cells, to.first_cell, 0, from.first_cell, 0); break;
        case NF_PER_CELL_NET:
            copy_rows(c, k, 1, c->cells * words, to.first_cell * words, 0, from.first_cell * words, 0);
            break;
        case NF_PER_PAGE_CELL:
            copy_rows(c, k, f->n_page_sizes, c->cells, to.first_cell, f->n_cells, from.first_cell,
                      one->n_cells);
            break;
        case NF_PER_POOL: copy_rows(c, k, 1, c->pools, to.first_pool, 0, from.first_pool, 0); break;
        default: break;
        }
    }
}

static void count_change(const change *c, bool same) {
    uint64_t *generation = &c->f->host_generation[c->host];
    *generation = same ? nf_next_generation(*generation) : (*generation | UINT32_MAX) + 1;
}

static bool may_change(const nf_shared *s, uint32_t host) {
    return nf_covers(s) && host < s->fleet->host_room && s->fleet->abi == NF_ABI_VERSION &&
           !nf_missing_column(s->fleet);
}

nf_status nf_shared_replace(const nf_shared *s, uint32_t host, const nf_fleet *one,
                            const nf_place *place, uint64_t generation, const char **reason) {
    const char *unused;
    change c = {.host = host};
    if (!reason) reason = &unused;
    if (!may_change(s, host)) FAIL(NF_EINVAL, "host: no index of the fleet, or no fleet");
    c.f = s->fleet;
    nf_status status = view(&c, one, reason);
    if (status == NF_OK) status = check_place(&c, place, reason);
    if (status != NF_OK) return status;
    nf_lock *mine = nf_lock_host(s, host);
    if (!mine) FAIL(NF_EMOVED, "fleet: another has taken its place");
    if (generation != NF_ANY_GENERATION && generation != c.f->host_generation[host]) {
        nf_lock_drop(mine);
        FAIL(NF_STALE, "host_generation: the host has changed meanwhile");
    }
    bool same = host < c.f->n_hosts && same_shape(&c);
    leave(&c);
    write_values(&c);
    write_masks(&c);
    take_place(&c);
    nf_derive_host(c.f, host);
    count_change(&c, same);
    nf_lock_drop(mine);
    return NF_OK;
}

nf_status nf_shared_remove(const nf_shared *s, uint32_t host) {
    change removed = {.host = host}, *c = &removed;
    if (!may_change(s, host) || host >= nf_n_hosts(s->fleet)) return NF_EINVAL;
    c->f = s->fleet;
    nf_lock *mine = nf_lock_host(s, host);
    if (!mine) return NF_EMOVED;
    leave(c);
    take_place(c); /* of no rows */
    OWN(uint32_t, host_class)[host] = NF_REMOVED_CLASS;
    OWN(double, host_cpu_ratio)[host] = OWN(double, host_ram_ratio)[host] = (double)NAN;
    OWN(uint64_t, host_distance_at)[host] = NF_NO_DISTANCES;
    for (uint32_t r = 0; r < c->f->n_resources; r++) {
        OWN(int64_t, resource_limit)[nf_resource_at(c->f, r, host)] = -1;
        c->f->resource_used[nf_resource_at(c->f, r, host)] = 0;
    }
    nf_derive_host(c->f, host);
    count_change(c, false);
    nf_lock_drop(mine);
    return NF_OK;
}

nf_status nf_shared_publish(const nf_shared *s, uint32_t n_hosts, const char **reason) {
    const char *unused;
    nf_status status = NF_OK;
    if (!reason) reason = &unused;
    if (!may_change(s, 0) || n_hosts < nf_n_hosts(s->fleet) || n_hosts > s->fleet->host_room)
        FAIL(NF_EINVAL, "n_hosts: fewer than there are, or more than host_room");
    nf_fleet *f = (nf_fleet *)(uintptr_t)s->fleet;
    for (uint32_t h = f->n_hosts; h < n_hosts && status == NF_OK; h++)
        status = nf_check_host(f, h, reason); /* nobody else looks at them yet */
    if (status != NF_OK) return status;
    if (!nf_lock_all(s)) FAIL(NF_EMOVED, "fleet: another has taken its place");
    __atomic_store_n(&f->n_hosts, n_hosts, __ATOMIC_RELEASE);
    nf_drop_all(s);
    return NF_OK;
}

nf_status nf_shared_move(const nf_shared *s) {
    if (!nf_covers(s)) return NF_EINVAL;
    for (uint32_t l = 0; l < s->n_locks; l++) s->locks[l].moved = 1;
    return NF_OK;
}
