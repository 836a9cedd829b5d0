/*
 * What placement decides of a host by itself, before any cell is looked at: its class (traits,
 * aggregates, zone, sizes of units, whether its service takes guests), which the request names by
 * a bit, and free units of each resource class. Hosts that a request rules out by class may be
 * asked for other units, as nova's second query asks for VCPU in the place of PCPU.
 */
#include "resources.h"

#include <string.h>

#include "cell_filter.h"

typedef struct query {
    const nf_resource *wanted;
    uint32_t n;
} query;

/* What the request asks of hosts of this class; false: it does not take them, and who claims all
 * the same is asked for the first. */
static bool query_of(const nf_request *r, uint32_t class, query *q) {
    bool there = class != NF_REMOVED_CLASS;
    bool first = there && (!r->host_classes || nf_bit_get(r->host_classes, class));
    bool second = there && !first && r->fallback_classes && nf_bit_get(r->fallback_classes, class);
    *q = second ? (query){r->fallback, r->n_fallback} : (query){r->resources, r->n_resources};
    return first || second;
}

static bool query_ok(const nf_fleet *f, query q) {
    if (q.n > NF_MAX_RESOURCES || (q.n && !q.wanted)) return false;
    for (uint32_t i = 0; i < q.n; i++) {
        if (q.wanted[i].resource >= f->n_resources) return false;
        if (!q.wanted[i].amount || q.wanted[i].amount > INT32_MAX) return false;
        for (uint32_t k = 0; k < i; k++)
            if (q.wanted[k].resource == q.wanted[i].resource) return false;
    }
    return true;
}

bool nf_resources_ok(const nf_fleet *f, const nf_request *r) {
    return query_ok(f, (query){r->resources, r->n_resources}) &&
           query_ok(f, (query){r->fallback, r->n_fallback});
}

static int64_t units_free(const nf_fleet *f, uint32_t host, uint32_t resource) {
    size_t at = nf_resource_at(f, resource, host);
    return f->resource_limit[at] < 0 ? 0 : f->resource_limit[at] - f->resource_used[at];
}

int nf_resources_fit(const nf_fleet *f, uint32_t host, const nf_request *r, nf_reason *why) {
    uint32_t class = f->host_class[host];
    query q;
    if (!query_of(r, class, &q))
        return class == NF_REMOVED_CLASS ? nf_refuse(why, NF_REMOVED, 0, 0, 0)
                                         : nf_refuse(why, NF_HOST_CLASS, class, 1, 0);
    for (uint32_t i = 0; i < q.n; i++) {
        const nf_resource *wanted = &q.wanted[i];
        if (f->resource_room[nf_resource_at(f, wanted->resource, host)] >= (int32_t)wanted->amount)
            continue;
        return nf_refuse(why, NF_RESOURCE, wanted->resource, wanted->amount,
                         units_free(f, host, wanted->resource));
    }
    return NF_OK;
}

/* Classes of the hosts; often they are all of one. Every bit of in_any: some may be removed. */
static void keep_classes(const uint32_t *class, uint32_t n, const nf_request *r, uint8_t *keep) {
    uint32_t in_all = UINT32_MAX, in_any = 0;
    for (uint32_t i = 0; i < n; i++) {
        in_all &= class[i];
        in_any |= class[i];
    }
    bool some_removed = in_any == NF_REMOVED_CLASS;
    if (in_all == in_any && !some_removed && nf_bit_get(r->host_classes, in_all)) return;
    for (uint32_t i = 0; i < n; i++)
        keep[i] &= !(some_removed && class[i] == NF_REMOVED_CLASS) &&
                   nf_bit_get(r->host_classes, class[i]);
}

static void keep_few(int16_t *restrict ok, const int16_t *restrict few, int16_t need, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) ok[i] = (int16_t)(few[i] >= need ? ok[i] : 0);
}

static void keep_many(int16_t *restrict ok, const int32_t *restrict room, int32_t need, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) ok[i] = (int16_t)(room[i] >= need ? ok[i] : 0);
}

/* Loops that become vector code: no host of the fleet is asked for anything else. */
static void keep_all(const nf_fleet *f, uint32_t first, uint32_t n, const nf_request *r,
                     uint8_t *keep) {
    int16_t ok[NF_BLOCK];
    memset(ok, 0xff, n * sizeof *ok);
    if (r->host_classes) keep_classes(f->host_class + first, n, r, keep);
    for (uint32_t k = 0; k < r->n_resources; k++) {
        size_t at = nf_resource_at(f, r->resources[k].resource, first);
        uint32_t need = r->resources[k].amount;
        if (need <= INT16_MAX)
            keep_few(ok, f->resource_few + at, (int16_t)need, n);
        else
            keep_many(ok, f->resource_room + at, (int32_t)need, n);
    }
    for (uint32_t i = 0; i < n; i++) keep[i] &= (uint8_t)ok[i];
}

void nf_resources_keep(const nf_fleet *f, uint32_t first, uint32_t n, const nf_request *r,
                       uint8_t *keep) {
    if (!r->fallback_classes) {
        keep_all(f, first, n, r, keep);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        keep[i] = keep[i] && nf_resources_fit(f, first + i, r, NULL) == NF_OK;
}

int64_t nf_resources_count(const nf_fleet *f, uint32_t host, const nf_request *r) {
    int64_t least = INT64_MAX;
    query q;
    if (!query_of(r, f->host_class[host], &q)) return 0;
    for (uint32_t i = 0; i < q.n; i++) {
        int64_t free = units_free(f, host, q.wanted[i].resource);
        int64_t guests = free > 0 ? free / q.wanted[i].amount : 0;
        if (guests < least) least = guests;
    }
    return least;
}

static void use(const nf_fleet *f, size_t at, int64_t units) {
    f->resource_used[at] += units;
    nf_resource_derive(f, at);
}

int nf_resources_turn(const nf_fleet *f, uint32_t host, const nf_request *r, bool take, bool undo,
                      nf_reason *why) {
    query q;
    if (!r->n_resources && !r->n_fallback) return NF_OK;
    query_of(r, f->host_class[host], &q);
    for (uint32_t i = 0; i < q.n && !undo; i++) {
        const nf_resource *wanted = &q.wanted[i];
        int64_t there = take ? units_free(f, host, wanted->resource)
                             : f->resource_used[nf_resource_at(f, wanted->resource, host)];
        if (there < wanted->amount)
            return nf_refuse(why, NF_STALE, wanted->resource, wanted->amount, there);
    }
    for (uint32_t i = 0; i < q.n; i++) {
        int64_t amount = q.wanted[i].amount;
        use(f, nf_resource_at(f, q.wanted[i].resource, host), take ? amount : -amount);
    }
    return NF_OK;
}
