/* What many threads may do at once: the engine's calls, each under the locks of its hosts. */
#define _POSIX_C_SOURCE 200809L
#include <sched.h>

#include "question.h"

static void lock(nf_lock *l) {
    for (uint32_t tries = 0; __atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE); tries++)
        if (tries >= 64) sched_yield();
}

static void unlock(nf_lock *l) { __atomic_store_n(&l->held, 0u, __ATOMIC_RELEASE); }

static bool covers(const nf_shared *s) {
    return s && s->fleet && s->locks && s->n_locks && s->n_locks <= NF_MAX_LOCKS &&
           s->hosts_per_lock && (uint64_t)s->n_locks * s->hosts_per_lock >= s->fleet->n_hosts;
}

static uint32_t lock_of(const nf_shared *s, uint32_t host) { return host / s->hosts_per_lock; }

nf_status nf_shared_fit(const nf_shared *s, uint32_t host, const nf_request *request,
                        const nf_options *options, void *workspace, size_t workspace_bytes,
                        nf_placement *out, uint64_t *generation, nf_reason *why) {
    if (!covers(s) || host >= s->fleet->n_hosts || !generation) return NF_EINVAL;
    if (!s->fleet->host_generation) return NF_EINVAL;
    nf_lock *mine = &s->locks[lock_of(s, host)];
    lock(mine);
    *generation = s->fleet->host_generation[host];
    nf_status status =
        nf_fit(s->fleet, host, request, options, workspace, workspace_bytes, out, why);
    unlock(mine);
    return status;
}

/* How many of the hosts from the i-th on stand under one lock. */
static uint32_t run_length(const nf_shared *s, const uint32_t *hosts, uint32_t first, uint32_t i,
                           uint32_t count) {
    uint32_t host = hosts ? hosts[i] : first + i, own = lock_of(s, host), n = 1;
    if (!hosts) {
        uint32_t left = (own + 1) * s->hosts_per_lock - host;
        return left < count - i ? left : count - i;
    }
    while (i + n < count && lock_of(s, hosts[i + n]) == own) n++;
    return n;
}

static bool hosts_ok(const nf_shared *s, const uint32_t *hosts, uint32_t first, uint32_t count) {
    if (!hosts) return first <= s->fleet->n_hosts && count <= s->fleet->n_hosts - first;
    for (uint32_t i = 0; i < count; i++)
        if (hosts[i] >= s->fleet->n_hosts) return false;
    return true;
}

/* Go over the hosts, one lock's after the other: i becomes the start of the next range, n its
 * length, under its lock; false at the end. */
typedef struct walk {
    const nf_shared *s;
    const uint32_t *hosts;
    uint32_t first, count, i, n;
    nf_lock *held;
} walk;

static bool next_range(walk *w) {
    if (w->held) unlock(w->held);
    w->held = NULL;
    w->i += w->n;
    if (w->i >= w->count) return false;
    w->n = run_length(w->s, w->hosts, w->first, w->i, w->count);
    w->held = &w->s->locks[lock_of(w->s, w->hosts ? w->hosts[w->i] : w->first + w->i)];
    lock(w->held);
    return true;
}

static const uint32_t *range_hosts(const walk *w) { return w->hosts ? w->hosts + w->i : NULL; }

nf_status nf_shared_scan(const nf_shared *s, const uint32_t *hosts, uint32_t first, uint32_t count,
                         const nf_request *request, const nf_options *options, void *workspace,
                         size_t workspace_bytes, uint8_t *fits) {
    walk w = {.s = s, .hosts = hosts, .first = first, .count = count};
    nf_question q;
    if (!covers(s) || !hosts_ok(s, hosts, first, count) || (count && !fits)) return NF_EINVAL;
    nf_status status = nf_job_check(s->fleet, request, options, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    nf_question_ask(&q, s->fleet, request, options, workspace);
    while (next_range(&w))
        nf_scan_for(&q, range_hosts(&w), first + w.i, w.n, fits + w.i, &status);
    return status;
}

nf_status nf_shared_capacity(const nf_shared *s, const uint32_t *hosts, uint32_t first,
                             uint32_t count, const nf_request *request, const nf_options *options,
                             uint32_t cap, void *workspace, size_t workspace_bytes,
                             uint32_t *counts) {
    walk w = {.s = s, .hosts = hosts, .first = first, .count = count};
    nf_status result = NF_OK, status = NF_OK;
    if (!covers(s) || !hosts_ok(s, hosts, first, count) || (count && !counts)) return NF_EINVAL;
    while (next_range(&w)) {
        if (status < 0) continue; /* to the end, so that the lock is let go */
        status = nf_capacity(s->fleet, range_hosts(&w), first + w.i, w.n, request, options, cap,
                             workspace, workspace_bytes, counts + w.i);
        if (status != NF_OK) result = status;
    }
    return result;
}

nf_status nf_shared_mix(const nf_shared *s, const uint32_t *hosts, uint32_t first, uint32_t count,
                        const nf_arrival *kinds, uint32_t n_kinds, const nf_options *options,
                        uint32_t cap, void *workspace, size_t workspace_bytes, uint32_t *counts) {
    nf_status result = NF_OK;
    if (!covers(s) || !hosts_ok(s, hosts, first, count) || (count && !counts)) return NF_EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t host = hosts ? hosts[i] : first + i;
        nf_lock *mine = &s->locks[lock_of(s, host)];
        lock(mine);
        nf_status status = nf_mix(s->fleet, NULL, host, 1, kinds, n_kinds, options, cap, workspace,
                                  workspace_bytes, counts + (size_t)i * n_kinds);
        unlock(mine);
        if (status < 0) return status;
        if (status != NF_OK) result = status;
    }
    return result;
}

