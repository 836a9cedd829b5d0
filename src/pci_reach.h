/*
 * How far from the guest may its devices be? Nova's NUMA affinity policies of PCI devices, and which
 * pools exclude each other: stated once, for all that ask.
 */
#ifndef NF_PCI_REACH_H
#define NF_PCI_REACH_H

#include <stdbool.h>

#include "numafit/numafit.h"

/* Where a pool is, seen from the cells that the guest takes. */
typedef enum nf_where {
    NF_AT_CELL,    /* on one of them */
    NF_AT_UNKNOWN, /* on an unknown node */
    NF_AT_SOCKET,  /* on another cell of a socket that holds one of them */
    NF_AT_OTHER    /* on any other node, a cell of the host or not */
} nf_where;

/* The places that are near enough: bit w for nf_where w. */
typedef enum nf_reach {
    NF_REACH_CELLS = 1 << NF_AT_CELL,
    NF_REACH_UNKNOWN = NF_REACH_CELLS | 1 << NF_AT_UNKNOWN,
    NF_REACH_SOCKET = NF_REACH_CELLS | 1 << NF_AT_SOCKET,
    NF_REACH_ALL = NF_REACH_UNKNOWN | NF_REACH_SOCKET | 1 << NF_AT_OTHER
} nf_reach;

static inline bool nf_within(nf_reach reach, nf_where where) {
    return (uint32_t)reach >> where & 1u;
}

/* All that the policy allows. Where one socket of the host is unknown, nova knows none of them. */
static inline nf_reach nf_widest_reach(uint32_t policy, bool sockets_known) {
    switch (policy) {
    case NF_PCI_LEGACY: return NF_REACH_UNKNOWN;
    case NF_PCI_SOCKET: return sockets_known ? NF_REACH_SOCKET : NF_REACH_CELLS;
    case NF_PCI_PREFERRED: return NF_REACH_ALL;
    default: return NF_REACH_CELLS;
    }
}

/* How far nova looks: no further than it must for enough matching devices, PFs and the like that
 * the request may not take included. near: those on the guest's cells; known: and on unknown
 * nodes. */
static inline nf_reach nf_looks(nf_reach widest, int64_t count, int64_t near, int64_t known) {
    nf_reach further = widest == NF_REACH_ALL && known >= count ? NF_REACH_UNKNOWN : widest;
    return near >= count ? NF_REACH_CELLS : further;
}

/* Do these pools of one host exclude each other? Those of one family do whose kinds differ: a PF
 * and its VFs, and whatever else stands at its address. */
static inline bool nf_pools_exclude(const nf_fleet *f, uint32_t a, uint32_t b) {
    return f->pool_family[a] && f->pool_family[a] == f->pool_family[b] &&
           f->pool_kind[a] != f->pool_kind[b];
}

/* Devices that placement allocated to the request from a provider; 0: none. */
static inline uint32_t nf_provided(const nf_pci_request *q, uint32_t provider) {
    for (uint32_t i = 0; provider && i < q->n_providers; i++)
        if (q->providers[i].provider == provider) return q->providers[i].count;
    return 0;
}

#endif
