/* What many threads may do at once: the engine's calls, each under the locks of its hosts. */
#define _POSIX_C_SOURCE 200809L // NOLINT(bugprone-reserved-identifier,cert-*): POSIX names it
#include <sched.h>

#include "fleet_check.h"
#include "scan_plan.h"

#define SOON 64u /* tries after which a caller has waited long */

/* A caller that takes and drops a lock in a loop would keep the others out: it steps aside where
 * somebody has waited long. */
static void lock(nf_lock *l) {
    uint32_t tries = 0;
    if (__atomic_load_n(&l->waiting, __ATOMIC_RELAXED)) sched_yield();
    while (__atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE)) {
        if (++tries == SOON) __atomic_add_fetch(&l->waiting, 1u, __ATOMIC_RELAXED);
        if (tries >= SOON) sched_yield();
    }
    if (tries >= SOON) __atomic_sub_fetch(&l->waiting, 1u, __ATOMIC_RELAXED);
}

static void unlock(nf_lock *l) { __atomic_store_n(&l->held, 0u, __ATOMIC_RELEASE); }

static bool covers(const nf_shared *s) {
    return s && s->fleet && s->locks && s->n_locks && s->n_locks <= NF_MAX_LOCKS &&
           s->hosts_per_lock && (uint64_t)s->n_locks * s->hosts_per_lock >= s->fleet->n_hosts;
}

static uint32_t lock_of(const nf_shared *s, uint32_t host) { return host / s->hosts_per_lock; }

static bool host_ok(const nf_shared *s, uint32_t host) {
    return covers(s) && host < s->fleet->n_hosts;
}

static nf_lock *lock_host(const nf_shared *s, uint32_t host) {
    nf_lock *mine = &s->locks[lock_of(s, host)];
    lock(mine);
    return mine;
}

nf_status nf_shared_fit(const nf_shared *s, nf_claim_item *item, const nf_scratch *scratch,
                        nf_reason *why) {
    if (!item || !host_ok(s, item->host) || !s->fleet->host_generation) return NF_EINVAL;
    nf_lock *mine = lock_host(s, item->host);
    item->generation = s->fleet->host_generation[item->host];
    nf_status status = nf_fit(s->fleet, item->host, item->request, item->options, scratch,
                              item->placement, why);
    unlock(mine);
    return status;
}

nf_status nf_shared_pci(const nf_shared *s, uint32_t host, const nf_request *request,
                        const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                        const nf_scratch *scratch, nf_placement *out) {
    if (!host_ok(s, host)) return NF_EINVAL;
    nf_lock *mine = lock_host(s, host);
    nf_status status = nf_pci(s->fleet, host, request, options, cells, n_cells, scratch, out);
    unlock(mine);
    return status;
}

nf_status nf_shared_explain(const nf_shared *s, nf_claim_item *item, const nf_scratch *scratch,
                            nf_reason *why, nf_reason *reasons, size_t n_reasons) {
    if (!item || !why || !host_ok(s, item->host) || !s->fleet->host_generation) return NF_EINVAL;
    const uint64_t *generation = &s->fleet->host_generation[item->host];
    nf_lock *mine = lock_host(s, item->host);
    nf_status status = why->status, made = NF_OK;
    if (status <= NF_OK || item->generation != *generation) {
        item->generation = *generation;
        status = nf_fit(s->fleet, item->host, item->request, item->options, scratch,
                        item->placement, why);
    }
    if (status > NF_OK)
        made = nf_explain(s->fleet, item->host, item->request, item->options, reasons, n_reasons);
    unlock(mine);
    return made < 0 ? made : status;
}

nf_status nf_shared_copy_host(const nf_shared *s, uint32_t host, const nf_scratch *memory,
                              nf_fleet *copy) {
    if (!host_ok(s, host)) return NF_EINVAL;
    nf_lock *mine = lock_host(s, host);
    nf_status status = nf_copy_host(s->fleet, host, memory, copy);
    unlock(mine);
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
} walk;

/* How many of the hosts from the i-th on stand under one lock. */
static uint32_t run_length(const nf_shared *s, const nf_hosts *hosts, uint32_t i) {
    uint32_t host = nf_hosts_at(hosts, i), own = lock_of(s, host), n = 1;
    if (!hosts->list) {
        uint32_t left = (own + 1) * s->hosts_per_lock - host;
        return left < hosts->count - i ? left : hosts->count - i;
    }
    while (i + n < hosts->count && lock_of(s, hosts->list[i + n]) == own) n++;
    return n;
}

static bool next_range(walk *w) {
    if (w->held) unlock(w->held);
    w->held = NULL;
    w->done += w->part.count;
    if (w->done >= w->hosts->count) return false;
    w->part = (nf_hosts){w->hosts->list ? w->hosts->list + w->done : NULL,
                         w->hosts->first + w->done, run_length(w->s, w->hosts, w->done)};
    w->held = lock_host(w->s, nf_hosts_at(&w->part, 0));
    return true;
}

static void end_walk(walk *w) {
    if (w->held) unlock(w->held);
    w->held = NULL;
}

nf_status nf_shared_scan(const nf_shared *s, const nf_hosts *hosts, const nf_request *request,
                         const nf_options *options, const nf_scratch *scratch, uint8_t *fits) {
    walk w = {.s = s, .hosts = hosts};
    nf_scan_plan q;
    if (!covers(s) || !nf_hosts_ok(s->fleet, hosts) || (hosts->count && !fits)) return NF_EINVAL;
    nf_status status = nf_job_check(s->fleet, request, options, scratch);
    if (status != NF_OK) return status;
    nf_scan_plan_make(&q, s->fleet, request, options, scratch->memory);
    while (next_range(&w)) nf_scan_for(&q, &w.part, fits + w.done, &status);
    return status;
}

