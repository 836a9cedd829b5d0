/* What many threads may do at once: the engine's calls, each under the locks of its hosts. */
#define _POSIX_C_SOURCE 200809L // NOLINT(bugprone-reserved-identifier,cert-*): POSIX names it
#include "locks.h"

#include "fleet_check.h"
#include "scan_plan.h"

static bool host_ok(const nf_shared *s, uint32_t host) {
    return nf_covers(s) && host < nf_n_hosts(s->fleet);
}

nf_status nf_shared_fit(const nf_shared *s, nf_claim_item *item, const nf_scratch *scratch,
                        nf_reason *why) {
    if (!item || !host_ok(s, item->host) || !s->fleet->host_generation) return NF_EINVAL;
    nf_lock *mine = nf_lock_host(s, item->host);
    if (!mine) return NF_EMOVED;
    item->generation = s->fleet->host_generation[item->host];
    nf_status status = nf_fit(s->fleet, item->host, item->request, item->options, scratch,
                              item->placement, why);
    nf_lock_drop(mine);
    return status;
}

nf_status nf_shared_pci(const nf_shared *s, uint32_t host, const nf_request *request,
                        const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                        const nf_scratch *scratch, nf_placement *out) {
    if (!host_ok(s, host)) return NF_EINVAL;
    nf_lock *mine = nf_lock_host(s, host);
    if (!mine) return NF_EMOVED;
    nf_status status = nf_pci(s->fleet, host, request, options, cells, n_cells, scratch, out);
    nf_lock_drop(mine);
    return status;
}

nf_status nf_shared_explain(const nf_shared *s, nf_claim_item *item, const nf_scratch *scratch,
                            nf_reason *why, nf_reason *reasons, size_t n_reasons) {
    if (!item || !why || !host_ok(s, item->host) || !s->fleet->host_generation) return NF_EINVAL;
    const uint64_t *generation = &s->fleet->host_generation[item->host];
    nf_lock *mine = nf_lock_host(s, item->host);
    if (!mine) return NF_EMOVED;
    nf_status status = why->status, made = NF_OK;
    if (status <= NF_OK || item->generation != *generation) {
        item->generation = *generation;
        status = nf_fit(s->fleet, item->host, item->request, item->options, scratch,
                        item->placement, why);
    }
    if (status > NF_OK)
        made = nf_explain(s->fleet, item->host, item->request, item->options, reasons, n_reasons);
    nf_lock_drop(mine);
    return made < 0 ? made : status;
}

nf_status nf_shared_copy_host(const nf_shared *s, uint32_t host, const nf_scratch *memory,
                              nf_fleet *copy) {
    if (!host_ok(s, host)) return NF_EINVAL;
    nf_lock *mine = nf_lock_host(s, host);
    if (!mine) return NF_EMOVED;
    nf_status status = nf_copy_host(s->fleet, host, memory, copy);
    nf_lock_drop(mine);
    return status;
}

/* Go over the hosts, one lock's after the other: part becomes those under the lock that is held,
 * done the number of those before; false at the end. */
typedef struct walk {
    const nf_shared *s;
    const nf_hosts *hosts;
    nf_hosts part;
    uint32_t done;
    nf_lock *held;
    bool moved; /* it ended early: NF_EMOVED */
} walk;

/* How many of the hosts from the i-th on stand under one lock. */
static uint32_t run_length(const nf_shared *s, const nf_hosts *hosts, uint32_t i) {
    uint32_t host = nf_hosts_at(hosts, i), own = nf_lock_of(s, host), n = 1;
    if (!hosts->list) {
        uint32_t left = (own + 1) * s->hosts_per_lock - host;
        return left < hosts->count - i ? left : hosts->count - i;
    }
    while (i + n < hosts->count && nf_lock_of(s, hosts->list[i + n]) == own) n++;
    return n;
}

static bool next_range(walk *w) {
    if (w->held) nf_lock_drop(w->held);
    w->held = NULL;
    w->done += w->part.count;
    if (w->done >= w->hosts->count) return false;
    w->part = (nf_hosts){w->hosts->list ? w->hosts->list + w->done : NULL,
                         w->hosts->first + w->done, run_length(w->s, w->hosts, w->done)};
    w->held = nf_lock_host(w->s, nf_hosts_at(&w->part, 0));
    w->moved = !w->held;
    return !w->moved;
}

static void end_walk(walk *w) {
    if (w->held) nf_lock_drop(w->held);
    w->held = NULL;
}

nf_status nf_shared_scan(const nf_shared *s, const nf_hosts *hosts, const nf_request *request,
                         const nf_options *options, const nf_scratch *scratch, uint8_t *fits) {
    walk w = {.s = s, .hosts = hosts};
    nf_scan_plan q;
    if (!nf_covers(s) || !nf_hosts_ok(s->fleet, hosts) || (hosts->count && !fits)) return NF_EINVAL;
    nf_status status = nf_job_check(s->fleet, request, options, scratch);
    if (status != NF_OK) return status;
    nf_scan_plan_make(&q, s->fleet, request, options, scratch->memory);
    while (next_range(&w)) nf_scan_for(&q, &w.part, fits + w.done, &status);
    return w.moved ? NF_EMOVED : status;
}