nf_status nf_shared_choose(const nf_shared *s, const uint32_t *hosts, uint32_t first,
                           uint32_t count, const nf_request *request, const nf_options *options,
                           uint32_t by, const double *scores, void *workspace,
                           size_t workspace_bytes, uint32_t *best, double *best_score) {
    walk w = {.s = s, .hosts = hosts, .first = first, .count = count};
    nf_choice c;
    if (!covers(s) || !hosts_ok(s, hosts, first, count) || !best || !best_score) return NF_EINVAL;
    nf_status status =
        nf_choice_start(&c, s->fleet, request, options, by, scores, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    c.best = *best;
    c.best_score = *best_score;
    while (next_range(&w)) {
        bool found = by == NF_BY_INDEX && c.best != UINT32_MAX;
        if (found) w.n = count - w.i; /* the first will do */
        if (!found) nf_choice_among(&c, range_hosts(&w), first + w.i, w.n);
    }
    *best = c.best;
    *best_score = c.best_score;
    return NF_OK;
}

/* Take or drop the locks of all hosts concerned, in one order for everybody. */
static void turn_locks(const nf_shared *s, const nf_taking *t, uint32_t count, bool take) {
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
static bool still_holds(const nf_fleet *f, const nf_taking *t) {
    nf_limits limits = nf_limits_for(f, t->host, t->options);
    for (uint32_t g = 0; g < t->request->n_cells; g++) {
        nf_want w;
        nf_want_from(f, &t->request->cells[g], t->request->emulator_isolated && g == 0, &w);
        if (nf_pair(f, t->placement->cells[g].cell, &w, &limits, NULL) != NF_OK) return false;
    }
    return true;
}

static nf_status turn_one(const nf_fleet *f, const nf_taking *t, bool take, bool undo,
                          nf_reason *why) {
    bool changed = f->host_generation[t->host] != t->generation;
    if (take && !undo && changed && !still_holds(f, t)) return nf_refuse(why, NF_STALE, 0, 0, 0);
    return nf_turn(f, t->host, t->request, t->placement, take, undo, why);
}

static nf_status turn_all(const nf_shared *s, const nf_taking *t, uint32_t count, bool take,
                          uint32_t *failed, nf_reason *why) {
    nf_status status = NF_OK;
    uint32_t i;
    if (!covers(s) || (count && !t) || nf_missing_column(s->fleet)) return NF_EINVAL;
    for (i = 0; i < count; i++) {
        if (t[i].host >= s->fleet->n_hosts || !t[i].request || !t[i].placement || !t[i].options)
            return NF_EINVAL;
        if (t[i].request->abi != NF_ABI_VERSION) return NF_EABI;
        if (!nf_request_ok(t[i].request) || !nf_options_ok(t[i].options)) return NF_EINVAL;
        for (uint32_t g = 0; g < t[i].request->n_cells; g++)
            if (!t[i].placement->cells || t[i].placement->cells[g].cell >= s->fleet->n_cells)
                return NF_EINVAL;
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

nf_status nf_shared_claim(const nf_shared *s, const nf_taking *takings, uint32_t count,
                          uint32_t *failed, nf_reason *why) {
    return turn_all(s, takings, count, true, failed, why);
}

nf_status nf_shared_release(const nf_shared *s, const nf_taking *takings, uint32_t count,
                            uint32_t *failed, nf_reason *why) {
    return turn_all(s, takings, count, false, failed, why);
}
