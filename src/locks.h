/* The locks of a fleet at work. Who includes this defines _POSIX_C_SOURCE before. */
#ifndef NF_LOCKS_H
#define NF_LOCKS_H

#include <sched.h>

#include "engine.h"

#define NF_SOON 64u /* tries after which a caller has waited long */

/* A caller that takes and drops a lock in a loop would keep the others out: it steps aside where
 * somebody has waited long. */
static inline void nf_lock_take(nf_lock *l) {
    uint32_t tries = 0;
    if (__atomic_load_n(&l->waiting, __ATOMIC_RELAXED)) sched_yield();
    while (__atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE)) {
        if (++tries == NF_SOON) __atomic_add_fetch(&l->waiting, 1u, __ATOMIC_RELAXED);
        if (tries >= NF_SOON) sched_yield();
    }
    if (tries >= NF_SOON) __atomic_sub_fetch(&l->waiting, 1u, __ATOMIC_RELAXED);
}

static inline void nf_lock_drop(nf_lock *l) { __atomic_store_n(&l->held, 0u, __ATOMIC_RELEASE); }

/* Is there a lock for every host that there is and may be? */
static inline bool nf_covers(const nf_shared *s) {
    return s && s->fleet && s->locks && s->n_locks && s->n_locks <= NF_MAX_LOCKS &&
           s->hosts_per_lock && (uint64_t)s->n_locks * s->hosts_per_lock >= s->fleet->host_room;
}

static inline uint32_t nf_lock_of(const nf_shared *s, uint32_t host) {
    return host / s->hosts_per_lock;
}

/* The host's lock; NULL, and nothing held: another fleet has taken this one's place. */
static inline nf_lock *nf_lock_host(const nf_shared *s, uint32_t host) {
    nf_lock *mine = &s->locks[nf_lock_of(s, host)];
    nf_lock_take(mine);
    if (!mine->moved) return mine;
    nf_lock_drop(mine);
    return NULL;
}

/* All of them, in the order in which claims take theirs; false, and nothing held: as above. */
bool nf_lock_all(const nf_shared *s);
void nf_drop_all(const nf_shared *s);

#endif
