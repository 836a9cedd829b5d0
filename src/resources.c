/*
 * What placement decides of a host by itself, before any cell is looked at: its class (traits,
 * aggregates, zone, sizes of units, whether its service takes guests), which the request names by
 * a bit, and free units of each resource class.
 */
#include "resources.h"

bool nf_resources_ok(const nf_fleet *f, const nf_request *r) {
    if (r->n_resources > NF_MAX_RESOURCES || (r->n_resources && !r->resources)) return false;
    for (uint32_t i = 0; i < r->n_resources; i++) {
        const nf_resource *wanted = &r->resources[i];
        if (wanted->resource >= f->n_resources) return false;
        if (!wanted->amount || wanted->amount > INT32_MAX) return false;
        for (uint32_t k = 0; k < i; k++)
            if (r->resources[k].resource == wanted->resource) return false;
    }
    return true;
}

static int64_t units_free(const nf_fleet *f, uint32_t host, uint32_t resource) {
    size_t at = nf_resource_at(f, resource, host);
    return f->resource_limit[at] < 0 ? 0 : f->resource_limit[at] - f->resource_used[at];
}

int nf_resources_fit(const nf_fleet *f, uint32_t host, const nf_request *r, nf_reason *why) {
    uint32_t class = f->host_class[host];
    if (!nf_takes_class(r, class)) return nf_refuse(why, NF_HOST_CLASS, class, 1, 0);
    for (uint32_t i = 0; i < r->n_resources; i++) {
        const nf_resource *wanted = &r->resources[i];
        if (f->resource_room[nf_resource_at(f, wanted->resource, host)] >= (int32_t)wanted->amount)
            continue;
        return nf_refuse(why, NF_RESOURCE, wanted->resource, wanted->amount,
                         units_free(f, host, wanted->resource));
    }
    return NF_OK;
}

void nf_resources_keep(const nf_fleet *f, uint32_t first, uint32_t n, const nf_request *r,
                       uint8_t *keep) {
    for (uint32_t i = 0; r->host_classes && i < n; i++)
        keep[i] &= nf_takes_class(r, f->host_class[first + i]);
    for (uint32_t k = 0; k < r->n_resources; k++) { /* loops that become vector code */
        const int32_t *room = f->resource_room + nf_resource_at(f, r->resources[k].resource, first);
        int32_t amount = (int32_t)r->resources[k].amount;
        for (uint32_t i = 0; i < n; i++) keep[i] &= (uint8_t)(room[i] >= amount);
    }
}

int64_t nf_resources_count(const nf_fleet *f, uint32_t host, const nf_request *r) {
    int64_t least = INT64_MAX;
    if (!nf_takes_class(r, f->host_class[host])) return 0;
    for (uint32_t i = 0; i < r->n_resources; i++) {
        int64_t free = units_free(f, host, r->resources[i].resource);
        int64_t guests = free > 0 ? free / r->resources[i].amount : 0;
        if (guests < least) least = guests;
    }
    return least;
}

static void use(const nf_fleet *f, size_t at, int64_t units) {
    f->resource_used[at] += units;
    f->resource_room[at] = nf_resource_room(f->resource_limit[at], f->resource_used[at]);
}

int nf_resources_turn(const nf_fleet *f, uint32_t host, const nf_request *r, bool take, bool undo,
                      nf_reason *why) {
    for (uint32_t i = 0; i < r->n_resources && !undo; i++) {
        const nf_resource *wanted = &r->resources[i];
        int64_t there = take ? units_free(f, host, wanted->resource)
                             : f->resource_used[nf_resource_at(f, wanted->resource, host)];
        if (there < wanted->amount)
            return nf_refuse(why, NF_STALE, wanted->resource, wanted->amount, there);
    }
    for (uint32_t i = 0; i < r->n_resources; i++) {
        int64_t amount = r->resources[i].amount;
        use(f, nf_resource_at(f, r->resources[i].resource, host), take ? amount : -amount);
    }
    return NF_OK;
}
