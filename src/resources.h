/* Does the host itself have what the guest asks of it: its class, and units of its resources? */
#ifndef NF_RESOURCES_H
#define NF_RESOURCES_H

#include "engine.h"

static inline size_t nf_resource_at(const nf_fleet *f, uint32_t resource, uint32_t host) {
    return (size_t)resource * f->host_room + host;
}

/* Room as the column holds it: what no request can ask for is INT32_MAX. */
static inline int32_t nf_resource_room(int64_t limit, int64_t used) {
    if (limit < 0) return INT32_MIN;
    /* no fleet that holds together has more in use than that */
    if (used < 0 || used > NF_MAX_AMOUNT) return -INT32_MAX;
    int64_t left = limit - used;
    if (left > INT32_MAX) return INT32_MAX;
    return left < -INT32_MAX ? -INT32_MAX : (int32_t)left;
}

static inline int16_t nf_resource_few(int32_t room) {
    if (room > INT16_MAX) return INT16_MAX;
    if (room < INT16_MIN) return INT16_MIN;
    return (int16_t)room;
}

/* What follows from limit and use. */
static inline void nf_resource_derive(const nf_fleet *f, size_t at) {
    f->resource_room[at] = nf_resource_room(f->resource_limit[at], f->resource_used[at]);
    f->resource_few[at] = nf_resource_few(f->resource_room[at]);
}

/* Is anything asked of the host itself? */
static inline bool nf_asks_host(const nf_request *r) { return r->n_resources || r->host_classes; }

/* Every index within the fleet, every amount one that can be counted. */
bool nf_resources_ok(const nf_fleet *f, const nf_request *r);

/* NF_OK, or the first thing that the host lacks. */
int nf_resources_fit(const nf_fleet *f, uint32_t host, const nf_request *r, nf_reason *why);

/* keep[i] becomes 0 where host first + i lacks something; n is at most NF_BLOCK. */
void nf_resources_keep(const nf_fleet *f, uint32_t first, uint32_t n, const nf_request *r,
                       uint8_t *keep);

/* How many guests the host's units are enough for; INT64_MAX: it asks for none. */
int64_t nf_resources_count(const nf_fleet *f, uint32_t host, const nf_request *r);

/* Take or give back; NF_STALE, and nothing changed, where it is not there. */
int nf_resources_turn(const nf_fleet *f, uint32_t host, const nf_request *r, bool take, bool undo,
                      nf_reason *why);

#endif