nf_status nf_shared_capacity(const nf_shared *s, const nf_hosts *hosts, const nf_request *request,
                             const nf_options *options, uint32_t cap, const nf_scratch *scratch,
                             uint32_t *counts) {
    walk w = {.s = s, .hosts = hosts};
    nf_status result = NF_OK, status = NF_OK;
    if (!covers(s) || !nf_hosts_ok(s->fleet, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    while (status >= 0 && next_range(&w)) {
        status = nf_capacity(s->fleet, &w.part, request, options, cap, scratch, counts + w.done);
        if (status != NF_OK) result = status;
    }
    end_walk(&w);
    return result;
}

nf_status nf_shared_mix(const nf_shared *s, const nf_hosts *hosts, const nf_arrival *kinds,
                        uint32_t n_kinds, const nf_options *options, uint32_t cap,
                        const nf_scratch *scratch, uint32_t *counts) {
    nf_status result = NF_OK;
    if (!covers(s) || !nf_hosts_ok(s->fleet, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    for (uint32_t i = 0; i < hosts->count; i++) {
        nf_hosts one = {NULL, nf_hosts_at(hosts, i), 1};
        nf_lock *mine = lock_host(s, one.first);
        nf_status status = nf_mix(s->fleet, &one, kinds, n_kinds, options, cap, scratch,
                                  counts + (size_t)i * n_kinds);
        unlock(mine);
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
    if (!covers(s) || !nf_hosts_ok(s->fleet, hosts) || !best) return NF_EINVAL;
    nf_status status = nf_choice_start(&c, s->fleet, request, options, preference, scratch);
    if (status != NF_OK) return status;
    c.best = *best;
    while (next_range(&w)) {
        nf_choice_among(&c, &w.part);
        if (preference->by == NF_BY_INDEX && c.best.host != UINT32_MAX) break;
    }
    end_walk(&w);
    *best = c.best;
    return NF_OK;
}

/* Take or drop the locks of all hosts concerned, in one order for everybody. */
static void turn_locks(const nf_shared *s, const nf_claim_item *t, uint32_t count, bool take) {
    nf_word needed[NF_MAX_LOCKS / NF_WORD_BITS] = {0};
    const uint32_t words = NF_MAX_LOCKS / NF_WORD_BITS;
    for (uint32_t i = 0; i < count; i++) nf_bit_set(needed, lock_of(s, t[i].host));
    for (uint32_t l = nf_mask_next(needed, words, 0); l != NF_NONE;
         l = nf_mask_next(needed, words, l + 1)) {
        if (take)
            lock(&s->locks[l]);
        else
            unlock(&s->locks[l]);
    }
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
    bool changed =
        t->generation != NF_ANY_GENERATION && f->host_generation[t->host] != t->generation;
    if (take && !undo && changed && !still_holds(f, t)) return nf_refuse(why, NF_STALE, 0, 0, 0);
    return nf_turn(f, t->host, t->request, t->placement, take, undo, why);
}

static nf_status turn_all(const nf_shared *s, const nf_claim_item *t, uint32_t count, bool take,
                          uint32_t *failed, nf_reason *why) {
    nf_status status = NF_OK;
    uint32_t i;
    if (!covers(s) || (count && !t) || nf_missing_column(s->fleet)) return NF_EINVAL;
    for (i = 0; i < count; i++) {
        if (t[i].host >= s->fleet->n_hosts || !t[i].request || !t[i].placement || !t[i].options)
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
    turn_locks(s, t, count, true);
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

/* All locks, in the order in which claims take theirs. */
static void turn_all_locks(const nf_shared *s, bool take) {
    for (uint32_t l = 0; l < s->n_locks; l++) {
        if (take)
            lock(&s->locks[l]);
        else
            unlock(&s->locks[l]);
    }
}

nf_status nf_shared_lock(const nf_shared *s) {
    if (!covers(s)) return NF_EINVAL;
    turn_all_locks(s, true);
    return NF_OK;
}

nf_status nf_shared_unlock(const nf_shared *s) {
    if (!covers(s)) return NF_EINVAL;
    turn_all_locks(s, false);
    return NF_OK;
}

nf_status nf_shared_copy(const nf_shared *s, const nf_fleet *to) {
    const nf_column_info *c;
    if (!covers(s) || !to || nf_missing_column(s->fleet)) return NF_EINVAL;
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++)
        if (c->claimed && !nf_column_data(to, c)) return NF_EINVAL;
    turn_all_locks(s, true);
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        nf_column_shape(s->fleet, i, shape);
        if (c->claimed && shape[0] && shape[1])
            memcpy(nf_column_data(to, c), nf_column_data(s->fleet, c), shape[0] * shape[1] * c->size);
    }
    turn_all_locks(s, false);
    return NF_OK;
}

nf_status nf_shared_check(const nf_shared *s, const char **reason) {
    const char *unused;
    if (!reason) reason = &unused;
    *reason = "shared: locks that do not cover the fleet";
    if (!covers(s)) return NF_EINVAL;
    nf_status status = nf_check_still(s->fleet, reason);
    for (uint32_t h = 0; h < s->fleet->n_hosts && status == NF_OK; h++) {
        nf_lock *mine = lock_host(s, h);
        status = nf_check_host(s->fleet, h, reason);
        unlock(mine);
    }
    return status;
}
