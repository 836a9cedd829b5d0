/* What a host cell has left, and what taking from it leaves. */
#include "engine.h"
#include "pair.h"

int64_t nf_on_siblings(const nf_cell *c) {
    int64_t most = 0;
    for (uint32_t k = c->layout->threads; k >= 2; k--) {
        int64_t here = (int64_t)k * nf_cores_with(c, k);
        if (here > most) most = here;
    }
    return most;
}

int nf_pair(const nf_cell *c, const nf_demand *w, const nf_limits *limits, nf_reason *why) {
    return nf_pair_rule(c, w, limits, why);
}

uint32_t nf_page_class(const nf_cell *c, int64_t page_kib) {
    for (uint32_t s = 0; s < c->n_page_sizes; s++)
        if (c->page_kib[s] == page_kib) return c->page_sizes >> s & 1u ? s : NF_NONE;
    return NF_NONE;
}

nf_usage nf_usage_of(const nf_cell *c, const nf_guest_cell *g, uint32_t size) {
    nf_usage u = {g->memory, g->n_shared, 0, size};
    if (size == NF_NONE && c->page_sizes) u.size = nf_lowest(c->page_sizes);
    if (u.size != NF_NONE) u.pages = g->memory * 1024 / c->page_kib[u.size];
    return u;
}

void nf_cell_use(nf_cell *c, const nf_usage *u, int sign) {
    c->memory_used += sign * u->memory;
    c->cpu_used += sign * u->cpus;
    if (u->size == NF_NONE) return;
    c->pages_used[u->size * c->stride] += (int32_t)(sign * u->pages);
    c->pages_free[u->size * c->stride] -= (int32_t)(sign * u->pages);
}

/* How much more there may be in use; INT32_MAX: no limit that a guest could reach. */
static int32_t room_below(int64_t limit, int64_t used) {
    /* no fleet that holds together has more in use than that */
    if (used < 0 || used > INT64_MAX / 2) return INT32_MIN;
    int64_t left = limit - used;
    if (left > INT32_MAX) return INT32_MAX;
    return left < INT32_MIN ? INT32_MIN : (int32_t)left;
}

static nf_rooms rooms_of(const nf_cell *c, const nf_fleet *f, uint32_t host) {
    const nf_options own = {.limits = NF_LIMITS_HOST};
    nf_limits limits = nf_limits_for(f, host, &own);
    if (!limits.on) return (nf_rooms){INT32_MAX, INT32_MAX};
    return (nf_rooms){room_below(nf_cpu_limit(c, &limits), c->cpu_used),
                      room_below(nf_memory_limit(c, &limits), c->memory_used)};
}

nf_rooms nf_find_rooms(const nf_fleet *f, uint32_t host, uint32_t cell) {
    nf_cell c;
    nf_cell_load(&c, f, cell);
    return rooms_of(&c, f, host);
}

void nf_cell_store(const nf_cell *c, const nf_fleet *f, uint32_t host, uint32_t cell) {
    nf_rooms rooms = rooms_of(c, f, host);
    f->cell_memory_used[cell] = c->memory_used;
    f->cell_cpu_used[cell] = c->cpu_used;
    f->cell_cpu_room[cell] = rooms.cpus;
    f->cell_memory_room[cell] = rooms.memory;
}