nf_status nf_shared_capacity(const nf_shared *s, const nf_hosts *hosts, const nf_request *request,
                             const nf_options *options, uint32_t cap, const nf_scratch *scratch,
                             uint32_t *counts) {
    walk w = {.s = s, .hosts = hosts};
    nf_status result = NF_OK, status = NF_OK;
    if (!nf_covers(s) || !nf_hosts_ok(s->fleet, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    while (status >= 0 && next_range(&w)) {
        status = nf_capacity(s->fleet, &w.part, request, options, cap, scratch, counts + w.done);
        if (status != NF_OK) result = status;
    }
    end_walk(&w);
    return w.moved ? NF_EMOVED : result;
}

nf_status nf_shared_mix(const nf_shared *s, const nf_hosts *hosts, const nf_arrival *kinds,
                        uint32_t n_kinds, const nf_options *options, uint32_t cap,
                        const nf_scratch *scratch, uint32_t *counts) {
    nf_status result = NF_OK;
    if (!nf_covers(s) || !nf_hosts_ok(s->fleet, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    for (uint32_t i = 0; i < hosts->count; i++) {
        nf_hosts one = {NULL, nf_hosts_at(hosts, i), 1};
        nf_lock *mine = nf_lock_host(s, one.first);
        if (!mine) return NF_EMOVED;
        nf_status status = nf_mix(s->fleet, &one, kinds, n_kinds, options, cap, scratch,
                                  counts + (size_t)i * n_kinds);
        nf_lock_drop(mine);
        if (status < 0) return status;
        if (status != NF_OK) result = status;
    }
    return result;
}

nf_status nf_shared_choose(const nf_shared *s, const nf_hosts *hosts, const nf_request *request,
                           const nf_options *options, const nf_preference *preference,
                           const nf_scratch *scratch, nf_best *best) {
    walk w = {.s = s, .hosts = hosts};
    nf_choice c;
    if (!nf_covers(s) || !nf_hosts_ok(s->fleet, hosts) || !best) return NF_EINVAL;
    nf_status status = nf_choice_start(&c, s->fleet, request, options, preference, scratch);
    if (status != NF_OK) return status;
    c.best = *best;
    while (next_range(&w)) {
        nf_choice_among(&c, &w.part);
        if (preference->by == NF_BY_INDEX && c.best.host != UINT32_MAX) break;
    }
    end_walk(&w);
    if (w.moved) return NF_EMOVED;
    *best = c.best;
    return NF_OK;
}

/* Take or drop the locks of all hosts concerned, in one order for everybody. False: the fleet has
 * moved, which it cannot do while one of them is held. */
static bool turn_locks(const nf_shared *s, const nf_claim_item *t, uint32_t count, bool take) {
    nf_word needed[NF_MAX_LOCKS / NF_WORD_BITS] = {0};
    const uint32_t words = NF_MAX_LOCKS / NF_WORD_BITS;
    bool moved = false;
    for (uint32_t i = 0; i < count; i++) nf_bit_set(needed, nf_lock_of(s, t[i].host));
    for (uint32_t l = nf_mask_next(needed, words, 0); l != NF_NONE;
         l = nf_mask_next(needed, words, l + 1)) {
        if (take)
            nf_lock_take(&s->locks[l]);
        else
            nf_lock_drop(&s->locks[l]);
        moved |= take && s->locks[l].moved;
    }
    return !moved;
}

/* Would the placement still be made, its host having changed? */
static bool still_holds(const nf_fleet *f, const nf_claim_item *t) {
    nf_limits limits = nf_limits_for(f, t->host, t->options);
    for (uint32_t g = 0; g < t->request->n_cells; g++) {
        nf_demand w;
        nf_cell c;
        nf_demand_of(f, t->request, g, &w);
        nf_cell_load(&c, f, t->placement->cells[g].cell);
        if (nf_pair(&c, &w, &limits, NULL) != NF_OK) return false;
    }
    return true;
}

static nf_status turn_one(const nf_fleet *f, const nf_claim_item *t, bool take, bool undo,
                          nf_reason *why) {
    uint64_t now = f->host_generation[t->host];
    bool changed = t->generation != NF_ANY_GENERATION && now != t->generation;
    bool another = changed && nf_another(now, t->generation);
    if (!undo && (another || (take && changed && !still_holds(f, t))))
        return nf_refuse(why, NF_STALE, 0, 0, 0);
    return nf_turn(f, t->host, t->request, t->placement, take, undo, why);
}

static nf_status turn_all(const nf_shared *s, const nf_claim_item *t, uint32_t count, bool take,
                          uint32_t *failed, nf_reason *why) {
    nf_status status = NF_OK;
    uint32_t i;
    if (!nf_covers(s) || (count && !t) || nf_missing_column(s->fleet)) return NF_EINVAL;
    for (i = 0; i < count; i++) {
        if (t[i].host >= nf_n_hosts(s->fleet) || !t[i].request || !t[i].placement || !t[i].options)
            return NF_EINVAL;
        if (t[i].request->abi != NF_ABI_VERSION) return NF_EABI;
        if (t[i].request->fleet != s->fleet->identity) return NF_EFLEET;
        if (!nf_request_ok(t[i].request) || !nf_options_ok(t[i].options)) return NF_EINVAL;
        if (t[i].request->n_cells &&
            (!t[i].placement->cells || t[i].placement->cells_size < t[i].request->n_cells))
            return NF_EINVAL;
        for (uint32_t g = 0; g < t[i].request->n_cells; g++)
            if (t[i].placement->cells[g].cell >= s->fleet->n_cells) return NF_EINVAL;
    }
    if (!turn_locks(s, t, count, true)) {
        turn_locks(s, t, count, false);
        return NF_EMOVED;
    }
    for (i = 0; i < count; i++) {
        status = turn_one(s->fleet, &t[i], take, false, why);
        if (status != NF_OK) break;
    }
    if (status != NF_OK) {
        if (failed) *failed = i;
        while (i--) turn_one(s->fleet, &t[i], !take, true, NULL);
    }
    turn_locks(s, t, count, false);
    return status;
}

nf_status nf_shared_claim(const nf_shared *s, const nf_claim_item *items, uint32_t count,
                          uint32_t *failed, nf_reason *why) {
    return turn_all(s, items, count, true, failed, why);
}

nf_status nf_shared_release(const nf_shared *s, const nf_claim_item *items, uint32_t count,
                            uint32_t *failed, nf_reason *why) {
    return turn_all(s, items, count, false, failed, why);
}

void nf_drop_all(const nf_shared *s) {
    for (uint32_t l = 0; l < s->n_locks; l++) nf_lock_drop(&s->locks[l]);
}

bool nf_lock_all(const nf_shared *s) {
    for (uint32_t l = 0; l < s->n_locks; l++) nf_lock_take(&s->locks[l]);
    if (!s->locks->moved) return true;
    nf_drop_all(s);
    return false;
}

nf_status nf_shared_lock(const nf_shared *s) {
    if (!nf_covers(s)) return NF_EINVAL;
    for (uint32_t l = 0; l < s->n_locks; l++) nf_lock_take(&s->locks[l]);
    return s->locks->moved ? NF_EMOVED : NF_OK;
}

nf_status nf_shared_unlock(const nf_shared *s) {
    if (!nf_covers(s)) return NF_EINVAL;
    nf_drop_all(s);
    return NF_OK;
}

nf_status nf_shared_copy(const nf_shared *s, const nf_fleet *to) {
    const nf_column_info *c;
    if (!nf_covers(s) || !to || nf_missing_column(s->fleet)) return NF_EINVAL;
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++)
        if (c->claimed && !nf_column_data(to, c)) return NF_EINVAL;
    if (!nf_lock_all(s)) return NF_EMOVED;
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        void *into = nf_column_data(to, c), *from = nf_column_data(s->fleet, c);
        nf_column_shape(s->fleet, i, shape);
        if (into && into != from && shape[0] && shape[1])
            memcpy(into, from, shape[0] * shape[1] * c->size);
    }
    nf_drop_all(s);
    return NF_OK;
}

/* Rows that say that they are a host's stand in its range. Whose a row is changes under that host's
 * lock, be it the one that it leaves. */
static nf_status check_owners(const nf_shared *s, const uint32_t *owner, uint32_t rows,
                              const uint32_t *first, const uint32_t *end, const char *words,
                              const char **reason) {
    uint32_t hosts = nf_n_hosts(s->fleet);
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t host = __atomic_load_n(&owner[row], __ATOMIC_RELAXED);
        if (host >= hosts) continue;
        nf_lock *mine = nf_lock_host(s, host);
        if (!mine) return NF_EMOVED;
        bool still = __atomic_load_n(&owner[row], __ATOMIC_RELAXED) == host;
        bool within = first[host] <= row && row < end[host];
        if (still && within) row = end[host] - 1;
        nf_lock_drop(mine);
        if (still && !within) {
            *reason = words;
            return NF_EINVAL;
        }
    }
    return NF_OK;
}

nf_status nf_shared_check(const nf_shared *s, const char **reason) {
    const char *unused;
    if (!reason) reason = &unused;
    if (!nf_covers(s)) {
        *reason = "shared: locks that do not cover the fleet";
        return NF_EINVAL;
    }
    const nf_fleet *f = s->fleet;
    nf_status status = nf_check_tables(f, reason);
    uint32_t hosts = nf_n_hosts(f);
    for (uint32_t h = 0; h < hosts && status == NF_OK; h++) {
        nf_lock *mine = nf_lock_host(s, h);
        if (!mine) return NF_EMOVED;
        status = nf_check_host(f, h, reason);
        nf_lock_drop(mine);
    }
    if (status != NF_OK) return status;
    status = check_owners(s, f->cell_host, f->n_cells, f->host_first_cell, f->host_end_cell,
                          "cell_host: a cell beyond its host's range", reason);
    if (status != NF_OK) return status;
    return check_owners(s, f->pool_host, f->n_pools, f->host_first_pool, f->host_end_pool,
                        "pool_host: a pool beyond its host's range", reason);
}
